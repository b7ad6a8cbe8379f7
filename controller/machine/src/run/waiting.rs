//! Why a run waits: the wake-up causes that law 11 demands.

use serde::{Deserialize, Serialize};

use super::{Branches, EffectPhase, EffectState, Phase, Purpose, Run, Wait};
use crate::{
    branch::{BranchId, Round},
    event::TimerId,
    id::{EffectId, Stamp},
    life::mailbox::MailboxId,
};

/// What will move a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum WakeUp {
    /// A stored timer.
    Timer {
        /// The timer that the run waits for.
        timer: TimerId,
        /// When it fires.
        at: Stamp,
    },
    /// An effect in the outbox, or one that the host performs.
    Effect {
        /// The effect that the run waits for.
        effect: EffectId,
        /// `queued`, `leased`, `waiting_for_budget`, …
        phase: String,
        /// Until when, where that is known.
        until: Option<Stamp>,
    },
    /// A gate that waits for a person.
    Gate {
        /// The id of that gate.
        gate: String,
        /// When it lapses.
        expires: Stamp,
    },
    /// An effect that only the operator can settle.
    Operator {
        /// The effect that is dead or in doubt.
        effect: EffectId,
        /// What is wrong with it, for people.
        message: String,
    },
    /// A child run.
    Child {
        /// The effect that started it.
        effect: EffectId,
        /// The child's id.
        run: String,
    },
    /// Branches, that go on or take back what they did.
    Branches {
        /// The step that began them.
        step: String,
        /// How many of them have not said how they ended.
        open: u32,
        /// The name of the first one.
        first: String,
    },
    /// A signal that somebody sends.
    Signal {
        /// Where it is sent.
        mailbox: MailboxId,
        /// When the run gives up.
        until: Stamp,
    },
    /// The turn of the run, which other runs of its playbook have before it.
    Turn {
        /// When it has stood for too long.
        until: Stamp,
    },
    /// The pause that the run is in.
    Paused {
        /// Why it was paused, for people.
        reason: String,
    },
}

impl Run {
    /// Returns everything that will move the run, the nearest reason first; never empty before its end (law 11).
    #[must_use]
    pub fn waiting(&self) -> Vec<WakeUp> {
        if self.is_ended() {
            return Vec::new();
        }
        let mut causes = Vec::new();
        if let Phase::Paused { reason, .. } = &self.phase {
            causes.push(WakeUp::Paused { reason: reason.clone() });
        }
        causes.extend(self.timers.get(&TimerId::Queue).map(|until| WakeUp::Turn { until: *until }));
        causes.extend(self.effects.iter().filter_map(|(id, state)| effect_cause(id, state)));
        causes.extend(
            self.branches.iter().filter_map(|(round, branches)| self.branches_cause(round, branches)),
        );
        causes.extend(
            self.open_gates().map(|gate| WakeUp::Gate { gate: gate.id.clone(), expires: gate.card.expires }),
        );
        let wait = self.position.as_ref().map(|position| &position.wait);
        if let Some(Wait::Signal { mailbox, until }) = wait {
            causes.push(WakeUp::Signal { mailbox: mailbox.clone(), until: *until });
        }
        // The end of a wait for a signal is told with the signal.
        let is_told = |wait: Option<&Wait>| matches!(wait, Some(Wait::Signal { .. }));
        let timers =
            self.timers.iter().filter(|(timer, _)| matches!(timer, TimerId::Wait(_)) && !is_told(wait));
        causes.extend(timers.map(|(timer, at)| WakeUp::Timer { timer: timer.clone(), at: *at }));
        causes
    }

    fn branches_cause(&self, round: &Round, branches: &Branches) -> Option<WakeUp> {
        let index = branches.live_ones().last().or_else(|| branches.returning_ones().last())?;
        let first = BranchId { parent: self.id.clone(), round: round.clone(), index };
        let open = branches.live() + branches.returning();
        Some(WakeUp::Branches { step: round.step.clone(), open, first: first.to_string() })
    }

    /// Returns whether something other than the deadline will move the run (law 11).
    #[must_use]
    pub fn has_wake_up_cause(&self) -> bool {
        let waits_by_timer = match self.position.as_ref().map(|position| &position.wait) {
            Some(Wait::Until { .. } | Wait::Signal { .. }) => {
                self.timers.keys().any(|timer| matches!(timer, TimerId::Wait(_)))
            }
            Some(Wait::Effect(_) | Wait::Gate(_) | Wait::Resume | Wait::Branches(_)) | None => true,
        };
        self.is_ended() || (waits_by_timer && !self.waiting().is_empty())
    }
}

fn effect_cause(id: &EffectId, state: &EffectState) -> Option<WakeUp> {
    let effect = id.clone();
    let phase = &state.life.phase;
    if let Some(child) = state.child.as_ref().filter(|child| !child.has_ended) {
        return Some(WakeUp::Child { effect, run: child.run.clone() });
    }
    let until = match phase {
        EffectPhase::Dead { message, .. } if matches!(state.purpose, Purpose::Undo(_)) => {
            return Some(WakeUp::Operator { effect, message: message.clone() });
        }
        EffectPhase::Queued => None,
        EffectPhase::Leased { until }
        | EffectPhase::BackingOff { until }
        | EffectPhase::Deferred { until, .. } => Some(*until),
        EffectPhase::Unknown { message, asked_operator: true } => {
            return Some(WakeUp::Operator { effect, message: message.clone() });
        }
        _ => return None,
    };
    Some(WakeUp::Effect { effect, phase: phase.word().to_owned(), until })
}
