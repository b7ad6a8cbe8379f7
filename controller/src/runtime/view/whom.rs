//! Whom a call is for: by its arguments that name somebody or some place, in the order in which people ask.

use adjutant_machine::call::Call;
use serde_json::Value;

/// The arguments that name whom or what a call reaches.
const NAMES: [&str; 9] =
    ["to", "recipient", "email", "customer_email", "customer", "account", "channel", "url", "path"];

/// Returns whom a call with these arguments is for, in one line.
#[must_use]
pub fn whom(args: &Value) -> Option<String> {
    NAMES.into_iter().find_map(|name| args.get(name).and_then(in_words))
}

/// Returns a value as a person would say it in one line; a table by what names it.
#[must_use]
pub fn in_words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => {
            let words: Option<Vec<String>> = items.iter().map(in_words).collect();
            words.filter(|words| !words.is_empty()).map(|words| words.join(", "))
        }
        Value::Object(fields) => {
            ["email", "name", "id"].into_iter().find_map(|name| fields.get(name).and_then(in_words))
        }
        Value::Null | Value::Bool(_) => None,
    }
}

/// Returns whom a call is for, where it reaches somebody or something that has a name.
pub(super) fn of_call(call: &Call) -> Option<String> {
    match call {
        Call::Verb(of) | Call::Probe { of, .. } => whom(&of.args),
        Call::RecordRead { key, .. } | Call::RecordWrite { key, .. } => Some(key.clone()),
        Call::StartRun { .. }
        | Call::FindChild { .. }
        | Call::Agent(_)
        | Call::Route { .. }
        | Call::RecordList { .. } => None,
    }
}
