//! A run that is played again, and the scenario that it is written down as.

use std::collections::BTreeMap;

use adjutant_sim::recording::{Compared, Mark, Pair, RecordChange, Redecided, StepChange};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A run as a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScenarioView {
    /// The id of the run that is written down.
    pub run: String,
    /// The playbook that it plays.
    pub playbook: String,
    /// Where its file belongs in the company repository.
    pub file: String,
    /// The whole text of the file, in canonical form.
    pub text: String,
    /// What happened to the run and the file cannot say.
    pub unsaid: Vec<String>,
}

/// What it came to when a run was played again. Nothing of it left the process, and nothing is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayView {
    /// The id of the run that was played again.
    pub run: String,
    /// The revision by whose playbook it was played; absent for the one that the run pins.
    pub to: Option<String>,
    /// Whether nothing differs from the run.
    pub same: bool,
    /// Whether each of its events is decided today as it was; absent where something of it was changed.
    pub decided: Option<DecidedView>,
    /// Why it stopped before it was over.
    pub stopped: Option<StoppedView>,
    /// The steps for which an answer was made up.
    pub assumed: Vec<String>,
    /// The steps that were asked something else than in the run, and were answered as in it.
    pub reused: Vec<String>,
    /// What happened to the run and is not played.
    pub unplayed: Vec<String>,
    /// The steps of both, in the order in which they were played.
    pub steps: Vec<ReplayedStep>,
    /// The business records that they left otherwise.
    pub records: Vec<ReplayedRecord>,
    /// How the run ended; absent where it goes on.
    pub ended_was: Option<String>,
    /// How it ends when it is played.
    pub ended: Option<String>,
}

/// Why a run that is played again stopped before it was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedView {
    /// What was asked that nobody had answered.
    pub reason: String,
    /// What to do.
    pub help: String,
}

/// Whether the events of a run are decided today as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecidedView {
    /// How many events were decided again, with those of its branches and child runs.
    pub entries: u64,
    /// Whether all are decided as they were, and the states are equal.
    pub equal: bool,
    /// The first run with an event that is decided otherwise, as `RUN@SEQ`.
    pub differs_at: Option<String>,
    /// The hash of the run's state, as its log has it.
    pub state: String,
    /// The hash of the state that comes of deciding again.
    pub again: Option<String>,
}

/// A step of one or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayedStep {
    /// `same`, `changed`, `gone` or `new`.
    pub mark: String,
    /// The playbook that it is of, where it is a child run's; empty for the run itself.
    pub playbook: String,
    /// The branch that it is in, below its run; empty where it is in none.
    pub branch: String,
    /// The id of the step.
    pub step: String,
    /// Which visit of it, from 1.
    pub visit: u32,
    /// Whether it takes the step back.
    pub undo: bool,
    /// What was asked: a verb, an agent; absent for what asks nobody.
    pub asked: Option<String>,
    /// Its outcome in the run.
    pub was: Option<String>,
    /// Its outcome when it is played.
    pub is: Option<String>,
    /// The arguments that differ, by name.
    #[schema(value_type = Object)]
    pub arguments: BTreeMap<String, ReplayedValue>,
}

/// A business record that is left otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayedRecord {
    /// `changed`, `gone` or `new`.
    pub mark: String,
    /// The kind of record.
    pub kind: String,
    /// The key that tells it from others of its kind.
    pub key: String,
    /// The fields that differ, by name.
    #[schema(value_type = Object)]
    pub fields: BTreeMap<String, ReplayedValue>,
}

/// A value in the run, and when it is played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayedValue {
    /// In the run; null where there was none.
    pub was: Value,
    /// When it is played; null where there is none.
    pub is: Value,
}

impl ReplayView {
    /// Shows how what was played compares to the run.
    pub(in crate::runtime) fn compare(&mut self, compared: Compared) {
        self.same = self.stopped.is_none()
            && self.decided.as_ref().is_none_or(|decided| decided.equal)
            && compared.is_same();
        let is_reused = |step: &&StepChange| {
            let place = if step.branch.is_empty() {
                step.step.clone()
            } else {
                format!("{} in {}", step.step, step.branch)
            };
            !step.arguments.is_empty() && is_answered(step) && !self.assumed.contains(&place)
        };
        self.reused = compared.steps.iter().filter(is_reused).map(|step| step.step.clone()).collect();
        self.steps = compared.steps.into_iter().map(ReplayedStep::from).collect();
        self.records = compared.records.into_iter().map(ReplayedRecord::from).collect();
        (self.ended_was, self.ended) = (compared.ending.was, compared.ending.is);
    }
}

impl DecidedView {
    /// Takes in what deciding one run again came to; the first is the run itself.
    pub(in crate::runtime) fn add(so_far: Option<Self>, one: &Redecided) -> Self {
        let equal = one.is_equal();
        let differs = one.differs_at.map(|seq| format!("{}@{seq}", one.run));
        match so_far {
            None => Self {
                entries: one.entries,
                equal,
                differs_at: differs,
                state: one.folded.clone(),
                again: one.decided.clone(),
            },
            Some(so_far) => Self {
                entries: so_far.entries + one.entries,
                equal: so_far.equal && equal,
                differs_at: so_far.differs_at.or(differs),
                ..so_far
            },
        }
    }
}

/// Returns whether somebody outside answered a step: records are there, children are played, and a text is rendered.
fn is_answered(step: &StepChange) -> bool {
    let by_person = ["approved", "edited", "denied", "expired"];
    match (&step.asked, &step.outcome.is) {
        (_, None) => false,
        (None, Some(outcome)) => by_person.contains(&outcome.as_str()),
        (Some(asked), Some(_)) => {
            let ours = ["reads ", "lists ", "writes ", "run ", "signal "];
            !ours.iter().any(|word| asked.starts_with(word))
        }
    }
}

fn word(mark: Mark) -> String {
    let word = match mark {
        Mark::Same => "same",
        Mark::Changed => "changed",
        Mark::Gone => "gone",
        Mark::New => "new",
    };
    word.to_owned()
}

fn values(pairs: BTreeMap<String, Pair<Value>>) -> BTreeMap<String, ReplayedValue> {
    pairs.into_iter().map(|(name, Pair { was, is })| (name, ReplayedValue { was, is })).collect()
}

impl From<StepChange> for ReplayedStep {
    fn from(change: StepChange) -> Self {
        Self {
            mark: word(change.mark),
            playbook: change.playbook,
            branch: change.branch,
            step: change.step,
            visit: change.visit,
            undo: change.undo,
            asked: change.asked,
            was: change.outcome.was,
            is: change.outcome.is,
            arguments: values(change.arguments),
        }
    }
}

impl From<RecordChange> for ReplayedRecord {
    fn from(change: RecordChange) -> Self {
        let RecordChange { kind, key, mark, fields } = change;
        Self { mark: word(mark), kind, key, fields: values(fields) }
    }
}
