//! The state of an effect: what never changes about it, and its life.

use std::collections::BTreeSet;

use adjutant_spec::{
    plan::{Effect, Idempotency, Retry, StepId},
    value::Labels,
};
use serde::{Deserialize, Serialize};

use crate::{
    call::{Approval, Call},
    event::{Basis, Deferral, Denial, ErrorClass},
    id::{EffectId, Stamp},
    run::Part,
};

/// An effect of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectState {
    /// The step that wants it.
    pub step: StepId,
    /// Why it exists: for its step, to take one back, or to probe one.
    pub purpose: Purpose,
    /// What never changes about it.
    pub traits: Traits,
    /// What to do; forgotten once it is settled and nothing can take it back.
    pub call: Option<Part<Call>>,
    /// The labels of everything that is in it.
    pub labels: Labels,
    /// The gate decision that covers it.
    pub approval: Option<Approval>,
    /// The records that what was approved was made of: where one has moved since, a person is asked again before it acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis: Vec<Basis>,
    /// How long one attempt may take, in milliseconds.
    pub timeout: u64,
    /// Its life: phase, attempts and doubts.
    pub life: Life,
    /// The child run that it started, where it is one that does.
    pub child: Option<Child>,
}

/// A child run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// The child's id.
    pub run: String,
    /// Whether it has ended; one that takes back what it did has not.
    pub has_ended: bool,
    /// Whether it was told to take back what it did, and has not said that it has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_returning: bool,
    /// What becomes of it when its parent ends before it. It is here so that a kill, which reads no definition, knows.
    #[serde(default)]
    pub close: Close,
}

/// What becomes of a child run when its parent ends before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Close {
    /// The parent waits for it.
    #[default]
    Wait,
    /// The child is cancelled, and unwinds.
    Cancel,
    /// It goes on by itself.
    Detach,
}

impl Close {
    /// Returns what a step's `parent_close` says.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "cancel" => Self::Cancel,
            "detach" => Self::Detach,
            _ => Self::Wait,
        }
    }
}

/// Why an effect exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "for", content = "of")]
pub enum Purpose {
    /// Its step wants it.
    Step,
    /// It takes another effect back.
    Undo(EffectId),
    /// It asks whether another effect happened.
    Probe(EffectId),
}

/// What never changes about an effect: the shared storage of its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traits {
    /// Its id: the seed of its pauses.
    pub id: EffectId,
    /// What it does to the world.
    pub effect: Effect,
    /// What makes a repetition safe.
    pub idempotency: Idempotency,
    /// Whether its verb has a probe.
    pub has_probe: bool,
    /// How often and how soon it is tried again.
    pub retry: Retry,
    /// How long the other side keeps its key, in milliseconds; `None` where there is no key that could lapse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_valid: Option<u64>,
}

/// The life of an effect: what changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The attempt that is meant, from 1.
    pub attempt: u32,
    /// How many attempts there may be in all; the operator may add some.
    pub attempts: u32,
    /// Attempts of which nobody knows whether they happened.
    pub doubt: BTreeSet<u32>,
    /// How many attempts died with their host. They say nothing about the other side: `attempts` grows by each.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deaths: u32,
    /// When the first attempt left of which nobody knows whether it happened, else the last one: since then the key is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Stamp>,
    /// Whether its run unwinds or was killed: it is not sent again, whatever is learned of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unwanted: bool,
    /// The phase that its life is in.
    pub phase: EffectPhase,
}

/// Where an effect stands; the states of the life-cycle machine of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum EffectPhase {
    /// It lies in the outbox and may be leased.
    Queued,
    /// The host performs it.
    Leased {
        /// When the host counts as dead.
        until: Stamp,
    },
    /// A pause before the next attempt.
    BackingOff {
        /// When the next attempt may begin.
        until: Stamp,
    },
    /// The host may not start it yet.
    Deferred {
        /// What it waits for.
        reason: Deferral,
        /// When the host looks again.
        until: Stamp,
    },
    /// The run is paused: it is not in the outbox.
    Held,
    /// A person must agree first.
    WaitingForApproval {
        /// The id of the gate that asks the person.
        gate: String,
    },
    /// Nobody knows whether it happened.
    Unknown {
        /// Why nobody knows, for people.
        message: String,
        /// Whether the probe could not tell, or there is none: the operator was asked.
        asked_operator: bool,
    },
    /// It failed for good, and its run with it: in the dead-letter list.
    Dead {
        /// What sort of failure.
        class: ErrorClass,
        /// What the last failure said, for people.
        message: String,
    },
    /// It happened, and its answer is the step's.
    Succeeded,
    /// It failed, and the run took another edge.
    Failed {
        /// What sort of failure.
        class: ErrorClass,
        /// What the last failure said, for people.
        message: String,
    },
    /// A rule or a person forbade it.
    Denied {
        /// Which sort of rule.
        denial: Denial,
        /// The rule and its facts, or the person's reason.
        message: String,
    },
    /// It happened and was taken back.
    Undone,
    /// It did not happen and is no longer wanted.
    Withdrawn,
    /// The operator let it be.
    Dropped,
}

impl EffectState {
    /// Returns whether nothing more can happen to it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.life.phase.is_settled()
    }
}

impl Life {
    /// Returns the life of a new effect.
    #[must_use]
    pub fn new(attempts: u32, phase: EffectPhase) -> Self {
        Self {
            attempt: 1,
            attempts: attempts.max(1),
            doubt: BTreeSet::new(),
            deaths: 0,
            sent: None,
            unwanted: false,
            phase,
        }
    }

    /// Returns the same life in another phase.
    #[must_use]
    pub fn to(&self, phase: EffectPhase) -> Self {
        Self { phase, ..self.clone() }
    }
}

impl EffectPhase {
    /// Returns whether nothing more can happen to it; a dead effect is settled until it is tried again.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Queued
            | Self::Leased { .. }
            | Self::BackingOff { .. }
            | Self::Deferred { .. }
            | Self::Held
            | Self::WaitingForApproval { .. }
            | Self::Unknown { .. } => false,
            Self::Dead { .. }
            | Self::Succeeded
            | Self::Failed { .. }
            | Self::Denied { .. }
            | Self::Undone
            | Self::Withdrawn
            | Self::Dropped => true,
        }
    }

    /// Returns the word for people.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased { .. } => "leased",
            Self::BackingOff { .. } => "backing_off",
            Self::Deferred { reason: Deferral::BlockedByBreaker, .. } => "blocked_by_breaker",
            Self::Deferred { reason: Deferral::WaitingForSlot, .. } => "waiting_for_slot",
            Self::Deferred { reason: Deferral::WaitingForBudget, .. } => "waiting_for_budget",
            Self::Deferred { reason: Deferral::Held, .. } | Self::Held => "held",
            Self::WaitingForApproval { .. } => "waiting_for_approval",
            Self::Unknown { .. } => "unknown",
            Self::Dead { .. } => "dead",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Denied { .. } => "denied",
            Self::Undone => "undone",
            Self::Withdrawn => "withdrawn",
            Self::Dropped => "dropped",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
