//! What an answer of a scenario is to the machine.

use adjutant_machine::{
    call::{Call, Perform, VerbCall},
    event::{Denial, ErrorClass, Event, Finding},
};
use adjutant_spec::{plan::Idempotency, scenario::Reply};
use serde_json::{Map, Value, json};

/// What the outside does when it is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Doing {
    /// It answers the attempt; whether something happens in the world with it.
    Answer {
        /// What is answered.
        event: Event,
        /// Whether it happens.
        acts: bool,
    },
    /// A rule forbids it before anything is sent.
    Forbid(Event),
}

/// Returns what an answer is for an attempt.
pub(super) fn doing(perform: &Perform, reply: &Reply) -> Doing {
    match reply {
        Reply::Error(class) if class == "unknown" => lost(perform, "the answer was lost"),
        Reply::Error(class) => failed(perform, class_of(class), "as the scenario says"),
        Reply::Probe { word, with } => {
            let (effect, finding) = (perform.effect.clone(), found(word, with));
            Doing::Answer { event: Event::EffectProbed { effect, finding }, acts: false }
        }
        Reply::Outcome { word, with, .. } => outcome(perform, word, with.as_ref()),
        Reply::Settle { .. } => lost(perform, "the operator settles what is in doubt, and nothing else"),
    }
}

fn outcome(perform: &Perform, word: &str, with: Option<&Value>) -> Doing {
    let result = with.cloned().unwrap_or_else(|| Value::Object(Map::new()));
    match (&*perform.call, word) {
        (Call::Route { .. }, class) => succeeded(perform, classified(class, &result)),
        (_, "ok" | "low_confidence") => succeeded(perform, result),
        (_, "denied") => forbidden(perform, Denial::Policy),
        (_, "over_budget") => forbidden(perform, Denial::Budget),
        (_, "conflict") => failed(perform, ErrorClass::Conflict, "somebody else was faster"),
        (_, "refused") => failed(perform, ErrorClass::Refused, "it declines"),
        (_, _) => failed(perform, ErrorClass::Invalid, "as the scenario says"),
    }
}

/// Returns the answer of a route.
fn classified(class: &str, result: &Value) -> Value {
    let mut fields =
        Map::from_iter([("class".to_owned(), json!(class)), ("probability".to_owned(), json!(1.0))]);
    if let Some(more) = result.as_object() {
        fields.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    Value::Object(fields)
}

/// Returns what a probe, or whoever settles, finds.
pub(super) fn found(word: &str, with: &Value) -> Finding {
    match word {
        "happened" => Finding::Happened(if with.is_null() { json!({}) } else { with.clone() }),
        "did_not_happen" => Finding::DidNotHappen,
        _ => Finding::Unclear("as the scenario says".to_owned()),
    }
}

/// The words of a scenario for how an attempt fails; `unknown` is none of them, since nobody knows then whether it failed.
const CLASSES: [(&str, ErrorClass); 8] = [
    ("transient", ErrorClass::Transient),
    ("rate_limited", ErrorClass::RateLimited),
    ("auth", ErrorClass::Auth),
    ("invalid", ErrorClass::Invalid),
    ("conflict", ErrorClass::Conflict),
    ("gone", ErrorClass::Gone),
    ("unavailable", ErrorClass::Unavailable),
    ("refused", ErrorClass::Refused),
];

fn class_of(word: &str) -> ErrorClass {
    CLASSES.iter().find(|(known, _)| *known == word).map_or(ErrorClass::Transient, |(_, class)| *class)
}

/// Returns the word of a scenario for how an attempt failed.
pub(crate) fn word_of(class: ErrorClass) -> &'static str {
    CLASSES.iter().find(|(_, known)| *known == class).map_or("transient", |(word, _)| word)
}

/// Returns the answer that an attempt succeeded.
pub(super) fn succeeded(perform: &Perform, value: Value) -> Doing {
    let (effect, attempt) = (perform.effect.clone(), perform.attempt);
    let event = Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null };
    Doing::Answer { event, acts: true }
}

/// Returns the answer that an attempt failed.
pub(super) fn failed(perform: &Perform, class: ErrorClass, message: &str) -> Doing {
    let (effect, attempt, message) = (perform.effect.clone(), perform.attempt, message.to_owned());
    let event = Event::EffectFailed { effect, attempt, class, message, retry_after: None, cost: None };
    Doing::Answer { event, acts: false }
}

/// Returns what becomes of an attempt whose answer was lost: what changes nothing has only failed.
pub(super) fn lost(perform: &Perform, message: &str) -> Doing {
    if changes_nothing(&perform.call) {
        return failed(perform, ErrorClass::Transient, message);
    }
    let (effect, attempt, message) = (perform.effect.clone(), perform.attempt, message.to_owned());
    Doing::Answer { event: Event::EffectUnknown { effect, attempt, message, host_died: false }, acts: false }
}

/// Returns whether a call leaves the world as it is: where its answer is lost, it has only failed.
pub(crate) fn changes_nothing(call: &Call) -> bool {
    match call {
        Call::Verb(VerbCall { idempotency, .. }) => *idempotency == Idempotency::Pure,
        Call::RecordWrite { .. } | Call::StartRun { .. } | Call::Signal { .. } => false,
        Call::Probe { .. }
        | Call::Agent(_)
        | Call::Route { .. }
        | Call::RecordRead { .. }
        | Call::RecordList { .. }
        | Call::FindChild { .. } => true,
    }
}

fn forbidden(perform: &Perform, denial: Denial) -> Doing {
    let message = "as the scenario says".to_owned();
    Doing::Forbid(Event::EffectDenied { effect: perform.effect.clone(), denial, message })
}
