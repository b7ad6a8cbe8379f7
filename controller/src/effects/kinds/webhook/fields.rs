//! Reading what a sender says: headers, and places in a body.

use serde_json::Value;

use crate::effects::intake::{IntakeError, Webhook};

/// Returns a header that is there and is text.
pub(super) fn header<'a>(received: &Webhook<'a>, name: &str) -> Result<&'a str, IntakeError> {
    let value = received.headers.get(name).and_then(|value| value.to_str().ok());
    value.filter(|text| !text.is_empty()).ok_or_else(|| IntakeError::MissingHeader(name.to_owned()))
}

/// Returns what lies at a dotted path of a body, such as `order.id`.
pub(super) fn at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(body, |value, name| value.get(name))
}

/// Returns a text or a whole number at a dotted path.
pub(super) fn text_at(body: &Value, path: &str) -> Option<String> {
    match at(body, path)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
