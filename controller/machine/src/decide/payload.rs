//! Payloads: what a guarded step will do, rendered at its gate and again before it acts.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_spec::{
    plan::{Effect, Idempotency, RecordOp, Step, StepId, StepKind, Undo, VerbContract},
    value::{Arg, Labels, Path, Privacy, Trust},
};
use serde_json::{Value, json};

use super::Decider;
use crate::{
    call::{Call, VerbCall},
    codec::canonical,
    eval,
    event::Labelled,
    labels,
    run::{Card, Coverage, CoveredCall, CoveredUndo, Shown},
};

/// What a step will do to the world.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    pub(super) verb: String,
    pub(super) effect: Effect,
    pub(super) idempotency: Idempotency,
    pub(super) has_probe: bool,
    pub(super) key_valid: Option<u64>,
    pub(super) args: Value,
    pub(super) labels: Labels,
    pub(super) timeout: u64,
}

/// What takes a step back.
pub(super) struct UndoPlan {
    /// The verb that is called then.
    pub(super) verb: String,
    /// The step's own undo; absent where it is the verb's default.
    pub(super) undo: Option<Arc<Undo>>,
}

/// The verb under which a write of a business record is shown and granted.
pub(super) const RECORD_WRITE: &str = "record.write";

impl<'a> Decider<'a> {
    /// Renders what a `call` step will do.
    pub(super) fn call_payload(
        &self,
        step: &Step,
        verb: &str,
        with: &BTreeMap<String, Arg>,
    ) -> Result<Payload, String> {
        let contract = self.contract(verb)?;
        let args = self.scope().args(with).map_err(|error| error.to_string())?;
        super::steps::fits(self.def.verb_input(verb), &args, "the call's arguments")?;
        Ok(Payload {
            verb: verb.to_owned(),
            effect: contract.effect,
            idempotency: contract.idempotency,
            has_probe: contract.probe.is_some(),
            key_valid: contract.key_valid.map(|period| period.millis()),
            args,
            labels: self.labels_of(with),
            timeout: step.timeout.unwrap_or(contract.timeout).millis(),
        })
    }

    /// Returns the contract of a verb.
    pub(super) fn contract(&self, verb: &str) -> Result<&'a VerbContract, String> {
        self.def.verbs.get(verb).ok_or_else(|| format!("the verb \"{verb}\" is not in the bundle"))
    }

    /// Renders what a covered step will do, as its card shows it.
    pub(super) fn covered_call(&self, id: &str) -> Result<CoveredCall, String> {
        let step = self.step(id).ok_or_else(|| format!("the playbook has no step \"{id}\""))?;
        match &step.kind {
            StepKind::Call { call, with } => {
                let payload = self.call_payload(step, call, with)?;
                let undo = self.undo_with_holes(step)?;
                let Payload { verb, effect, args, labels, .. } = payload;
                Ok(CoveredCall { step: step.id.clone(), verb, effect, args, labels, undo })
            }
            StepKind::Record { op: op @ RecordOp::Write { .. } } => self.covered_record(step, op),
            _ => Err(format!("step \"{id}\" does nothing that a gate could cover")),
        }
    }

    fn covered_record(&self, step: &Step, op: &RecordOp) -> Result<CoveredCall, String> {
        let Labelled { value: args, labels } = self.record_payload(op)?;
        let (verb, effect) = (RECORD_WRITE.to_owned(), Effect::Write);
        Ok(CoveredCall { step: step.id.clone(), verb, effect, args, labels, undo: None })
    }

    fn record_payload(&self, op: &RecordOp) -> Result<Labelled, String> {
        let RecordOp::Write { record, key, value, .. } = op else {
            return Err("nothing is written".to_owned());
        };
        let scope = self.scope();
        let fields = scope.args(value).map_err(|error| error.to_string())?;
        let key_text = scope.text(key).map_err(|error| error.to_string())?;
        let labels = self.labels_of(value).join(labels::of_reads(&self.draft.run, &key.reads));
        Ok(Labelled { value: json!({ "record": record, "key": key_text, "value": fields }), labels })
    }

    /// Renders a step's undo with holes for what only its own execution tells.
    pub(super) fn undo_with_holes(&self, step: &Step) -> Result<Option<CoveredUndo>, String> {
        let Some(UndoPlan { verb, undo }) = self.undo_of(step) else { return Ok(None) };
        let Some(undo) = undo else {
            let args = json!({ "from": format!("⟨steps.{}⟩", step.id) });
            return Ok(Some(CoveredUndo { verb, args }));
        };
        let scope = self.scope().with_holes(&self.draft.run, &step.id);
        let args = scope.args(&undo.with).map_err(|error| error.to_string())?;
        Ok(Some(CoveredUndo { verb, args }))
    }

    /// Returns what takes a step back: its own undo, else its verb's default.
    pub(super) fn undo_of(&self, step: &Step) -> Option<UndoPlan> {
        if let Some(undo) = self.def.undo(&step.id) {
            return Some(UndoPlan { verb: undo.call.clone(), undo: Some(Arc::clone(undo)) });
        }
        let StepKind::Call { call, .. } = &step.kind else { return None };
        self.def.verbs.get(call)?.undo.clone().map(|verb| UndoPlan { verb, undo: None })
    }

    /// Returns the gate step whose approval covers a step.
    pub(super) fn gate_of(&self, step: &str) -> Option<&'a StepId> {
        let covers = self.def.covers.iter();
        covers
            .filter(|(_, covered)| covered.iter().any(|call| call.step == step))
            .map(|(gate, _)| gate)
            .next()
    }

    /// Returns the values of paths with their labels, as a card shows them.
    pub(super) fn shown(&self, paths: &[Path]) -> BTreeMap<Path, Shown> {
        let run = &self.draft.run;
        let value = |path: &Path| eval::at_path(run, path).cloned().unwrap_or(Value::Null);
        paths
            .iter()
            .map(|path| (path.clone(), Shown { value: value(path), labels: labels::of_path(run, path) }))
            .collect()
    }

    /// Returns what differs from what was approved, by place, with the approved value; empty when nothing does.
    pub(super) fn differences(
        &self,
        step: &Step,
        coverage: &Coverage,
        args: &Value,
    ) -> BTreeMap<String, Value> {
        let mut changed = difference(&format!("{}.args", step.id), &coverage.args, args);
        for (path, value) in &coverage.shown {
            if eval::at_path(&self.draft.run, path).unwrap_or(&Value::Null) != value {
                changed.insert(path.clone(), value.clone());
            }
        }
        let undo = self.undo_with_holes(step).unwrap_or_default();
        if undo != coverage.undo {
            changed.insert(format!("{}.undo", step.id), json!(coverage.undo));
        }
        changed
    }

    /// Returns the digest of a card: what is approved is this card of this bundle, step and number, and nothing else.
    pub(super) fn digest(&self, step: &str, number: u32, card: &Card) -> String {
        let content =
            json!({ "bundle": self.draft.run.bundle, "step": step, "number": number, "card": json!(card) });
        blake3::hash(&canonical(&content)).to_hex().to_string()
    }
}

/// Returns which fields of two tables differ, with the earlier values.
fn difference(at: &str, earlier: &Value, now: &Value) -> BTreeMap<String, Value> {
    if earlier == now {
        return BTreeMap::new();
    }
    let (Value::Object(old), Value::Object(new)) = (earlier, now) else {
        return BTreeMap::from([(at.to_owned(), earlier.clone())]);
    };
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    names
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| (format!("{at}.{name}"), old.get(name).cloned().unwrap_or(Value::Null)))
        .collect()
}

/// Returns the call of a verb; its key is given when it is asked for.
pub(super) fn verb_call(payload: &Payload, undo_of: Option<StepId>) -> Call {
    Call::Verb(VerbCall {
        verb: payload.verb.clone(),
        args: payload.args.clone(),
        key: String::new(),
        effect: payload.effect,
        idempotency: payload.idempotency,
        undo_of,
    })
}

/// Returns labels with the trust that an approval gives; privacy is nobody's to lower.
pub(super) fn approved(labels: Labels, raises: bool) -> Labels {
    if raises { Labels { trust: Trust::Operator, ..labels } } else { labels }
}

/// Returns the labels of what a connector answers.
///
/// What a verb did is told by a system of record; what it read may have been written by anybody.
pub(super) fn of_answer(effect: Effect, asked: Labels) -> Labels {
    let trust = if effect == Effect::Read { Trust::External } else { Trust::Verified };
    asked.join(Labels { trust, privacy: Privacy::Internal })
}
