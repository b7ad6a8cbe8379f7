//! A run as a course and as a scenario.

use adjutant_spec::{
    plan::{
        StepId, Trigger,
        scenario::{Begin, RecordWanted},
    },
    scenario::Scenario,
    value::{Period, moment},
};
use serde_json::Value;

use super::{answers::Answers, expected, records::Records};
use crate::{
    recorded::{Moment, Recorded},
    scenario::Course,
};

/// What a scenario that is made of a run is called, and where it is to stand.
#[derive(Debug, Clone)]
pub struct Name {
    /// The path of its file from the root of the company.
    pub file: String,
    /// What `adjutant test` calls it.
    pub title: String,
}

/// A scenario that was made of a run.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What plays the run again.
    pub scenario: Scenario,
    /// What happened to the run and is not played, for people.
    pub unplayed: Vec<String>,
    /// What else the file cannot say, for people.
    pub unsaid: Vec<String>,
}

impl Recorded {
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
        let stands = self.root.run.position.as_ref().filter(|_| !self.root.run.is_ended());
        let until = stands.map(|position| position.step.clone());
        let mut recording = self.recording(name, until);
        if let Some(position) = stands.filter(|position| position.visit > 1) {
            let (step, visit) = (&position.step, position.visit);
            recording.unsaid.push(format!(
                "it stands at step \"{step}\" for the {visit}. time, and a play stops there at the first"
            ));
        }
        recording
    }

    /// As [`Recorded::scenario`], of a play that stops at a step, or goes on as long as what it asks was answered.
    pub(super) fn recording(&self, name: Name, until: Option<StepId>) -> Recording {
        let mut answers = Answers::of(self);
        let mut records = Records::of(self.root.run.started_at);
        for moment in self.moments() {
            answers.take(moment);
            records.take(moment);
        }
        let rows = answers.rows(until.as_ref());
        let Answers { unplayed, cancel, .. } = answers;
        let mut unsaid = Vec::new();
        let begin = self.begin(&mut unsaid);
        let (given, wanted) = records.told();
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
            until,
            end: end.filter(|end| ends.contains(&end.as_str())),
        };
        Recording { scenario, unplayed, unsaid }
    }

    /// Returns what starts it.
    fn begin(&self, unsaid: &mut Vec<String>) -> Begin {
        let trigger = &*self.root.run.trigger;
        let playbook = &self.root.definition.bundle().playbook;
        // Who started it says so; what came from outside may look like anything.
        let by = self.root.log.first().map_or("host", |entry| entry.envelope.by.as_str());
        let is_triggered = by == "host" || by.starts_with("connector:") || by.starts_with("run:");
        let is_child = self.root.run.parent.is_some();
        let is_by_hand = is_child || trigger.is_null() || (trigger["kind"] == "manual" && !is_triggered);
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
        if !is_by_hand || is_child {
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
