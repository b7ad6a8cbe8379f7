//! `files`: a folder, by the verbs `read` and `list` (read), `write` (write), `delete` (delete), all pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    kind::{ConnectorKind, Place, Role},
    parts::{built_in, texts},
};
use crate::{
    fields::{Field, Table, Ty, Word},
    plan::{Effect, Idempotency, Verb},
    read::View,
};

pub(super) static KIND: ConnectorKind = ConnectorKind {
    word: Word::new("files", "A folder: the verbs `read`, `write` and `delete`."),
    table: &TABLE,
    settings: &[],
    role: Role::HoldsFiles,
    place: Place::Folder,
    verbs,
    events: |_| BTreeMap::new(),
};

static TABLE: Table = Table::new(
    "files",
    "A folder. Paths in it cannot leave it.",
    &[Field::req(
        "endpoint",
        Ty::Text,
        "\"out\"",
        "The folder: absolute, or below `files/` of the data directory.",
    )],
);

fn verbs(_: &View<'_>) -> BTreeMap<String, Verb> {
    let write = Verb {
        undo: Some("delete".to_owned()),
        ..file_verb(Effect::Write, &["path", "content"], with_bytes(texts(&["path", "digest"])))
    };
    let verbs = [
        ("read", file_verb(Effect::Read, &["path"], with_bytes(texts(&["path", "content", "digest"])))),
        ("list", Verb { input: optional_path(), ..file_verb(Effect::Read, &[], listed()) }),
        ("write", write),
        ("delete", file_verb(Effect::Delete, &["path"], deleted())),
    ];
    verbs.into_iter().map(|(name, verb)| (name.to_owned(), verb)).collect()
}

fn file_verb(effect: Effect, input: &[&str], output: Value) -> Verb {
    let mut input = texts(input);
    input["additionalProperties"] = json!(false);
    built_in(effect, Idempotency::Pure, input, output)
}

fn optional_path() -> Value {
    json!({ "type": "object", "properties": { "path": { "type": "string" } }, "additionalProperties": false })
}

fn listed() -> Value {
    json!({ "type": "object", "properties": { "items": { "type": "array" } }, "required": ["items"] })
}

fn deleted() -> Value {
    let fields = json!({ "path": { "type": "string" }, "deleted": { "type": "boolean" } });
    json!({ "type": "object", "properties": fields, "required": ["path", "deleted"] })
}

fn with_bytes(mut schema: Value) -> Value {
    schema["properties"]["bytes"] = json!({ "type": "integer" });
    schema
}
