//! What an approved payload rests on: the business records that it, and the card that was shown, were made of.
//!
//! A person approves words that were made of records; between the approval and the call a record may move. The host compares the
//! versions when it leases the call, and asks again where one is another. The values themselves are not read anew here.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_spec::plan::{RecordOp, Step, StepKind};

use super::Decider;
use crate::{event::Basis, fact::Fact, id::EffectId, reads, run::Coverage};

impl Decider<'_> {
    /// Returns the records that a covered call, and the card that was shown for it, were made of.
    pub(super) fn basis(&self, step: &Step, coverage: &Coverage) -> Vec<Basis> {
        let shown = coverage.shown.keys().cloned();
        self.rests_on(reads::of_step(step, self.def).into_iter().chain(shown))
    }

    /// Notes what an effect rests on that a person approved by itself.
    pub(super) fn rest_on_records(&mut self, effect: &EffectId) {
        let Some(state) = self.draft.run.effects.get(effect) else { return };
        let Some(step) = self.step(&state.step).filter(|_| state.basis.is_empty()) else { return };
        let basis = self.rests_on(reads::of_step(step, self.def).into_iter());
        if !basis.is_empty() {
            self.fact(Fact::BasisMoved { effect: effect.clone(), basis });
        }
    }

    /// Follows paths back, step by step, to the records that were read.
    fn rests_on(&self, paths: impl Iterator<Item = String>) -> Vec<Basis> {
        let mut open: Vec<String> = paths.collect();
        let (mut known, mut found) = (BTreeSet::new(), BTreeMap::new());
        while let Some(path) = open.pop() {
            let Some(step) = reads::step_of(&path).and_then(|id| self.step(id)) else { continue };
            if !known.insert(step.id.clone()) {
                continue;
            }
            for basis in self.records_of(step) {
                found.entry((basis.record, basis.key)).or_insert(basis.version);
            }
            open.extend(reads::of_step(step, self.def));
        }
        found.into_iter().map(|((record, key), version)| Basis { record, key, version }).collect()
    }

    /// Returns the records that a step's value holds, with their versions.
    fn records_of(&self, step: &Step) -> Vec<Basis> {
        let StepKind::Record { op } = &step.kind else { return Vec::new() };
        let value = self.draft.run.steps.get(&step.id).and_then(|state| state.value.as_ref());
        let Some(value) = value.map(|value| &value.value) else { return Vec::new() };
        match op {
            RecordOp::ReadOne { record, key } | RecordOp::Write { record, key, .. } => {
                let version = value["version"].as_u64();
                let basis = version.zip(self.scope().text(key).ok());
                basis
                    .map(|(version, key)| Basis { record: record.clone(), key, version })
                    .into_iter()
                    .collect()
            }
            RecordOp::ReadList { record, .. } => {
                let items = value["items"].as_array().into_iter().flatten();
                let one = |item: &serde_json::Value| {
                    let (key, version) = (item["key"].as_str()?.to_owned(), item["version"].as_u64()?);
                    Some(Basis { record: record.clone(), key, version })
                };
                items.filter_map(one).collect()
            }
        }
    }
}
