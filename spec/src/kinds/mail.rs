//! `mail`: mail out over SMTP, by the verb `send`, at most once.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    kind::{ConnectorKind, Place, Role},
    parts::built_in,
};
use crate::{
    fields::{Field, Table, Ty, Word},
    plan::{Effect, Idempotency, Verb},
};

pub(super) static KIND: ConnectorKind = ConnectorKind {
    word: Word::new("mail", "Mail out over SMTP: the verb `send`."),
    table: &TABLE,
    settings: &["from", "reply_to", "hello", "tls", "per_address"],
    role: Role::SendsMails,
    place: Place::Host,
    verbs: |_| BTreeMap::from([("send".to_owned(), send())]),
    events: |_| BTreeMap::new(),
};

static TABLE: Table = Table::new(
    "mail",
    "Mail out over SMTP. The secret is `user:password`.",
    &[
        Field::req("endpoint", Ty::Url(&["smtp", "smtps"]), "\"smtp://mail.example.com:587\"", "The server."),
        Field::req("from", Ty::Text, "\"Ada <ada@example.com>\"", "The sender."),
        Field::opt("reply_to", Ty::Email, "\"ada@example.com\"", "Where answers go."),
        Field::opt("hello", Ty::Text, "\"example.com\"", "The name that is said to the server."),
        Field::opt(
            "tls",
            Ty::Words(&[
                Word::new("required", "STARTTLS, or TLS from the start for smtps."),
                Word::new("opportunistic", "STARTTLS where the server has it."),
                Word::new("none", "In the clear: for a server on this machine."),
            ]),
            "\"required\"",
            "How the connection is protected; `required` when absent and the server is not on this machine.",
        ),
        Field::opt(
            "per_address",
            Ty::Integer(1, 10_000),
            "10",
            "The most mails to one address a day that no person approved, 10 when absent: what is beyond asks you first.",
        ),
    ],
);

fn send() -> Verb {
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
    built_in(Effect::Send, Idempotency::AtMostOnce, input, output)
}
