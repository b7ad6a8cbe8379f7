//! A run in the queue of its playbook: it stands until its turn comes, and then begins, or begins again.
//!
//! ```text
//!  start, retry ──► queued ── its turn ──► active: from here on its deadline counts
//!                     │ 30 days, cancel, roll back
//!                     ▼
//!                  unwinding, beside the queue: nothing is taken back, or what it did before a retry is
//! ```
//! The time that it stands counts neither for its deadline nor for those of its scopes.

use super::{Decider, Decision};
use crate::{
    event::TimerId,
    fact::Fact,
    life::run::RunEvent,
    run::{MOST_STANDING, Phase},
};

impl Decider<'_> {
    /// Returns whether the run waits for its turn, be it paused or not.
    pub(super) fn is_standing(&self) -> bool {
        self.draft.run.stands_since().is_some()
    }

    /// Bounds how long the run may stand.
    pub(super) fn stand_in_queue(&mut self) {
        let at = self.draft.at().plus(MOST_STANDING);
        self.draft.set_timer(TimerId::Queue, at);
    }

    /// The turn of the run came: it takes the step at which it stands.
    pub(super) fn turn_came(&mut self) -> Decision {
        if !matches!(self.draft.run.phase, Phase::Queued { .. }) {
            let kind = self.live(&RunEvent::Turn);
            return self.controlled(kind);
        }
        self.draft.clear_timer(&TimerId::Queue);
        self.fact(Fact::TurnTaken { at: self.draft.at() });
        self.arm_deadline();
        if let Some(position) = self.draft.run.position.clone() {
            self.enter_scopes_again(&position.step);
        }
        let kind = self.live(&RunEvent::Turn);
        self.controlled(kind)
    }

    /// Who takes back what it did without having the turn goes beside the queue: it waits for nobody, and nobody for it. Otherwise it
    /// would work while another one does.
    pub(super) fn leave_queue(&mut self, next: &Phase) {
        let run = &self.draft.run;
        let has_no_turn = run.stands_since().is_some() || run.is_ended();
        if run.queues && !run.beside && has_no_turn && matches!(next, Phase::Unwinding { .. }) {
            self.fact(Fact::QueueLeft { for_now: true });
        }
    }
}
