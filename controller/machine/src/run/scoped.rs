//! What a run says of the scopes that it is in.

use adjutant_spec::plan::StepId;

use super::{OpenScope, Phase, Run, UndoEntry, UndoState};
use crate::purse::Purse;

impl Run {
    /// Returns the scope that takes back what it did, where one does. What stands in it is left with it, so it is the innermost.
    #[must_use]
    pub fn failing_scope(&self) -> Option<&OpenScope> {
        let goes_on = matches!(self.phase, Phase::Active | Phase::Paused { .. } | Phase::Queued { .. });
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
        self.undone().find(|entry| !entry.by_scope).map(|entry| &entry.step)
    }

    /// Returns what was taken back and was not done again since, the earliest first: of a step that a retry has done once more the
    /// newer attempt counts.
    pub fn undone(&self) -> impl Iterator<Item = &UndoEntry> {
        let stands = |state: &UndoState| {
            matches!(state, UndoState::Registered | UndoState::Running(_) | UndoState::Dropped)
        };
        let is_done_again = move |place: usize, step: &StepId| {
            self.undo[place + 1..].iter().any(|later| later.step == *step && stands(&later.state))
        };
        let all = self.undo.iter().enumerate().filter(|(_, entry)| entry.state == UndoState::Done);
        all.filter(move |(place, entry)| !is_done_again(*place, &entry.step)).map(|(_, entry)| &**entry)
    }
}
