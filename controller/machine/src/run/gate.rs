//! The state of a gate: the card that a person sees, and what they answered.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{Effect, Risk, StepId},
    value::{Labels, Path},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    event::Decision,
    id::{EffectId, Stamp},
    trust::Speaker,
};

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its id, `<run>.<step>.<number>`: a later gate of the same step has a higher number.
    pub id: String,
    /// What it is about.
    pub subject: GateSubject,
    /// What the person sees.
    pub card: Card,
    /// blake3 over the canonical JSON of bundle, step, number and card.
    pub digest: String,
    /// When it was opened.
    pub opened: Stamp,
    /// The phase that its life is in.
    pub phase: GatePhase,
    /// The answer, once there is one.
    pub decided: Option<Decided>,
    /// The step to go on with after a yes, where the gate was opened again by the step that it covers.
    pub resume: Option<StepId>,
}

/// What a gate is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "subject", content = "of")]
pub enum GateSubject {
    /// A gate step of the playbook.
    Step,
    /// One effect: the slice only advises, or a policy asks.
    Effect(EffectId),
    /// The person stands in for the model of an agent step.
    Agent(EffectId),
}

/// Where a gate stands; the states of the life-cycle machine of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatePhase {
    /// It waits for a person.
    Open,
    /// Yes, as shown.
    Approved,
    /// Yes, with changed values.
    Edited,
    /// No: what it asks about does not happen.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// What it showed has changed; another gate asks again.
    Superseded,
    /// Its run ended or unwinds.
    Withdrawn,
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// What was answered: yes, yes with changes, or no.
    pub decision: Decision,
    /// Who answered, such as `operator`.
    pub by: String,
    /// When it was answered.
    pub at: Stamp,
    /// Why, where the person said so.
    pub reason: Option<String>,
    /// The digest of the card that was shown.
    pub digest: String,
    /// The digest of what is approved: another one after an edit.
    pub approved: String,
    /// How far the decider's words are trusted.
    #[serde(default)]
    pub speaker: Speaker,
}

/// What a person sees: its digest is what is approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The id of the step that asks, or whose effect is asked about.
    pub step: StepId,
    /// The question, as one sentence for people.
    pub question: String,
    /// How much is at stake.
    pub risk: Risk,
    /// Why it is asked: `gate`, `auto refused`, `stage advise`, `policy …`, `no model`.
    pub why: String,
    /// The values that it shows, by path.
    pub show: BTreeMap<Path, Shown>,
    /// The calls that a yes lets happen.
    pub effects: Vec<CoveredCall>,
    /// The moment at which the question lapses.
    pub expires: Stamp,
    /// JSON Schema of what the person fills in.
    pub form: Option<Value>,
    /// The paths that may be edited.
    pub editable: Vec<Path>,
    /// What an earlier card showed and is now otherwise: path or argument to the earlier value.
    pub changed: BTreeMap<String, Value>,
}

/// A value on a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The value as the person sees it.
    pub value: Value,
    /// Its labels: what comes from outside is marked.
    pub labels: Labels,
}

/// A call that a gate covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoveredCall {
    /// The id of the step that will make the call.
    pub step: StepId,
    /// The verb's full name.
    pub verb: String,
    /// What it does to the world.
    pub effect: Effect,
    /// Its arguments, as they will be.
    pub args: Value,
    /// The labels of the arguments.
    pub labels: Labels,
    /// The call that takes it back, with marked holes for what is known only afterwards.
    pub undo: Option<CoveredUndo>,
}

/// The undo of a covered call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoveredUndo {
    /// The verb's full name.
    pub verb: String,
    /// Its arguments; holes are written `⟨steps.send.id⟩`.
    pub args: Value,
}

/// An approved payload: what a covered step may do, and only that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The gate that covers.
    pub gate: String,
    /// The step of the gate that covers.
    pub gate_step: StepId,
    /// The digest that was approved.
    pub digest: String,
    /// Who approved; `auto` where a condition let it pass.
    pub by: String,
    /// Whether a person approved it: only then trust rises.
    pub raises_trust: bool,
    /// What the verb is called with; the step's own rendering must give the same again.
    pub args: Value,
    /// What takes the call back, as the card showed it.
    pub undo: Option<CoveredUndo>,
    /// What the card showed, by path.
    pub shown: BTreeMap<Path, Value>,
}

impl GatePhase {
    /// Returns the outcome of a gate step that ended so.
    #[must_use]
    pub fn outcome(self) -> Option<&'static str> {
        match self {
            Self::Open | Self::Superseded => None,
            Self::Approved => Some("approved"),
            Self::Edited => Some("edited"),
            Self::Denied => Some("denied"),
            Self::Expired => Some("expired"),
            Self::Withdrawn => Some("withdrawn"),
        }
    }
}
