//! How one attempt ends: done, definitely not done, or unknown.

use adjutant_machine::{
    call::Perform,
    event::{ErrorClass, Event},
};
use adjutant_spec::{plan::Idempotency, shown, value::Money};
use serde_json::Value;

use super::redact::Redactor;

/// The most characters that are kept of what the other side said. Nothing is cut before [`told`].
const MOST_SAID: usize = 600;

/// What an attempt comes to.
pub(super) type Ending = Result<Done, Fault>;

/// What an attempt that happened came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Done {
    /// The answer, checked against its schema.
    pub(super) value: Value,
    /// What it cost, where it costs anything.
    pub(super) cost: Option<Money>,
    /// Where the answer comes from.
    pub(super) provenance: Value,
}

/// It did not happen, or nobody knows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// It definitely did not happen.
    Definite(Failure),
    /// It may have happened: nobody knows, for this reason.
    Unknown(String),
    /// Nothing left: the door to the connector was shut, or its rates had no room.
    Held(Held),
}

/// Why nothing left the company.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    /// The reason, in words for people.
    pub(super) why: String,
    /// After how many milliseconds there may be room; absent where a pause has to end.
    pub(super) after: Option<u64>,
}

/// A failure of which it is certain that nothing happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) class: ErrorClass,
    pub(super) message: String,
    /// Milliseconds that the other side asks to wait.
    pub(super) retry_after: Option<u64>,
    /// What the attempt cost all the same.
    pub(super) cost: Option<Money>,
}

impl Done {
    /// Returns an answer that cost nothing.
    pub(super) fn free(value: Value, provenance: Value) -> Self {
        Self { value, cost: None, provenance }
    }
}

impl Fault {
    /// Returns a definite failure.
    pub(super) fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self::Definite(Failure { class, message: message.into(), retry_after: None, cost: None })
    }

    /// Returns the failure that arguments, or the settings, cannot be used.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Invalid, message)
    }

    /// Returns the failure that nothing is configured for the call.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Unavailable, message)
    }

    /// Returns the failure that may be gone the next time.
    pub(super) fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, message)
    }

    /// Returns what an attempt is whose answer was lost after bytes were sent. Only what changes nothing may be called
    /// failed; the machine sends a keyed call again, but keeps the doubt.
    pub(super) fn lost(idempotency: Idempotency, message: impl Into<String>) -> Self {
        match idempotency {
            Idempotency::Pure => Self::transient(message),
            Idempotency::NativeKey | Idempotency::Probe | Idempotency::AtMostOnce => {
                Self::Unknown(message.into())
            }
        }
    }

    /// Adds the pause that the other side asks for.
    pub(super) fn after(mut self, retry_after: Option<u64>) -> Self {
        if let Self::Definite(failure) = &mut self {
            failure.retry_after = retry_after;
        }
        self
    }

    /// Adds what the attempt cost all the same.
    pub(super) fn costing(mut self, cost: Option<Money>) -> Self {
        if let Self::Definite(failure) = &mut self {
            failure.cost = cost;
        }
        self
    }

    /// Returns the text for people.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Definite(failure) => &failure.message,
            Self::Unknown(message) | Self::Held(Held { why: message, .. }) => message,
        }
    }
}

/// Returns the other side's words as they are kept: masked first, cut then. Half a secret is one, too.
pub(super) fn told(redactor: &Redactor, words: &str) -> String {
    shown::excerpt(&redactor.text(words), MOST_SAID)
}

/// Returns the event that answers a job; nothing leaves the room unredacted.
pub(super) fn event(job: &Perform, answer: Ending, redactor: &Redactor) -> Event {
    let (effect, attempt) = (job.effect.clone(), job.attempt);
    match answer {
        Ok(Done { value, cost, provenance }) => Event::EffectSucceeded {
            effect,
            attempt,
            value: redactor.value(value),
            cost,
            provenance: redactor.value(provenance),
        },
        Err(Fault::Definite(Failure { class, message, retry_after, cost })) => {
            let message = told(redactor, &message);
            Event::EffectFailed { effect, attempt, class, message, retry_after, cost }
        }
        Err(Fault::Unknown(message)) => {
            Event::EffectUnknown { effect, attempt, message: told(redactor, &message), host_died: false }
        }
        Err(Fault::Held(Held { why: reason, .. })) => Event::EffectHeldBack { effect, attempt, reason },
    }
}
