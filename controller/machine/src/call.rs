//! Calls: what an effect does to the world, and what an attempt at it carries. Notices: what the operator is told.

use adjutant_spec::{
    plan::{Effect, Idempotency, StepId},
    value::{Labels, Money},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{id::EffectId, life::mailbox::Addressed, run::Part};

/// An effect to perform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Perform {
    /// The id of the effect that is performed: the same for every attempt.
    pub effect: EffectId,
    /// The step that wants it.
    pub step: StepId,
    /// The attempt that the next lease is, from 1.
    pub attempt: u32,
    /// What is done, shared with the run's state.
    pub call: Part<Call>,
    /// The labels of everything that is in it.
    pub labels: Labels,
    /// The gate decision that covers it: digest and who, where one does.
    pub approval: Option<Approval>,
    /// How long one attempt may take, in milliseconds.
    pub timeout: u64,
    /// Whether nothing but reads may touch the world.
    pub dry: bool,
    /// How many runs in a row led to its run, each begun by a record that the one before it wrote.
    pub chain: u32,
}

impl Perform {
    /// Returns whether its lease takes a place in the rates for the first hop of its route. A first attempt asks for one when it
    /// needs it, since most texts need no hop; an attempt that comes after it may have been put back for want of one.
    #[must_use]
    pub fn counts_first_hop(&self) -> bool {
        self.attempt > 1 && matches!(*self.call, Call::Route { .. })
    }
}

/// The approval under which a guarded effect acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The id of the gate that let it pass.
    pub gate: String,
    /// The digest that was approved.
    pub digest: String,
    /// Who approved; `auto` where a condition let it pass.
    pub by: String,
}

impl Approval {
    /// Returns whether a person approved; else a gate passed by its condition, and no trust rose.
    #[must_use]
    pub fn is_by_person(&self) -> bool {
        self.by != "auto"
    }
}

/// What an effect does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// Calls a connector's verb.
    Verb(VerbCall),
    /// Asks the probe of a verb whether a call happened; answered by `EffectProbed`.
    Probe {
        /// The call in doubt.
        of: VerbCall,
        /// The probe's full name.
        probe: String,
    },
    /// Asks an agent.
    Agent(Box<AgentCall>),
    /// Classifies a text; answered with `{class, probability, …}`, class `unsure` where it abstains.
    Route {
        /// The id of the route that is asked.
        route: String,
        /// The text to classify, rendered.
        text: String,
        /// What its rules' conditions may read.
        context: Value,
    },
    /// Reads one business record: `{value, version}` or `null`.
    RecordRead {
        /// The kind of the record, such as `customer`.
        record: String,
        /// The key that the record has among its kind.
        key: String,
    },
    /// Reads records by equal fields: `{items}`.
    RecordList {
        /// The kind of the records, such as `customer`.
        record: String,
        /// The fields that a record must have, each with its value.
        filter: Value,
    },
    /// Writes one record in the batch that carries the answer; a moved version is `EffectFailed(Conflict)`.
    RecordWrite {
        /// The kind of the record, such as `customer`.
        record: String,
        /// The key that the record has among its kind.
        key: String,
        /// The fields, merged into what is there.
        value: Value,
        /// The version that must be there; `0` for none.
        expect: Option<u64>,
    },
    /// Sends a signal: to a run, or to all that wait for it by its key and to the playbooks that it triggers.
    Signal {
        /// The signal's name.
        signal: String,
        /// What it is addressed by; absent where it is for playbooks that it triggers alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Addressed>,
        /// Whether it may start playbooks.
        triggers: bool,
        /// What is sent with it.
        data: Value,
    },
    /// Looks whether a child run began; answered by `EffectProbed` with `{run}`.
    FindChild {
        /// The effect that may have started it.
        of: EffectId,
    },
    /// Starts a child run; answered by `ChildEnded`.
    StartRun {
        /// The id of the playbook that the child takes.
        playbook: String,
        /// What the child pins.
        bundle: String,
        /// Its inputs with labels.
        input: std::collections::BTreeMap<String, crate::event::Labelled>,
    },
}

/// A call of a connector's verb.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerbCall {
    /// The verb's full name.
    pub verb: String,
    /// What it is called with, rendered.
    pub args: Value,
    /// The key that makes a repetition safe, where the other side knows keys.
    pub key: String,
    /// What it does to the world.
    pub effect: Effect,
    /// What makes a repetition safe.
    pub idempotency: Idempotency,
    /// Whether it takes an earlier step back.
    pub undo_of: Option<StepId>,
}

/// A question to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentCall {
    /// The id of the agent that is asked.
    pub agent: String,
    /// The rendered prompt.
    pub prompt: String,
    /// Its inputs, for the record.
    pub input: Value,
    /// The JSON Schema of the answer.
    pub output: Value,
    /// The connector of kind `openai`, where pinned.
    pub connector: Option<String>,
    /// The exact model name, where pinned.
    pub model: Option<String>,
    /// The most tokens of the answer.
    pub max_tokens: u32,
    /// The most that it may cost.
    pub max_cost: Option<Money>,
}

/// What the operator is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id: one notice per cause.
    pub id: String,
    /// `gate`, `dead`, `unknown`, `failed`, `act`.
    pub topic: String,
    /// What is at stake, for gates.
    pub risk: Option<adjutant_spec::plan::Risk>,
    /// What it says, in one line for people.
    pub title: String,
    /// What the operator can do next, as a command.
    pub action: String,
}
