//! Playbooks, checked: every edge resolved, every text parsed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Id, Input, Step, step};
use crate::value::{Period, Template};

/// What the company does in one kind of case, step by step, and what starts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playbook {
    /// The file's stem.
    pub id: Id,
    /// Its former ids, oldest last.
    pub was: Vec<Id>,
    /// The slice that owns it.
    pub slice: Id,
    /// What it does, for people.
    pub title: String,
    /// One persona.
    pub owner: Id,
    /// What happens to live runs when it changes.
    pub on_update: OnUpdate,
    /// When every run ends at the latest.
    pub deadline: Option<Period>,
    /// The business metric it is judged by.
    pub outcome: Option<String>,
    /// Whom its runs are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// What starts it.
    pub trigger: Trigger,
    /// What a run is given.
    pub inputs: BTreeMap<String, Input>,
    /// The steps in the order of the file; the first is where a run begins.
    pub steps: Vec<Step>,
}

impl Playbook {
    /// Returns a step by id, wherever in the playbook it stands.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        step::find(&self.steps, id)
    }

    /// Returns every step, those inside others right behind them.
    #[must_use]
    pub fn every_step(&self) -> Vec<&Step> {
        let mut all = Vec::new();
        step::every(&self.steps, &mut all);
        all
    }
}

/// What happens to live runs when their playbook changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum OnUpdate {
    /// They stay on the bundle they began with.
    #[default]
    Pin,
    /// They move, between steps, where their log folds on the new bundle.
    Upgrade,
    /// The operator is asked.
    Ask,
}

/// Whom or what the runs of a playbook are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// A kind of record, or a word of the company's own.
    pub kind: Id,
    /// Which one; reads inputs only.
    pub key: Template,
}

/// What starts a playbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Trigger {
    /// `adjutant run`, or another playbook's `run` step.
    Manual,
    /// An event of a connector.
    Event {
        /// The id of the connector that tells it.
        connector: Id,
        /// The event's name.
        event: String,
        /// The run's idempotency key.
        key: Template,
        /// What to do while another run is live.
        overlap: Overlap,
        /// Which mails it takes that no person wrote.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accept: Vec<Automatic>,
    },
    /// Slots of civil time.
    Schedule {
        /// Seconds, minutes, hours, day of month, month, day of week.
        cron: String,
        /// The IANA time zone.
        zone: String,
        /// Slots that passed while nothing ran: `skip`, `once`, or `all`.
        catch_up: String,
        /// The run's idempotency key; `event.slot` is the slot.
        key: Template,
        /// What to do while another run is live.
        overlap: Overlap,
    },
    /// A signal that a playbook or the operator emits.
    Signal {
        /// The signal's name.
        signal: Id,
        /// The run's idempotency key; `event.id` is the signal's own id.
        key: Template,
        /// What to do while another run is live.
        overlap: Overlap,
    },
    /// A business record that a run writes.
    Record {
        /// The kind of record.
        record: Id,
        /// Which writes of such a record start a run.
        on: RecordChange,
        /// Only writes for which this holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        when: Option<Template>,
        /// The run's idempotency key; `event.version` counts the writes under `event.key`.
        key: Template,
        /// What to do while another run is live.
        overlap: Overlap,
    },
}

/// Which writes of a business record are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum RecordChange {
    /// The first one under a key.
    Created,
    /// Every later one.
    Changed,
    /// Both.
    #[default]
    Any,
}

impl RecordChange {
    /// Returns whether a write is meant that leaves a record at a version; the first one leaves it at 1.
    #[must_use]
    pub fn means(self, version: u64) -> bool {
        match self {
            Self::Created => version <= 1,
            Self::Changed => version > 1,
            Self::Any => true,
        }
    }

    /// Returns what is meant, for sentences.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Any => "created or changed",
        }
    }
}

impl Trigger {
    /// Returns the template of the run's idempotency key; nothing where no event starts it.
    #[must_use]
    pub fn key(&self) -> Option<&Template> {
        match self {
            Self::Manual => None,
            Self::Event { key, .. }
            | Self::Schedule { key, .. }
            | Self::Signal { key, .. }
            | Self::Record { key, .. } => Some(key),
        }
    }

    /// Returns what is done while another run of the playbook is live.
    #[must_use]
    pub fn overlap(&self) -> Overlap {
        match self {
            Self::Manual => Overlap::Allow,
            Self::Event { overlap, .. }
            | Self::Schedule { overlap, .. }
            | Self::Signal { overlap, .. }
            | Self::Record { overlap, .. } => *overlap,
        }
    }
}

/// A kind of mail that no person wrote to us: nothing answers it unless a trigger asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automatic {
    /// The answer or the notice of a machine: an absence, a receipt, a mail that its sender wants no answer to.
    Auto,
    /// The report that a mail did not arrive.
    Bounce,
    /// What came through a list: a newsletter, a discussion.
    List,
}

impl Automatic {
    /// Returns what the fields of a mail say of it; `None` for a mail that a person wrote.
    #[must_use]
    pub fn of_mail(fields: &Value) -> Option<Self> {
        let says = |name: &str| fields.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        let kinds = [("bounce", Self::Bounce), ("list", Self::List), ("auto", Self::Auto)];
        kinds.into_iter().find_map(|(name, kind)| says(name).then_some(kind))
    }

    /// Returns what it is, for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Auto => "a machine wrote it by itself",
            Self::Bounce => "it tells of a mail that did not arrive",
            Self::List => "it came through a list",
        }
    }

    /// Returns the word of `accept`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Bounce => "bounce",
            Self::List => "list",
        }
    }
}

/// What a trigger does while another run of the playbook is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Start another.
    #[default]
    Allow,
    /// Record the event and start nothing.
    Skip,
    /// Cancel those that are live, and start.
    Replace,
    /// Start behind those that are live: one works, the others stand.
    Queue,
}
