//! Webhooks: signature over the raw bytes first, everything else after it.

use adjutant_machine::id::Stamp;
use adjutant_spec::{plan::Connector, value::Period};
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{
    super::secrets::Secret,
    Delivery, IntakeError, delivery, limit, setting,
    signature::{fits_hex, fits_standard},
};

/// How far a message's own time may be from ours, in seconds.
const TOLERANCE: u64 = 300;

/// The largest body, unless the connector says otherwise.
const MAX_BODY: usize = 256 * 1024;

/// A request as it came.
#[derive(Debug, Clone, Copy)]
pub struct Webhook<'a> {
    /// The connector that its path names.
    pub connector: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, byte for byte.
    pub body: &'a [u8],
    /// When it came.
    pub now: Stamp,
}

/// Verifies a request and makes a delivery of it.
pub(in crate::effects) fn verify(
    connector: &Connector,
    secret: &Secret,
    received: &Webhook<'_>,
) -> Result<Delivery, IntakeError> {
    let limit = limit(connector, MAX_BODY);
    if received.body.len() > limit {
        return Err(IntakeError::TooLarge { limit });
    }
    let signed_id = match setting(connector, "signature").unwrap_or("standard") {
        "sha256" => verify_hex(connector, secret, received).map(|()| None),
        _ => verify_standard(connector, secret, received).map(Some),
    }?;
    let body: Value = adjutant_spec::value::from_outside(received.body).map_err(|_| IntakeError::NotJson)?;
    let event = event_of(connector, &body)?;
    let id = signed_id.unwrap_or_else(|| id_of(connector, received, &body));
    let mut fields = match setting(connector, "data_field") {
        Some(path) => at(&body, path).cloned().unwrap_or(Value::Null),
        None => body,
    };
    let table = fields.as_object_mut().ok_or(IntakeError::NotJson)?;
    // Every event has its delivery's id: what keys of runs are made from.
    table.entry("message_id").or_insert_with(|| id.clone().into());
    delivery(connector, &event, id, fields)
}

/// Standard Webhooks: id and time are signed with the body, so neither can be changed to replay it.
fn verify_standard(
    connector: &Connector,
    secret: &Secret,
    received: &Webhook<'_>,
) -> Result<String, IntakeError> {
    let id = header(received, "webhook-id")?;
    let time = header(received, "webhook-timestamp")?;
    let signatures = header(received, "webhook-signature")?;
    let signed = [id.as_bytes(), time.as_bytes(), received.body];
    if !fits_standard(secret, &signed, signatures) {
        return Err(IntakeError::BadSignature);
    }
    let sent: i64 = time.parse().map_err(|_| IntakeError::MissingHeader("webhook-timestamp".to_owned()))?;
    let seconds = sent.abs_diff(received.now.0.div_euclid(1_000));
    let tolerance = tolerance(connector);
    if seconds > tolerance {
        return Err(IntakeError::Stale { seconds, tolerance });
    }
    Ok(id.to_owned())
}

/// The simple form signs the body alone: a replay is the same delivery, and the id says so.
fn verify_hex(connector: &Connector, secret: &Secret, received: &Webhook<'_>) -> Result<(), IntakeError> {
    let name = setting(connector, "header").unwrap_or("X-Signature");
    let signature = header(received, name)?;
    if fits_hex(secret, &[received.body], signature) { Ok(()) } else { Err(IntakeError::BadSignature) }
}

fn tolerance(connector: &Connector) -> u64 {
    let period = setting(connector, "tolerance").and_then(|text| text.parse::<Period>().ok());
    period.map_or(TOLERANCE, |period| period.millis() / 1_000)
}

fn event_of(connector: &Connector, body: &Value) -> Result<String, IntakeError> {
    let unknown = |event: String| IntakeError::UnknownEvent { connector: connector.id.clone(), event };
    if let Some(path) = setting(connector, "event_field") {
        let named = at(body, path).and_then(Value::as_str);
        return named.map(str::to_owned).ok_or_else(|| unknown(format!("(nothing at `{path}`)")));
    }
    let mut declared = connector.events.keys();
    match (declared.next(), declared.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err(unknown("(several are declared, and `event_field` names none)".to_owned())),
    }
}

/// The simple form signs the body alone, so an id from inside of it is the best one. A header may name the delivery where
/// the operator says so, although it is not signed. Without either, the same body is the same delivery.
fn id_of(connector: &Connector, received: &Webhook<'_>, body: &Value) -> String {
    let field =
        setting(connector, "id_field").and_then(|path| at(body, path)).and_then(|value| match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
    let named = || header(received, setting(connector, "id_header")?).ok().map(str::to_owned);
    field.or_else(named).unwrap_or_else(|| blake3::hash(received.body).to_hex().to_string())
}

fn header<'a>(received: &Webhook<'a>, name: &str) -> Result<&'a str, IntakeError> {
    let value = received.headers.get(name).and_then(|value| value.to_str().ok());
    value.filter(|text| !text.is_empty()).ok_or_else(|| IntakeError::MissingHeader(name.to_owned()))
}

/// Follows a dotted path.
fn at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(body, |value, name| value.get(name))
}
