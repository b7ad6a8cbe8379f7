//! What a run says of the scopes that it is in.

use adjutant_spec::plan::StepId;

use super::{OpenScope, Part, Phase, Run, UndoEntry, UndoState};
use crate::purse::Purse;

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
