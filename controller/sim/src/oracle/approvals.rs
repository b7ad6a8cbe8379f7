//! Guarded calls act as a person saw them, and after they agreed.

use adjutant_machine::run::CoveredCall;
use serde_json::Value;

use super::{case::Case, history::Approved};
use crate::world::Act;

/// No guarded call acted without an approval of exactly its payload, written before it was sent.
pub(super) fn unapproved(case: &Case<'_>) -> Vec<String> {
    let guarded = case.acts.iter().filter(|act| act.class.is_guarded());
    let naked = guarded.filter(|act| {
        let sent = case.history.sent.get(&(act.effect.clone(), act.attempt));
        let approved = &case.history.approved;
        !approved
            .iter()
            .any(|approved| sent.is_some_and(|sent| approved.seq < sent.seq) && covers(approved, act))
    });
    naked.map(|act| format!("{} acted without an approval of what it sent", act.effect)).collect()
}

fn covers(approved: &Approved, act: &Act) -> bool {
    if act.approval.as_ref() != Some(&approved.digest) {
        return false;
    }
    approved.shown.as_ref().is_none_or(|shown| shown.iter().any(|call| shows(call, act)))
}

/// Returns whether a card's line is the call that acted, or shows it as the way to take its call back.
fn shows(call: &CoveredCall, act: &Act) -> bool {
    let is_call = call.verb == act.verb && call.args == act.args;
    let undo = call.undo.as_ref().filter(|undo| act.is_undo && undo.verb == act.verb);
    is_call || undo.is_some_and(|undo| fills(&undo.args, &act.args))
}

/// Returns whether a value is what was shown, with nothing but its holes filled.
fn fills(shown: &Value, sent: &Value) -> bool {
    match (shown, sent) {
        (Value::String(text), _) if text.contains('⟨') => true,
        (Value::Object(shown), Value::Object(sent)) => {
            shown.len() == sent.len()
                && shown.iter().all(|(name, value)| sent.get(name).is_some_and(|sent| fills(value, sent)))
        }
        (Value::Array(shown), Value::Array(sent)) => {
            shown.len() == sent.len() && shown.iter().zip(sent).all(|(shown, sent)| fills(shown, sent))
        }
        _ => shown == sent,
    }
}
