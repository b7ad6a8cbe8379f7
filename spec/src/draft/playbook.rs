//! A playbook as written.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    plan::{
        About, Automatic, Id, Input, OnUpdate, Overlap, RecordChange, Retry, StepId, StepKind, Tier, Undo,
    },
    value::{Money, Period, Template},
};

/// A playbook as written: nothing refers to anything yet.
#[derive(Debug, Clone, PartialEq)]
pub struct RawPlaybook {
    /// The file's stem.
    pub id: Id,
    /// Its former ids, oldest last.
    pub was: Vec<Id>,
    /// The slice that owns it.
    pub slice: Id,
    /// What it does, for people; the id where it says nothing.
    pub title: String,
    /// One persona; the slice's owner where it names none.
    pub owner: Id,
    /// What happens to live runs when it changes.
    pub on_update: OnUpdate,
    /// When every run ends at the latest.
    pub deadline: Option<Period>,
    /// The business metric it is judged by.
    pub outcome: Option<String>,
    /// Whom its runs are about.
    pub about: Option<About>,
    /// What starts it; `manual` where it says nothing.
    pub trigger: RawTrigger,
    /// What a run is given.
    pub inputs: BTreeMap<String, Input>,
    /// The steps in the order of the file; the place of each is `step[i]`, `i` its index here.
    pub steps: Vec<RawStep>,
}

/// What starts a playbook, as written.
#[derive(Debug, Clone, PartialEq)]
pub enum RawTrigger {
    /// Nothing but `adjutant run`, or another playbook.
    Manual,
    /// An event of a connector.
    Event {
        /// The connector as written.
        connector: String,
        /// The event's name.
        event: String,
        /// The run's idempotency key.
        key: Template,
        /// What to do while another run is live.
        overlap: Overlap,
        /// Which mails it takes that no person wrote.
        accept: Vec<Automatic>,
    },
    /// Slots of civil time.
    Schedule {
        /// The cron line.
        cron: String,
        /// The time zone; the company's where it names none.
        zone: Option<String>,
        /// `skip`, `once` or `all`.
        catch_up: String,
        /// The run's idempotency key.
        key: Template,
        /// What to do while another run is live.
        overlap: Overlap,
    },
    /// A signal that is emitted.
    Signal {
        /// The signal's name.
        signal: Id,
        /// The run's idempotency key.
        key: Template,
        /// What to do while another run is live.
        overlap: Overlap,
    },
    /// A business record that a run writes.
    Record {
        /// The kind of record as written.
        record: String,
        /// Which writes of such a record start a run.
        on: RecordChange,
        /// Only writes for which this holds.
        when: Option<Template>,
        /// The run's idempotency key.
        key: Template,
        /// What to do while another run is live.
        overlap: Overlap,
    },
    /// A kind that this version refuses (E0900 has been reported).
    Unsupported,
}

/// A step as written.
#[derive(Debug, Clone, PartialEq)]
pub struct RawStep {
    /// The id that other steps name it by.
    pub id: StepId,
    /// What it is called for people.
    pub title: Option<String>,
    /// What it does; names in it are as written.
    pub kind: RawKind,
    /// Skipped unless this holds.
    pub when: Option<Template>,
    /// How long one attempt may take.
    pub timeout: Option<Period>,
    /// How often and how soon it is tried again; absent when not written.
    pub retry: Option<Retry>,
    /// What takes it back.
    pub undo: Option<Undo>,
    /// The most that it may cost.
    pub max_cost: Option<Money>,
    /// How urgent it is.
    pub tier: Tier,
    /// How often a run may come here, where written.
    pub visits: Option<u32>,
    /// The written `next`.
    pub next: Option<StepId>,
    /// The written edges by outcome.
    pub on: BTreeMap<String, StepId>,
    /// The written `in`: the container, with the lane after a dot.
    pub container: Option<String>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum RawKind {
    /// A kind that this version runs. Ids, verbs, paths, `to` and `else` in it are as written; nothing stands in an `each`, a
    /// `parallel` or a `scope` yet, for the steps of it are listed beside it.
    Known(StepKind),
    /// A kind that is understood and refused (E0900 has been reported): `recall`, `remember`, `reconcile`.
    Unsupported {
        /// The kind's key.
        word: &'static str,
        /// What is written there.
        value: Value,
    },
}

impl RawKind {
    /// Returns the key that the step is written with.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Known(kind) => kind.word(),
            Self::Unsupported { word, .. } => word,
        }
    }
}
