//! `mail_drop`: a folder that mails are dropped into. Each is the event `message`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    kind::{ConnectorKind, Place, Role},
    parts::{MAX_BODY, texts},
};
use crate::fields::{Field, Table, Ty, Word};

pub(super) static KIND: ConnectorKind = ConnectorKind {
    word: Word::new("mail_drop", "A folder that mails are dropped into: the event `message`."),
    table: &TABLE,
    settings: &["max_body"],
    role: Role::TakesMails,
    place: Place::Folder,
    verbs: |_| BTreeMap::new(),
    events: |_| BTreeMap::from([("message".to_owned(), message())]),
};

static TABLE: Table = Table::new(
    "mail_drop",
    "A folder that mails are dropped into: files that end in `.eml`, and all of a Maildir's `new/`. Its event `message` has the texts \
     `message_id`, `from`, `from_name`, `reply_to` (`from` where the mail names no other), `to`, `cc`, `subject`, `text`, `date`, \
     `in_reply_to`; the lists `references` and `attachments` (`name`, `type`, `bytes`, `digest`; the bytes stay in the mail, in `done/`); \
     `auto`, `list` and `bounce` (with `bounce_of`), empty for a mail that a person wrote; and `doubt`, which says what could not be read.",
    &[
        Field::req(
            "endpoint",
            Ty::Text,
            "\"intake\"",
            "The folder: absolute, or below `files/` of the data directory, where it is made.",
        ),
        MAX_BODY,
    ],
);

/// The fields of a mail. Texts that a mail has nothing for are empty; `auto`, `list` and `bounce` are empty for a mail that a
/// person wrote; `reply_to` is `from` where the mail names no other address.
fn message() -> Value {
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
