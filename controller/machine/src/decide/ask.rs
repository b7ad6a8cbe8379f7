//! Asks for an effect: writes it down as one that waits for its lease, or puts it before a person.

use adjutant_spec::{
    plan::{Effect, Idempotency, Retry, Stage, Step},
    value::Labels,
};
use serde_json::Value;

use super::{Decider, flow::Then};
use crate::{
    call::{Approval, Call},
    event::{Basis, Labelled},
    fact::Fact,
    id::EffectId,
    run::{EffectPhase, EffectState, Life, Purpose, Traits, Wait},
    sample,
};

/// An effect that a step wants.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) call: Call,
    pub(super) effect: Effect,
    pub(super) idempotency: Idempotency,
    pub(super) has_probe: bool,
    pub(super) labels: Labels,
    pub(super) timeout: u64,
    pub(super) approval: Option<Approval>,
    pub(super) purpose: Purpose,
    /// How long the other side keeps the key, in milliseconds.
    pub(super) key_valid: Option<u64>,
    /// The records that an approved payload was made of.
    pub(super) basis: Vec<Basis>,
}

impl Wish {
    /// Returns a wish that changes nothing however often it is performed.
    pub(super) fn pure(call: Call) -> Self {
        Self {
            call,
            effect: Effect::Read,
            idempotency: Idempotency::Pure,
            has_probe: false,
            labels: Labels::default(),
            timeout: 30_000,
            approval: None,
            purpose: Purpose::Step,
            key_valid: None,
            basis: Vec::new(),
        }
    }
}

impl Decider<'_> {
    /// Asks for an effect and stands at its step.
    pub(super) fn ask(&mut self, step: &Step, wish: Wish) -> Then {
        let effect = self.put(step, wish, EffectPhase::Queued);
        self.stop_at(step, Wait::Effect(effect))
    }

    /// Asks for an effect that may touch the world: it is logged, proposed to a person, or put into the outbox.
    pub(super) fn ask_guarded(&mut self, step: &Step, wish: Wish) -> Then {
        if self.draft.run.only_observes() && wish.effect != Effect::Read {
            return self.observe(step, wish);
        }
        if self.needs_person(&wish) {
            let effect = self.propose(step, wish, "stage advise");
            return self.stop_at(step, Wait::Effect(effect));
        }
        self.ask(step, wish)
    }

    /// Returns whether the slice only advises: whatever changes something is proposed.
    pub(super) fn needs_person(&self, wish: &Wish) -> bool {
        self.draft.run.stage == Stage::Advise && wish.effect != Effect::Read && wish.approval.is_none()
    }

    /// Writes an effect down; one that is queued is in the outbox by its phase.
    pub(super) fn put(&mut self, step: &Step, wish: Wish, phase: EffectPhase) -> EffectId {
        let effect = self.draft.next_effect();
        let traits = self.traits(&effect, &wish, step.retry.clone());
        let attempts = traits.retry.attempts;
        let state = EffectState {
            step: step.id.clone(),
            purpose: wish.purpose,
            traits,
            call: Some(keyed(wish.call, &effect).into()),
            labels: wish.labels,
            approval: wish.approval,
            basis: wish.basis,
            timeout: wish.timeout,
            life: Life::new(attempts, phase),
            child: None,
        };
        self.fact(Fact::EffectAsked { effect: effect.clone(), state: state.into() });
        effect
    }

    fn traits(&self, effect: &EffectId, wish: &Wish, retry: Retry) -> Traits {
        // A probe is asked a few times whatever its step says: one lost answer must not cost the operator's attention.
        let attempts = if matches!(wish.purpose, Purpose::Probe(_)) { 5 } else { retry.attempts };
        Traits {
            id: effect.clone(),
            effect: wish.effect,
            idempotency: wish.idempotency,
            has_probe: wish.has_probe,
            retry: Retry { attempts, ..retry },
            key_valid: wish.key_valid,
        }
    }

    /// Logs what would be done and answers as if it were: with a sample that fits the answer's schema.
    fn observe(&mut self, step: &Step, wish: Wish) -> Then {
        let value = match &wish.call {
            Call::Verb(call) => {
                self.def.verbs.get(&call.verb).map_or(Value::Null, |verb| sample::of(&verb.output))
            }
            Call::RecordWrite { value, .. } => serde_json::json!({ "value": value, "version": 0 }),
            _ => Value::Null,
        };
        self.fact(Fact::Observed { step: step.id.clone(), call: Box::new(wish.call) });
        self.end_step(step, "ok", Some(Labelled::ours(value)))
    }
}

/// Gives a call the key that makes its repetition safe.
fn keyed(call: Call, effect: &EffectId) -> Call {
    match call {
        Call::Verb(mut call) => {
            call.key = effect.key();
            Call::Verb(call)
        }
        other => other,
    }
}
