//! The catalogue of built-in connector kinds: their verbs, events and settings.
//!
//! | kind | verbs | events | settings |
//! |---|---|---|---|
//! | `http` | declared in the file | – | `auth auth_header headers key_header max_response health private` |
//! | `mail` | `send` (send, at most once) | – | `from reply_to hello tls` |
//! | `files` | `read` `list` (read), `write` (write), `delete` (delete), all pure | – | – |
//! | `webhook` | – | declared in the file | `signature secrets header encoding prefix tolerance event_field event_header data_field id_field id_header dedupe max_body` |
//! | `mail_drop` | – | `message` | `max_body` |
//! | `openai` | – | – | `model headers response_format seed parameters private` |
//!
//! The settings of an http verb are in `VERB_SETTINGS`. Texts in them are templates over `args` (the arguments) and `effect.key`; in
//! `result` over `status`, `headers`, `body`; in a probe's `with` over `effect.key` and `call`; in `found` and `value` over `result`
//! too. They are kept as JSON and rendered at the edge. `event.message_id` is there for every event: the id of its delivery.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    plan::{Connector, Effect, Idempotency, Rate, Verb},
    read::{Head, View},
    value::Period,
};

/// How long one attempt of a verb may take that does not say.
const TIMEOUT: &str = "30s";
/// How long the other side keeps a key where the file does not say: the least that those who know keys promise.
const KEY_VALID: &str = "24h";

/// Builds a connector, the verbs and events of its kind filled in.
pub(crate) fn connector(view: &View<'_>, head: Head) -> Option<Connector> {
    let kind = view.text("kind")?;
    let mut verbs = builtin_verbs(&kind);
    if kind == "http" {
        verbs = view
            .tables("verbs")
            .iter()
            .filter_map(|(name, verb)| Some((name.clone(), http_verb(verb)?)))
            .collect();
    }
    let (rates, fixtures) = (view.tables("rate"), view.json("fixture").unwrap_or_default());
    for (name, verb) in &mut verbs {
        verb.rate = verb.rate.or_else(|| rates.get(name).and_then(rate));
        if let Some(fixture) = fixtures.get(name) {
            verb.settings.entry("fixture".to_owned()).or_insert_with(|| fixture.clone());
        }
    }
    let id = &head.id;
    for verb in verbs.values_mut() {
        for other in [&mut verb.probe, &mut verb.undo].into_iter().flatten() {
            *other = format!("{id}.{other}");
        }
    }
    Some(Connector {
        owner: view.text("owner").unwrap_or(head.owner),
        was: view.texts("was"),
        slice: head.slice,
        endpoint: view.text("endpoint"),
        secret: view.text("secret"),
        hosts: view.texts("hosts"),
        mode: view.word("mode").unwrap_or_default(),
        rate: view.table("total_rate").as_ref().and_then(rate),
        verbs,
        events: events(view, &kind),
        settings: settings(view, &kind),
        id: head.id,
        kind,
    })
}

/// The keys of each kind that are kept as settings.
const SETTINGS: [(&str, &[&str]); 5] = [
    ("http", &["auth", "auth_header", "headers", "key_header", "max_response", "health", "private"]),
    ("mail", &["from", "reply_to", "hello", "tls", "per_address"]),
    (
        "webhook",
        &[
            "signature",
            "header",
            "tolerance",
            "secrets",
            "encoding",
            "prefix",
            "event_field",
            "event_header",
            "data_field",
            "id_field",
            "id_header",
            "dedupe",
            "max_body",
        ],
    ),
    ("mail_drop", &["max_body"]),
    ("openai", &["model", "headers", "response_format", "seed", "parameters", "private", "fixture"]),
];

/// The keys of an http verb that are kept as settings.
const VERB_SETTINGS: [&str; 14] = [
    "method",
    "read_by",
    "path",
    "query",
    "headers",
    "body",
    "encoding",
    "key_header",
    "expect",
    "result",
    "with",
    "found",
    "value",
    "fixture",
];

fn settings(view: &View<'_>, kind: &str) -> BTreeMap<String, Value> {
    SETTINGS.iter().find(|(name, _)| *name == kind).map(|(_, keys)| pick(view, keys)).unwrap_or_default()
}

fn pick(view: &View<'_>, keys: &[&str]) -> BTreeMap<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), view.json(key)?))).collect()
}

fn http_verb(view: &View<'_>) -> Option<Verb> {
    let effect: Effect = view.word("effect")?;
    let default = if effect == Effect::Read { Idempotency::Pure } else { Idempotency::AtMostOnce };
    let any = || json!({ "type": "object" });
    let mut settings = pick(view, &VERB_SETTINGS);
    settings
        .entry("method".to_owned())
        .or_insert_with(|| json!(if effect == Effect::Read { "GET" } else { "POST" }));
    let idempotency = view.word("idempotency").unwrap_or(default);
    Some(Verb {
        effect,
        idempotency,
        key_valid: view.period("key_valid").or_else(|| (idempotency == Idempotency::NativeKey).then(a_day)),
        probe: view.text("probe"),
        undo: view.text("undo"),
        input: view.schema("input").unwrap_or_else(any),
        output: view.open_schema("output").unwrap_or_else(any),
        rate: view.table("rate").as_ref().and_then(rate),
        timeout: view.period("timeout").unwrap_or_else(timeout),
        settings,
    })
}

fn rate(view: &View<'_>) -> Option<Rate> {
    Some(Rate { calls: view.count("calls")?, per: view.period("per")? })
}

fn a_day() -> Period {
    KEY_VALID.parse().expect("the text is a period")
}

fn timeout() -> Period {
    TIMEOUT.parse().expect("the text is a period")
}

/// Returns the verbs of a kind that declares none in its file.
#[must_use]
pub fn builtin_verbs(kind: &str) -> BTreeMap<String, Verb> {
    let verbs: Vec<(&str, Verb)> = match kind {
        "mail" => vec![("send", mail_send())],
        "files" => vec![
            ("read", file_verb(Effect::Read, &["path"], with_bytes(texts(&["path", "content", "digest"])))),
            ("list", Verb { input: optional_path(), ..file_verb(Effect::Read, &[], listed()) }),
            (
                "write",
                Verb {
                    undo: Some("delete".to_owned()),
                    ..file_verb(Effect::Write, &["path", "content"], with_bytes(texts(&["path", "digest"])))
                },
            ),
            ("delete", file_verb(Effect::Delete, &["path"], deleted())),
        ],
        _ => Vec::new(),
    };
    verbs.into_iter().map(|(name, verb)| (name.to_owned(), verb)).collect()
}

fn mail_send() -> Verb {
    // Judged here, and so before the gate: an approved mail that no server takes helps nobody.
    let mailbox = json!({ "type": "string", "format": "mailbox" });
    let address =
        json!({ "type": ["string", "array"], "format": "mailbox", "items": mailbox, "maxItems": 50 });
    let line = json!({ "type": "string", "format": "line" });
    let input = json!({
        "type": "object",
        "properties": {
            "to": address,
            "subject": line,
            "body": { "type": "string", "maxLength": 1_048_576 },
            "reply_to": mailbox,
            "in_reply_to": { "type": "string", "maxLength": 998 },
            "cc": address,
        },
        "required": ["to", "subject", "body"],
        "additionalProperties": false,
    });
    let output = json!({
        "type": "object",
        "properties": {
            "message_id": { "type": "string" },
            "accepted": { "type": "array", "items": { "type": "string" } },
            "response": { "type": "string" },
        },
        "required": ["message_id"],
    });
    verb(Effect::Send, Idempotency::AtMostOnce, input, output)
}

fn file_verb(effect: Effect, input: &[&str], output: Value) -> Verb {
    let mut input = texts(input);
    input["additionalProperties"] = json!(false);
    verb(effect, Idempotency::Pure, input, output)
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

fn verb(effect: Effect, idempotency: Idempotency, input: Value, output: Value) -> Verb {
    Verb {
        effect,
        idempotency,
        key_valid: None,
        probe: None,
        undo: None,
        input,
        output,
        rate: None,
        timeout: timeout(),
        settings: BTreeMap::new(),
    }
}

/// Returns the schema of a table that has these texts.
fn texts(names: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    json!({ "type": "object", "properties": properties, "required": names })
}

fn events(view: &View<'_>, kind: &str) -> BTreeMap<String, Value> {
    match kind {
        "mail_drop" => BTreeMap::from([("message".to_owned(), dropped_mail())]),
        "webhook" => {
            view.open_schemas("events").into_iter().map(|(name, schema)| (name, with_id(schema))).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// The fields of a mail. Texts that a mail has nothing for are empty; `auto`, `list` and `bounce` are empty for a mail that a
/// person wrote; `reply_to` is `from` where the mail names no other address.
fn dropped_mail() -> Value {
    let mut mail = texts(&[
        "message_id",
        "from",
        "from_name",
        "reply_to",
        "to",
        "cc",
        "subject",
        "text",
        "date",
        "in_reply_to",
        "auto",
        "list",
        "bounce",
        "bounce_of",
        "doubt",
    ]);
    let mut attachment = texts(&["name", "type", "digest"]);
    attachment["properties"]["bytes"] = json!({ "type": "integer" });
    mail["properties"]["references"] = json!({ "type": "array", "items": { "type": "string" } });
    mail["properties"]["attachments"] = json!({ "type": "array", "items": attachment });
    for name in ["references", "attachments"] {
        mail["required"].as_array_mut().expect("`texts` lists what is required").push(json!(name));
    }
    mail
}

/// Returns an event's schema with the id of the delivery, which is always there.
fn with_id(mut schema: Value) -> Value {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.entry("message_id").or_insert_with(|| json!({ "type": "string" }));
    }
    schema
}
