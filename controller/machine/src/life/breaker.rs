//! The life of the circuit breaker of one verb. The host keeps one row for each verb and asks this machine.
//!
//! | state | event => next |
//! |---|---|
//! | closed | success => closed, no failures · failure => closed, one more; open at the threshold · admit: pass |
//! | open | admit before its moment: wait · admit after it => half open, pass · late answers of earlier calls: late |
//! | half open | admit: one trial at a time, then two, then four; the others wait · a trial that never answered is replaced after a pause · success => half open with twice the room, closed once it is wide enough · failure => open, twice as long |
//!
//! Runs that wait behind it use no attempts. Who just came back is not run over by everybody who waited: each success doubles
//! how many may be under way.

use serde::{Deserialize, Serialize};
use statig::Outcome;

use super::{Answer, machine};
use crate::id::Stamp;

/// What never changes about a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures in a row open it.
    pub threshold: u32,
    /// How long it stays open at first, in milliseconds.
    pub first: u64,
    /// How long it stays open at most, in milliseconds.
    pub longest: u64,
}

/// The default: five failures in a row; half a minute, at most ten minutes.
impl Default for Breaker {
    fn default() -> Self {
        Self { threshold: 5, first: 30_000, longest: 600_000 }
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "breaker")]
pub enum BreakerPhase {
    /// Calls pass, and failures are counted.
    Closed {
        /// Failures in a row.
        failures: u32,
    },
    /// Calls wait until a moment; then one is tried.
    Open {
        /// When a call may be tried again.
        until: Stamp,
        /// How long this time, in milliseconds.
        pause: u64,
    },
    /// A few trial calls are under way.
    HalfOpen {
        /// When another trial may replace one that never answered.
        until: Stamp,
        /// How long it was open before, in milliseconds.
        pause: u64,
        /// How many may be under way at once.
        #[serde(default = "one")]
        room: u32,
        /// How many trials are under way.
        #[serde(default = "one")]
        out: u32,
    },
}

/// So many trials at once that worked close the breaker.
const WIDE: u32 = 8;

fn one() -> u32 {
    1
}

impl BreakerPhase {
    /// Returns the phase with no moment beyond its own pause from now, where it has such a one: a clock that was ahead set it.
    /// It must be written, else it would move along with the clock for ever.
    #[must_use]
    pub fn drawn_in(self, now: Stamp) -> Option<Self> {
        match self {
            Self::Open { until, pause } if until > now.plus(pause) => {
                Some(Self::Open { until: now.plus(pause), pause })
            }
            Self::HalfOpen { until, pause, room, out } if until > now.plus(pause) => {
                Some(Self::HalfOpen { until: now.plus(pause), pause, room, out })
            }
            Self::Closed { .. } | Self::Open { .. } | Self::HalfOpen { .. } => None,
        }
    }
}

/// What can happen to a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerEvent {
    /// A call wants to pass.
    Admit(Stamp),
    /// A call worked, or failed for a reason of its own.
    Success,
    /// A call failed for a reason of the other side: transient, rate limited, auth, unknown.
    Failure(Stamp),
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerAction {
    /// The call passes.
    Pass,
    /// The call waits until then.
    Wait(Stamp),
    /// The breaker opened: worth a notice.
    Opened(Stamp),
}

machine!(Breaker, BreakerPhase, BreakerEvent, BreakerAction, BreakerPhase::Closed { failures: 0 }, on);

fn on(
    breaker: &Breaker,
    phase: &BreakerPhase,
    event: &BreakerEvent,
    answer: &mut Answer<BreakerAction>,
) -> Outcome<BreakerPhase> {
    match (*phase, *event) {
        (BreakerPhase::Closed { .. }, BreakerEvent::Admit(_)) => {
            answer.act(BreakerAction::Pass);
            Outcome::Handled
        }
        (BreakerPhase::Closed { .. }, BreakerEvent::Success) => {
            Outcome::Transition(BreakerPhase::Closed { failures: 0 })
        }
        (BreakerPhase::HalfOpen { until, pause, room, out }, BreakerEvent::Success) => {
            widen(BreakerPhase::HalfOpen {
                until,
                pause,
                room: room.saturating_mul(2),
                out: out.saturating_sub(1),
            })
        }
        (BreakerPhase::Closed { failures }, BreakerEvent::Failure(_)) if failures + 1 < breaker.threshold => {
            Outcome::Transition(BreakerPhase::Closed { failures: failures + 1 })
        }
        (BreakerPhase::Closed { .. }, BreakerEvent::Failure(at)) => open(at, breaker.first, answer),
        (BreakerPhase::HalfOpen { pause, .. }, BreakerEvent::Failure(at)) => {
            open(at, pause.saturating_mul(2).min(breaker.longest), answer)
        }
        (BreakerPhase::Open { until, pause }, BreakerEvent::Admit(now)) => {
            if now < until {
                return wait(until, answer);
            }
            pass(BreakerPhase::HalfOpen { until: now.plus(pause), pause, room: 1, out: 1 }, answer)
        }
        (BreakerPhase::HalfOpen { until, pause, room, out }, BreakerEvent::Admit(now)) => {
            let is_lost = now >= until;
            let out = if out < room { out + 1 } else { out };
            let until_then = if is_lost { now.plus(pause) } else { until };
            let trial = BreakerPhase::HalfOpen { until: until_then, pause, room, out };
            if !is_lost && *phase == trial {
                return wait(until, answer);
            }
            pass(trial, answer)
        }
        (BreakerPhase::Open { .. }, BreakerEvent::Success | BreakerEvent::Failure(_)) => answer.late(),
    }
}

/// Closes a breaker behind which enough calls worked.
fn widen(phase: BreakerPhase) -> Outcome<BreakerPhase> {
    match phase {
        BreakerPhase::HalfOpen { room, .. } if room >= WIDE => {
            Outcome::Transition(BreakerPhase::Closed { failures: 0 })
        }
        other => Outcome::Transition(other),
    }
}

fn open(at: Stamp, pause: u64, answer: &mut Answer<BreakerAction>) -> Outcome<BreakerPhase> {
    let until = at.plus(pause);
    answer.act(BreakerAction::Opened(until));
    Outcome::Transition(BreakerPhase::Open { until, pause })
}

fn wait(until: Stamp, answer: &mut Answer<BreakerAction>) -> Outcome<BreakerPhase> {
    answer.act(BreakerAction::Wait(until));
    Outcome::Handled
}

/// Lets a call pass as a trial.
fn pass(trial: BreakerPhase, answer: &mut Answer<BreakerAction>) -> Outcome<BreakerPhase> {
    answer.act(BreakerAction::Pass);
    Outcome::Transition(trial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::life::{Driven, Lifecycle};

    fn passes(phase: &mut BreakerPhase, now: i64) -> bool {
        let Driven { state, answer } = Breaker::default().drive(phase, &BreakerEvent::Admit(Stamp(now)));
        *phase = state;
        answer.actions == [BreakerAction::Pass]
    }

    fn tell(phase: &mut BreakerPhase, event: BreakerEvent) {
        *phase = Breaker::default().drive(phase, &event).state;
    }

    /// Returns how many of a crowd pass at one moment.
    fn crowd(phase: &mut BreakerPhase, now: i64) -> usize {
        (0..100).filter(|_| passes(phase, now)).count()
    }

    #[test]
    fn who_comes_back_is_tried_by_one_and_then_by_more_and_more() {
        let mut phase = BreakerPhase::Open { until: Stamp(100), pause: 50 };
        assert_eq!(crowd(&mut phase, 99), 0);
        assert_eq!(crowd(&mut phase, 100), 1);
        tell(&mut phase, BreakerEvent::Success);
        assert_eq!(crowd(&mut phase, 101), 2);
        tell(&mut phase, BreakerEvent::Success);
        assert_eq!(crowd(&mut phase, 102), 3, "one is still out, and four may be");
        tell(&mut phase, BreakerEvent::Success);
        assert_eq!(phase, BreakerPhase::Closed { failures: 0 });
    }

    #[test]
    fn one_failure_of_a_trial_shuts_it_again_for_twice_as_long() {
        let mut phase = BreakerPhase::Open { until: Stamp(100), pause: 50 };
        assert_eq!(crowd(&mut phase, 100), 1);
        tell(&mut phase, BreakerEvent::Success);
        assert_eq!(crowd(&mut phase, 101), 2);
        tell(&mut phase, BreakerEvent::Failure(Stamp(110)));
        assert_eq!(phase, BreakerPhase::Open { until: Stamp(210), pause: 100 });
    }

    #[test]
    fn a_moment_that_a_clock_ahead_has_set_is_drawn_in_once() {
        let year = 31_536_000_000;
        let phase = BreakerPhase::Open { until: Stamp(year), pause: 50 };
        let right = phase.drawn_in(Stamp(7)).unwrap();
        assert_eq!(right, BreakerPhase::Open { until: Stamp(57), pause: 50 });
        assert_eq!(right.drawn_in(Stamp(8)), None);
        let half = BreakerPhase::HalfOpen { until: Stamp(year), pause: 50, room: 1, out: 1 };
        assert!(half.drawn_in(Stamp(7)).is_some_and(|half| half.drawn_in(Stamp(7)).is_none()));
    }
}
