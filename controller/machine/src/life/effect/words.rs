//! What can happen to an effect, and what follows from it.

use crate::{
    event::{Deferral, Denial, ErrorClass, Finding, Settlement},
    id::Stamp,
};

/// What can happen to an effect.
#[derive(Debug, Clone, PartialEq)]
pub enum EffectEvent {
    /// The host takes it.
    Lease(Leasing),
    /// The host may not start it yet.
    Defer {
        /// What it waits for.
        reason: Deferral,
        /// When the host looks again.
        until: Stamp,
    },
    /// A rule forbids it.
    Deny {
        /// Which sort of rule.
        denial: Denial,
        /// The rule and its facts, for people.
        message: String,
    },
    /// A person must agree first.
    Ask {
        /// The id of the gate that asks the person.
        gate: String,
    },
    /// A person agreed.
    Approve,
    /// The attempt answered that it happened.
    Succeed {
        /// Which attempt answered.
        attempt: u32,
    },
    /// An attempt definitely did not happen.
    Fail {
        /// Which attempt answered.
        attempt: u32,
        /// What sort of failure it was, and what may follow from it.
        failure: Failing,
    },
    /// An attempt is lost: nobody knows.
    Lose(Losing),
    /// Nothing of an attempt left: its door was shut.
    HoldBack {
        /// The attempt that is meant, from 1.
        attempt: u32,
    },
    /// A pause is over.
    Wake {
        /// The attempt that comes next, from 1.
        attempt: u32,
    },
    /// The probe answered.
    Found(Finding),
    /// The operator settles it.
    Settle(Settlement),
    /// The run pauses.
    Hold,
    /// The run goes on.
    Release,
    /// Nobody wants it any more.
    Withdraw,
    /// Its run was killed, and why.
    Abandon(String),
    /// The run failed with it.
    Bury,
    /// It was taken back.
    Undone,
}

/// How the host takes an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leasing {
    /// The attempt that is meant, from 1.
    pub attempt: u32,
    /// The moment of the event.
    pub at: Stamp,
    /// When the host counts as dead.
    pub until: Stamp,
}

/// How an attempt was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Losing {
    /// The attempt that is meant, from 1.
    pub attempt: u32,
    /// Who fell silent: the other side, or our own host.
    pub by: Loss,
    /// Why nobody knows what became of it, for people.
    pub message: String,
    /// Now, with the seed of the next pause.
    pub moment: Moment,
}

/// Who fell silent when an attempt was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The other side, or the way to it.
    Unanswered,
    /// The host that made the attempt.
    HostDied,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// What sort of failure it was: whether another attempt may help.
    pub class: ErrorClass,
    /// What the other side said, for people.
    pub message: String,
    /// The pause that the other side asks for, in milliseconds.
    pub retry_after: Option<u64>,
    /// Now, with the seed of the pause.
    pub moment: Moment,
}

/// Now, with the seed of the next pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The moment of the event: the only time that is known here.
    pub at: Stamp,
    /// The journal's seed, of which the next pause is made.
    pub seed: u64,
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectAction {
    /// It waits for its lease, unless its run is paused: then it is held.
    Enqueue,
    /// Ask its probe.
    Probe,
    /// Ask the operator, and say why.
    AskOperator(String),
    /// Its step goes on: it happened.
    Happened,
    /// Its step goes on: it failed for good.
    Failed(ErrorClass, String),
    /// Its step goes on: it was forbidden.
    Denied(Denial, String),
    /// Its step goes on: the operator let it be.
    Dropped,
    /// It counts as happened and is to be taken back.
    TakeBack,
}
