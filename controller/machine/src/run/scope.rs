//! The scopes that a run is in: groups of steps with a deadline, and an edge for what goes wrong in them.

use adjutant_spec::{plan::StepId, value::Money};
use serde::{Deserialize, Serialize};

use super::{Part, Phase, Run, UndoEntry, UndoState};
use crate::{branch::Round, id::Stamp, purse::Purse};

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

impl Run {
    /// Returns the scope that takes back what it did, where one does. What stands in it is left with it, so it is the innermost.
    #[must_use]
    pub fn failing_scope(&self) -> Option<&OpenScope> {
        let goes_on = matches!(self.phase, Phase::Active | Phase::Paused { .. });
        self.scopes.last().map(|scope| &**scope).filter(|scope| goes_on && scope.failing.is_some())
    }

    /// Returns the caps on money that hold for what the run does now: those that it was given as a branch, and those of the scopes
    /// that it is in.
    pub fn purses(&self) -> impl Iterator<Item = Purse> + '_ {
        let own = self.scopes.iter().filter_map(|scope| {
            let (run, round) = (self.id.clone(), scope.round.clone());
            Some(Purse { run, round, limit: scope.budget? })
        });
        self.given_purses.iter().cloned().chain(own)
    }

    /// Returns the first step that was taken back because the run ended, and not because a scope of it failed.
    #[must_use]
    pub fn first_undone(&self) -> Option<&StepId> {
        let is_done = |entry: &&Part<UndoEntry>| entry.state == UndoState::Done && !entry.by_scope;
        self.undo.iter().find(is_done).map(|entry| &entry.step)
    }
}
