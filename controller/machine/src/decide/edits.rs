//! Edits: a person changes what a card shows, or corrects a value before a retry.

use std::collections::BTreeMap;

use adjutant_spec::{
    plan::{StepKind, ValueType},
    value::Path,
};
use serde_json::Value;

use super::Decider;
use crate::{
    eval,
    evolve::is_within,
    fact::Fact,
    run::{Card, Edit, Gate},
    trust::Speaker,
    verdict::Refusal,
};

/// Where an edit comes from.
#[derive(Clone, Copy)]
pub(super) struct EditOrigin<'a> {
    /// The gate at which it was made, or `retry`.
    pub(super) at_gate: &'a str,
    /// How far the words of whoever made it are trusted.
    pub(super) speaker: Speaker,
}

impl Decider<'_> {
    /// Applies the edits of a card: only values that it shows, and only such that fit their schema.
    pub(super) fn edit(
        &mut self,
        gate: &Gate,
        values: &BTreeMap<Path, Value>,
        speaker: Speaker,
    ) -> Result<(), Refusal> {
        for (path, value) in values {
            if !gate.card.editable.iter().any(|shown| is_within(path, shown)) {
                return Err(Refusal::NotEditable { path: path.clone() });
            }
            self.change(path, value, EditOrigin { at_gate: &gate.id, speaker })?;
        }
        Ok(())
    }

    /// Changes one value; the original stays readable.
    pub(super) fn change(
        &mut self,
        path: &Path,
        value: &Value,
        origin: EditOrigin<'_>,
    ) -> Result<(), Refusal> {
        let EditOrigin { at_gate, speaker } = origin;
        let original = eval::at_path(&self.draft.run, path).cloned();
        let original = original.ok_or_else(|| Refusal::NotEditable { path: path.clone() })?;
        let (by, at_gate) = (self.draft.envelope.by.clone(), at_gate.to_owned());
        let edit = Edit { original, by, at_gate, speaker };
        self.fact(Fact::Edited { path: path.clone(), value: value.clone(), edit });
        self.still_fits(path)
    }

    /// Checks the whole value that a path lies in, after the change.
    fn still_fits(&self, path: &Path) -> Result<(), Refusal> {
        let mut parts = path.split('.');
        let (root, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let whole = eval::at_path(&self.draft.run, &format!("{root}.{name}")).unwrap_or(&Value::Null);
        let problem = match root {
            "input" => self.def.playbook.inputs.get(name).and_then(|input| type_problem(input.type_, whole)),
            _ => self.misfit(name, whole),
        };
        problem.map_or(Ok(()), |problem| Err(Refusal::Invalid { path: path.clone(), problem }))
    }

    /// Returns how a value does not fit what a step yields, where that is known.
    fn misfit(&self, step: &str, value: &Value) -> Option<String> {
        if let Some(StepKind::Render { .. }) = self.step(step).map(|step| &step.kind) {
            return rendered(value);
        }
        Some(self.def.output_of(step)?.first_mismatch(value)?.to_string())
    }

    /// Returns the digest of a card as it is after an edit: this is what is approved.
    pub(super) fn digest_after_edit(&self, gate: &Gate) -> Result<String, Refusal> {
        let invalid = |problem| Refusal::Invalid { path: gate.card.step.clone(), problem };
        let covered = self.def.covers.get(&gate.card.step).into_iter().flatten();
        let effects: Result<Vec<_>, String> = covered.map(|call| self.covered_call(&call.step)).collect();
        let show: Vec<Path> = gate.card.show.keys().cloned().collect();
        let card = Card { show: self.shown(&show), effects: effects.map_err(invalid)?, ..gate.card.clone() };
        let number = gate.id.rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        Ok(self.digest(&gate.card.step, number, &card))
    }
}

fn type_problem(expected: ValueType, value: &Value) -> Option<String> {
    let fits = match expected {
        ValueType::String => value.is_string(),
        ValueType::Number => value.is_number(),
        ValueType::Integer => value.is_i64() || value.is_u64(),
        ValueType::Boolean => value.is_boolean(),
        ValueType::List => value.is_array(),
        ValueType::Table => value.is_object(),
        ValueType::Money => {
            value.as_str().is_some_and(|text| text.parse::<adjutant_spec::value::Money>().is_ok())
        }
    };
    (!fits).then(|| format!("it must be of type {expected:?}").to_lowercase())
}

/// A rendered text stays one.
fn rendered(value: &Value) -> Option<String> {
    let is_text = value.as_object().is_some_and(|fields| fields.get("text").is_none_or(Value::is_string));
    (!is_text).then(|| "/text: this is no text".to_owned())
}
