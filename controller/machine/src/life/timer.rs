//! The life of a stored timer.
//!
//! | state | event => next |
//! |---|---|
//! | absent | arm => armed · fire, clear: late |
//! | armed | arm => armed (moved) · fire at or after its moment => absent · fire before it: refused · clear => absent |
//!
//! A timer that fires once is gone: a second firing is late, never a second answer.

use statig::Outcome;

use super::{Answer, machine};
use crate::id::Stamp;

/// What never changes about a timer's life: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimerLife;

/// Where a timer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerPhase {
    /// It is not stored.
    Absent,
    /// It is stored.
    Armed {
        /// When it fires.
        at: Stamp,
    },
}

/// What can happen to a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerEvent {
    /// Somebody wants to be woken.
    Arm(Stamp),
    /// The host says that it is due, at this moment.
    Fire(Stamp),
    /// Nobody wants to be woken any more.
    Clear,
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerAction {
    /// Whoever wanted it is woken.
    Wake,
}

machine!(TimerLife, TimerPhase, TimerEvent, TimerAction, TimerPhase::Absent, on);

fn on(
    _: &TimerLife,
    phase: &TimerPhase,
    event: &TimerEvent,
    answer: &mut Answer<TimerAction>,
) -> Outcome<TimerPhase> {
    match (phase, event) {
        (_, TimerEvent::Arm(at)) => Outcome::Transition(TimerPhase::Armed { at: *at }),
        (TimerPhase::Armed { at }, TimerEvent::Fire(now)) if now >= at => {
            answer.act(TimerAction::Wake);
            Outcome::Transition(TimerPhase::Absent)
        }
        (TimerPhase::Armed { .. }, TimerEvent::Fire(_)) => Outcome::Super,
        (TimerPhase::Armed { .. }, TimerEvent::Clear) => Outcome::Transition(TimerPhase::Absent),
        (TimerPhase::Absent, TimerEvent::Fire(_) | TimerEvent::Clear) => answer.late(),
    }
}
