//! Webhooks: signature over the raw bytes first, everything else after it.
//!
//! Whether the fields fit the event's schema is judged by whoever takes the delivery, on the plan in force: one that does not fit
//! now may fit the next one. Nothing that a sender has signed is refused for being unreadable: it becomes an item to look at.

use adjutant_spec::plan::Connector;
use serde_json::{Value, json};

use super::{
    fields::{at, header, text_at},
    scheme::{Scheme, window},
};
use crate::effects::intake::{Delivery, IntakeError, Received, Signed, Unread, Webhook, limit, setting};

/// The largest body, unless the connector says otherwise.
const MAX_BODY: usize = 256 * 1024;
/// The most characters of an unreadable body that are kept.
const EXCERPT: usize = 4_000;

/// Returns the most bytes of a delivery.
pub(super) fn most_bytes(connector: &Connector) -> usize {
    limit(connector, MAX_BODY)
}

/// Verifies a request and says what it is.
pub(super) fn verify(signed: &Signed<'_>) -> Result<Received, IntakeError> {
    let Signed { connector, received, .. } = *signed;
    let limit = most_bytes(connector);
    if received.body.len() > limit {
        return Err(IntakeError::TooLarge { limit });
    }
    let scheme = Scheme::of(connector);
    scheme.verify(signed)?;
    let Ok(mut body) = adjutant_spec::value::from_outside(received.body) else {
        return Ok(Received::Unread(unread(connector, received, "the body is no JSON")));
    };
    let event = match event_of(scheme, signed, &body) {
        Ok(event) => event,
        Err(name) => return Ok(Received::Undeclared { event: name, challenge: challenge(scheme, &body) }),
    };
    let id = scheme.id(signed, &body)?;
    scheme.settle(&mut body);
    let fields = match setting(connector, "data_field") {
        Some(path) => at(&body, path).cloned(),
        None => Some(body),
    };
    let Some(mut fields) = fields.filter(Value::is_object) else {
        let place = setting(connector, "data_field").unwrap_or("the body");
        let reason = format!("there is no JSON object at {place}");
        let item = unread(connector, received, &reason);
        return Ok(Received::Unread(Unread { event, id: id.unwrap_or(item.id), ..item }));
    };
    if let (Some(id), Some(table)) = (&id, fields.as_object_mut()) {
        // Every event has its delivery's id: what keys of runs are made from.
        table.entry("message_id").or_insert_with(|| id.clone().into());
    }
    let (within, by) = (if id.is_none() { window(connector) } else { None }, by(connector));
    let (connector, id) = (connector.id.clone(), id.unwrap_or_default());
    Ok(Received::Delivery(Delivery { connector, event, id, fields, by, within }))
}

fn by(connector: &Connector) -> String {
    format!("connector:{}", connector.id)
}

fn unread(connector: &Connector, received: &Webhook<'_>, reason: &str) -> Unread {
    let text: String = String::from_utf8_lossy(received.body).chars().take(EXCERPT).collect();
    Unread {
        connector: connector.id.clone(),
        event: String::new(),
        id: format!("blake3-{}", blake3::hash(received.body).to_hex()),
        by: by(connector),
        content: json!({ "bytes": received.body.len(), "begins": text }),
        reason: reason.to_owned(),
    }
}

/// Returns the declared event that a message names, else the name that nobody declared.
fn event_of(scheme: Scheme, signed: &Signed<'_>, body: &Value) -> Result<String, String> {
    let connector = signed.connector;
    let field = setting(connector, "event_field");
    let named_header = setting(connector, "event_header");
    let named = match (field, named_header) {
        (Some(path), _) => Some(text_at(body, path).ok_or_else(|| format!("(nothing at `{path}`)"))?),
        (None, Some(name)) => {
            let found = header(signed.received, name).ok().map(str::to_owned);
            Some(found.ok_or_else(|| format!("(no header `{name}`)"))?)
        }
        (None, None) => scheme.event(signed, body),
    };
    match named {
        Some(name) => {
            let same = |declared: &&String| **declared == name || flat(declared) == flat(&name);
            connector.events.keys().find(same).cloned().ok_or(name)
        }
        None if scheme.always_names_events() => Err("(the message names none)".to_owned()),
        None => only(connector),
    }
}

fn only(connector: &Connector) -> Result<String, String> {
    let mut declared = connector.events.keys();
    match (declared.next(), declared.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err("(several are declared, and the message names none)".to_owned()),
    }
}

/// `invoice.paid` and `orders/create` are declared as `invoice_paid` and `orders_create`.
fn flat(name: &str) -> String {
    name.chars().map(|one| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '_' }).collect()
}

/// Slack asks once whether we are who it thinks: the answer repeats its word.
fn challenge(scheme: Scheme, body: &Value) -> Option<String> {
    let asks = scheme == Scheme::Slack && text_at(body, "type").as_deref() == Some("url_verification");
    if asks { text_at(body, "challenge") } else { None }
}
