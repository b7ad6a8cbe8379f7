//! What a run did, read off its log, with what it began: as a course, and as a scenario that plays it again.
//!
//! ```text
//!  logs of a run, its branches, its child runs ──merged by time──► Course      what happened
//!                                              └─────────────────► Scenario    what was asked and answered, what must happen
//! ```
//! The scenario is the one way in which a run is played again: `adjutant test record` writes it down, and a replay plays it.

mod answers;
mod compare;
mod expected;
mod records;
mod redecide;
mod replay;

use std::sync::Arc;

use adjutant_machine::{
    Definition,
    event::RunStarted,
    fact::{Entry, Fact},
    run::Run,
};
use adjutant_spec::{
    plan::{
        Trigger,
        scenario::{Begin, RecordWanted},
    },
    scenario::Scenario,
    value::{Period, moment},
};
use serde_json::Value;

use crate::scenario::Course;
use answers::Answers;
pub use compare::{Compared, Mark, Pair, RecordChange, StepChange};
use records::Records;
pub use redecide::{Redecided, redecided};
pub use replay::{Replay, Replayed, Unplayable};

/// A run or a branch as it is kept, with what it is decided by.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    /// The state after the last entry.
    pub run: Arc<Run>,
    /// What it is decided by.
    pub definition: Arc<Definition>,
    /// Every entry of its log, from the first on.
    pub log: Vec<Entry>,
}

/// A run with its branches, and with the child runs that it or they began.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The run itself.
    pub root: RecordedRun,
    /// All others.
    pub below: Vec<RecordedRun>,
}

/// What a scenario that is made of a run is called, and where it is to stand.
#[derive(Debug, Clone)]
pub struct Name {
    /// The path of its file from the root of the company.
    pub file: String,
    /// Its title.
    pub title: String,
}

/// A scenario that was made of a run.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What plays the run again.
    pub scenario: Scenario,
    /// What happened and no scenario can say, for people.
    pub unsaid: Vec<String>,
}

/// One entry of a recorded run, in the order in which all of them happened.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) of: &'a RecordedRun,
    /// Its place in its own log.
    pub(super) place: usize,
}

impl<'a> Moment<'a> {
    pub(super) fn entry(&self) -> &'a Entry {
        &self.of.log[self.place]
    }
}

impl Recorded {
    fn all(&self) -> impl Iterator<Item = &RecordedRun> {
        std::iter::once(&self.root).chain(&self.below)
    }

    /// Returns what the run began with; `None` where its first entry tells nothing of it.
    #[must_use]
    pub fn started(&self) -> Option<&RunStarted> {
        self.root.log.iter().flat_map(|entry| &entry.facts).find_map(|fact| match fact {
            Fact::RunOpened { started, .. } => Some(&**started),
            _ => None,
        })
    }

    /// Returns all entries in the order in which they happened: those of one run as they stand, of two runs by their moments.
    fn moments(&self) -> Vec<Moment<'_>> {
        let runs: Vec<&RecordedRun> = self.all().collect();
        let mut next = vec![0; runs.len()];
        let mut moments = Vec::with_capacity(runs.iter().map(|run| run.log.len()).sum());
        let at = |run: usize, place: usize| runs[run].log.get(place).map(|entry| (entry.envelope.at, run));
        let mut open: std::collections::BTreeSet<_> = (0..runs.len()).filter_map(|run| at(run, 0)).collect();
        while let Some((_, run)) = open.pop_first() {
            moments.push(Moment { of: runs[run], place: next[run] });
            next[run] += 1;
            open.extend(at(run, next[run]));
        }
        moments
    }

    /// Returns what the run left of each business record that it wrote.
    #[must_use]
    pub fn left(&self) -> Vec<RecordWanted> {
        let mut records = Records::of(self.root.run.started_at);
        self.moments().into_iter().for_each(|moment| records.take(moment));
        records.told().1
    }

    /// Returns which steps were visited, in the order in which it happened.
    #[must_use]
    pub fn course(&self) -> Course {
        let mut course = Course::of(self.root.run.id.clone(), self.root.run.started_at);
        for Moment { of, place } in self.moments() {
            course.observe(&of.run, &of.definition, &of.log[..=place]);
        }
        course
    }

    /// Returns the scenario that plays the run again: with what it was answered, and what came of it.
    #[must_use]
    pub fn scenario(&self, name: Name) -> Recording {
        let mut answers = Answers::of(self);
        let mut records = Records::of(self.root.run.started_at);
        for moment in self.moments() {
            answers.take(moment);
            records.take(moment);
        }
        let rows = answers.rows();
        let Answers { mut unsaid, cancel, .. } = answers;
        let begin = self.begin(&mut unsaid);
        let (given, wanted) = records.told();
        let is_over = self.root.run.is_ended();
        let ends = ["done", "failed", "cancelled"];
        let course = self.course();
        let end = course.ending().map(|ending| ending.status.clone());
        if let Some(end) = end.as_ref().filter(|end| !ends.contains(&end.as_str())) {
            unsaid.push(format!("the run ended as {end}, and no play does: how it must end is left open"));
        }
        let scenario = Scenario {
            file: name.file,
            title: name.title,
            playbook: self.root.run.playbook.clone(),
            starts: match begin {
                Begin::Slot(slot) => slot,
                _ => self.root.run.started_at.0,
            },
            begin,
            given,
            answers: rows,
            cancel: cancel.and_then(|after| Period::from_millis(after.max(1)).ok()),
            expect: expected::expected(self, &course),
            never: Vec::new(),
            records: wanted,
            until: self.root.run.position.as_ref().filter(|_| !is_over).map(|at| at.step.clone()),
            end: end.filter(|end| ends.contains(&end.as_str())),
        };
        Recording { scenario, unsaid }
    }

    /// Returns what starts it.
    fn begin(&self, unsaid: &mut Vec<String>) -> Begin {
        let trigger = &*self.root.run.trigger;
        let playbook = &self.root.definition.bundle().playbook;
        let is_by_hand = trigger["kind"] == "manual" || trigger.get("parent").is_some() || trigger.is_null();
        match &playbook.trigger {
            Trigger::Event { .. } if !is_by_hand => return Begin::Event(trigger.clone()),
            Trigger::Schedule { .. } if !is_by_hand => {
                let slot = trigger["slot"].as_str().and_then(|slot| moment(slot).ok());
                if let Some(slot) = slot {
                    return Begin::Slot(slot);
                }
            }
            _ => {}
        }
        if !is_by_hand || trigger.get("parent").is_some() {
            unsaid.push(
                "the inputs are given by you here; in the run they came with what started it, and were trusted as that was"
                    .to_owned(),
            );
        }
        let value = |labelled: &adjutant_machine::event::Labelled| labelled.value.clone();
        let inputs = self.root.run.input.iter().map(|(name, labelled)| (name.clone(), value(labelled)));
        Begin::Input(inputs.filter(|(_, value)| *value != Value::Null).collect())
    }
}
