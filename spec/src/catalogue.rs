//! The catalogue of built-in connector kinds: their verbs, events and settings.
//!
//! | kind | verbs | events | settings |
//! |---|---|---|---|
//! | `http` | declared in the file | – | `auth {header, prefix}`, `headers`; verb: `method path query headers body key_header expect fixture` |
//! | `mail` | `send` (send, at most once) | – | `from`, `reply_to`, `tls` |
//! | `files` | `read` (read), `write` (write), `delete` (delete), all pure | – | – |
//! | `webhook` | – | declared in the file | `signature`, `prefix`, `id`, `when` by event |
//! | `mail_drop` | – | `message` | – |
//! | `openai` | – | – | `structured` |
//!
//! Texts in the settings of an http verb (`path`, `query`, `headers`, `body`) are templates over `args` (the arguments), `effect.key`
//! and, in a probe, `call` (the arguments of the call that is looked for). They are kept as JSON, and rendered at the edge.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    plan::{Connector, Effect, Idempotency, Rate, Verb},
    read::{Head, View},
    value::Period,
};

/// How long one attempt of a verb may take that does not say.
const TIMEOUT: &str = "30s";

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
    let rates = view.tables("rate");
    for (name, verb) in &mut verbs {
        verb.rate = verb.rate.or_else(|| rates.get(name).and_then(rate));
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
        verbs,
        events: events(view, &kind),
        settings: settings(view, &kind),
        id: head.id,
        kind,
    })
}

fn settings(view: &View<'_>, kind: &str) -> BTreeMap<String, Value> {
    let keys: &[&str] = match kind {
        "http" => &["auth", "headers"],
        "mail" => &["from", "reply_to", "tls"],
        "webhook" => &["signature", "prefix", "id"],
        "openai" => &["structured"],
        _ => &[],
    };
    let mut settings = pick(view, keys);
    if kind == "webhook" {
        let conditions: serde_json::Map<String, Value> = view
            .tables("events")
            .iter()
            .filter_map(|(name, event)| Some((name.clone(), event.json("when")?)))
            .collect();
        settings.insert("when".to_owned(), Value::Object(conditions));
    }
    settings
}

fn pick(view: &View<'_>, keys: &[&str]) -> BTreeMap<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), view.json(key)?))).collect()
}

fn http_verb(view: &View<'_>) -> Option<Verb> {
    let effect: Effect = view.word("effect")?;
    let default = if effect == Effect::Read { Idempotency::Pure } else { Idempotency::AtMostOnce };
    let any = || json!({ "type": "object" });
    let mut settings =
        pick(view, &["method", "path", "query", "headers", "body", "key_header", "expect", "fixture"]);
    let idempotency = view.word("idempotency").unwrap_or(default);
    if idempotency == Idempotency::NativeKey {
        settings.entry("key_header".to_owned()).or_insert_with(|| json!("Idempotency-Key"));
    }
    Some(Verb {
        effect,
        idempotency,
        probe: view.text("probe"),
        undo: view.text("undo"),
        input: view.schema("input").unwrap_or_else(any),
        output: view.schema("output").unwrap_or_else(any),
        rate: view.table("rate").as_ref().and_then(rate),
        timeout: view.period("timeout").unwrap_or_else(timeout),
        settings,
    })
}

fn rate(view: &View<'_>) -> Option<Rate> {
    Some(Rate { calls: view.count("calls")?, per: view.period("per")? })
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
            ("read", file_verb(Effect::Read, &["path"], &["text"])),
            (
                "write",
                Verb {
                    undo: Some("delete".to_owned()),
                    ..file_verb(Effect::Write, &["path", "text"], &["path"])
                },
            ),
            ("delete", file_verb(Effect::Delete, &["path"], &["path"])),
        ],
        _ => Vec::new(),
    };
    verbs.into_iter().map(|(name, verb)| (name.to_owned(), verb)).collect()
}

fn mail_send() -> Verb {
    let input = json!({
        "type": "object",
        "properties": {
            "to": { "type": "string" },
            "subject": { "type": "string" },
            "body": { "type": "string" },
            "reply_to": { "type": "string" },
        },
        "required": ["to", "subject", "body"],
        "additionalProperties": false,
    });
    verb(Effect::Send, Idempotency::AtMostOnce, input, texts(&["message_id"]))
}

fn file_verb(effect: Effect, input: &[&str], output: &[&str]) -> Verb {
    verb(effect, Idempotency::Pure, texts(input), texts(output))
}

fn verb(effect: Effect, idempotency: Idempotency, input: Value, output: Value) -> Verb {
    Verb {
        effect,
        idempotency,
        probe: None,
        undo: None,
        input,
        output,
        rate: None,
        timeout: timeout(),
        settings: BTreeMap::new(),
    }
}

/// Returns the schema of a table with these texts and nothing else.
fn texts(names: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

fn events(view: &View<'_>, kind: &str) -> BTreeMap<String, Value> {
    match kind {
        "mail_drop" => BTreeMap::from([("message".to_owned(), dropped_mail())]),
        "webhook" => {
            view.tables("events").iter().map(|(name, event)| (name.clone(), hook_event(event))).collect()
        }
        _ => BTreeMap::new(),
    }
}

fn dropped_mail() -> Value {
    texts(&["message_id", "received_at", "from", "from_name", "to", "subject", "text"])
}

/// Returns the fields of a webhook's event: those of the body, and what is always there.
fn hook_event(view: &View<'_>) -> Value {
    let mut schema = view.schema("fields").unwrap_or_else(|| json!({ "type": "object" }));
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for name in ["message_id", "received_at"] {
            properties.insert(name.to_owned(), json!({ "type": "string" }));
        }
    }
    schema
}
