//! The walk: takes one pure step after the other until an effect, a gate, a wait or an end stops it.

use adjutant_spec::{
    plan::{Choice, PURE_STEPS, Step, StepId, StepKind},
    value::Labels,
};
use serde_json::{Value, json};

use super::Decider;
use crate::{
    branch::is_branch,
    eval::EvalError,
    event::Labelled,
    fact::Fact,
    labels,
    life::run::RunEvent,
    run::{Failure, Phase, Position, Wait},
};

/// Where a step leaves the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// At another step.
    Go(StepId),
    /// It waits, or the run has ended or unwinds.
    Stop,
}

/// Why a step does not go on as it should.
pub(super) struct Trouble<'a> {
    /// The outcome that the step takes an edge by, such as `error`.
    pub(super) outcome: &'a str,
    /// What is wrong, for people.
    pub(super) message: String,
}

impl<'a> Decider<'a> {
    /// Takes steps from one on.
    pub(super) fn walk(&mut self, from: StepId) {
        let mut then = Then::Go(from);
        // One more than the pure ones: the step at which the walk pauses or ends.
        for _ in 0..=PURE_STEPS {
            let Then::Go(step) = then else { return };
            then = self.enter(&step);
        }
        if let Then::Go(step) = then {
            self.fail_step(&step, "error", format!("more than {PURE_STEPS} steps without a pause"));
        }
    }

    /// Goes on with what a step left.
    pub(super) fn follow(&mut self, then: Then) {
        if let Then::Go(step) = then {
            self.walk(step);
        }
    }

    fn enter(&mut self, id: &StepId) -> Then {
        if self.is_held() {
            let position =
                Position { step: id.clone(), visit: 0, since: self.draft.at(), wait: Wait::Resume };
            self.stand(Some(position));
            return Then::Stop;
        }
        if !self.is_active() {
            return Then::Stop;
        }
        let Some(step) = self.step(id) else {
            return self.fail_step(id, "error", "the playbook has no such step".to_owned());
        };
        self.align_scopes(id);
        match self.is_wanted(step) {
            Ok(true) => self.begin(step),
            Ok(false) => self.skip(step),
            Err(error) => self.fail_step(id, "error", error.to_string()),
        }
    }

    fn is_wanted(&self, step: &Step) -> Result<bool, EvalError> {
        let Some(condition) = &step.when else { return Ok(true) };
        self.scope().holds(condition)
    }

    fn skip(&mut self, step: &Step) -> Then {
        self.fact(Fact::StepSkipped { step: step.id.clone() });
        self.go_next(step, "skipped")
    }

    fn begin(&mut self, step: &'a Step) -> Then {
        let visits = self.draft.run.steps.get(&step.id).map_or(0, |state| state.visits);
        if visits >= step.visits.max(1) {
            let message = format!("it was visited {visits} times, and may not be once more");
            return self.fail_step(&step.id, "error", message);
        }
        self.fact(Fact::StepStarted { step: step.id.clone(), at: self.draft.at() });
        match &step.kind {
            StepKind::Render { render } => self.render(step, render),
            StepKind::Choose { arms, otherwise } => self.choose(step, arms, otherwise.as_ref()),
            StepKind::End { end } => self.finish(step, end),
            StepKind::Wait { wait } => self.wait(step, wait),
            StepKind::Gate { .. } => self.gate(step),
            StepKind::Call { call, with } => self.call(step, call, with),
            StepKind::Agent { agent, with } => self.agent(step, agent, with),
            StepKind::Route { route, text } => self.route(step, route, text),
            StepKind::Record { op } => self.record(step, op),
            StepKind::Run { run, with, .. } => self.child(step, run, with),
            StepKind::Signal { .. } | StepKind::Emit { .. } => self.signal(step),
            StepKind::Each { .. } | StepKind::Parallel { .. } => self.branches(step),
            StepKind::Scope { steps, .. } => self.scope_step(step, steps),
        }
    }

    fn render(&mut self, step: &Step, path: &str) -> Then {
        let Some(template) = self.def.templates.get(path) else {
            return self.fail_step(
                &step.id,
                "error",
                format!("the template \"{path}\" is not in the bundle"),
            );
        };
        let labels = labels::of_reads(&self.draft.run, &template.reads);
        match self.scope().text(template) {
            Ok(text) => self.end_step(step, "ok", Some(Labelled { value: json!({ "text": text }), labels })),
            Err(error) => self.fail_step(&step.id, "error", error.to_string()),
        }
    }

    fn choose(&mut self, step: &Step, arms: &[Choice], otherwise: Option<&StepId>) -> Then {
        let scope = self.scope();
        for arm in arms {
            match scope.holds(&arm.when) {
                Ok(false) => {}
                Ok(true) => return self.chosen(step, Some(&arm.to)),
                Err(error) => return self.fail_step(&step.id, "error", error.to_string()),
            }
        }
        self.chosen(step, otherwise)
    }

    fn chosen(&mut self, step: &Step, to: Option<&StepId>) -> Then {
        let outcome = if to.is_some() { "chosen" } else { "none" };
        self.close_step(step, outcome, None);
        match to {
            Some(to) => Then::Go(to.clone()),
            None => self.go_next(step, outcome),
        }
    }

    fn finish(&mut self, step: &Step, end: &str) -> Then {
        self.close_step(step, end, None);
        match end {
            "done" => drop(self.live(&RunEvent::Finish(self.draft.at()))),
            "cancelled" => drop(self.live(&RunEvent::GiveUp(format!("step \"{}\" ends it", step.id)))),
            _ => self.fail(failure(&step.id, "failed", "it ends the run as failed".to_owned())),
        }
        Then::Stop
    }

    /// Ends a step and finds where its outcome leads.
    pub(super) fn end_step(&mut self, step: &Step, outcome: &str, value: Option<Labelled>) -> Then {
        self.close_step(step, outcome, value);
        self.take_edge(step, outcome, format!("its outcome \"{outcome}\" has no edge"))
    }

    /// Writes a step's end down.
    pub(super) fn close_step(&mut self, step: &Step, outcome: &str, value: Option<Labelled>) {
        let (step, outcome) = (step.id.clone(), outcome.to_owned());
        self.fact(Fact::StepEnded { step, outcome, value, at: self.draft.at() });
    }

    /// Ends a step whose outcome is trouble: takes its edge, else fails the run with the reason.
    pub(super) fn trouble(&mut self, step: &Step, outcome: &str, message: String) -> Then {
        let value = Labelled { value: json!({ "error": message }), labels: Labels::default() };
        self.close_step(step, outcome, Some(value));
        self.take_edge(step, outcome, message)
    }

    pub(super) fn take_edge(&mut self, step: &Step, outcome: &str, message: String) -> Then {
        if !self.is_active() && !self.is_held() {
            return Then::Stop;
        }
        if let Some(to) = step.on.get(outcome) {
            return Then::Go(to.clone());
        }
        let falls_through =
            matches!(outcome, "ok" | "approved" | "edited") || matches!(step.kind, StepKind::Route { .. });
        let goes_on = step.next.is_some()
            || is_branch(&self.draft.run.id)
            || self.def.scopes(&step.id).next().is_some();
        if falls_through && goes_on {
            return self.go_next(step, outcome);
        }
        self.fail_step(&step.id, outcome, message)
    }

    fn go_next(&mut self, step: &Step, outcome: &str) -> Then {
        if let Some(next) = &step.next {
            return Then::Go(next.clone());
        }
        match self.leave_scope(&step.id) {
            Some(then) => then,
            // A branch that has nothing more to do has ended well.
            None if is_branch(&self.draft.run.id) => {
                self.live(&RunEvent::Finish(self.draft.at()));
                Then::Stop
            }
            None => self.fail_step(&step.id, outcome, "nothing follows it".to_owned()),
        }
    }

    /// Fails the run at a step.
    pub(super) fn fail_step(&mut self, step: &str, outcome: &str, message: String) -> Then {
        self.fail(failure(step, outcome, message));
        Then::Stop
    }

    /// Writes the end of the run: nothing is left behind.
    pub(super) fn end(&mut self) {
        self.stand(None);
        crate::kill::close_gates(&mut self.draft);
        crate::kill::clear_timers(&mut self.draft);
        let Phase::Ended { status, reason, .. } = self.draft.run.phase.clone() else { return };
        crate::kill::tell_parent(&mut self.draft, status);
        let told = self.draft.run.effects.values().any(|state| state.life.phase.word() == "dead");
        // A branch that failed has told its run, which goes on with it or fails in its turn.
        let is_told_by_run = is_branch(&self.draft.run.id);
        if status == crate::run::Status::Failed && !told && !is_told_by_run {
            let title = format!("{} failed: {}", self.draft.run.id, reason.unwrap_or_default());
            let cause = self.draft.env.seq.to_string();
            self.tell("failed", &cause, title);
        }
    }

    /// Stands at a step that waits.
    pub(super) fn stop_at(&mut self, step: &Step, wait: Wait) -> Then {
        let visit = self.draft.run.steps.get(&step.id).map_or(1, |state| state.visits);
        let position = Position { step: step.id.clone(), visit, since: self.draft.at(), wait };
        self.stand(Some(position));
        Then::Stop
    }
}

fn failure(step: &str, outcome: &str, message: String) -> Failure {
    Failure { step: Some(step.to_owned()), effect: None, outcome: outcome.to_owned(), message }
}

/// Returns an empty table: the result of steps that have none of their own.
pub(super) fn nothing() -> Value {
    json!({})
}
