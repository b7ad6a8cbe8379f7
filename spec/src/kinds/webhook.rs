//! `webhook`: signed POST requests in. Its events are declared in its file.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    kind::{ConnectorKind, Place, Role},
    parts::MAX_BODY,
};
use crate::{
    fields::{Field, Table, Ty, Word},
    read::View,
};

pub(super) static KIND: ConnectorKind = ConnectorKind {
    word: Word::new("webhook", "Signed POST requests in; its events are declared here."),
    table: &TABLE,
    settings: &[
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
    role: Role::TakesPosts,
    place: Place::None,
    verbs: |_| BTreeMap::new(),
    events,
};

static TABLE: Table = Table::new(
    "webhook",
    "Signed POST requests at `/hooks/<connector>`. The secret is the key of the HMAC over the raw body.",
    &[
        Field::req(
            "events",
            Ty::Map(&Ty::Schema),
            "{ lead = { email = \"email\", text = \"string\" } }",
            "What it can tell: the schema of each event's fields. `message_id`, the id of the delivery, is always there.",
        ),
        Field::opt(
            "signature",
            Ty::Words(&[
                Word::new(
                    "standard",
                    "Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature; svix-id and so on too.",
                ),
                Word::new(
                    "sha256",
                    "One header with the HMAC of the body: see `header`, `encoding`, `prefix`.",
                ),
                Word::new("stripe", "Stripe-Signature. The id is `id`, the event `type`."),
                Word::new("slack", "X-Slack-Signature. The id is `event_id`, the event `event.type`."),
                Word::new(
                    "github",
                    "X-Hub-Signature-256. The id is X-GitHub-Delivery, the event X-GitHub-Event.",
                ),
                Word::new(
                    "shopify",
                    "X-Shopify-Hmac-Sha256. The id is X-Shopify-Webhook-Id, the event X-Shopify-Topic.",
                ),
            ]),
            "\"standard\"",
            "How deliveries are signed; `standard` when absent.",
        ),
        Field::opt(
            "secrets",
            Ty::List(&Ty::Id),
            "[\"website-new\", \"website-old\"]",
            "Several secrets in place of `secret`, while one takes the place of another: each may have signed.",
        ),
        Field::opt("header", Ty::Text, "\"X-Signature\"", "The header of the signature, for `sha256`."),
        Field::opt(
            "encoding",
            Ty::Words(&[Word::new("hex", "Hexadecimal."), Word::new("base64", "Base 64.")]),
            "\"base64\"",
            "How the signature is written, for `sha256`; `hex` when absent.",
        ),
        Field::opt(
            "prefix",
            Ty::Text,
            "\"sha256=\"",
            "What stands before the signature, for `sha256`; when absent, `sha256=` may.",
        ),
        Field::opt(
            "tolerance",
            Ty::Period,
            "\"5m\"",
            "How far the time of a delivery may be off, for `standard`, `stripe` and `slack`; 5m when absent.",
        ),
        Field::opt(
            "event_field",
            Ty::Text,
            "\"type\"",
            "The dotted path of the event's name in the body; when absent the scheme's own place, else the only event.",
        ),
        Field::opt(
            "event_header",
            Ty::Text,
            "\"X-Event\"",
            "The header of the event's name. A delivery of an event that is not declared is answered, counted, and starts nothing.",
        ),
        Field::opt(
            "data_field",
            Ty::Text,
            "\"data\"",
            "The dotted path of the fields in the body; all of it when absent.",
        ),
        Field::opt(
            "id_field",
            Ty::Text,
            "\"id\"",
            "The dotted path of the delivery's id in the body, for `sha256`.",
        ),
        Field::opt(
            "id_header",
            Ty::Text,
            "\"X-Delivery-Id\"",
            "The header of the delivery's id, for `sha256`.",
        ),
        Field::opt(
            "dedupe",
            Ty::Period,
            "\"10m\"",
            "For `sha256` without an id: for how long the same content counts as the same delivery. The answer says so.",
        ),
        MAX_BODY,
    ],
);

fn events(view: &View<'_>) -> BTreeMap<String, Value> {
    view.open_schemas("events").into_iter().map(|(name, schema)| (name, with_id(schema))).collect()
}

/// Returns an event's schema with the id of the delivery, which is always there.
fn with_id(mut schema: Value) -> Value {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.entry("message_id").or_insert_with(|| json!({ "type": "string" }));
    }
    schema
}
