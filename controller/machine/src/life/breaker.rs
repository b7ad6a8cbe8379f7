//! The life of the circuit breaker of one verb. The host keeps one row for each verb and asks this machine.
//!
//! | state | event => next |
//! |---|---|
//! | closed | success => closed, no failures · failure => closed, one more; open at the threshold · admit: pass |
//! | open | admit before its moment: wait · admit after it => half open, pass · late answers of earlier calls: late |
//! | half open | admit: wait, one trial at a time; a trial that never answered is replaced after a pause · success => closed · failure => open, twice as long |
//!
//! Runs that wait behind it use no attempts.

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
    /// Calls pass.
    Closed {
        /// Failures in a row.
        failures: u32,
    },
    /// Calls wait.
    Open {
        /// Until then.
        until: Stamp,
        /// How long this time, in milliseconds.
        pause: u64,
    },
    /// One trial call is under way.
    HalfOpen {
        /// When another trial may replace it.
        until: Stamp,
        /// How long it was open before, in milliseconds.
        pause: u64,
    },
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
        (BreakerPhase::Closed { .. } | BreakerPhase::HalfOpen { .. }, BreakerEvent::Success) => {
            Outcome::Transition(BreakerPhase::Closed { failures: 0 })
        }
        (BreakerPhase::Closed { failures }, BreakerEvent::Failure(_)) if failures + 1 < breaker.threshold => {
            Outcome::Transition(BreakerPhase::Closed { failures: failures + 1 })
        }
        (BreakerPhase::Closed { .. }, BreakerEvent::Failure(at)) => open(at, breaker.first, answer),
        (BreakerPhase::HalfOpen { pause, .. }, BreakerEvent::Failure(at)) => {
            open(at, pause.saturating_mul(2).min(breaker.longest), answer)
        }
        (
            BreakerPhase::Open { until, pause } | BreakerPhase::HalfOpen { until, pause },
            BreakerEvent::Admit(now),
        ) => admit(now, until, pause, answer),
        (BreakerPhase::Open { .. }, BreakerEvent::Success | BreakerEvent::Failure(_)) => answer.late(),
    }
}

fn open(at: Stamp, pause: u64, answer: &mut Answer<BreakerAction>) -> Outcome<BreakerPhase> {
    let until = at.plus(pause);
    answer.act(BreakerAction::Opened(until));
    Outcome::Transition(BreakerPhase::Open { until, pause })
}

fn admit(now: Stamp, until: Stamp, pause: u64, answer: &mut Answer<BreakerAction>) -> Outcome<BreakerPhase> {
    if now < until {
        answer.act(BreakerAction::Wait(until));
        return Outcome::Handled;
    }
    answer.act(BreakerAction::Pass);
    Outcome::Transition(BreakerPhase::HalfOpen { until: now.plus(pause), pause })
}
