//! A run is taken back, whether it goes on or has ended: it unwinds, and the runs with it that it started.
//!
//! ```text
//!  person ── RunRolledBack, after entry n ──► run ── RunRolledBack ──► child run ──► its own children, and so on
//!                                              ◄──── ChildEnded: rolled_back, or killed ────
//! ```
//! Whoever is taken back with its run answers in any case: where it has ended, where it unwinds, where nothing is left of it. So the
//! parent waits for every child, and only then takes back what it did itself, as whenever it unwinds. A child that was to go on by
//! itself stays. What a branch did is taken back by its run, in its turn; nobody else takes it back alone.

use super::{Decider, Decision};
use crate::{
    branch::is_branch,
    event::Event,
    fact::Fact,
    id::{EffectId, InstanceId},
    kill::tell_parent,
    life::{Kind, run::RunEvent},
    run::{EffectPhase, Phase, Status},
    verdict::{Refusal, Verdict},
};

impl Decider<'_> {
    /// Takes back what the run did. A person names the last entry that was seen; who has ended and is told by its own run tells it
    /// once more that nothing is left.
    pub(super) fn roll_back(&mut self, reason: &str, seen: Option<u64>) -> Decision {
        if is_branch(&self.draft.run.id) {
            let kind = self.branch_rolls_back(reason);
            return self.controlled(kind);
        }
        if self.is_rolled_back() {
            return Ok(self.once_more(seen));
        }
        if let Some(seen) = seen {
            let found = self.draft.run.seq;
            if seen != found {
                return Err(Refusal::Moved { seen, found });
            }
            self.ended_without_doubt()?;
        }
        let kind = self.live(&RunEvent::RollBack(reason.to_owned()));
        if kind == Kind::Taken {
            self.give_dead_up();
        }
        self.controlled(kind)
    }

    fn is_rolled_back(&self) -> bool {
        matches!(self.draft.run.phase, Phase::Ended { status: Status::RolledBack, .. })
    }

    fn once_more(&mut self, seen: Option<u64>) -> Verdict {
        if seen.is_none() && self.draft.run.parent.is_some() {
            tell_parent(&mut self.draft, Status::RolledBack);
            return Verdict::Applied;
        }
        Verdict::Duplicate { first: None }
    }

    /// A branch is to take back what it did; where it has, or nothing is left to take back, it says so once more. One that goes on
    /// was told to end before.
    fn branch_rolls_back(&mut self, reason: &str) -> Kind {
        match self.draft.run.phase {
            Phase::Ended { status, .. } if status != Status::Done => {
                tell_parent(&mut self.draft, status);
                Kind::Taken
            }
            Phase::Ended { .. } | Phase::Unwinding { to: Status::RolledBack, .. } => {
                self.live(&RunEvent::RollBack(reason.to_owned()))
            }
            Phase::Active | Phase::Paused { .. } | Phase::Queued { .. } | Phase::Unwinding { .. } => {
                Kind::Refused
            }
        }
    }

    /// Returns whether what the runs did that this one started is taken back with it.
    pub(super) fn takes_children_back(&self) -> bool {
        let goes_back = matches!(self.draft.run.phase, Phase::Unwinding { to: Status::RolledBack, .. });
        goes_back && !is_branch(&self.draft.run.id)
    }

    /// Tells a child run to take back what it did; it is waited for.
    pub(super) fn call_back(&mut self, effect: &EffectId, child: String) {
        self.fact(Fact::ChildCalledBack { effect: effect.clone() });
        let reason = format!("its parent \"{}\" is taken back", self.draft.run.id);
        self.draft.post(InstanceId::run(child), Event::RunRolledBack { reason, seen: None });
    }

    /// Returns whether a child run was told to take back what it did, and has not said that it has.
    pub(super) fn is_returning(&self, effect: &EffectId) -> bool {
        let child = self.draft.run.effects.get(effect).and_then(|state| state.child.as_ref());
        child.is_some_and(|child| child.is_returning)
    }

    /// A child that was told to take back what it did says how it ended. It may have said so before it heard of that.
    pub(super) fn child_came_back(&mut self, effect: &EffectId, status: &str) -> Verdict {
        let is_over = status == Status::RolledBack.word() || status == Status::Killed.word();
        if !is_over {
            return if self.draft.is_empty() { Verdict::Stale } else { Verdict::Applied };
        }
        self.fact(Fact::ChildEnded { effect: effect.clone() });
        Verdict::Applied
    }

    /// Returns whether an undo that was under way came to nothing: its run was killed, and it is not to be sent again. What it was to
    /// take back is due again.
    pub(super) fn was_let_go(&self, undo: &EffectId) -> bool {
        let state = self.draft.run.effects.get(undo);
        state.is_some_and(|state| matches!(state.life.phase, EffectPhase::Withdrawn | EffectPhase::Dropped))
    }
}
