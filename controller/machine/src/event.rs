//! Events: what happened. The only way in, and the only things that carry time.
//!
//! Variants and fields are only added: history outlives code.

mod timer;

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{BundleId, OldestId, Stage, StepId},
    value::Money,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::timer::TimerId;
pub use crate::labelled::Labelled;
use crate::{
    about::About,
    branch::Round,
    id::{EffectId, Stamp},
    life::mailbox::{MailboxTold, SignalCame},
    purse::Purse,
    trust::Speaker,
};

/// An event with its moment and its id; a repeated id is answered `Duplicate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// When it happened, told by the host once.
    pub at: Stamp,
    /// Its id, unique in its instance: derived from what it answers (`<effect>#<attempt>`), or given by the sender.
    pub id: String,
    /// Who caused it: `operator`, a persona, `connector:<id>`, `agent:<id>`, `host`.
    pub by: String,
    /// What happened, as data.
    pub event: Event,
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A trigger, the operator, or another run started it.
    RunStarted(Box<RunStarted>),
    /// The host took an effect to perform it; money is reserved in the same batch.
    EffectLeased {
        /// The effect that is taken.
        effect: EffectId,
        /// Which attempt, from 1; the fence against late answers.
        attempt: u32,
        /// When the host counts as dead.
        until: Stamp,
        /// What was reserved for it.
        reserved: Option<Money>,
    },
    /// The host may not start an effect yet.
    EffectDeferred {
        /// The effect that has to wait.
        effect: EffectId,
        /// What it waits for.
        reason: Deferral,
        /// When to look again, where known.
        until: Option<Stamp>,
    },
    /// A rule forbids an effect for good.
    EffectDenied {
        /// The effect that is forbidden.
        effect: EffectId,
        /// Which sort of rule.
        denial: Denial,
        /// The rule and its facts, for people.
        message: String,
    },
    /// A live policy lets an effect act only after a person agreed: a gate opens for it.
    EffectNeedsApproval {
        /// The effect that a person must agree to.
        effect: EffectId,
        /// The rule and its facts, for people.
        rule: String,
    },
    /// Records that an approved effect was made of have moved since: it does not leave, and a person is asked again.
    EffectOutdated {
        /// The effect whose approval rested on those records.
        effect: EffectId,
        /// The records that moved, as they are now.
        moved: Vec<Basis>,
    },
    /// An effect happened.
    EffectSucceeded {
        /// The effect that happened.
        effect: EffectId,
        /// Which attempt answered.
        attempt: u32,
        /// Its answer, already checked against the verb's or agent's output schema by the host.
        value: Value,
        /// What it really cost.
        cost: Option<Money>,
        /// Where the answer comes from: model digest, usage, status, request digest.
        provenance: Value,
    },
    /// An effect definitely did not happen.
    EffectFailed {
        /// The effect that did not happen.
        effect: EffectId,
        /// Which attempt answered.
        attempt: u32,
        /// What sort of failure.
        class: ErrorClass,
        /// What the other side said, redacted.
        message: String,
        /// The pause that the other side asks for, in milliseconds.
        retry_after: Option<u64>,
        /// What the attempt cost all the same.
        cost: Option<Money>,
    },
    /// Nobody knows whether an effect happened.
    EffectUnknown {
        /// The effect that is in doubt.
        effect: EffectId,
        /// Which attempt was lost.
        attempt: u32,
        /// Why nobody knows, for people.
        message: String,
        /// Whether its host died with it: that says nothing about the other side, so it uses up no attempt.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        host_died: bool,
    },
    /// An attempt found the door shut before anything of it left: a pause came after its lease. It uses up no attempt.
    EffectHeldBack {
        /// The effect that was held back.
        effect: EffectId,
        /// The attempt that was held back, from 1.
        attempt: u32,
        /// What shuts the door, for people.
        reason: String,
    },
    /// The probe of an unknown effect answered.
    EffectProbed {
        /// The effect in doubt that the probe was asked about.
        effect: EffectId,
        /// What the probe found: it happened, it did not, or it cannot tell.
        finding: Finding,
    },
    /// The operator settled an unknown or dead effect.
    EffectSettled {
        /// The effect that is settled.
        effect: EffectId,
        /// What the operator knows or wants of it.
        settlement: Settlement,
        /// Why, for people, where the operator said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A stored timer is due. Stale ones are ignored by the machine.
    TimerFired {
        /// The timer whose moment has come.
        timer: TimerId,
    },
    /// A person decided a gate.
    GateDecided(Box<GateDecided>),
    /// A child run ended.
    ChildEnded {
        /// The effect that started it.
        effect: EffectId,
        /// `done`, `failed`, `cancelled` or `rolled_back`; `killed` where it takes nothing back any more.
        status: String,
        /// Its last values, by step.
        output: Value,
        /// Its id; absent where an older build told it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    },
    /// No further effect starts.
    RunPaused {
        /// Why it is paused, for people.
        reason: String,
    },
    /// Effects start again.
    RunResumed {
        /// Why; empty where nobody said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The run unwinds and ends as cancelled.
    RunCancelled {
        /// Why it is given up, for people.
        reason: String,
    },
    /// The run ends at once: nothing is undone, nothing is loaded.
    RunKilled {
        /// Why it is ended at once, for people.
        reason: String,
    },
    /// A failed run, or a dead effect, is tried again from a step.
    RunRetried {
        /// The step; the failed one when absent.
        step: Option<StepId>,
        /// Values corrected by the operator, by path.
        edits: BTreeMap<String, Value>,
        /// Who corrected them, and so how far they are trusted.
        #[serde(default)]
        speaker: Speaker,
        /// Why, for people, where somebody said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A person said what the text of a route step really is. The run goes on as it was: it is a lesson for the route.
    ClassCorrected {
        /// The route step; its last decision is meant.
        step: StepId,
        /// The right class; `None`: none of them.
        class: Option<String>,
    },
    /// The host's clock was ahead and is right again: moments further off than they could be are drawn in.
    ClockSetBack,
    /// A branch ended, or has taken back what it did, or nothing of it is in doubt any more.
    BranchEnded(Box<BranchEnded>),
    /// What a run did is taken back, although it may have ended, and what the runs did that it started; of a branch, with its run.
    RunRolledBack {
        /// Why it is taken back, for people.
        reason: String,
        /// The number of the last entry that a person saw who wants it; absent where the run that began it takes it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<u64>,
    },
    /// For a mailbox, and for no run: somebody waits for a signal, or sends one.
    MailboxTold(Box<MailboxTold>),
    /// A signal that a step waits for came.
    SignalCame(Box<SignalCame>),
    /// Nobody of its playbook works any more, and the run stood before all others: it begins.
    TurnCame,
}

/// A business record that a payload was made of, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Basis {
    /// The kind of the record that was read.
    pub record: String,
    /// The key of the record that was read.
    pub key: String,
    /// The version that was read; `0` where there was none.
    pub version: u64,
}

impl Event {
    /// Returns the effect that it is about.
    #[must_use]
    pub fn effect(&self) -> Option<&EffectId> {
        match self {
            Self::EffectLeased { effect, .. }
            | Self::EffectDeferred { effect, .. }
            | Self::EffectDenied { effect, .. }
            | Self::EffectNeedsApproval { effect, .. }
            | Self::EffectOutdated { effect, .. }
            | Self::EffectSucceeded { effect, .. }
            | Self::EffectFailed { effect, .. }
            | Self::EffectUnknown { effect, .. }
            | Self::EffectHeldBack { effect, .. }
            | Self::EffectProbed { effect, .. }
            | Self::EffectSettled { effect, .. }
            | Self::ChildEnded { effect, .. }
            | Self::TimerFired { timer: TimerId::Lease(effect, _) | TimerId::Backoff(effect, _) } => {
                Some(effect)
            }
            Self::RunStarted(_)
            | Self::TimerFired { .. }
            | Self::GateDecided(_)
            | Self::RunPaused { .. }
            | Self::RunResumed { .. }
            | Self::RunCancelled { .. }
            | Self::RunKilled { .. }
            | Self::RunRetried { .. }
            | Self::ClassCorrected { .. }
            | Self::ClockSetBack
            | Self::BranchEnded(_)
            | Self::MailboxTold(_)
            | Self::SignalCame(_)
            | Self::TurnCame
            | Self::RunRolledBack { .. } => None,
        }
    }
}

/// What a run begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The run's id.
    pub run: String,
    /// The playbook's id.
    pub playbook: String,
    /// The playbook's oldest id, which a rename does not change; absent where it never had another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<OldestId>,
    /// The bundle that it pins: its playbook and everything structural, by content.
    pub bundle: BundleId,
    /// Its idempotency key: the same key is the same run.
    pub key: String,
    /// The company revision in force.
    pub revision: String,
    /// How far the slice's effects reach the world.
    pub stage: Stage,
    /// Its inputs by name, with their labels.
    pub input: BTreeMap<String, Labelled>,
    /// The trigger's event, for the record.
    pub trigger: Value,
    /// The effect of the parent run that started it.
    pub parent: Option<EffectId>,
    /// Whether effects other than reads are only logged (`run --dry`).
    pub dry: bool,
    /// Whom it is about, where its playbook says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// Who gave the inputs, and so how far they are trusted at most; absent where a parent run did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Speaker>,
    /// What a branch hears of the signals to its run; absent of a run that is no branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hearing: Option<Hearing>,
    /// Its place in the queue of its playbook, where that lets one run work at a time: who has an earlier one is before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Stamp>,
    /// How many runs in a row led to it, each begun by a record that the one before it wrote; absent where a person, a connector or a
    /// schedule began it.
    #[serde(default, skip_serializing_if = "is_none_in_a_row")]
    pub chain: u32,
    /// The caps on money that hold for a branch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purses: Vec<Purse>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none_in_a_row(count: &u32) -> bool {
    *count == 0
}

/// Which signals are meant for a branch: those for the run that it is a part of, less those that were given before it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hearing {
    /// When the run began that it is a part of, the root: what is older is not meant for it.
    pub since: Stamp,
    /// The number of the last signal that its parent was given by each mailbox, by the names of their instances.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heard: BTreeMap<String, u64>,
}

/// What a branch tells its parent when it is over.
///
/// The value travels whole: values by digest are not there yet. It is what the steps of the branch yielded, and nothing of it is kept
/// anywhere but in the branch and in its parent's list of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchEnded {
    /// The step and its round.
    pub round: Round,
    /// Which of its branches.
    pub index: u32,
    /// How it ended: `done`, `failed`, `cancelled`, `killed`, `rolled_back`.
    pub status: String,
    /// Whether it ended well and did something that can be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stands: bool,
    /// Whether nobody knows yet of something that it began whether it happened: it says so once more when that is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubt: bool,
    /// Why, where it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it yielded.
    pub output: Labelled,
}

/// A person's answer to a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateDecided {
    /// The gate: `<run>.<step>` plus its visit, as its card shows it.
    pub gate: String,
    /// The digest of the card that the person saw.
    pub digest: String,
    /// What the person answers: yes, yes with changes, or no.
    pub decision: Decision,
    /// Why, for people.
    pub reason: Option<String>,
    /// Who decides, and so how far what is filled in or changed is trusted at most.
    #[serde(default)]
    pub speaker: Speaker,
}

/// The answers to a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// As shown; with the form's values where the gate has one.
    Approved {
        /// The values of the form, where the gate has one.
        form: Option<Value>,
    },
    /// With changed values, by the path that `show` names.
    Edited {
        /// Path to new value.
        values: BTreeMap<String, Value>,
    },
    /// No: what the gate asks about does not happen.
    Denied,
}

/// What a deferred effect waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deferral {
    /// The breaker of its verb is open.
    BlockedByBreaker,
    /// The rate of its verb is used up, or a pool is full.
    WaitingForSlot,
    /// A budget's window is used up.
    WaitingForBudget,
    /// A freeze, a pause or a disconnected connector.
    Held,
}

/// Which sort of rule forbids an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// A permission: outcome `denied`.
    Policy,
    /// A cap on money, an unknown model or price: outcome `over_budget`.
    Budget,
}

/// What sort of failure an effect met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// May work the next time.
    Transient,
    /// The other side had too many calls in too short a time.
    RateLimited,
    /// The secret is wrong or has lapsed.
    Auth,
    /// The other side refuses the arguments, or the answer breaks its schema.
    Invalid,
    /// Something moved in between.
    Conflict,
    /// The thing is no longer there.
    Gone,
    /// No model, connector or endpoint is configured for it.
    Unavailable,
    /// A model declined to answer.
    Refused,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It happened, with its answer.
    Happened(Value),
    /// It did not happen.
    DidNotHappen,
    /// The probe cannot tell.
    Unclear(String),
}

/// How the operator settles an unknown or dead effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// It happened, with its answer.
    Happened(Value),
    /// It did not happen: try again.
    DidNotHappen,
    /// Take it back.
    Undo,
    /// Leave it and take the error edge.
    Drop,
}
