//! The life of a gate.
//!
//! | state | event => next |
//! |---|---|
//! | open | approve => approved · edit => edited · deny => denied · expire => expired · supersede => superseded · withdraw => withdrawn |
//! | approved, edited | supersede => superseded (what it showed changed before it acted) · the same again: repeated · the opposite: refused |
//! | denied | deny: repeated · the opposite: refused |
//! | expired, superseded, withdrawn | expire: late · withdraw: late · a decision: refused |

use statig::Outcome;

use super::{Answer, machine};
use crate::run::GatePhase;

/// What never changes about a gate's life: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct GateLife;

/// What can happen to a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateEvent {
    /// Yes, as shown.
    Approve,
    /// Yes, with changed values.
    Edit,
    /// No: what it asks about does not happen.
    Deny,
    /// Its time is over.
    Expire,
    /// What it showed has changed.
    Supersede,
    /// Its run no longer asks.
    Withdraw,
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateAction {
    /// The timer is no longer needed.
    Disarm,
    /// Whoever asked goes on with the answer.
    Answer,
}

machine!(GateLife, GatePhase, GateEvent, GateAction, GatePhase::Open, on);

fn on(
    _: &GateLife,
    phase: &GatePhase,
    event: &GateEvent,
    answer: &mut Answer<GateAction>,
) -> Outcome<GatePhase> {
    match (phase, event) {
        (GatePhase::Open, event) => open(*event, answer),
        (GatePhase::Approved | GatePhase::Edited, GateEvent::Supersede) => {
            Outcome::Transition(GatePhase::Superseded)
        }
        (GatePhase::Approved, GateEvent::Approve)
        | (GatePhase::Edited, GateEvent::Edit)
        | (GatePhase::Denied, GateEvent::Deny) => answer.repeated(),
        (_, GateEvent::Expire | GateEvent::Withdraw) => answer.late(),
        _ => Outcome::Super,
    }
}

fn open(event: GateEvent, answer: &mut Answer<GateAction>) -> Outcome<GatePhase> {
    answer.act(GateAction::Disarm);
    let (next, answers) = match event {
        GateEvent::Approve => (GatePhase::Approved, true),
        GateEvent::Edit => (GatePhase::Edited, true),
        GateEvent::Deny => (GatePhase::Denied, true),
        GateEvent::Expire => (GatePhase::Expired, true),
        GateEvent::Supersede => (GatePhase::Superseded, false),
        GateEvent::Withdraw => (GatePhase::Withdrawn, false),
    };
    if answers {
        answer.act(GateAction::Answer);
    }
    Outcome::Transition(next)
}
