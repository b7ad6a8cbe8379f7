//! How two runs of a playbook differ: in their steps, in what they asked of the world, in the records that they left.

use std::collections::BTreeMap;

use adjutant_machine::branch::root_of;
use adjutant_spec::plan::scenario::RecordWanted;
use serde_json::{Map, Value};

use super::replay::Replayed;
use crate::{
    recorded::Recorded,
    scenario::{Course, Visit},
};

/// How something compares to what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is as it was.
    Same,
    /// It is there both times, and other.
    Changed,
    /// It was there, and is not any more.
    Gone,
    /// It was not there before.
    New,
}

/// A step of one or both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct StepChange {
    /// How it compares.
    pub mark: Mark,
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
    /// Its outcome, as it was and as it is.
    pub outcome: Pair<Option<String>>,
    /// The arguments that differ, by name.
    pub arguments: BTreeMap<String, Pair<Value>>,
}

/// Something as it was and as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<T> {
    /// As it was.
    pub was: T,
    /// As it is.
    pub is: T,
}

/// A business record that one or both runs wrote, and that they left otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordChange {
    /// The kind of record.
    pub kind: String,
    /// The key that tells it from others of its kind.
    pub key: String,
    /// How it compares.
    pub mark: Mark,
    /// The fields that differ, by name.
    pub fields: BTreeMap<String, Pair<Value>>,
}

/// How a run that was played again compares to the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Every step of both, in the order of the one that was played; what is gone stands where it was.
    pub steps: Vec<StepChange>,
    /// The records that differ.
    pub records: Vec<RecordChange>,
    /// How they ended: nothing where one has not.
    pub ending: Pair<Option<String>>,
}

impl Compared {
    /// Returns whether nothing differs.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.steps.iter().all(|step| step.mark == Mark::Same)
            && self.records.is_empty()
            && self.ending.was == self.ending.is
    }

    /// Compares what was played with the run.
    #[must_use]
    pub fn of(was: &Recorded, is: &Replayed) -> Self {
        let before = was.course();
        let left = is.recorded.as_ref().map(Recorded::left).unwrap_or_default();
        Self {
            steps: steps(&before, &is.course),
            records: records(was.left(), left),
            ending: Pair { was: ended(&before), is: ended(&is.course) },
        }
    }
}

fn ended(course: &Course) -> Option<String> {
    course.ending().map(|ending| ending.status.clone())
}

/// What tells one visit from the others of its course: child runs and branches have other ids the second time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Which {
    playbook: String,
    branch: String,
    step: String,
    undo: bool,
    /// How many of the same came before it.
    nth: u32,
}

/// Returns the visits of a course, each with what tells it from the others.
fn named(course: &Course) -> Vec<(Which, &Visit)> {
    let mut counts: BTreeMap<Which, u32> = BTreeMap::new();
    let visits = course.visits.iter().filter(|visit| visit.outcome.as_deref() != Some("asked again"));
    visits
        .map(|visit| {
            let branch = visit.run.strip_prefix(root_of(&visit.run)).unwrap_or_default();
            // The run itself may be played by a playbook of another name.
            let playbook = if course.is_own(visit) { String::new() } else { visit.playbook.clone() };
            let step = visit.step.clone();
            let branch = branch.trim_start_matches('~').to_owned();
            let mut which = Which { playbook, branch, step, undo: visit.undo, nth: 0 };
            let count = counts.entry(which.clone()).or_default();
            which.nth = *count;
            *count += 1;
            (which, visit)
        })
        .collect()
}

fn steps(was: &Course, is: &Course) -> Vec<StepChange> {
    let (before, now) = (named(was), named(is));
    let known: BTreeMap<&Which, &Visit> = before.iter().map(|(which, visit)| (which, *visit)).collect();
    let played: BTreeMap<&Which, &Visit> = now.iter().map(|(which, visit)| (which, *visit)).collect();
    let mut steps: Vec<StepChange> =
        now.iter().map(|(which, visit)| compared(which, known.get(which).copied(), Some(visit))).collect();
    let gone = before.iter().filter(|(which, _)| !played.contains_key(which));
    steps.extend(gone.map(|(which, visit)| compared(which, Some(visit), None)));
    steps
}

fn compared(which: &Which, was: Option<&Visit>, is: Option<&Visit>) -> StepChange {
    let outcome = |visit: Option<&Visit>| visit.and_then(|visit| visit.outcome.clone());
    let asked = |visit: Option<&Visit>| visit.and_then(|visit| visit.asked.clone());
    let arguments = match (was, is) {
        (Some(was), Some(is)) => fields(was.args.as_object(), is.args.as_object()),
        _ => BTreeMap::new(),
    };
    let outcome = Pair { was: outcome(was), is: outcome(is) };
    let mark = match (was, is) {
        (None, _) => Mark::New,
        (_, None) => Mark::Gone,
        _ if outcome.was != outcome.is || !arguments.is_empty() || asked(was) != asked(is) => Mark::Changed,
        _ => Mark::Same,
    };
    StepChange {
        mark,
        playbook: which.playbook.clone(),
        branch: which.branch.clone(),
        step: which.step.clone(),
        visit: which.nth + 1,
        undo: which.undo,
        asked: asked(is.or(was)),
        outcome,
        arguments,
    }
}

/// Returns the fields that differ; numbers count by their worth.
fn fields(
    was: Option<&Map<String, Value>>,
    is: Option<&Map<String, Value>>,
) -> BTreeMap<String, Pair<Value>> {
    let empty = Map::new();
    let (was, is) = (was.unwrap_or(&empty), is.unwrap_or(&empty));
    let names = was.keys().chain(is.keys());
    let pair = |name: &String| {
        let of = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
        Pair { was: of(was), is: of(is) }
    };
    let all = names.map(|name| (name.clone(), pair(name)));
    all.filter(|(_, pair)| !is_equal(&pair.was, &pair.is)).collect()
}

fn is_equal(was: &Value, is: &Value) -> bool {
    use crate::scenario::covers;
    covers(was, is) && covers(is, was)
}

fn records(was: Vec<RecordWanted>, is: Vec<RecordWanted>) -> Vec<RecordChange> {
    let by_name = |records: Vec<RecordWanted>| -> BTreeMap<(String, String), Map<String, Value>> {
        records.into_iter().map(|record| ((record.kind, record.key), record.value)).collect()
    };
    let (was, is) = (by_name(was), by_name(is));
    let mut names: Vec<&(String, String)> = was.keys().chain(is.keys()).collect();
    names.sort();
    names.dedup();
    let changes = names.into_iter().map(|name| {
        let (was, is) = (was.get(name), is.get(name));
        let mark = match (was, is) {
            (None, _) => Mark::New,
            (_, None) => Mark::Gone,
            _ => Mark::Changed,
        };
        RecordChange { kind: name.0.clone(), key: name.1.clone(), mark, fields: fields(was, is) }
    });
    changes.filter(|change| change.mark != Mark::Changed || !change.fields.is_empty()).collect()
}
