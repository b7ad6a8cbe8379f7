//! The course of a play: which steps were visited, in the order in which it happened, read off what the machine concluded.

use std::collections::BTreeMap;

use adjutant_machine::{
    Definition,
    branch::root_of,
    call::Call,
    fact::{Entry, Fact},
    id::{EffectId, Stamp},
    run::{EffectPhase, EffectState, Gate, GateSubject, Phase, Purpose, Run},
};
use adjutant_spec::plan::{Id, StepId};
use serde_json::{Map, Value, json};

use super::arms::{Arms, Place};

/// One visit of a step, or something that takes a step back.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    /// The run, or the branch of one.
    pub run: String,
    /// The playbook of the run.
    pub playbook: Id,
    /// The step that was visited.
    pub step: StepId,
    /// Which visit of it, from 1.
    pub visit: u32,
    /// When it began.
    pub began: Stamp,
    /// When it ended; absent while it goes on.
    pub ended: Option<Stamp>,
    /// How it ended.
    pub outcome: Option<String>,
    /// The arm that a `choose` took: its condition, or `else`.
    pub arm: Option<String>,
    /// What was asked: a verb, an agent, a playbook; absent for what asks nobody.
    pub asked: Option<String>,
    /// The arguments; of a gate what it shows.
    pub args: Value,
    /// Whether it takes the step back.
    pub undo: bool,
    /// What went wrong, for people.
    pub trouble: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The word for it, such as `done`.
    pub status: String,
    /// Why, where it was not the playbook's own end.
    pub reason: Option<String>,
    /// When it ended.
    pub at: Stamp,
}

/// The course of a play.
#[derive(Debug, Default)]
pub struct Course {
    /// The visits in the order in which they began.
    pub visits: Vec<Visit>,
    /// How each run ended.
    pub endings: BTreeMap<String, Ending>,
    /// When the play began.
    pub began: Stamp,
    /// The run that was played.
    pub root: String,
    /// The visit that each effect is for.
    of_effect: BTreeMap<EffectId, usize>,
    /// How many entries of each run are in.
    seen: BTreeMap<String, usize>,
    arms: Arms,
}

impl Course {
    /// Returns the course of a run that begins.
    pub(crate) fn of(root: String, began: Stamp) -> Self {
        Self { root, began, ..Self::default() }
    }

    /// Takes what a run has concluded since it was looked at.
    pub(crate) fn observe(&mut self, run: &Run, definition: &Definition, log: &[Entry]) {
        let seen = self.seen.insert(run.id.clone(), log.len()).unwrap_or_default();
        for (entry, Entry { envelope, facts }) in log.iter().enumerate().skip(seen) {
            for (fact, concluded) in facts.iter().enumerate() {
                self.fact(run, envelope.at, concluded);
                let arm = self.arms.taken(&run.id, definition, Place { log, entry, fact });
                self.takes(run, concluded, arm);
            }
        }
    }

    fn takes(&mut self, run: &Run, ended: &Fact, arm: Option<String>) {
        let (Fact::StepEnded { step, .. }, Some(_)) = (ended, &arm) else { return };
        if let Some(place) = self.last(run, step) {
            self.visits[place].arm = arm;
        }
    }

    fn fact(&mut self, run: &Run, at: Stamp, fact: &Fact) {
        match fact {
            Fact::StepStarted { step, at } => self.begin(run, step, *at),
            Fact::StepSkipped { step } => {
                self.begin(run, step, at);
                self.end(run, step, at, "skipped");
            }
            Fact::StepEnded { step, outcome, value, at } => {
                self.end(run, step, *at, outcome);
                let value = value.as_ref().map(|value| &value.value);
                self.yielded(run, step, value);
            }
            Fact::VisitReturned { step } => {
                // That visit only opened its gate again.
                if let Some(place) = self.last(run, step) {
                    self.visits[place].outcome.get_or_insert_with(|| "asked again".to_owned());
                }
            }
            Fact::EffectAsked { effect, state } => self.asked(run, at, effect, state),
            Fact::EffectMoved { effect, life } => self.moved(effect, at, &life.phase),
            Fact::Observed { step, call } => self.describe(run, step, call),
            Fact::GateOpened { gate } => self.shown(run, gate),
            Fact::Failed { failure } => {
                let place = failure.step.as_ref().and_then(|step| self.last(run, step));
                if let Some(place) = place {
                    self.visits[place].trouble = Some(failure.message.clone());
                    self.visits[place].outcome.get_or_insert_with(|| failure.outcome.clone());
                }
            }
            Fact::RunMoved { phase: Phase::Ended { status, at, reason } } => {
                let ending = Ending { status: status.word().to_owned(), reason: reason.clone(), at: *at };
                self.endings.insert(run.id.clone(), ending);
            }
            _ => {}
        }
    }

    fn begin(&mut self, run: &Run, step: &StepId, at: Stamp) {
        let before =
            self.visits.iter().filter(|visit| visit.run == run.id && visit.step == *step && !visit.undo);
        let returned = |visit: &&Visit| visit.outcome.as_deref() != Some("asked again");
        let number = before.filter(returned).count() + 1;
        self.visits.push(Visit {
            run: run.id.clone(),
            playbook: run.playbook.clone(),
            step: step.clone(),
            visit: u32::try_from(number).unwrap_or(u32::MAX),
            began: at,
            ended: None,
            outcome: None,
            arm: None,
            asked: None,
            args: Value::Null,
            undo: false,
            trouble: None,
        });
    }

    /// Returns the last visit of a step.
    fn last(&self, run: &Run, step: &StepId) -> Option<usize> {
        self.visits.iter().rposition(|visit| visit.run == run.id && visit.step == *step && !visit.undo)
    }

    fn end(&mut self, run: &Run, step: &StepId, at: Stamp, outcome: &str) {
        if let Some(place) = self.last(run, step) {
            self.visits[place].ended = Some(at);
            self.visits[place].outcome = Some(outcome.to_owned());
        }
    }

    /// Keeps what a gate step shows. Where a person stands in for an agent, what the agent was asked stays.
    fn shown(&mut self, run: &Run, gate: &Gate) {
        let shown = gate.card.show.iter().map(|(path, shown)| (path.clone(), shown.value.clone()));
        let shown: Map<String, Value> = shown.collect();
        let is_step = gate.subject == GateSubject::Step && !shown.is_empty();
        if let Some(place) = self.last(run, &gate.card.step).filter(|_| is_step) {
            self.visits[place].args = Value::Object(shown);
        }
    }

    /// Keeps what a step yielded where that is all that is to be seen of it: a text, or why it went wrong.
    fn yielded(&mut self, run: &Run, step: &StepId, value: Option<&Value>) {
        let (Some(place), Some(value)) = (self.last(run, step), value) else { return };
        if let Some(text) = value.get("text").filter(|_| self.visits[place].args.is_null()) {
            self.visits[place].args = json!({ "text": text });
        }
        if let Some(error) = value.get("error").and_then(Value::as_str) {
            self.visits[place].trouble = Some(error.to_owned());
        }
    }

    fn asked(&mut self, run: &Run, at: Stamp, effect: &EffectId, state: &EffectState) {
        match &state.purpose {
            Purpose::Step => {
                if let Some(place) = self.last(run, &state.step) {
                    self.of_effect.insert(effect.clone(), place);
                }
                if let Some(call) = &state.call {
                    self.describe(run, &state.step, call);
                }
            }
            Purpose::Undo(_) => {
                self.begin(run, &state.step, at);
                let place = self.visits.len() - 1;
                self.visits[place].undo = true;
                if let Some(call) = &state.call {
                    let Described { asked, args } = described(call);
                    (self.visits[place].asked, self.visits[place].args) = (Some(asked), args);
                }
                self.of_effect.insert(effect.clone(), place);
            }
            Purpose::Probe(_) => {}
        }
    }

    /// Follows what takes a step back: no step ends with it.
    fn moved(&mut self, effect: &EffectId, at: Stamp, phase: &EffectPhase) {
        let Some(visit) = self.of_effect.get(effect).and_then(|place| self.visits.get_mut(*place)) else {
            return;
        };
        if !visit.undo {
            return;
        }
        let outcome = match phase {
            EffectPhase::Succeeded => "ok",
            EffectPhase::Unknown { .. } => "in doubt",
            phase if phase.is_settled() => phase.word(),
            _ => return,
        };
        visit.outcome = Some(outcome.to_owned());
        visit.ended = Some(at);
    }

    fn describe(&mut self, run: &Run, step: &StepId, call: &Call) {
        let Some(place) = self.last(run, step) else { return };
        let Described { asked, args } = described(call);
        (self.visits[place].asked, self.visits[place].args) = (Some(asked), args);
    }

    /// Returns how the run that was played ended.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.endings.get(&self.root)
    }

    /// Returns whether a visit is of the run that was played, or of a branch of it.
    #[must_use]
    pub fn is_own(&self, visit: &Visit) -> bool {
        root_of(&visit.run) == self.root
    }

    /// Returns what happened, a line for each visit.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.visits.iter().map(|visit| self.line(visit)).collect();
        if let Some(ending) = self.ending() {
            let why = ending.reason.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            lines.push(format!("{:>8}  the run ended as {}{why}", self.when(ending.at), ending.status));
        }
        lines
    }

    fn line(&self, visit: &Visit) -> String {
        let whose = if self.is_own(visit) { String::new() } else { format!("{}: ", visit.playbook) };
        let number =
            if visit.visit > 1 && !visit.undo { format!(" ({})", visit.visit) } else { String::new() };
        let back = if visit.undo { "takes back " } else { "" };
        let asked = visit.asked.as_ref().map_or_else(String::new, |asked| format!(" {asked}"));
        let outcome = visit.outcome.as_deref().unwrap_or("is not over");
        let trouble = visit.trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"));
        let when = self.when(visit.ended.unwrap_or(visit.began));
        format!("{when:>8}  {whose}{back}{}{number}{asked} -> {outcome}{trouble}", visit.step)
    }

    fn when(&self, at: Stamp) -> String {
        super::words::since(at.0 - self.began.0)
    }
}

/// A call, for people and for expectations.
pub(super) struct Described {
    /// What is asked.
    pub(super) asked: String,
    /// The arguments that it was asked with.
    pub(super) args: Value,
}

/// Returns what is asked, and with what.
pub(super) fn described(call: &Call) -> Described {
    let (asked, args) = match call {
        Call::Verb(call) => (call.verb.clone(), call.args.clone()),
        Call::Probe { of, probe } => (probe.clone(), of.args.clone()),
        Call::Agent(call) => (format!("agent {}", call.agent), call.input.clone()),
        Call::Route { route, text, .. } => (format!("route {route}"), json!({ "text": text })),
        Call::RecordRead { record, key } => (format!("reads {record}"), json!({ "key": key })),
        Call::RecordList { record, filter } => (format!("lists {record}"), filter.clone()),
        Call::RecordWrite { record, value, .. } => (format!("writes {record}"), value.clone()),
        Call::Signal { signal, data, .. } => (format!("signal {signal}"), data.clone()),
        Call::FindChild { .. } => ("looks for its run".to_owned(), Value::Null),
        Call::StartRun { playbook, input, .. } => {
            let values = input.iter().map(|(name, value)| (name.clone(), value.value.clone()));
            (format!("run {playbook}"), Value::Object(values.collect()))
        }
    };
    Described { asked, args }
}
