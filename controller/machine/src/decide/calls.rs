//! The steps that touch the world: `call`, and `record` where it writes under a gate.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{Effect, Step},
    value::{Arg, Trust},
};

use super::{
    Decider,
    ask::Wish,
    flow::Then,
    payload::{Payload, UndoPlan, approved, verb_call},
};
use crate::{
    call::Approval,
    fact::Fact,
    id::EffectId,
    run::{Coverage, Purpose, UndoEntry, UndoState},
};

impl Decider<'_> {
    pub(super) fn call(&mut self, step: &Step, verb: &str, with: &BTreeMap<String, Arg>) -> Then {
        let payload = match self.call_payload(step, verb, with) {
            Ok(payload) => payload,
            Err(message) => return self.trouble(step, "error", message),
        };
        if self.draft.run.only_observes() {
            return self.send(step, &payload, None);
        }
        match self.draft.run.coverage.get(&step.id).cloned() {
            Some(coverage) => self.covered(step, &payload, &coverage),
            None if payload.effect.is_guarded() => self.uncovered(step, &payload),
            None => self.send(step, &payload, None),
        }
    }

    /// A guarded call without an approval never leaves: its gate asks again, or there is none and it is denied.
    fn uncovered(&mut self, step: &Step, payload: &Payload) -> Then {
        match self.gate_of(&step.id) {
            Some(gate) => self.reopen(gate, &step.id, BTreeMap::new()),
            None => {
                let message = format!("\"{}\" needs an approval, and no gate covers it", payload.verb);
                self.trouble(step, "denied", message)
            }
        }
    }

    /// Compares with what was approved, and acts only on the same.
    fn covered(&mut self, step: &Step, payload: &Payload, coverage: &Coverage) -> Then {
        let changed = self.differences(step, coverage, &payload.args);
        if !changed.is_empty() {
            return self.reopen(&coverage.gate_step.clone(), &step.id, changed);
        }
        let is_tainted = payload.labels.trust == Trust::External && !coverage.raises_trust;
        if payload.effect.is_guarded() && is_tainted {
            let message =
                format!("\"{}\" would act on words from outside that no person approved", payload.verb);
            return self.trouble(step, "denied", message);
        }
        self.send(step, payload, Some(coverage))
    }

    fn send(&mut self, step: &Step, payload: &Payload, coverage: Option<&Coverage>) -> Then {
        let approval = coverage.map(approval);
        let wish = Wish {
            effect: payload.effect,
            idempotency: payload.idempotency,
            has_probe: payload.has_probe,
            key_valid: payload.key_valid,
            basis: coverage.map(|coverage| self.basis(step, coverage)).unwrap_or_default(),
            labels: approved(payload.labels, coverage.is_some_and(|coverage| coverage.raises_trust)),
            timeout: payload.timeout,
            approval,
            ..Wish::pure(verb_call(payload, None))
        };
        let then = self.ask_guarded(step, wish);
        if let Some(effect) = self.last_effect(step) {
            self.use_coverage(step, &effect);
            self.register_undo(step, effect, coverage);
        }
        then
    }

    /// One approval is one call: a step that is visited again asks again, unless the call did not happen.
    fn use_coverage(&mut self, step: &Step, effect: &EffectId) {
        if self.draft.run.coverage.contains_key(&step.id) {
            self.fact(Fact::CoverageUsed { effect: effect.clone(), step: step.id.clone() });
        }
    }

    /// Returns the effect that a step waits for.
    fn last_effect(&self, step: &Step) -> Option<EffectId> {
        let position = self.draft.run.position.as_ref()?;
        match &position.wait {
            crate::run::Wait::Effect(effect) if position.step == step.id => Some(effect.clone()),
            _ => None,
        }
    }

    /// Notes how to take a step back, before it can have happened.
    fn register_undo(&mut self, step: &Step, effect: EffectId, coverage: Option<&Coverage>) {
        let is_read =
            self.draft.run.effects.get(&effect).is_none_or(|state| state.traits.effect == Effect::Read);
        let Some(UndoPlan { verb, undo }) = self.undo_of(step).filter(|_| !is_read) else { return };
        let covered = coverage.and_then(|coverage| Some((approval(coverage), coverage.undo.clone()?)));
        let state = UndoState::Registered;
        let (step, round) = (step.id.clone(), None);
        let entry = UndoEntry { step, effect, undo, verb, covered, state, round, by_scope: false };
        self.fact(Fact::UndoRegistered { entry: entry.into() });
    }

    /// Guards a write of a business record with the payload that a gate approved, where one did.
    pub(super) fn write_record(&mut self, step: &Step, wish: Wish) -> Then {
        let Some(coverage) = self.draft.run.coverage.get(&step.id).cloned() else {
            return self.ask_guarded(step, wish);
        };
        let now = match self.covered_call(&step.id) {
            Ok(call) => call,
            Err(message) => return self.trouble(step, "error", message),
        };
        let changed = self.differences(step, &coverage, &now.args);
        if !changed.is_empty() {
            return self.reopen(&coverage.gate_step.clone(), &step.id, changed);
        }
        let labels = approved(wish.labels, coverage.raises_trust);
        let basis = self.basis(step, &coverage);
        let then =
            self.ask_guarded(step, Wish { labels, basis, approval: Some(approval(&coverage)), ..wish });
        if let Some(effect) = self.last_effect(step) {
            self.use_coverage(step, &effect);
        }
        then
    }

    /// Returns a wish that takes an effect back.
    pub(super) fn undo_wish(payload: &Payload, of: &UndoEntry) -> Wish {
        Wish {
            effect: payload.effect,
            idempotency: payload.idempotency,
            has_probe: payload.has_probe,
            key_valid: payload.key_valid,
            labels: approved(payload.labels, of.covered.is_some()),
            timeout: payload.timeout,
            approval: of.covered.as_ref().map(|(approval, _)| approval.clone()),
            purpose: Purpose::Undo(of.effect.clone()),
            ..Wish::pure(verb_call(payload, Some(of.step.clone())))
        }
    }
}

fn approval(coverage: &Coverage) -> Approval {
    Approval { gate: coverage.gate.clone(), digest: coverage.digest.clone(), by: coverage.by.clone() }
}
