//! The clock was set back: what a clock that was ahead has armed is drawn in to now and its own window.
//!
//! A run that nothing happened to while the clock was ahead has nothing to put right. Of the others, a wait, a gate and a deadline keep the
//! length that they had, counted from now; a lease and a pause keep what was left of them.

use super::Decider;
use crate::{
    event::TimerId,
    fact::Fact,
    id::{EffectId, Stamp},
    run::{EffectPhase, LEASE_GRACE, Position, Wait},
    verdict::Verdict,
};

impl Decider<'_> {
    /// Draws in the timers of the run.
    pub(super) fn clock_set_back(&mut self) -> Verdict {
        let now = self.draft.at();
        if self.draft.run.updated_at <= now {
            return Verdict::Stale;
        }
        let timers = &self.draft.run.timers;
        let nearer = timers.iter().filter_map(|(timer, at)| Some((timer.clone(), self.nearer(timer, *at)?)));
        let nearer: Vec<(TimerId, Stamp)> = nearer.collect();
        if nearer.is_empty() {
            return Verdict::Stale;
        }
        for (timer, at) in nearer {
            self.draw_in(&timer, at);
            self.draft.set_timer(timer, at);
        }
        Verdict::Applied
    }

    /// Returns when a timer should fire that a clock ahead has set; nothing where it did not.
    fn nearer(&self, timer: &TimerId, at: Stamp) -> Option<Stamp> {
        let (run, now) = (&self.draft.run, self.draft.at());
        let since = match timer {
            TimerId::Deadline => run.turn.unwrap_or(run.started_at),
            TimerId::Queue => run.stands_since()?,
            TimerId::Wait(step) => run.position.as_ref().filter(|position| position.step == *step)?.since,
            TimerId::Gate(gate) => run.gates.get(gate)?.opened,
            TimerId::Scope(step) => run.scopes.iter().find(|scope| scope.round.step == *step)?.since,
            TimerId::Lease(effect, _) => {
                return self.within(at, run.effects.get(effect)?.timeout.saturating_add(LEASE_GRACE));
            }
            TimerId::Backoff(effect, _) => {
                return self.within(at, run.effects.get(effect)?.traits.retry.backoff.longest.millis());
            }
        };
        // What was drawn in before fires before the moment at which it seems to have been set.
        let length = u64::try_from(at.0.saturating_sub(since.0)).ok()?;
        (since > now).then(|| now.plus(length))
    }

    /// Returns the moment of something that never takes longer than `most`: what was left of it when the run moved last.
    fn within(&self, at: Stamp, most: u64) -> Option<Stamp> {
        let now = self.draft.at();
        let left = u64::try_from(at.0.saturating_sub(self.draft.run.updated_at.0)).unwrap_or(0);
        (at > now.plus(most)).then(|| now.plus(left.min(most)))
    }

    /// Lets what a timer belongs to say the same moment as the timer.
    fn draw_in(&mut self, timer: &TimerId, at: Stamp) {
        match timer {
            TimerId::Lease(effect, _) | TimerId::Backoff(effect, _) => self.draw_in_effect(effect, at),
            TimerId::Wait(_) => {
                let since = self.draft.at();
                let Some(Position { step, visit, wait, .. }) = self.draft.run.position.clone() else {
                    return;
                };
                let wait = match wait {
                    Wait::Until { outcome, .. } => Wait::Until { at, outcome },
                    Wait::Signal { mailbox, .. } => Wait::Signal { mailbox, until: at },
                    Wait::Effect(_) | Wait::Gate(_) | Wait::Resume | Wait::Branches(_) => return,
                };
                self.stand(Some(Position { step, visit, since, wait }));
            }
            TimerId::Deadline | TimerId::Queue | TimerId::Gate(_) | TimerId::Scope(_) => {}
        }
    }

    fn draw_in_effect(&mut self, effect: &EffectId, at: Stamp) {
        let Some(state) = self.draft.run.effects.get(effect) else { return };
        let phase = match &state.life.phase {
            EffectPhase::Leased { .. } => EffectPhase::Leased { until: at },
            EffectPhase::BackingOff { .. } => EffectPhase::BackingOff { until: at },
            EffectPhase::Deferred { reason, .. } => EffectPhase::Deferred { reason: *reason, until: at },
            _ => return,
        };
        let life = state.life.to(phase);
        self.fact(Fact::EffectMoved { effect: effect.clone(), life });
    }
}
