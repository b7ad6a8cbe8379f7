//! Looking whether a call happened: the probing verb's own settings say what to ask and how to read the answer.

use adjutant_machine::event::{ErrorClass, Finding};
use serde_json::{Value, json};

use super::super::kind::Probed;
use crate::effects::{
    expression,
    outcome::{Ending, Fault},
};

/// Returns the arguments of the probe: its `with`, rendered; else the key alone.
pub(super) fn arguments(probed: &Probed<'_>) -> Result<Value, Fault> {
    let context = json!({
        "effect": { "key": probed.of.key },
        "call": { "args": probed.of.args, "verb": probed.of.verb },
    });
    match probed.verb.settings.get("with") {
        Some(with) => expression::render(with, &context),
        None => Ok(json!({ "key": probed.of.key })),
    }
}

/// Returns what the probe's answer says about the call in doubt.
pub(super) fn finding(probed: &Probed<'_>, answer: Ending) -> Finding {
    let result = match answer {
        Ok(done) => done.value,
        Err(Fault::Definite(failure)) if failure.class == ErrorClass::Gone => return Finding::DidNotHappen,
        Err(fault) => return Finding::Unclear(fault.message().to_owned()),
    };
    let context =
        json!({ "result": result, "effect": { "key": probed.of.key }, "call": { "args": probed.of.args } });
    let setting = |name: &str| probed.verb.settings.get(name).and_then(Value::as_str).map(bare);
    match setting("found").map_or(Ok(true), |found| expression::holds(found, &context)) {
        Ok(false) => return Finding::DidNotHappen,
        Err(fault) => return Finding::Unclear(fault.message().to_owned()),
        Ok(true) => {}
    }
    match setting("value").map_or_else(|| Ok(result.clone()), |value| expression::evaluate(value, &context)) {
        Ok(value) => Finding::Happened(value),
        Err(fault) => Finding::Unclear(fault.message().to_owned()),
    }
}

/// `found` and `value` are expressions; written with braces they mean the same.
fn bare(text: &str) -> &str {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.unwrap_or(text).trim()
}
