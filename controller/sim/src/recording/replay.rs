//! A run is played again, as it was or with something changed: nothing of it leaves this process.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    Definition,
    event::{Labelled, RunStarted},
    given::{Giver, given},
    id::Stamp,
    trust::Speaker,
};
use adjutant_spec::{
    plan::{
        Bundle, BundleId, Plan,
        scenario::{Answer, Reply},
    },
    scenario::{Finding, Scenario},
    value::Path,
};
use serde_json::{Map, Value};

use super::made::{Name, Recording};
use crate::{
    recorded::Recorded,
    scenario::{Course, HowFar, PlayedAs, Stage, play_as},
};

/// How a run is played again.
#[derive(Debug)]
pub struct Replay<'a> {
    /// The rules of the company, as they are now: what may be done is never what it was.
    pub plan: &'a Plan,
    /// What the run is decided by, in place of what it pins.
    pub bundle: Option<Arc<Definition>>,
    /// What those are decided by that it runs and that have not run in it.
    pub others: Vec<Arc<Definition>>,
    /// Other values, by path: `input.budget`, or `steps.qualify.fit` for what a step was answered.
    pub changes: &'a BTreeMap<Path, Value>,
    /// Whether what was never answered is answered with a value of the right form, in place of stopping there.
    pub assumes: bool,
}

/// What came of a run that was played again.
#[derive(Debug)]
pub struct Replayed {
    /// Why it stopped before it was over; `None` where it came to its end.
    pub stopped: Option<Finding>,
    /// What it did.
    pub course: Course,
    /// Its logs; nothing where it did not begin.
    pub recorded: Option<Recorded>,
    /// The steps for which an answer was made up.
    pub assumed: Vec<String>,
    /// What happened to the run and is not played.
    pub unplayed: Vec<String>,
}

/// Why a run cannot be played again with these changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unplayable {
    /// Its log does not tell how it began.
    #[error("its log does not tell how it began")]
    Headless,
    /// A change leads nowhere.
    #[error("\"{path}\" cannot be changed: {why}")]
    Change {
        /// The path that was named.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The inputs do not fit the playbook.
    #[error("the inputs do not fit: {0}")]
    Input(String),
}

impl Recorded {
    /// Plays the run again, with what it was answered.
    ///
    /// # Errors
    /// [`Unplayable`] for a change that leads nowhere, and for inputs that do not fit.
    pub fn replay(&self, replay: &Replay<'_>) -> Result<Replayed, Unplayable> {
        let started = self.started().ok_or(Unplayable::Headless)?;
        let name = Name { file: String::new(), title: String::new() };
        let Recording { mut scenario, unplayed, .. } = self.recording(name, None);
        scenario.starts = self.root.run.started_at.0;
        (scenario.expect, scenario.records) = (Vec::new(), Vec::new());
        let definition = replay.bundle.as_ref().unwrap_or(&self.root.definition);
        let mut inputs = Vec::new();
        for (path, value) in replay.changes {
            match path.split_once('.') {
                Some(("input", field)) => inputs.push(Change { path, field, value }),
                Some(("steps", field)) => change(&mut scenario, &Change { path, field, value })?,
                _ => return Err(wrong(path, "only `input.…` and `steps.…` can be")),
            }
        }
        let started = begun(replay, definition, Beginning { started, inputs })?;
        let definitions = self.definitions(replay, definition);
        let stage = Stage { plan: replay.plan, scenario: &scenario, definitions };
        let PlayedAs { played, assumed } =
            play_as(stage, started, HowFar { assumes: replay.assumes, horizon: self.horizon() });
        let (course, recorded) = (played.course, played.recorded);
        // A run that goes on is played as far as it has come: nobody has answered yet what it asks now.
        let is_as_far = !self.root.run.is_ended() && replay.bundle.is_none() && replay.changes.is_empty();
        let stopped = played.finding.filter(|_| !is_as_far);
        Ok(Replayed { stopped, course, recorded, assumed, unplayed })
    }

    /// Returns the moment up to which something is known of a run that goes on.
    fn horizon(&self) -> Option<Stamp> {
        let last = self.all().filter_map(|run| run.log.last()).map(|entry| entry.envelope.at).max();
        last.filter(|_| !self.root.run.is_ended())
    }

    fn definitions(&self, replay: &Replay<'_>, own: &Arc<Definition>) -> BTreeMap<BundleId, Arc<Definition>> {
        let ran = self.all().map(|run| &run.definition);
        let all = ran.chain(&replay.others).chain([own]);
        all.map(|definition| (definition.bundle().id(), Arc::clone(definition))).collect()
    }
}

/// What a run begins with, and what is changed of it.
struct Beginning<'a> {
    started: &'a RunStarted,
    inputs: Vec<Change<'a>>,
}

/// Returns what the run begins with: what is not changed is trusted as it was, what is changed comes from the operator.
fn begun(
    replay: &Replay<'_>,
    definition: &Definition,
    from: Beginning<'_>,
) -> Result<RunStarted, Unplayable> {
    let Beginning { started, inputs } = from;
    let bundle: &Bundle = definition.bundle();
    let known = started.input.iter().filter(|(name, _)| bundle.playbook.inputs.contains_key(*name));
    let known = known.filter(|(_, labelled)| !labelled.value.is_null());
    let mut values: BTreeMap<String, Value> =
        known.map(|(name, labelled)| (name.clone(), labelled.value.clone())).collect();
    for change in &inputs {
        let (name, field) = change.field.split_once('.').unwrap_or((change.field, ""));
        if !bundle.playbook.inputs.contains_key(name) {
            return Err(wrong(change.path, "the playbook has no such input"));
        }
        put(values.entry(name.to_owned()).or_insert(Value::Null), &Change { field, ..*change })?;
    }
    let is_changed = |name: &String| inputs.iter().any(|change| change.field.split('.').next() == Some(name));
    let giver = Giver { speaker: Speaker::Operator, currency: Some(replay.plan.company.currency) };
    let mut input: BTreeMap<String, Labelled> =
        given(&bundle.playbook, values, giver).map_err(|problems| Unplayable::Input(problems.join("; ")))?;
    for (name, labelled) in &started.input {
        if let Some(kept) = input.get_mut(name).filter(|_| !is_changed(name)) {
            kept.labels = labelled.labels;
        }
    }
    Ok(RunStarted { bundle: bundle.id(), input, ..started.clone() })
}

/// A value that is another.
struct Change<'a> {
    /// The whole path, for people.
    path: &'a str,
    /// What is left of it.
    field: &'a str,
    value: &'a Value,
}

/// Changes what a step was answered, each time that it was.
fn change(scenario: &mut Scenario, change: &Change<'_>) -> Result<(), Unplayable> {
    let (step, field) = change.field.split_once('.').unwrap_or((change.field, ""));
    let mut found = false;
    let root = scenario.playbook.clone();
    let is_meant = |answer: &&mut Answer| answer.step == step && answer.playbook == root && !answer.undo;
    for answer in scenario.answers.iter_mut().filter(is_meant) {
        let Reply::Outcome { word, with, .. } = &mut answer.reply else { continue };
        // What a person said yes to beside the answer of the step holds no field of it.
        let is_bare_yes =
            matches!(word.as_str(), "approved" | "edited" | "denied" | "expired") && with.is_none();
        if is_bare_yes && !matches!(field, "" | "outcome") {
            continue;
        }
        match (field, change.value) {
            ("", _) => {
                return Err(wrong(change.path, "name a field of its answer, such as `steps.qualify.fit`"));
            }
            // The outcome of a gate, and the class of a route.
            ("outcome" | "class", Value::String(text)) => word.clone_from(text),
            ("outcome" | "class", _) => return Err(wrong(change.path, "an outcome is a text")),
            _ => put(with.get_or_insert_with(|| Value::Object(Map::new())), &Change { field, ..*change })?,
        }
        found = true;
    }
    if found { Ok(()) } else { Err(wrong(change.path, "nobody answered this step in the run")) }
}

/// Puts a value at a place within another.
fn put(within: &mut Value, change: &Change<'_>) -> Result<(), Unplayable> {
    let mut names = change.field.split('.').filter(|name| !name.is_empty());
    let place = names.try_fold(within, |at, name| match at {
        Value::Object(fields) => Some(fields.entry(name).or_insert(Value::Null)),
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    });
    *place.ok_or_else(|| wrong(change.path, "there is no such place in it"))? = change.value.clone();
    Ok(())
}

fn wrong(path: &str, why: &str) -> Unplayable {
    Unplayable::Change { path: path.to_owned(), why: why.to_owned() }
}
