//! Playbooks, checked: every edge resolved, every text parsed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fragment, Id, Input, Join, Lane, StepId, fragment};
use crate::value::{Arg, Money, Period, Template};

/// A playbook.
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
        fragment::find(&self.steps, id)
    }

    /// Returns every step, those inside others right behind them.
    #[must_use]
    pub fn every_step(&self) -> Vec<&Step> {
        let mut all = Vec::new();
        fragment::every(&self.steps, &mut all);
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
        /// The connector.
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
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its id.
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
        /// Which one.
        agent: Id,
        /// Its inputs.
        with: BTreeMap<String, Arg>,
    },
    /// Calls a connector's verb.
    Call {
        /// The verb's full name, such as `mail.send`.
        call: String,
        /// Its arguments.
        with: BTreeMap<String, Arg>,
    },
    /// Classifies a text.
    Route {
        /// Which route.
        route: Id,
        /// The text.
        text: Template,
    },
    /// Renders a template.
    Render {
        /// The template's path, resolved from the root.
        render: String,
    },
    /// Asks a person.
    Gate {
        /// The question.
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
    /// Waits.
    Wait {
        /// For what.
        wait: Until,
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
        /// Which one.
        run: Id,
        /// Its inputs.
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
        /// The input under which the body reads its item; its place is `input.index`.
        item: Id,
        /// The most items that there may be.
        max_items: u32,
        /// How many branches run at once.
        max_parallel: u32,
        /// How many must end well; all of them where it is absent.
        min_ok: Option<u32>,
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
            Self::Choose { .. } => "choose",
            Self::Record { .. } => "record",
            Self::Run { .. } => "run",
            Self::End { .. } => "end",
            Self::Each { .. } => "each",
            Self::Parallel { .. } => "parallel",
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
}

/// An arm of a `choose`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The condition.
    pub when: Template,
    /// Where to go.
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
        /// Its key.
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
        /// Its key.
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
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Money, contracts, publication.
    High,
}

/// When a gate passes without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auto {
    /// The condition.
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
    /// The longest.
    pub longest: Period,
}

/// How urgent a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// At once.
    #[default]
    Standard,
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
}
