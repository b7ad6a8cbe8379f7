//! The schemes by which senders sign: what each signs, where it says so, and what tells its deliveries and events apart.
//!
//! | scheme | signed | header | id | event |
//! |---|---|---|---|---|
//! | `standard` | id.time.body | webhook-signature (svix-signature) | webhook-id (svix-id) | the only one; `type` of a body in the standard's form |
//! | `sha256` | body | named | `id_field`, `id_header`, `dedupe` | the only one; a well-known header |
//! | `stripe` | time.body | Stripe-Signature, `t=` and `v1=` | `id` | `type` |
//! | `slack` | v0:time:body | X-Slack-Signature, `v0=` | `event_id` | `event.type`, else `type` |
//! | `github` | body | X-Hub-Signature-256, `sha256=` | X-GitHub-Delivery | X-GitHub-Event |
//! | `shopify` | body | X-Shopify-Hmac-Sha256, base 64 | X-Shopify-Webhook-Id, X-Shopify-Event-Id | X-Shopify-Topic |

use adjutant_spec::{plan::Connector, value::Period};
use serde_json::Value;

use super::{
    fields::{header, text_at},
    signature::{Key, base64, fits, hex},
};
use crate::effects::intake::{IntakeError, Signed, Webhook, setting};

/// How far a message's own time may be from ours, in seconds.
const TOLERANCE: u64 = 300;

/// Headers by which senders name an event, whatever signs it: a body that is signed the simple way may still say there what it is.
const EVENT_HEADERS: [&str; 6] =
    ["X-GitHub-Event", "X-Gitea-Event", "X-Gogs-Event", "X-Forgejo-Event", "X-Event-Key", "X-Shopify-Topic"];

/// How a connector's senders sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Standard,
    Sha256,
    Stripe,
    Slack,
    Github,
    Shopify,
}

impl Scheme {
    pub(super) fn of(connector: &Connector) -> Self {
        match setting(connector, "signature") {
            Some("sha256") => Self::Sha256,
            Some("stripe") => Self::Stripe,
            Some("slack") => Self::Slack,
            Some("github") => Self::Github,
            Some("shopify") => Self::Shopify,
            _ => Self::Standard,
        }
    }

    /// Verifies the signature, then the time: a wrong time of a wrong sender is nobody's business.
    pub(super) fn verify(self, signed: &Signed<'_>) -> Result<(), IntakeError> {
        let (received, body) = (signed.received, signed.received.body);
        let keys = self.keys(signed)?;
        match self {
            Self::Standard => {
                let names = standard_names(received);
                let (id, time) = (header(received, names.id)?, header(received, names.time)?);
                let given = header(received, names.signature)?;
                let signatures: Vec<_> =
                    given.split(' ').filter_map(|part| base64(part.strip_prefix("v1,")?)).collect();
                let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
                fit(fits(&keys, &parts, &signatures))?;
                in_time(signed, names.time, time)
            }
            Self::Stripe => {
                let given = header(received, "Stripe-Signature")?;
                let pairs = || given.split(',').filter_map(|pair| pair.trim().split_once('='));
                let time = pairs().find(|(key, _)| *key == "t").map(|(_, time)| time);
                let time = time.ok_or_else(|| IntakeError::MissingHeader("Stripe-Signature".to_owned()))?;
                let signatures: Vec<_> =
                    pairs().filter(|(key, _)| *key == "v1").filter_map(|(_, text)| hex(text)).collect();
                fit(fits(&keys, &[time.as_bytes(), b".", body], &signatures))?;
                in_time(signed, "Stripe-Signature", time)
            }
            Self::Slack => {
                let time = header(received, "X-Slack-Request-Timestamp")?;
                let signatures = prefixed(header(received, "X-Slack-Signature")?, Some("v0="), hex);
                fit(fits(&keys, &[b"v0:", time.as_bytes(), b":", body], &signatures))?;
                in_time(signed, "X-Slack-Request-Timestamp", time)
            }
            Self::Github => {
                let signatures = prefixed(header(received, "X-Hub-Signature-256")?, Some("sha256="), hex);
                fit(fits(&keys, &[body], &signatures))
            }
            Self::Shopify => {
                let signatures = prefixed(header(received, "X-Shopify-Hmac-Sha256")?, None, base64);
                fit(fits(&keys, &[body], &signatures))
            }
            Self::Sha256 => fit(fits(&keys, &[body], &named(signed)?)),
        }
    }

    fn keys(self, signed: &Signed<'_>) -> Result<Vec<Key>, IntakeError> {
        let key = if self == Self::Standard { Key::standard } else { Key::of_text };
        let connector = &signed.connector.id;
        let keys = signed.secrets.iter().map(key).collect::<Result<Vec<_>, _>>();
        keys.map_err(|reason| IntakeError::NoSecret {
            connector: connector.clone(),
            reason: reason.to_owned(),
        })
    }

    /// Returns the id that the sender gave the delivery; `None` where the connector counts equal contents instead.
    pub(super) fn id(self, signed: &Signed<'_>, body: &Value) -> Result<Option<String>, IntakeError> {
        let (connector, received) = (signed.connector, signed.received);
        let named = |name: &str| header(received, name).ok().map(str::to_owned);
        let (found, place) = match self {
            Self::Standard => (named(standard_names(received).id), "webhook-id"),
            Self::Stripe => (text_at(body, "id"), "id"),
            Self::Slack => (text_at(body, "event_id"), "event_id"),
            Self::Github => (named("X-GitHub-Delivery"), "X-GitHub-Delivery"),
            Self::Shopify => {
                let event =
                    || Some(format!("{}/{}", named("X-Shopify-Topic")?, named("X-Shopify-Event-Id")?));
                (named("X-Shopify-Webhook-Id").or_else(event), "X-Shopify-Webhook-Id")
            }
            Self::Sha256 => {
                // The simple form signs the body alone, so an id from inside of it is the best one.
                let field = setting(connector, "id_field").and_then(|path| text_at(body, path));
                let found = field.or_else(|| named(setting(connector, "id_header")?));
                if found.is_none() && window(connector).is_some() {
                    return Ok(None);
                }
                (
                    found,
                    setting(connector, "id_field").or(setting(connector, "id_header")).unwrap_or("id_field"),
                )
            }
        };
        found.map(Some).ok_or_else(|| IntakeError::NoId { place: place.to_owned() })
    }

    /// Returns the name of the event as its sender has it; `None` where the message does not say.
    pub(super) fn event(self, signed: &Signed<'_>, body: &Value) -> Option<String> {
        let received = signed.received;
        let named = |name: &str| header(received, name).ok().map(str::to_owned);
        match self {
            Self::Standard => standard_event(body),
            Self::Stripe => text_at(body, "type"),
            Self::Slack => text_at(body, "event.type").or_else(|| text_at(body, "type")),
            Self::Github => named("X-GitHub-Event"),
            Self::Shopify => named("X-Shopify-Topic"),
            Self::Sha256 => EVENT_HEADERS.into_iter().find_map(named),
        }
    }

    /// Returns whether a message without an event's name is not the only event, but none: the sender always names it.
    pub(super) fn always_names_events(self) -> bool {
        matches!(self, Self::Stripe | Self::Slack | Self::Github | Self::Shopify)
    }

    /// Removes what a sender changes from one try of the same delivery to the next.
    pub(super) fn settle(self, body: &mut Value) {
        if let (Self::Stripe, Some(fields)) = (self, body.as_object_mut()) {
            fields.remove("pending_webhooks");
        }
    }
}

/// Returns for how long equal contents count as one delivery, in milliseconds.
pub(super) fn window(connector: &Connector) -> Option<u64> {
    setting(connector, "dedupe")?.parse::<Period>().ok().map(|period| period.millis())
}

fn fit(fits: bool) -> Result<(), IntakeError> {
    if fits { Ok(()) } else { Err(IntakeError::BadSignature) }
}

/// The headers in which a sender says what it signs.
struct Names {
    id: &'static str,
    time: &'static str,
    signature: &'static str,
}

/// The names of Standard Webhooks, or those that it had before it was a standard.
fn standard_names(received: &Webhook<'_>) -> Names {
    if received.headers.contains_key("webhook-signature") || !received.headers.contains_key("svix-signature")
    {
        return Names { id: "webhook-id", time: "webhook-timestamp", signature: "webhook-signature" };
    }
    Names { id: "svix-id", time: "svix-timestamp", signature: "svix-signature" }
}

/// A body in the form that the standard recommends names its event; any other `type` is a field like others.
fn standard_event(body: &Value) -> Option<String> {
    let is_standard = body.get("data").is_some_and(Value::is_object) && body.get("timestamp").is_some();
    if is_standard { text_at(body, "type") } else { None }
}

/// Reads the signature of the simple form, as the connector says that it is written.
fn named(signed: &Signed<'_>) -> Result<Vec<Vec<u8>>, IntakeError> {
    let connector = signed.connector;
    let given = header(signed.received, setting(connector, "header").unwrap_or("X-Signature"))?.trim();
    let read: fn(&str) -> Option<Vec<u8>> =
        if setting(connector, "encoding") == Some("base64") { base64 } else { hex };
    match setting(connector, "prefix") {
        Some(prefix) => Ok(prefixed(given, Some(prefix), read)),
        None => Ok(prefixed(given.strip_prefix("sha256=").unwrap_or(given), None, read)),
    }
}

fn prefixed(given: &str, prefix: Option<&str>, read: fn(&str) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let given = given.trim();
    let rest = prefix.map_or(Some(given), |prefix| given.strip_prefix(prefix));
    rest.and_then(read).into_iter().collect()
}

/// Refuses a time that is too far from now; `name` is the header that it came in.
fn in_time(signed: &Signed<'_>, name: &str, time: &str) -> Result<(), IntakeError> {
    let sent: i64 = time.parse().map_err(|_| IntakeError::MissingHeader(name.to_owned()))?;
    let seconds = sent.abs_diff(signed.received.now.0.div_euclid(1_000));
    let tolerance = tolerance(signed.connector);
    if seconds > tolerance { Err(IntakeError::Stale { seconds, tolerance }) } else { Ok(()) }
}

fn tolerance(connector: &Connector) -> u64 {
    let period = setting(connector, "tolerance").and_then(|text| text.parse::<Period>().ok());
    period.map_or(TOLERANCE, |period| period.millis() / 1_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_in_the_standards_own_form_names_its_event() {
        let body =
            json!({ "type": "invoice.paid", "timestamp": "2026-01-01T00:00:00Z", "data": { "id": 1 } });
        assert_eq!(standard_event(&body).as_deref(), Some("invoice.paid"));
        let form = json!({ "type": "quote", "email": "a@b.example" });
        assert_eq!(standard_event(&form), None, "any other `type` is a field like others");
    }
}
