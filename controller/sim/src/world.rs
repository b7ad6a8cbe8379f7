//! The world as the oracle knows it: what happened in it, and what it answers.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    call::{Approval, Call, Perform},
    id::{EffectId, Stamp},
    sample,
};
use adjutant_spec::plan::{Bundle, Effect, Idempotency};
use serde_json::Value;

/// Something that happened in the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// The key under which it happened.
    pub key: String,
    /// The effect whose attempt did it.
    pub effect: EffectId,
    /// The attempt at it.
    pub attempt: u32,
    /// The full name of the verb that was called.
    pub verb: String,
    /// What it does to the world.
    pub class: Effect,
    /// What makes a repetition safe.
    pub idempotency: Idempotency,
    /// What it sent.
    pub args: Value,
    /// Whether an approval came with it: the digest.
    pub approval: Option<String>,
    /// Whether it takes a step back.
    pub is_undo: bool,
    /// The virtual moment at which it happens.
    pub at: Stamp,
}

/// The world: a book of acts, and answers.
#[derive(Debug, Default)]
pub struct World {
    /// What happened in it, in order.
    pub acts: Vec<Act>,
    /// What agents and routes answer, by name; others get a sample.
    pub answers: BTreeMap<String, Value>,
}

impl World {
    /// Writes down that an attempt happened; only a verb acts.
    pub(crate) fn act(&mut self, perform: &Perform, at: Stamp) {
        let Call::Verb(call) = &*perform.call else { return };
        self.acts.push(Act {
            key: call.key.clone(),
            effect: perform.effect.clone(),
            attempt: perform.attempt,
            verb: call.verb.clone(),
            class: call.effect,
            idempotency: call.idempotency,
            args: call.args.clone(),
            approval: perform.approval.as_ref().map(|Approval { digest, .. }| digest.clone()),
            is_undo: call.undo_of.is_some(),
            at,
        });
    }

    /// Returns whether something happened under a key.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.acts.iter().any(|act| act.key == key)
    }
}

/// Returns what a verb of these bundles would answer; null where none has it.
pub(crate) fn sample_of<'a>(bundles: impl IntoIterator<Item = &'a Arc<Bundle>>, verb: &str) -> Value {
    let contract = bundles.into_iter().find_map(|bundle| bundle.verbs.get(verb));
    contract.map_or(Value::Null, |contract| sample::of(&contract.output))
}
