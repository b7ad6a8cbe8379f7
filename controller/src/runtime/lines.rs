//! The lines of what waits, kept by the runtime: who goes on asks for its place again. What a line is, is the machine's: `machine::wait`.

use std::sync::{MutexGuard, PoisonError};

use adjutant_machine::{
    id::{EffectId, Stamp},
    projection::Lane,
    wait::{Cause, InLine, Lines, Ticket, Waiter},
};

use super::{core::Core, pauses};

impl Core {
    fn lines(&self) -> MutexGuard<'_, Lines<Lane>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how often anything moved that effects wait for: read before a decision, and compared after it.
    pub(super) fn moves(&self) -> u64 {
        self.lines().moves()
    }

    /// Returns whether nobody waits for this cause before the effect does.
    pub(super) fn is_first(&self, cause: &Cause, effect: &EffectId) -> bool {
        self.lines().is_first(cause, effect)
    }

    /// Puts an effect into a line; where its cause moved since it was decided on, it is decided again.
    pub(super) fn stand(&self, effect: EffectId, lane: Lane, ticket: Ticket) {
        let (again, next) = {
            let mut lines = self.lines();
            match lines.stand(Waiter { effect: effect.clone(), kept: lane }, ticket) {
                Ok(()) => (None, lines.decided(&effect)),
                Err(moved) => (Some(moved), None),
            }
        };
        self.go_on(again.into_iter().chain(next));
        self.wheel.look_again();
    }

    /// Notes that an effect was decided on: whoever stood behind it goes on.
    pub(super) fn decided(&self, effect: &EffectId) {
        let next = self.lines().decided(effect);
        self.go_on(next);
    }

    /// Notes that a cause moved: who waits for it goes on.
    pub(super) fn moved(&self, cause: &Cause) {
        let next = self.lines().moved(cause);
        self.go_on(next);
    }

    /// Notes that everything may have moved but the pauses.
    pub(super) fn all_moved(&self) {
        let next = self.lines().all_moved();
        self.go_on(next);
        self.doors.send_modify(|moves| *moves += 1);
    }

    /// Lets go on whose moment has come.
    pub(super) fn line_alarms(&self, now: Stamp) {
        let next = self.lines().due(now);
        self.go_on(next);
    }

    /// Returns where an effect stands, where it waits for something.
    pub(super) fn place(&self, effect: &EffectId) -> Option<InLine> {
        self.lines().place(effect)
    }

    /// Returns how many effects stand in lines.
    pub(super) fn standing(&self) -> usize {
        self.lines().count()
    }

    /// Returns the next moment at which there is something to do.
    pub(super) fn next_alarm(&self) -> Option<Stamp> {
        let lines = self.lines().next();
        let pauses = pauses::next_end(&self.live());
        [self.wheel.next(), lines, pauses].into_iter().flatten().min()
    }

    fn go_on(&self, next: impl IntoIterator<Item = Waiter<Lane>>) {
        for Waiter { effect, kept: lane } in next {
            // Whatever its attempt, it has let others pass in its line already.
            self.enqueue(effect, &lane, 1);
        }
    }
}
