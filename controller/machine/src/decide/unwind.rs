//! Unwinding: one path for failure, cancel and deadline, of a run and of a scope in it.
//!
//! First everything that is still open is known: what has not left is withdrawn, what is under way or in doubt is waited
//! for, children end. Then what happened is taken back, the last first, one at a time, each once.

use adjutant_spec::plan::Step;
use serde_json::{Map, Value, json};

use super::{Decider, ask::Wish, effects::is_pure, payload::Payload};
use crate::{
    event::{ErrorClass, Event, Labelled, TimerId},
    fact::Fact,
    id::{EffectId, InstanceId},
    life::{effect::EffectEvent, run::RunEvent},
    run::{Close, EffectPhase, Gate, GateSubject, Part, Purpose, UndoEntry, UndoState},
};

impl<'a> Decider<'a> {
    /// Begins to unwind: nothing new starts, gates close, what has not left stays here.
    pub(super) fn begin_unwinding(&mut self) {
        let timers: Vec<TimerId> = self.draft.run.timers.keys().cloned().collect();
        for timer in timers
            .iter()
            .filter(|timer| matches!(timer, TimerId::Scope(_) | TimerId::Deadline | TimerId::Queue))
        {
            self.draft.clear_timer(timer);
        }
        self.withdraw();
    }

    /// Ends whatever the run is at. It takes one step after the other, so all of it belongs to the step that it stands at.
    pub(super) fn withdraw(&mut self) {
        self.stand(None);
        self.close_gates();
        let timers: Vec<TimerId> = self.draft.run.timers.keys().cloned().collect();
        for timer in timers.iter().filter(|timer| matches!(timer, TimerId::Wait(_))) {
            self.draft.clear_timer(timer);
        }
        for effect in self.unsettled() {
            // What takes something back is wanted now, and a probe: what it asks about must be known first.
            if self.is_for_step(&effect) {
                drop(self.plain(&effect, &EffectEvent::Withdraw));
            } else {
                drop(self.plain(&effect, &EffectEvent::Release));
            }
        }
        self.close_children();
        self.stop_branches();
    }

    /// Tells every child run that its parent unwinds.
    pub(super) fn close_children(&mut self) {
        let effects = self.draft.run.effects.iter();
        let children: Vec<EffectId> =
            effects.filter(|(_, state)| state.child.is_some()).map(|(id, _)| id.clone()).collect();
        for child in children {
            self.close_child(&child);
        }
    }

    /// Closes every gate but those that ask for what a scope takes back just now: that is wanted further on.
    fn close_gates(&mut self) {
        let is_for_undo = |gate: &Gate| match &gate.subject {
            GateSubject::Effect(effect) => !self.is_for_step(effect),
            GateSubject::Step | GateSubject::Agent(_) => false,
        };
        let open = self.draft.run.open_gates().filter(|gate| !is_for_undo(gate));
        let open: Vec<String> = open.map(|gate| gate.id.clone()).collect();
        for gate in open {
            crate::kill::close_gate(&mut self.draft, gate);
        }
    }

    fn is_for_step(&self, effect: &EffectId) -> bool {
        self.draft.run.effects.get(effect).is_some_and(|state| state.purpose == Purpose::Step)
    }

    fn unsettled(&self) -> Vec<EffectId> {
        let effects = self.draft.run.effects.iter();
        effects.filter(|(_, state)| !state.is_settled()).map(|(id, _)| id.clone()).collect()
    }

    /// Tells a child run that its parent unwinds, as its step says.
    pub(super) fn close_child(&mut self, effect: &EffectId) {
        let Some(state) = self.draft.run.effects.get(effect) else { return };
        let Some(child) = state.child.clone() else { return };
        if self.takes_children_back() && child.close != Close::Detach {
            return self.call_back(effect, child.run);
        }
        if child.has_ended {
            return;
        }
        match child.close {
            Close::Detach => self.fact(Fact::ChildEnded { effect: effect.clone() }),
            Close::Cancel => {
                let reason = format!("its parent \"{}\" unwinds", self.draft.run.id);
                let event = Event::RunCancelled { reason };
                self.draft.post(InstanceId::run(child.run), event);
            }
            Close::Wait => {}
        }
    }

    /// Goes on unwinding as far as possible; called at the end of every transition.
    pub(super) fn unwind_on(&mut self) {
        while let Some(from) = self.unwinds_from().filter(|_| self.everything_is_known()) {
            let Some(entry) = self.next_undo(from) else {
                self.all_is_undone();
                continue;
            };
            if let Some(round) = entry.round {
                if self.take_branches_back(&entry, round) {
                    continue;
                }
                return;
            }
            match &entry.state {
                UndoState::Running(undo) if self.was_let_go(undo) => {
                    let (effect, state) = (entry.effect.clone(), UndoState::Registered);
                    self.fact(Fact::UndoMoved { effect, state });
                }
                UndoState::Running(_) => return,
                _ => self.take_one_back(&entry),
            }
        }
    }

    /// Returns the place of the first way back that is taken now: all of them where the run unwinds, those of a scope where it does.
    fn unwinds_from(&self) -> Option<usize> {
        if self.is_unwinding() {
            return Some(0);
        }
        let scope = self.draft.run.failing_scope().filter(|_| self.is_active())?;
        Some(scope.first_undo())
    }

    fn all_is_undone(&mut self) {
        if self.is_unwinding() {
            let now = self.draft.at();
            self.live(&RunEvent::Unwound(now));
        } else {
            self.scope_is_undone();
        }
    }

    fn everything_is_known(&self) -> bool {
        self.no_branch_goes_on()
            && self.draft.run.effects.values().all(|state| {
                let is_undo = matches!(state.purpose, Purpose::Undo(_));
                let child_has_ended = state.child.as_ref().is_none_or(|child| child.has_ended);
                is_undo || ((state.is_settled() || is_pure(state)) && child_has_ended)
            })
    }

    /// Returns the last undo that is not done, from a place on.
    fn next_undo(&self, from: usize) -> Option<Part<UndoEntry>> {
        let open =
            |entry: &&Part<UndoEntry>| matches!(entry.state, UndoState::Registered | UndoState::Running(_));
        self.draft.run.undo.iter().skip(from).rev().find(open).cloned()
    }

    fn take_one_back(&mut self, entry: &UndoEntry) {
        let happened = self
            .draft
            .run
            .effects
            .get(&entry.effect)
            .is_some_and(|state| state.life.phase == EffectPhase::Succeeded);
        if !happened {
            self.fact(Fact::UndoMoved { effect: entry.effect.clone(), state: UndoState::NotNeeded });
            return;
        }
        let Some(step) = self.step(&entry.step) else {
            self.fact(Fact::UndoMoved { effect: entry.effect.clone(), state: UndoState::Dropped });
            return;
        };
        let effect = match self.undo_payload(step, entry) {
            Ok(payload) => self.send_undo(step, entry, &payload),
            Err(message) => self.undo_without_payload(step, entry, &message),
        };
        self.fact(Fact::UndoMoved { effect: entry.effect.clone(), state: UndoState::Running(effect) });
    }

    /// Sends an undo; where nobody approved exactly this one and it needs that, a person is asked.
    fn send_undo(&mut self, step: &Step, entry: &UndoEntry, payload: &Payload) -> EffectId {
        let wish = self.wish_back(step, entry, payload);
        if self.needs_yes(&wish) {
            return self.propose(step, wish, "undo");
        }
        self.put(step, wish, EffectPhase::Queued)
    }

    /// Returns the effect that takes another one back, with its approval where it is what was approved.
    pub(super) fn wish_back(&self, step: &Step, entry: &UndoEntry, payload: &Payload) -> Wish {
        let wish = Self::undo_wish(payload, entry);
        if self.is_undo_as_shown(step, entry) { wish } else { Wish { approval: None, ..wish } }
    }

    /// Returns whether a person must agree to an undo before it is sent.
    pub(super) fn needs_yes(&self, wish: &Wish) -> bool {
        wish.approval.is_none() && (wish.effect.is_guarded() || self.needs_person(wish))
    }

    /// Only the holes of the approved undo may be filled: everything else must still be as it was shown.
    fn is_undo_as_shown(&self, step: &Step, entry: &UndoEntry) -> bool {
        let Some((_, shown)) = &entry.covered else { return false };
        self.undo_with_holes(step).is_ok_and(|now| now.as_ref() == Some(shown))
    }

    pub(super) fn undo_payload(&self, step: &Step, entry: &UndoEntry) -> Result<Payload, String> {
        let contract = self.contract(&entry.verb)?;
        let Labelled { value: args, labels } = match &entry.undo {
            Some(undo) => {
                let scope = self.scope().with_key(&entry.effect.key());
                let value = scope.args(&undo.with).map_err(|error| error.to_string())?;
                Labelled { value, labels: self.labels_of(&undo.with) }
            }
            None => self.default_undo(step, entry, &contract.input),
        };
        super::steps::fits(self.def.verb_input(&entry.verb), &args, "the undo's arguments")?;
        Ok(Payload {
            verb: entry.verb.clone(),
            effect: contract.effect,
            idempotency: contract.idempotency,
            has_probe: contract.probe.is_some(),
            key_valid: contract.key_valid.map(|period| period.millis()),
            args,
            labels,
            timeout: contract.timeout.millis(),
        })
    }

    /// Fills the fields that a verb's default undo declares: from the answer that is taken back, else from what was sent.
    fn default_undo(&self, step: &Step, entry: &UndoEntry, input: &Value) -> Labelled {
        let answer = self.draft.run.steps.get(&step.id).and_then(|state| state.value.as_ref());
        let state = self.draft.run.effects.get(&entry.effect);
        let sent = state.and_then(|state| state.call.as_ref()).map(|call| super::gates::described(call).args);
        let mut labels = state.map_or_else(Default::default, |state| state.labels);
        if let Some(answer) = answer {
            labels = labels.join(answer.labels);
        }
        let fields = input.get("properties").and_then(Value::as_object).into_iter().flatten();
        let mut args = Map::new();
        for (name, _) in fields {
            let from_answer = answer.and_then(|answer| answer.value.get(name));
            let found = from_answer.or_else(|| sent.as_ref()?.get(name)).cloned();
            args.extend(found.map(|value| (name.clone(), value)));
        }
        if input.pointer("/properties/key").is_some() {
            args.entry("key").or_insert(json!(entry.effect.key()));
        }
        Labelled { value: Value::Object(args), labels }
    }

    /// An undo that cannot even be written is dead at once: the operator decides.
    fn undo_without_payload(&mut self, step: &Step, entry: &UndoEntry, message: &str) -> EffectId {
        let payload = Payload {
            verb: entry.verb.clone(),
            effect: adjutant_spec::plan::Effect::Write,
            idempotency: adjutant_spec::plan::Idempotency::AtMostOnce,
            has_probe: false,
            key_valid: None,
            args: Value::Null,
            labels: Default::default(),
            timeout: 0,
        };
        let phase = EffectPhase::Dead { class: ErrorClass::Invalid, message: message.to_owned() };
        let effect = self.put(step, Self::undo_wish(&payload, entry), phase);
        self.tell_of_undo(&effect, message);
        effect
    }

    fn tell_of_undo(&mut self, effect: &EffectId, message: &str) {
        let step = self.draft.run.effects.get(effect).map_or_else(String::new, |state| state.step.clone());
        let cause = effect.to_string();
        self.tell("dead", &cause, format!("step \"{step}\" could not be taken back: {message}"));
    }

    /// An undo failed for good: the run waits, since what happened must not be forgotten.
    pub(super) fn undo_died(&mut self, effect: &EffectId, message: &str) {
        drop(self.plain(effect, &EffectEvent::Bury));
        self.tell_of_undo(effect, message);
    }

    /// An effect was taken back.
    pub(super) fn undone(&mut self, of: &EffectId) {
        drop(self.plain(of, &EffectEvent::Undone));
        self.fact(Fact::UndoMoved { effect: of.clone(), state: UndoState::Done });
    }

    /// An undo is not to be: said by the operator, or by a rule that the operator then hears of.
    pub(super) fn undo_dropped(&mut self, of: &EffectId, rule: Option<&str>) {
        self.fact(Fact::UndoMoved { effect: of.clone(), state: UndoState::Dropped });
        if let Some(rule) = rule {
            let title = format!("{of} happened and is not taken back: {rule}");
            let cause = of.to_string();
            self.tell("failed", &cause, title);
        }
    }
}
