//! Scenarios, as the operator wrote them. They are no part of the plan: a test that changes changes nothing that is in force.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Id, StepId};
use crate::value::{Path, Period};

/// The moment at which a scenario begins that names none: a Monday morning.
pub const BEGINS: &str = "2026-01-05T09:00:00Z";

/// One file of `tests/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// The path of its file from the root.
    pub file: String,
    /// What must happen, for people; the file's stem where it says nothing.
    pub title: String,
    /// The playbook that is played.
    pub playbook: Id,
    /// The moment at which it begins, in milliseconds since 1970.
    pub starts: i64,
    /// What starts the run.
    pub begin: Begin,
    /// The business records that are there, or come later.
    pub given: Vec<Given>,
    /// What steps are answered, in the order of the file.
    pub answers: Vec<Answer>,
    /// How long after its begin the operator cancels the run.
    pub cancel: Option<Period>,
    /// What must happen, in order.
    pub expect: Vec<Expectation>,
    /// Verbs that are never called, by full name.
    pub never: Vec<String>,
    /// What business records must be at the end.
    pub records: Vec<RecordWanted>,
    /// The step at which the play stops; at the run's end when absent.
    pub until: Option<StepId>,
    /// How the run must end: `done`, `failed` or `cancelled`; any way when absent.
    pub end: Option<String>,
}

/// What starts the run of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Begin {
    /// Somebody starts it with these inputs.
    Input(BTreeMap<Id, Value>),
    /// An event comes, and goes through the playbook's trigger.
    Event(Value),
    /// A slot of the playbook's schedule comes, in milliseconds since 1970.
    Slot(i64),
}

/// A business record that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// The kind of record.
    pub kind: Id,
    /// The key that tells it from others of its kind.
    pub key: String,
    /// Its fields; merged into what is there, where it comes later.
    pub value: Value,
    /// Its version; 1, or the next, when absent.
    pub version: Option<u64>,
    /// How long after the run's begin it comes; from the first when absent.
    pub after: Option<Period>,
}

/// What a step is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The playbook whose step it is.
    pub playbook: Id,
    /// In which branch of which step it stands, the outermost first; in any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<BranchOf>,
    /// The step that is answered.
    pub step: StepId,
    /// The visit that it is for; any when absent.
    pub visit: Option<u32>,
    /// How many times in a row it is given.
    pub times: u32,
    /// Whether it answers what takes the step back.
    pub undo: bool,
    /// How long it takes.
    pub after: Option<Period>,
    /// What is answered.
    pub reply: Reply,
}

/// One branch of a step: the body of one item of an `each`, or one lane of a `parallel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchOf {
    /// The step that has branches.
    pub step: StepId,
    /// Which of them, from 0.
    pub index: u32,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// An outcome with its result; of a gate, with what its form is filled with.
    Outcome {
        /// The outcome's name, such as `approved`.
        word: String,
        /// The result, where one is given.
        with: Option<Value>,
        /// What a person changes at a gate, by path.
        edit: BTreeMap<Path, Value>,
    },
    /// An attempt fails in this way; `unknown` where nobody knows whether it happened.
    Error(String),
    /// The probe of a call in doubt finds this.
    Probe {
        /// `happened`, `did_not_happen` or `unclear`.
        word: String,
        /// The result of what happened.
        with: Value,
    },
    /// The operator settles a call in doubt.
    Settle {
        /// `happened`, `did_not_happen`, `undo` or `drop`.
        word: String,
        /// The result of what happened.
        with: Value,
    },
}

/// Something that must happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The playbook whose step it is.
    pub playbook: Id,
    /// The step that is reached.
    pub step: StepId,
    /// Which visit of it; any when absent.
    pub visit: Option<u32>,
    /// The outcome that the visit must have; any when absent.
    pub outcome: Option<String>,
    /// Its arguments; what is not named does not matter.
    pub with: Map<String, Value>,
    /// Parts of the texts of its arguments.
    pub contains: BTreeMap<String, String>,
    /// The moment at which it begins, in milliseconds since 1970.
    pub at: Option<i64>,
    /// How long after the run's begin it begins at the earliest.
    pub after: Option<Period>,
    /// How long after the run's begin it begins at the latest.
    pub before: Option<Period>,
}

/// What a business record must be at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordWanted {
    /// The kind of record.
    pub kind: Id,
    /// The key that tells it from others of its kind.
    pub key: String,
    /// Its fields; those that are not named do not matter.
    pub value: Map<String, Value>,
    /// The version that it must have; any when absent.
    pub version: Option<u64>,
    /// Whether there must be none.
    pub missing: bool,
}
