//! Steps, checked: what a playbook does, and what runs in branches inside it.
//!
//! Steps hold steps: the body of an `each`, the lanes of a `parallel`. A `scope` names the steps of its own run that it groups: they
//! stand behind it, among the others. A step's id is unique in its whole playbook, inside and
//! outside alike, so an id alone says which step is meant. The edges of a fragment lead to its own steps: nothing goes out of it,
//! and nothing comes in but at its first step.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Id, StepId};
use crate::value::{Arg, Money, Period, Template};

/// One step of a playbook, or of what runs in branches inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its id, unique in the whole playbook.
    pub id: StepId,
    /// What it is called for people.
    pub title: Option<String>,
    /// What it does.
    #[serde(flatten)]
    pub kind: StepKind,
    /// Skipped unless this holds.
    pub when: Option<Template>,
    /// How long one attempt may take; for a wait, how long the wait may take.
    pub timeout: Option<Period>,
    /// How often and how soon it is tried again.
    pub retry: Retry,
    /// What takes it back.
    pub undo: Option<Undo>,
    /// The most that it may cost.
    pub max_cost: Option<Money>,
    /// How urgent it is.
    pub tier: Tier,
    /// How often a run may come here; 1 outside cycles.
    pub visits: u32,
    /// The step after it, resolved: the written `next`, else the step that follows. `None` on `end` and where every outcome has an edge.
    pub next: Option<StepId>,
    /// The edges by outcome.
    pub on: BTreeMap<String, StepId>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum StepKind {
    /// Asks an agent.
    Agent {
        /// The id of the agent that is asked.
        agent: Id,
        /// What the agent is given, by the fields of its input.
        with: BTreeMap<String, Arg>,
    },
    /// Calls a connector's verb.
    Call {
        /// The verb's full name, such as `mail.send`.
        call: String,
        /// What the verb is given, by its arguments.
        with: BTreeMap<String, Arg>,
    },
    /// Classifies a text.
    Route {
        /// The id of the route that classifies.
        route: Id,
        /// The text that is classified.
        text: Template,
    },
    /// Renders a template.
    Render {
        /// The template's path, resolved from the root.
        render: String,
    },
    /// Asks a person.
    Gate {
        /// The question that the person reads.
        gate: Template,
        /// The paths whose values are shown and may be edited.
        show: Vec<String>,
        /// How much is at stake.
        risk: Risk,
        /// When the question lapses.
        expires: Period,
        /// When it passes without a person.
        auto: Option<Auto>,
        /// JSON Schema of what the person fills in, for a form.
        form: Option<Value>,
    },
    /// Waits for a while, for a moment, or for a signal.
    Wait {
        /// How long, until when, or for what.
        wait: Until,
    },
    /// Tells one run something: what it waits for, or will wait for.
    Signal {
        /// The signal's name.
        signal: Id,
        /// The id of the run that is told.
        to: Template,
        /// What it is told.
        with: BTreeMap<String, Arg>,
    },
    /// Tells whoever waits for it by its key, and starts the playbooks that it triggers.
    Emit {
        /// The signal's name.
        emit: Id,
        /// What those who wait for it know it by; nobody but triggers hears one without a key.
        key: Option<Template>,
        /// What is told.
        with: BTreeMap<String, Arg>,
    },
    /// Takes the first arm that holds.
    Choose {
        /// The arms in order.
        arms: Vec<Choice>,
        /// Where to go when none holds; `None` falls to `next`.
        otherwise: Option<StepId>,
    },
    /// Reads or writes a business record.
    Record {
        /// What is done.
        op: RecordOp,
    },
    /// Runs another playbook and waits for it.
    Run {
        /// The id of the playbook that is run.
        run: Id,
        /// What the child run is given, by its inputs.
        with: BTreeMap<String, Arg>,
        /// `cancel`, `detach` or `wait`: what happens to the child when this run ends.
        parent_close: String,
    },
    /// Ends the run.
    End {
        /// `done`, `failed` or `cancelled`.
        end: String,
    },
    /// Does the same for every item of a list, each in a branch of its own.
    Each {
        /// The list, evaluated once when the step begins.
        items: Template,
        /// The input under which the body reads its item; its place, from 0, is the input of this name with `_index` behind it.
        item: Id,
        /// The most items that there may be.
        max_items: u32,
        /// How many branches run at once.
        max_parallel: u32,
        /// How many must end well; all of them where it is absent.
        min_ok: Option<u32>,
        /// The most that all of them may cost together, each time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budget: Option<Money>,
        /// What is done for one item.
        body: Fragment,
    },
    /// Does several things side by side, each in a branch of its own.
    Parallel {
        /// The lanes; all of them begin at once.
        lanes: Vec<Lane>,
        /// How many must end well.
        join: Join,
    },
    /// Groups steps of the same run: they have a deadline, and one edge for whatever goes wrong in them.
    Scope {
        /// What the group is for, for people.
        scope: String,
        /// How long it may take each time.
        deadline: Option<Period>,
        /// The most that it may cost each time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budget: Option<Money>,
        /// The steps that stand in it, in the order of the file, less those further in; it begins at the first.
        steps: Vec<StepId>,
    },
}

impl StepKind {
    /// Returns the key that the step is written with.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Agent { .. } => "agent",
            Self::Call { .. } => "call",
            Self::Route { .. } => "route",
            Self::Render { .. } => "render",
            Self::Gate { .. } => "gate",
            Self::Wait { .. } => "wait",
            Self::Signal { .. } => "signal",
            Self::Emit { .. } => "emit",
            Self::Choose { .. } => "choose",
            Self::Record { .. } => "record",
            Self::Run { .. } => "run",
            Self::End { .. } => "end",
            Self::Each { .. } => "each",
            Self::Parallel { .. } => "parallel",
            Self::Scope { .. } => "scope",
        }
    }
}

/// What a `wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// A period from now.
    For(Period),
    /// A moment: RFC 3339 with offset.
    Until(Template),
    /// A signal: `{by, at, data}` is the step's result.
    Signal {
        /// Its name: a word of the company's own, `reply`, or `<connector>.<event>`.
        signal: String,
        /// What it is told apart by, such as the id of an invoice; without a key it is sent to this very run.
        key: Option<Template>,
        /// When the wait ends without it.
        expires: Period,
    },
}

/// An arm of a `choose`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What must hold for the arm to be taken.
    pub when: Template,
    /// The step that comes next then.
    pub to: StepId,
}

/// What a `record` step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum RecordOp {
    /// Reads one record by key: outcome `ok` with `{value, version}`, or `missing`.
    ReadOne {
        /// The record's kind.
        record: Id,
        /// The key of the record that is read.
        key: Template,
    },
    /// Reads records whose fields equal the given values: `{items}`.
    ReadList {
        /// The record's kind.
        record: Id,
        /// Field to value.
        filter: BTreeMap<String, Arg>,
    },
    /// Writes one record: outcome `ok` with `{value, version}`, or `conflict`.
    Write {
        /// The record's kind.
        record: Id,
        /// The key of the record that is written.
        key: Template,
        /// The fields; merged into what is there.
        value: BTreeMap<String, Arg>,
        /// The version that must be there; any when absent, `0` for a new record.
        expect: Option<Template>,
    },
}

/// How much is at stake at a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Little: a slip costs a moment.
    Low,
    /// Some: a slip has to be put right with somebody.
    Medium,
    /// Money, contracts, publication.
    High,
}

/// When a gate passes without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auto {
    /// What must hold for the gate to pass by itself.
    pub when: Template,
    /// The most that may pass in a window, such as `100.00 EUR/month`.
    pub limit: Option<String>,
}

/// How a step is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The verb's full name.
    pub call: String,
    /// Its arguments; may read the step's own result and `effect.key`.
    pub with: BTreeMap<String, Arg>,
}

/// How often and how soon a step is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// How many attempts in all, at least 1.
    pub attempts: u32,
    /// The shortest and longest pause between two.
    pub backoff: Backoff,
}

impl Retry {
    /// Returns the longest that the attempts of a step can take, pauses among them, in milliseconds.
    #[must_use]
    pub fn longest(&self, timeout: Period) -> u64 {
        let attempts = u64::from(self.attempts.max(1));
        let mut pause = self.backoff.first.millis();
        let mut total = timeout.millis().saturating_mul(attempts);
        for _ in 1..attempts.min(64) {
            total = total.saturating_add(pause.min(self.backoff.longest.millis()));
            pause = pause.saturating_mul(2);
        }
        // Past 64 attempts every pause is the longest.
        total.saturating_add(self.backoff.longest.millis().saturating_mul(attempts.saturating_sub(64)))
    }
}

/// The pause before the second attempt, and the longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Before the second attempt.
    pub first: Period,
    /// No pause is longer, however often was tried.
    pub longest: Period,
}

/// How urgent a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// It is done as soon as it may be: the only way that there is yet.
    #[default]
    Standard,
}

/// How deep branches may nest.
pub const DEEPEST_BRANCH: usize = 4;

/// Steps that run in a branch of their own, by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Fragment {
    /// What its steps read from outside, by the name of the input under which they read it: it is taken once, when the step that
    /// holds the fragment begins, and keeps its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Arg>,
    /// The steps; a branch begins at the first, and has ended well where nothing follows one that is done.
    pub steps: Vec<Step>,
}

/// Returns what a path of a branch was written as: `input.steps:read:text` is `steps.read.text` for whoever wrote it.
#[must_use]
pub fn as_written(path: &str) -> Cow<'_, str> {
    let given = path.strip_prefix("input.").unwrap_or(path);
    if !given.starts_with("steps:") {
        return Cow::Borrowed(path);
    }
    Cow::Owned(given.replace(':', "."))
}

/// One lane of a `parallel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Its name, under which its result is read.
    pub id: Id,
    /// What it does.
    pub body: Fragment,
}

/// How many lanes must end well before a `parallel` goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Every lane must end well.
    All,
    /// The first one; the others are told to take back what they did.
    Any,
    /// So many; the others are told to take back what they did.
    AtLeast(u32),
}

impl Join {
    /// Returns how many of so many lanes must end well.
    #[must_use]
    pub fn need(self, lanes: u32) -> u32 {
        match self {
            Self::All => lanes,
            Self::Any => 1,
            Self::AtLeast(count) => count,
        }
    }
}

impl StepKind {
    /// Returns what runs in branches of such a step: the body of an `each`, the lanes of a `parallel` in their order.
    #[must_use]
    pub fn fragments(&self) -> Vec<&Fragment> {
        match self {
            Self::Each { body, .. } => vec![body],
            Self::Parallel { lanes, .. } => lanes.iter().map(|lane| &lane.body).collect(),
            Self::Agent { .. }
            | Self::Call { .. }
            | Self::Route { .. }
            | Self::Render { .. }
            | Self::Gate { .. }
            | Self::Wait { .. }
            | Self::Signal { .. }
            | Self::Emit { .. }
            | Self::Choose { .. }
            | Self::Record { .. }
            | Self::Run { .. }
            | Self::End { .. }
            | Self::Scope { .. } => Vec::new(),
        }
    }
}

impl StepKind {
    /// Returns whether other steps stand in such a step.
    #[must_use]
    pub fn holds_steps(&self) -> bool {
        matches!(self, Self::Each { .. } | Self::Parallel { .. } | Self::Scope { .. })
    }
}

/// Returns the step with an id among steps and everything inside them.
pub(super) fn find<'a>(steps: &'a [Step], id: &str) -> Option<&'a Step> {
    let inside = |step: &'a Step| step.kind.fragments().into_iter().find_map(|body| find(&body.steps, id));
    steps.iter().find(|step| step.id == id).or_else(|| steps.iter().find_map(inside))
}

/// Puts steps and everything inside them into a list, each before what it holds.
pub(super) fn every<'a>(steps: &'a [Step], all: &mut Vec<&'a Step>) {
    for step in steps {
        all.push(step);
        step.kind.fragments().into_iter().for_each(|body| every(&body.steps, all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let period = |text: &str| text.parse::<Period>().expect("a period");
        let retry = Retry { attempts: 4, backoff: Backoff { first: period("1s"), longest: period("3s") } };
        assert_eq!(retry.longest(period("10s")), 40_000 + 1_000 + 2_000 + 3_000);
        let many = Retry { attempts: u32::MAX, ..retry };
        assert!(many.longest(period("10s")) > 40_000_000_000);
    }

    #[test]
    fn what_a_branch_is_given_is_shown_as_it_was_written() {
        assert_eq!(as_written("input.steps:read:text.x"), "steps.read.text.x");
        assert_eq!(as_written("steps:dig-in:items"), "steps.dig-in.items");
        assert_eq!(as_written("input.topic.name"), "input.topic.name");
        assert_eq!(as_written("steps.read.text"), "steps.read.text");
    }

    #[test]
    fn a_join_says_how_many_must_end_well() {
        let needs = [Join::All, Join::Any, Join::AtLeast(2)].map(|join| join.need(5));
        assert_eq!(needs, [5, 1, 2]);
    }
}
