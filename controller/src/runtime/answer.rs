//! The machine's verdict as an answer to a person.

use adjutant_machine::{Refusal, verdict::Verdict};

use super::{Answer, Error, views::When};

/// Returns the answer to an event; `word` is what it does, such as "approved".
pub(super) fn of(verdict: Verdict, word: &str) -> Result<Answer, Error> {
    match verdict {
        Verdict::Applied => Ok(Answer { applied: true, message: word.to_owned() }),
        Verdict::Duplicate { first: Some(first) } => {
            let message = format!("already {word} at {} by {}", When(first.at), first.by);
            Ok(Answer { applied: false, message })
        }
        Verdict::Duplicate { first: None } => {
            Ok(Answer { applied: false, message: format!("already {word}") })
        }
        Verdict::Stale => Err(Error::Conflict { reason: "it comes too late to matter".to_owned() }),
        Verdict::Refused(refusal) => Err(refused(&refusal)),
    }
}

fn refused(refusal: &Refusal) -> Error {
    let missing = |what, id: String| Error::NotFound { what, id };
    match refusal {
        Refusal::NotStarted => missing("run", "that was named".to_owned()),
        Refusal::NoSuchEffect { effect } => missing("effect", effect.to_string()),
        Refusal::NoSuchGate { gate } => missing("gate", gate.clone()),
        Refusal::NoSuchStep { step } => missing("step", step.clone()),
        Refusal::NotARoute { .. } => Error::invalid(refusal.to_string()),
        Refusal::NoSuchTimer { timer } => missing("timer", format!("{timer:?}")),
        Refusal::NotEditable { .. } | Refusal::Invalid { .. } | Refusal::FormMissing { .. } => {
            Error::invalid(refusal.to_string())
        }
        Refusal::Conflict { at, .. } => Error::Conflict { reason: format!("{refusal} at {}", When(*at)) },
        other => Error::Conflict { reason: other.to_string() },
    }
}
