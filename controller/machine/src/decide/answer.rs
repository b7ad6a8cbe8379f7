//! What follows for a step when its effect is settled.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{RecordOp, Step, StepKind},
    value::{Labels, Privacy, Trust},
};
use serde_json::{Value, json};

use super::{
    Decider, Decision,
    effects::verdict,
    flow::{Then, Trouble},
    payload::of_answer,
    steps::parent_close,
};
use crate::{
    branch::is_branch,
    call::Call,
    event::{Denial, ErrorClass, Event, Finding, Labelled, Settlement},
    fact::Fact,
    id::{EffectId, InstanceId},
    life::{Kind, effect::EffectEvent},
    output::{ChildEnd, child_output},
    run::{Close, EffectState, Failure, Purpose, UndoState, Wait},
    trust::Speaker,
    verdict::Refusal,
};

impl<'a> Decider<'a> {
    /// An effect happened.
    pub(super) fn happened(&mut self, effect: &EffectId, value: Value) {
        let Some(state) = self.draft.run.effects.get(effect).cloned() else { return };
        match &state.purpose {
            Purpose::Undo(of) => self.undone(&of.clone()),
            // A probe that answers by plain success says nothing that could be relied on.
            Purpose::Probe(of) => self.unclear(&of.clone(), "its probe gave no finding"),
            Purpose::Step => self.step_happened(effect, &state, value),
        }
    }

    fn unclear(&mut self, effect: &EffectId, message: &str) {
        let finding = Finding::Unclear(message.to_owned());
        drop(self.plain(effect, &EffectEvent::Found(finding)));
    }

    fn step_happened(&mut self, effect: &EffectId, state: &EffectState, value: Value) {
        let Some(step) = self.step(&state.step) else { return };
        if matches!(step.kind, StepKind::Run { .. }) {
            self.child_started(effect, &value);
            return;
        }
        let labels = match &step.kind {
            StepKind::Call { .. } => of_answer(state.traits.effect, state.labels),
            // A record may hold what any run ever wrote there.
            StepKind::Record { .. } => {
                Labels { trust: Trust::External, privacy: state.labels.privacy.max(Privacy::Client) }
            }
            _ => state.labels,
        };
        let answer = Labelled { value, labels };
        if !self.is_waited_for(effect) {
            // The run, or a scope, unwinds: the result is kept, since the undo may read it.
            self.close_step(step, "ok", Some(answer));
            return;
        }
        let then = self.route_answer(step, answer);
        self.follow(then);
    }

    fn route_answer(&mut self, step: &'a Step, answer: Labelled) -> Then {
        match &step.kind {
            StepKind::Agent { .. } => self.agent_answered(step, answer),
            StepKind::Route { .. } => {
                let class = answer.value.get("class").and_then(Value::as_str).unwrap_or("unsure").to_owned();
                self.end_step(step, &class, Some(answer))
            }
            StepKind::Record { op: RecordOp::ReadOne { .. } } if answer.value.is_null() => {
                self.trouble(step, "missing", "there is no such record".to_owned())
            }
            _ => self.end_step(step, "ok", Some(answer)),
        }
    }

    /// Returns whether the run stands at the step of an effect and waits for it.
    fn is_waited_for(&self, effect: &EffectId) -> bool {
        let position = self.draft.run.position.as_ref();
        position.is_some_and(|position| position.wait == Wait::Effect(effect.clone()))
    }

    /// An effect failed for good.
    pub(super) fn went_wrong(&mut self, effect: &EffectId, class: ErrorClass, message: String) {
        let Some(state) = self.draft.run.effects.get(effect).cloned() else { return };
        match &state.purpose {
            Purpose::Undo(_) => self.undo_died(effect, &message),
            Purpose::Probe(of) => self.unclear(&of.clone(), &message),
            Purpose::Step if self.is_waited_for(effect) => {
                let Some(step) = self.step(&state.step) else { return };
                self.step_went_wrong(step, effect, Trouble { outcome: outcome_of(step, class), message });
            }
            Purpose::Step => {}
        }
    }

    fn step_went_wrong(&mut self, step: &'a Step, effect: &EffectId, trouble: Trouble<'_>) {
        let is_agent = matches!(step.kind, StepKind::Agent { .. });
        let then = match trouble.outcome {
            "error" if is_agent => self.without_agent(step, effect, trouble),
            _ => self.trouble_of(step, effect, trouble),
        };
        self.follow(then);
    }

    /// As `trouble`, but an effect without an edge goes to the dead-letter list, and the operator hears of it.
    fn trouble_of(&mut self, step: &Step, effect: &EffectId, trouble: Trouble<'_>) -> Then {
        let Trouble { outcome, message } = trouble;
        if step.on.contains_key(outcome) || self.catching(&step.id).is_some() {
            return self.trouble(step, outcome, message);
        }
        // A branch is not tried again by itself, so nothing of it waits for that: its run is told, and decides.
        let buried = !is_branch(&self.draft.run.id) && self.plain(effect, &EffectEvent::Bury).is_ok();
        let value = Labelled { value: json!({ "error": message }), labels: Default::default() };
        self.close_step(step, outcome, Some(value));
        if buried {
            let cause = effect.to_string();
            self.tell("dead", &cause, format!("step \"{}\" failed: {message}", step.id));
        }
        let (step, outcome) = (Some(step.id.clone()), outcome.to_owned());
        self.fail(Failure { step, effect: Some(effect.clone()), outcome, message });
        Then::Stop
    }

    /// A rule or a person forbade an effect.
    pub(super) fn was_denied(&mut self, effect: &EffectId, denial: Denial, message: String) {
        let Some(state) = self.draft.run.effects.get(effect).cloned() else { return };
        match &state.purpose {
            Purpose::Undo(of) => self.undo_dropped(&of.clone(), Some(&message)),
            Purpose::Probe(of) => self.unclear(&of.clone(), &message),
            Purpose::Step if self.is_waited_for(effect) => {
                let Some(step) = self.step(&state.step) else { return };
                if let Some(gate) = self.gate_to_ask_again(&state, denial) {
                    let then = self.reopen(&gate, &step.id, BTreeMap::new());
                    return self.follow(then);
                }
                let is_agent = matches!(step.kind, StepKind::Agent { .. });
                let then = match denial {
                    Denial::Budget if is_agent && !step.on.contains_key("over_budget") => {
                        self.without_agent(step, effect, Trouble { outcome: "over_budget", message })
                    }
                    Denial::Budget if is_agent => self.trouble(step, "over_budget", message),
                    Denial::Policy if is_agent => self.trouble(step, "refused", message),
                    Denial::Budget | Denial::Policy => self.trouble(step, "denied", message),
                };
                self.follow(then);
            }
            Purpose::Step => {}
        }
    }

    /// Returns the gate that approved an earlier call of the same step, where nothing but an approval would let this one act: a
    /// step that is taken again asks again, and does not fail for want of a grant that it never needed.
    fn gate_to_ask_again(&self, state: &EffectState, denial: Denial) -> Option<String> {
        let run = &self.draft.run;
        let may_help = denial == Denial::Policy && state.approval.is_none() && self.is_active();
        let earlier =
            run.used.iter().rev().filter(|(effect, _)| {
                run.effects.get(*effect).is_some_and(|earlier| earlier.step == state.step)
            });
        let gate = earlier.map(|(_, used)| used.gate_step.clone()).next();
        gate.filter(|gate| may_help && self.step(gate).is_some())
    }

    /// The operator let an effect be.
    pub(super) fn was_dropped(&mut self, effect: &EffectId) {
        let Some(state) = self.draft.run.effects.get(effect).cloned() else { return };
        match &state.purpose {
            Purpose::Undo(of) => self.undo_dropped(&of.clone(), None),
            Purpose::Probe(of) => self.unclear(&of.clone(), "its probe was dropped"),
            Purpose::Step if self.is_waited_for(effect) => {
                let Some(step) = self.step(&state.step) else { return };
                let outcome = if matches!(step.kind, StepKind::Run { .. }) { "failed" } else { "error" };
                let then = self.trouble(step, outcome, "the operator let it be".to_owned());
                self.follow(then);
            }
            Purpose::Step => {}
        }
    }

    /// The operator takes an effect back: its run fails and unwinds, this effect with it.
    pub(super) fn take_back(&mut self, effect: &EffectId) {
        let Some(state) = self.draft.run.effects.get(effect).cloned() else { return };
        let message = "the operator takes it back".to_owned();
        if !self.takes_back() {
            let (step, outcome) = (Some(state.step.clone()), "error".to_owned());
            self.fail(Failure { step, effect: Some(effect.clone()), outcome, message });
        }
    }

    fn child_started(&mut self, effect: &EffectId, answer: &Value) {
        let Some(run) = child_run(answer) else { return };
        let step = self.draft.run.effects.get(effect).and_then(|state| self.step(&state.step));
        let close = step.map_or(Close::Wait, parent_close);
        self.fact(Fact::ChildStarted { effect: effect.clone(), run, close });
        if self.takes_back() {
            self.close_child(effect);
        } else if self.draft.run.is_ended() {
            crate::kill::end_children(&mut self.draft, "its parent was ended before it began");
        }
    }

    /// A child began after its start had been settled otherwise: nobody waits for it, so it does not go on.
    pub(super) fn late_child(&mut self, effect: &EffectId, answer: &Value) {
        let state = self.draft.run.effects.get(effect).filter(|state| state.child.is_none());
        let starts_run = state
            .and_then(|state| self.step(&state.step))
            .is_some_and(|step| matches!(step.kind, StepKind::Run { .. }));
        if let Some(run) = child_run(answer).filter(|_| starts_run) {
            let reason = format!("run \"{}\" does not want it any more", self.draft.run.id);
            self.draft.post(InstanceId::run(run), Event::RunCancelled { reason });
        }
    }

    /// A child run ended; its start may not have been answered yet.
    pub(super) fn child_ended(&mut self, effect: &EffectId, end: ChildEnd<'_>) -> Decision {
        let known = self.draft.run.effects.get(effect).cloned();
        let Some(state) = known else {
            return Err(Refusal::NoSuchEffect { effect: effect.clone() });
        };
        if state.child.as_ref().is_some_and(|child| child.has_ended) {
            return Ok(verdict(Kind::Repeated));
        }
        if state.child.is_none() {
            // Who starts no run has none that could end: a call that is waited for is not done because somebody says so.
            if state.call.as_deref().is_some_and(|call| !matches!(call, Call::StartRun { .. })) {
                let phase = "no start of a run".to_owned();
                return Err(Refusal::EffectPhase { effect: effect.clone(), phase });
            }
            // It began, so an attempt got through: one that was lost, where the present one has not left yet.
            let attempt = state.life.doubt.first().copied().unwrap_or(state.life.attempt);
            let started = end.run.map_or(Value::Null, |run| json!({ "run": run }));
            self.drive_effect(effect, &EffectEvent::Succeed { attempt }, Some(&started))?;
        }
        if self.is_returning(effect) {
            return Ok(self.child_came_back(effect, end.status));
        }
        self.fact(Fact::ChildEnded { effect: effect.clone() });
        if self.is_waited_for(effect) {
            self.child_answered(&state, end);
        }
        Ok(verdict(Kind::Taken))
    }

    fn child_answered(&mut self, state: &EffectState, end: ChildEnd<'_>) {
        let ChildEnd { status, output, .. } = end;
        let Some(step) = self.step(&state.step) else { return };
        let then = if status == "done" {
            let labels = state.labels.join(Default::default());
            let value = child_output(status, output);
            self.end_step(step, "ok", Some(Labelled { value, labels }))
        } else {
            self.trouble(step, "failed", format!("its run ended as {status}"))
        };
        self.follow(then);
    }

    /// The operator settles a dead effect: of an undo at once, of a run that failed by trying it again.
    pub(super) fn settle_dead(
        &mut self,
        effect: &EffectId,
        state: &EffectState,
        settlement: &Settlement,
    ) -> Decision {
        match (&state.purpose, settlement) {
            (Purpose::Undo(of), Settlement::DidNotHappen) => {
                let of = of.clone();
                let life = state.life.to(crate::run::EffectPhase::Dropped);
                self.fact(Fact::EffectMoved { effect: effect.clone(), life });
                self.fact(Fact::UndoMoved { effect: of, state: UndoState::Registered });
                Ok(verdict(Kind::Taken))
            }
            (Purpose::Undo(_), _) | (_, Settlement::Drop) => {
                self.plain(effect, &EffectEvent::Settle(settlement.clone()))
            }
            (_, Settlement::DidNotHappen) => {
                self.retry(Some(&state.step), &Default::default(), Speaker::default())
            }
            (_, Settlement::Happened(_) | Settlement::Undo) => {
                let phase = "dead: it definitely failed; `retry` tries its step again".to_owned();
                Err(crate::verdict::Refusal::EffectPhase { effect: effect.clone(), phase })
            }
        }
    }
}

/// Returns the run that an answer says was started.
fn child_run(answer: &Value) -> Option<String> {
    answer.get("run").and_then(Value::as_str).map(str::to_owned)
}

/// Returns the outcome of a step whose effect failed so.
fn outcome_of(step: &Step, class: ErrorClass) -> &'static str {
    match (&step.kind, class) {
        (StepKind::Agent { .. }, ErrorClass::Refused) => "refused",
        (StepKind::Record { op: RecordOp::Write { .. } }, ErrorClass::Conflict) => "conflict",
        (StepKind::Run { .. }, _) => "failed",
        _ => "error",
    }
}
