//! What callers ask of the runtime, as data.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{id::Stamp, journal::Append, trust::Speaker};
use adjutant_spec::plan::{Plan, StepId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{identity::Started, views::Lineage};

/// A wish to start a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct StartRun {
    /// The playbook's id, or a former one.
    pub playbook: String,
    /// Its inputs by name; what is missing takes its default.
    #[serde(default)]
    pub input: BTreeMap<String, Value>,
    /// The idempotency key: the same key is the same run, and with other inputs a conflict. Absent: every start is a new run.
    #[serde(default)]
    pub key: Option<String>,
    /// Who starts it.
    #[serde(default)]
    pub by: String,
    /// How its words are trusted: nobody knows who speaks where it is not said.
    #[serde(default)]
    pub speaker: Speaker,
    /// Whether effects other than reads are only logged.
    #[serde(default)]
    pub dry: bool,
    /// The trigger's event, for the record.
    #[serde(default)]
    pub trigger: Value,
}

/// A wish to send a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct SignalWish {
    /// The signal's name.
    pub signal: String,
    /// The run that is told.
    #[serde(default)]
    pub to: Option<String>,
    /// What those who wait for it know it by.
    #[serde(default)]
    pub key: Option<String>,
    /// What is sent with it.
    #[serde(default)]
    pub data: Value,
    /// Its id: the same one twice is one; made where it is absent.
    #[serde(default)]
    pub id: Option<String>,
    /// Who sends it.
    #[serde(default)]
    pub by: String,
    /// How their words are trusted.
    #[serde(default)]
    pub speaker: Speaker,
}

/// Something that a connector tells, verified by its room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Delivery {
    /// The connector that it came by.
    pub connector: String,
    /// The event's name.
    pub event: String,
    /// Its id, unique in the connector: a repeated one starts nothing.
    pub id: String,
    /// What it says: the event's fields.
    pub fields: Value,
    /// Who brought it: `connector:<id>`.
    pub by: String,
    /// Where its sender gives it no id: for how many milliseconds the same content counts as the same delivery. The runtime
    /// makes the id then.
    #[serde(default)]
    pub within: Option<u64>,
}

/// An item that came in and could not be read: it is kept as an open delivery and shown with its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetAside {
    /// The connector that it came by.
    pub connector: String,
    /// The event's name, where it is known; else empty.
    pub event: String,
    /// Its id, unique in the connector: the same item twice is one.
    pub id: String,
    /// Who brought it: `connector:<id>`.
    pub by: String,
    /// What is known of it: a subject, a file's name, the beginning of the text. Bounded by whoever reports it.
    pub content: Value,
    /// Why it cannot be read, for people.
    pub reason: String,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Taken {
    /// The runs that took it, new or known.
    pub runs: Vec<Started>,
    /// The open delivery that it is, where something could not begin: see `adjutant deliveries`.
    pub open: Option<String>,
    /// Whether it had come before and is known: it has its runs, or was dropped.
    pub known: bool,
    /// Why something did not begin, in words.
    pub why: Option<String>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// Those that were started or dropped since, too.
    #[serde(default)]
    pub all: bool,
    /// Only of this connector.
    #[serde(default)]
    pub connector: Option<String>,
    /// Only those after this one in the list.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many; 100 when absent, 1,000 is the most.
    #[serde(default)]
    pub limit: usize,
}

/// A checked revision that shall be in force.
#[derive(Debug, Clone)]
pub struct Activation {
    /// What it says.
    pub plan: Arc<Plan>,
    /// The id of the revision.
    pub revision: String,
    /// The revision that must be in force now; `None` for a fresh store.
    pub expected: Option<String>,
    /// What is held back, by slice, with the reason.
    pub held: BTreeMap<String, String>,
    /// Where it comes from.
    pub detail: Lineage,
    /// Who activates it.
    pub by: String,
    /// What is told of it, durable with it or not at all.
    pub story: Option<Story>,
}

/// What becomes durable in the batch of an activation: the entries of whoever tells the story of revisions, and the files.
#[derive(Debug, Clone)]
pub struct Story {
    /// The entries of the story, for its own instance.
    pub append: Append,
    /// What they speak of, by digest.
    pub blobs: Vec<(String, Vec<u8>)>,
}

/// Which runs to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunFilter {
    /// Only with this status.
    #[serde(default)]
    pub status: Option<String>,
    /// Only of this playbook.
    #[serde(default)]
    pub playbook: Option<String>,
    /// Only those about this: `kind/key`, or the key alone.
    #[serde(default)]
    pub about: Option<String>,
    /// Only those with this text in their title, whom they are about, their key or their id.
    #[serde(default, rename = "q")]
    pub text: Option<String>,
    /// Only those after this run in the list.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many; 100 when absent, 1,000 is the most.
    #[serde(default)]
    pub limit: usize,
}

impl RunFilter {
    /// Returns whether a run must be looked at to know that it is meant.
    pub(super) fn is_search(&self) -> bool {
        self.playbook.is_some() || self.about.is_some() || self.text.is_some()
    }
}

/// How many items a page of a list has where nobody says more, and the most.
const USUAL: usize = 100;
const MOST: usize = 1_000;

/// Returns how many items a page has that asks for so many.
pub(super) fn page_size(limit: usize) -> usize {
    if limit == 0 { USUAL } else { limit.min(MOST) }
}

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageWish {
    /// Only what comes after this item of the list.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many; 100 when absent, 1,000 is the most.
    #[serde(default)]
    pub limit: usize,
}

impl PageWish {
    /// Returns how many items the page has at most.
    #[must_use]
    pub fn size(&self) -> usize {
        page_size(self.limit)
    }
}

/// What a pause is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope", content = "id")]
pub enum PauseScope {
    /// No effect starts at all.
    Everything,
    /// No effect of the playbook's runs starts.
    Playbook(String),
    /// No verb of the connector starts.
    Connector(String),
}

impl std::fmt::Display for PauseScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Playbook(id) => write!(f, "playbook:{id}"),
            Self::Connector(id) => write!(f, "connector:{id}"),
        }
    }
}

impl std::str::FromStr for PauseScope {
    type Err = String;

    /// Reads `everything`, `playbook:<id>` or `connector:<id>`; the error is the text itself.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "everything" => Ok(Self::Everything),
            Some(("playbook", id)) if !id.is_empty() => Ok(Self::Playbook(id.to_owned())),
            Some(("connector", id)) if !id.is_empty() => Ok(Self::Connector(id.to_owned())),
            _ => Err(text.to_owned()),
        }
    }
}

/// A wish to pause more than one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// What is held back.
    pub scope: PauseScope,
    /// Why, for the log and everybody who finds it held.
    pub reason: String,
    /// Who pauses it.
    pub by: String,
    /// When it ends by itself; never when absent.
    pub until: Option<Stamp>,
}

/// A wish to try a run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Retry {
    /// From this step; the failed one when absent.
    #[serde(default)]
    pub step: Option<StepId>,
    /// Values corrected by the operator, by path.
    #[serde(default)]
    pub edits: BTreeMap<String, Value>,
    /// How the corrected values are trusted.
    #[serde(default)]
    pub speaker: Speaker,
    /// Why, for people.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A wish to settle everything that one cause struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleAll {
    /// The cause, by its id.
    pub cause: String,
    /// What it was told with: where other calls are struck now nothing is done.
    pub token: String,
    /// What is done with each.
    pub how: ForAll,
    /// Why: the log of each run keeps it.
    pub reason: String,
    /// Who wishes it.
    pub by: String,
    /// How far they are trusted.
    pub speaker: Speaker,
}

/// What is done with everything that a cause struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForAll {
    /// It is tried again: it failed, so it did not happen. What is in doubt is not.
    Retry,
    /// Somebody looked at the other side: it did not happen, and is tried again.
    DidNotHappen,
    /// It is taken back.
    Undo,
    /// It is left, and the error edge is taken.
    Drop,
}

/// A wish to take a run back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollBack {
    /// The token of the preview that was shown.
    pub token: String,
    /// Why, for the log.
    pub reason: String,
}

/// What a person says of a route's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectWish {
    /// The route step; its last decision is meant.
    #[schema(value_type = String)]
    pub step: StepId,
    /// The right class; null: none of them. It must be there: who forgets it means nothing by it.
    #[serde(deserialize_with = "Option::deserialize")]
    pub class: Option<String>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// Whether it changed anything; `false` for a repetition of what is known already.
    pub applied: bool,
    /// In words, such as "already approved at 14:02 by operator".
    pub message: String,
}

/// Why something may not leave yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRoom {
    /// Which rate is used up, and until when: a sentence for people.
    pub reason: String,
    /// After how many milliseconds there may be room.
    pub after: u64,
}
