//! Whom a call is for: by its arguments that name somebody or some place, in the order in which people ask.

use adjutant_machine::{call::Call, life::mailbox::Addressed};
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
        Call::Signal { to, .. } => to.as_ref().map(|to| match to {
            Addressed::Run(run) => run.clone(),
            Addressed::Key(key) => key.clone(),
        }),
        Call::StartRun { .. }
        | Call::FindChild { .. }
        | Call::Agent(_)
        | Call::Route { .. }
        | Call::RecordList { .. } => None,
    }
}

/// Returns what a call of a verb is made with, and of a write of a business record what names it.
pub(super) fn args_of(call: &Call) -> Option<Value> {
    match call {
        Call::Verb(call) => Some(call.args.clone()),
        Call::RecordWrite { record, key, value, .. } => {
            Some(serde_json::json!({ "record": record, "key": key, "value": value }))
        }
        _ => None,
    }
}

/// A call in two words, for lists.
pub(super) struct Called<'a> {
    /// What sort of call it is, such as `verb` or `agent`.
    pub(super) call: &'static str,
    /// What it calls, such as the verb's name.
    pub(super) target: &'a str,
}

pub(super) fn called(call: &Call) -> Called<'_> {
    match call {
        Call::Verb(verb) => Called { call: "verb", target: &verb.verb },
        Call::Probe { probe, .. } => Called { call: "probe", target: probe },
        Call::Agent(agent) => Called { call: "agent", target: &agent.agent },
        Call::Route { route, .. } => Called { call: "route", target: route },
        Call::RecordRead { record, .. } => Called { call: "record_read", target: record },
        Call::RecordList { record, .. } => Called { call: "record_list", target: record },
        Call::RecordWrite { record, .. } => Called { call: "record_write", target: record },
        Call::StartRun { playbook, .. } => Called { call: "start_run", target: playbook },
        Call::Signal { signal, .. } => Called { call: "signal", target: signal },
        Call::FindChild { of } => Called { call: "find_child", target: &of.run },
    }
}
