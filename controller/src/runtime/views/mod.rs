//! What the runtime shows: the JSON that the command line, the HTTP interface and the dashboard share.
//!
//! Field names are the contract of the operator's surface: they are only added to.

mod causes;
mod lineage;
mod replay;
mod retention;
mod rollback;
mod rows;
mod status;
mod why;

use std::collections::BTreeMap;

use adjutant_machine::{
    about::About,
    event::TimerId,
    id::{EffectId, InstanceId, Stamp},
    run::Card,
    time,
};
use adjutant_spec::{
    plan::{Risk, Stage},
    value::Labels,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, Type},
};

pub use causes::{CauseView, NotSettledView, SettledView};
pub use lineage::Lineage;
pub use replay::{
    DecidedView, ReplayView, ReplayedRecord, ReplayedStep, ReplayedValue, ScenarioView, StoppedView,
};
pub use retention::{KeptView, RemovedView, RetentionView};
pub use rollback::{BlockedView, DeedView, RollbackView, StaysView, TakenView};
pub use rows::{RecordView, SlotView};
pub use status::{AppliedView, AuditView, PauseView, PinnedBy, QuarantineView, StatusView};
pub use why::{WhyLine, WhyView};

pub use super::{
    drift::{ClockView, JumpView},
    incoming::{DeliveryLine, DeliveryView, HookView},
    view::{
        BudgetView, Headline, LIVE, MonthView, RECORD_WRITE, STATUSES, SpendView, headline, in_words, label,
        whom,
    },
};

/// A moment as people and programs read it: RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, ToSchema)]
#[schema(value_type = String)]
pub struct When(pub Stamp);

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&time::write(self.0))
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = time::parse(&text);
        moment.map(Self).ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is no moment")))
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Paged<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to name as `after` for the next page; nothing on the last one.
    pub next: Option<String>,
    /// How many there are in all.
    pub total: u64,
}

impl<T> Paged<T> {
    /// Takes a page off the beginning of a list of items with their ids. One item more is asked for, and none after it.
    ///
    /// # Errors
    /// The first one of the list.
    pub fn of<E>(
        list: impl IntoIterator<Item = Result<(String, T), E>>,
        size: usize,
        total: u64,
    ) -> Result<Self, E> {
        let (mut items, mut last) = (Vec::new(), None);
        for found in list {
            let (id, item) = found?;
            if items.len() == size {
                return Ok(Self { items, next: last, total });
            }
            last = Some(id);
            items.push(item);
        }
        Ok(Self { items, next: None, total })
    }

    /// Returns the same page with its items in another form.
    #[must_use]
    pub fn map<U>(self, form: impl FnMut(T) -> U) -> Paged<U> {
        let Self { items, next, total } = self;
        Paged { items: items.into_iter().map(form).collect(), next, total }
    }
}

/// A line of `runs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunLine {
    /// The run's id.
    pub id: String,
    /// Its playbook.
    pub playbook: String,
    /// `running`, `waiting`, `queued`, `paused`, `unwinding`, `done`, `failed`, `cancelled`, `killed`, `rolled_back`, `quarantined`.
    pub status: String,
    /// Where it stands; absent once it has ended.
    pub step: Option<String>,
    /// When it came into this place.
    pub since: When,
    /// Its idempotency key.
    pub key: String,
    /// The company revision in force when it began.
    pub revision: String,
    /// What it pins.
    pub bundle: String,
    /// When it began.
    pub started: When,
    /// What its playbook is called, as the run pins it.
    #[serde(default)]
    #[schema(required)]
    pub title: String,
    /// Whom it is about, where its playbook says so.
    #[serde(default)]
    #[schema(schema_with = about)]
    pub about: Option<About>,
    /// The newest amount of money that it holds.
    #[serde(default)]
    pub amount: Option<String>,
    /// How far its effects reach the world.
    #[schema(value_type = String)]
    pub stage: Stage,
    /// Whether effects other than reads are only logged.
    pub dry: bool,
    /// Which part of its run it is, where it is a branch: the item, or the lane.
    #[serde(default)]
    pub part: Option<String>,
}

impl RunLine {
    /// Returns the word that marks a run which does not simply act, wherever it is shown.
    #[must_use]
    pub fn mark(&self) -> Option<&'static str> {
        mark(self.stage, self.dry)
    }
}

/// Whom a run is about, for the description of the API: its type is the machine's, which knows nothing of it.
fn about() -> OneOfBuilder {
    let field = |words: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(words));
    let whom = ObjectBuilder::new()
        .property("kind", field("A kind of record, or a word of the company's own."))
        .property("key", field("Which one."))
        .required("kind")
        .required("key");
    OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Null)).item(whom)
}

/// Returns the word that marks what does not simply act.
#[must_use]
pub fn mark(stage: Stage, dry: bool) -> Option<&'static str> {
    match stage {
        _ if dry => Some("dry run"),
        Stage::Observe => Some("only observes"),
        Stage::Advise => Some("only advises"),
        Stage::Act => None,
    }
}

/// A run in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// What the list shows.
    #[serde(flatten)]
    pub line: RunLine,
    /// The sequence number of its last entry.
    pub seq: u64,
    /// When it ended.
    pub ended: Option<When>,
    /// Its inputs.
    pub input: BTreeMap<String, Value>,
    /// Its steps, in the order of the playbook.
    pub steps: Vec<StepView>,
    /// Its effects, oldest first.
    pub effects: Vec<EffectView>,
    /// Its gates, oldest first.
    pub gates: Vec<GateView>,
    /// Its stored timers.
    pub timers: Vec<TimerView>,
    /// Why it waits, for people.
    pub waiting: Vec<String>,
    /// The effect of the parent run that started it.
    #[schema(value_type = Option<String>)]
    pub parent: Option<EffectId>,
    /// The runs that it started.
    pub children: Vec<String>,
    /// What goes on in its branches: the rounds of its `each` and `parallel` steps.
    #[serde(default)]
    #[schema(required)]
    pub rounds: Vec<RoundView>,
    /// The scopes that it is in, the outermost first.
    #[serde(default)]
    #[schema(required)]
    pub scopes: Vec<ScopeView>,
    /// What happened, one line each.
    pub timeline: Vec<TimelineLine>,
}

/// A scope that a run is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScopeView {
    /// The step of the scope.
    pub step: String,
    /// How often the run has entered it, from 1.
    pub number: u32,
    /// When the run entered it.
    pub since: When,
    /// When it ends at the latest.
    pub ends: Option<When>,
    /// Why it takes back what it did, where it does.
    pub failing: Option<String>,
}

/// The branches that a step began in one go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoundView {
    /// The `each` or `parallel`.
    pub step: String,
    /// How often it has begun its branches, from 1.
    pub number: u32,
    /// How many there are to be.
    pub count: u32,
    /// How many have begun.
    pub begun: u32,
    /// How many ended well.
    pub ok: u32,
    /// How many did not.
    pub failed: u32,
    /// How many go on.
    pub open: u32,
    /// The first of those that go on; a run as it was names none.
    pub unfinished: Vec<RunLine>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Its id.
    pub id: String,
    /// `agent`, `call`, `gate`, …
    pub kind: String,
    /// Its title, for people.
    pub title: Option<String>,
    /// How often the run came here.
    pub visits: u32,
    /// The edge it left by.
    pub outcome: Option<String>,
    /// Its value.
    pub value: Option<Value>,
    /// The labels of the value.
    #[schema(value_type = Option<Object>)]
    pub labels: Option<Labels>,
    /// What it was before a person edited it.
    pub original: Option<Value>,
    /// When it began.
    pub started: Option<When>,
    /// When it ended.
    pub ended: Option<When>,
    /// Its effects.
    #[schema(value_type = Vec<String>)]
    pub effects: Vec<EffectId>,
    /// What a person said of its last decision, where it is a route step.
    #[serde(default)]
    pub judged: Option<JudgedView>,
}

/// What a person said of a route step's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JudgedView {
    /// The right class; absent: none of the route's.
    pub class: Option<String>,
    /// Who says so.
    pub by: String,
    /// Since when.
    pub at: When,
}

/// What a person said of a route's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectionView {
    /// The run.
    pub run: String,
    /// The route step.
    pub step: String,
    /// The text that was decided about.
    pub text: String,
    /// The class that was decided, `unsure` too; absent where the step was taken again since.
    pub decided: Option<String>,
    /// The right class; absent: none of the route's.
    pub class: Option<String>,
    /// Who says so.
    pub by: String,
    /// Since when.
    pub at: When,
}

/// What the operator can say of an effect that waits for it, and is then not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Try its step again: it did not happen.
    Retry,
    /// It happened; its answer may be given.
    Happened,
    /// It did not happen: it is tried again.
    DidNotHappen,
    /// Take it back.
    Undo,
    /// Leave it, and go on with the error edge.
    Drop,
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: EffectId,
    /// The run that wants it.
    pub run: String,
    /// The step that wants it.
    pub step: String,
    /// `verb`, `probe`, `agent`, `route`, `record_read`, …
    pub call: String,
    /// The verb, agent, route, record kind or playbook.
    pub target: String,
    /// `queued`, `leased`, `backing_off`, `unknown`, `dead`, `succeeded`, …
    pub phase: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// When it is looked at again.
    pub until: Option<When>,
    /// What went wrong last.
    pub error: Option<String>,
    /// The ways to settle it; none where it waits for nobody.
    #[serde(default)]
    #[schema(required)]
    pub ways: Vec<Way>,
}

/// A stored timer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimerView {
    /// Which one.
    #[schema(value_type = Object)]
    pub timer: TimerId,
    /// When it fires.
    pub at: When,
}

/// A line of a run's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimelineLine {
    /// The entry.
    pub seq: u64,
    /// When.
    pub at: When,
    /// Who.
    pub by: String,
    /// The event's word.
    pub event: String,
    /// The step, effect, gate or timer that it is about.
    pub about: Option<String>,
}

/// A question that waits for the operator, or was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GateView {
    /// Its id.
    pub id: String,
    /// The run.
    pub run: String,
    /// The step.
    pub step: String,
    /// The question.
    pub question: String,
    /// How its run is marked, where a yes does not simply act: `dry run`, `only observes`, `only advises`.
    #[serde(default)]
    pub mark: Option<String>,
    /// Which part of the run it is about, where it is a branch's: the item, or the lane.
    #[serde(default)]
    pub part: Option<String>,
    /// How much is at stake.
    #[schema(value_type = String)]
    pub risk: Risk,
    /// What a decision must name.
    pub digest: String,
    /// When it lapses.
    pub expires: Option<When>,
    /// Everything that is shown, as the machine rendered it.
    #[schema(value_type = Object)]
    pub card: Card,
    /// What the run was given, by input: what came in, beside what the card itself shows. The digest is not about it.
    #[serde(default)]
    #[schema(required)]
    pub given: BTreeMap<String, Value>,
    /// `open`, `approved`, `edited`, `denied`, `expired`, `superseded`, `withdrawn`.
    pub state: String,
    /// Who decided.
    pub by: Option<String>,
    /// When it was decided.
    pub at: Option<When>,
    /// Why.
    pub reason: Option<String>,
}

/// A line of the dead-letter list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadView {
    /// The effect.
    #[serde(flatten)]
    pub effect: EffectView,
    /// Whom or what it was for, where its arguments name somebody.
    #[serde(default)]
    pub whom: Option<String>,
    /// The playbook.
    pub playbook: String,
    /// What the operator can type.
    pub actions: Vec<String>,
}

/// An entry of an instance's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogView {
    /// Its number, from 1.
    pub seq: u64,
    /// When.
    pub at: When,
    /// Who.
    pub by: String,
    /// What it tells, in one line.
    pub said: String,
    /// The event as stored.
    #[schema(value_type = Object)]
    pub event: Value,
    /// What was concluded.
    #[schema(value_type = Vec<Object>)]
    pub facts: Value,
}

/// Something changed: for watching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Which instance.
    pub instance: InstanceId,
    /// Its last entry.
    pub seq: u64,
    /// The last event's word, such as `gate_decided`.
    pub kind: String,
}
