//! `scope`: a group of steps in a run, with a deadline and one edge for whatever goes wrong in it.
//!
//! ```text
//!  scope step ──► first step … last step ──► `next`                    left: what it did stays, and is the run's
//!                   │ no edge, `end = "failed"`      │ its deadline
//!                   ▼                                ▼
//!                 error                           expired
//!                   └──► withdraw what has not left, take back the last first ──► the edge of this outcome
//! ```
//! Which scopes a run is in is kept as a stack, and follows from the step that it takes: before each step those around it are entered,
//! and the others left. So a run that a retry or a person sends elsewhere is never in one that it does not stand in. A scope takes
//! back by the same path as a run ([`super::unwind`]): what was noted since it was entered, and no more.

use adjutant_spec::{
    plan::{Step, StepId, StepKind},
    value::Labels,
};
use serde_json::{Value, json};

use super::{Decider, flow::Then};
use crate::{
    branch::Round,
    event::{Labelled, TimerId},
    fact::Fact,
    run::{Failing, Failure, OpenScope, Part},
    verdict::Verdict,
};

impl<'a> Decider<'a> {
    /// Enters a scope: its first step comes next.
    pub(super) fn scope_step(&mut self, step: &Step, steps: &[StepId]) -> Then {
        match steps.first() {
            Some(first) => Then::Go(first.clone()),
            None => self.fail_step(&step.id, "error", "it has no steps".to_owned()),
        }
    }

    /// Leaves the scopes that a step does not stand in, and enters those that it does.
    pub(super) fn align_scopes(&mut self, step: &str) {
        let around: Vec<StepId> = self.def.scopes(step).map(|scope| scope.id.clone()).collect();
        let open: Vec<StepId> = self.open_scopes().collect();
        for other in open.iter().rev().filter(|open| !around.contains(open)) {
            self.leave(other, false);
        }
        // The outermost first.
        for scope in around.iter().rev().filter(|scope| !open.contains(scope)) {
            self.enter_scope(scope);
        }
    }

    fn open_scopes(&self) -> impl Iterator<Item = StepId> + use<'_, 'a> {
        self.draft.run.scopes.iter().map(|scope| scope.round.step.clone())
    }

    fn enter_scope(&mut self, id: &StepId) {
        let undo_from = u32::try_from(self.draft.run.undo.len()).unwrap_or(u32::MAX);
        self.open_scope(id, undo_from);
    }

    fn open_scope(&mut self, id: &StepId, undo_from: u32) {
        let number = self.draft.run.steps.get(id).map_or(0, |state| state.rounds) + 1;
        let since = self.draft.at();
        let round = Round { step: id.clone(), number };
        let (deadline, budget) = match self.step(id).map(|step| &step.kind) {
            Some(StepKind::Scope { deadline, budget, .. }) => (*deadline, *budget),
            _ => (None, None),
        };
        let scope = OpenScope { round, since, undo_from, budget, failing: None };
        self.fact(Fact::ScopeEntered { scope: scope.into() });
        if let Some(deadline) = deadline {
            self.draft.set_timer(TimerId::Scope(id.clone()), since.plus(deadline.millis()));
        }
    }

    /// Enters those again that a run was in when it ended and in which it goes on: with what they did then, and time of their own.
    pub(super) fn enter_scopes_again(&mut self, step: &str) {
        let kept: Vec<Part<OpenScope>> = self.draft.run.scopes.clone();
        for scope in kept {
            if self.def.is_in_scope(step, &scope.round.step) {
                self.open_scope(&scope.round.step, scope.undo_from);
            }
        }
    }

    fn leave(&mut self, id: &StepId, undone: bool) {
        self.draft.clear_timer(&TimerId::Scope(id.clone()));
        self.fact(Fact::ScopeLeft { step: id.clone(), undone });
    }

    /// Goes on behind the scope that a step stands in, and nothing follows the step; nothing where it stands in none.
    pub(super) fn leave_scope(&mut self, step: &str) -> Option<Then> {
        let def = self.def;
        let scope = def.scopes(step).next()?;
        if self.open_scopes().any(|open| open == scope.id) {
            self.leave(&scope.id, false);
        }
        let value = Labelled { value: outcome("ok", Value::Null), labels: Labels::OPERATOR };
        Some(self.end_step(scope, "ok", Some(value)))
    }

    /// Returns the innermost scope around a step that has an edge for what goes wrong in it.
    pub(super) fn catching(&self, step: &str) -> Option<StepId> {
        if !self.is_active() && !self.is_held() {
            return None;
        }
        let catches = |open: &&Part<OpenScope>| {
            let scope = self.step(&open.round.step);
            self.def.is_in_scope(step, &open.round.step)
                && scope.is_some_and(|scope| scope.on.contains_key("error"))
        };
        let found = self.draft.run.scopes.iter().rev().find(catches)?;
        // What goes wrong while it takes back is for the operator, as in a run that unwinds.
        found.failing.is_none().then(|| found.round.step.clone())
    }

    /// Lets a scope take back what it did: nothing new starts in it, and what has not left stays here.
    pub(super) fn fail_scope(&mut self, scope: &StepId, failing: Failing) {
        let inside = self.open_scopes().skip_while(|open| open != scope);
        for open in inside.collect::<Vec<_>>() {
            self.draft.clear_timer(&TimerId::Scope(open));
        }
        self.fact(Fact::ScopeFailing { step: scope.clone(), failing });
        self.withdraw();
    }

    /// The time of a scope is over.
    pub(super) fn scope_expired(&mut self, scope: &StepId) -> Verdict {
        if !self.open_scopes().any(|open| open == *scope) || self.is_unwinding() {
            return Verdict::Stale;
        }
        let Some(step) = self.step(scope) else { return Verdict::Stale };
        let message = "its deadline passed".to_owned();
        if step.on.contains_key("expired") {
            self.fail_scope(scope, Failing { outcome: "expired".to_owned(), message });
        } else {
            let outcome = "expired".to_owned();
            self.fail(Failure { step: Some(scope.clone()), effect: None, outcome, message });
        }
        Verdict::Applied
    }

    /// A scope has taken back what it did: the run takes its edge.
    pub(super) fn scope_is_undone(&mut self) {
        let Some(open) = self.draft.run.failing_scope().cloned() else { return };
        let OpenScope { round, failing, .. } = open;
        let Some(Failing { outcome: word, message }) = failing else { return };
        self.leave(&round.step, true);
        let Some(step) = self.step(&round.step) else {
            let message = format!("{message}, and the playbook has no such scope any more");
            drop(self.fail_step(&round.step, &word, message));
            return;
        };
        let value = Labelled { value: outcome(&word, json!(message)), labels: Labels::default() };
        self.close_step(step, &word, Some(value));
        let then = self.take_edge(step, &word, message);
        self.follow(then);
    }
}

/// Returns the result of a scope.
fn outcome(status: &str, error: Value) -> Value {
    json!({ "status": status, "error": error })
}
