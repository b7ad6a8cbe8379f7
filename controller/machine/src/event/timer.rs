//! The timers of a run, by what they are for.

use adjutant_spec::plan::StepId;
use serde::{Deserialize, Serialize};

use crate::id::EffectId;

/// A stored timer of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "timer", content = "of")]
pub enum TimerId {
    /// The run's deadline.
    Deadline,
    /// The end of a wait step.
    Wait(StepId),
    /// The expiry of a gate.
    Gate(String),
    /// The lease of an attempt.
    Lease(EffectId, u32),
    /// The pause before an attempt, or the end of a deferral.
    Backoff(EffectId, u32),
    /// The deadline of a scope.
    Scope(StepId),
    /// How long the run may stand in the queue of its playbook.
    Queue,
}

impl std::fmt::Display for TimerId {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deadline => to.write_str("the run's deadline"),
            Self::Scope(step) => write!(to, "the deadline of scope \"{step}\""),
            Self::Queue => to.write_str("the time that the run may stand in its queue"),
            Self::Wait(step) => write!(to, "the wait of step \"{step}\""),
            Self::Gate(gate) => write!(to, "the time to decide gate \"{gate}\""),
            Self::Lease(effect, attempt) => {
                write!(to, "the time that attempt {attempt} of effect {effect} has")
            }
            Self::Backoff(effect, attempt) => {
                write!(to, "the pause before attempt {attempt} of effect {effect}")
            }
        }
    }
}
