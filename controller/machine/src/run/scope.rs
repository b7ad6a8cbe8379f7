//! The scopes that a run is in: groups of steps with a deadline, and an edge for what goes wrong in them.

use adjutant_spec::value::Money;
use serde::{Deserialize, Serialize};

use crate::{branch::Round, id::Stamp};

/// A scope that a run is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenScope {
    /// Its step, and how often the run has entered it, retries of the run among them.
    pub round: Round,
    /// When the run entered it.
    pub since: Stamp,
    /// How many ways back were noted before: what was noted since is the scope's to take back.
    pub undo_from: u32,
    /// The most that it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    /// Why it takes back what it did, once it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

/// Why a scope takes back what it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The outcome of the scope afterwards: `error` or `expired`.
    pub outcome: String,
    /// What went wrong, for people.
    pub message: String,
}

impl OpenScope {
    /// Returns the place of the first way back that is the scope's.
    #[must_use]
    pub fn first_undo(&self) -> usize {
        usize::try_from(self.undo_from).unwrap_or(usize::MAX)
    }
}
