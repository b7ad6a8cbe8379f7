//! What a step's value is made of: the paths that it reads, by the definition alone.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_spec::{
    plan::{Bundle, RecordOp, Step, StepKind},
    value::Arg,
};

/// Returns the paths that a step's own value is made of, such as `input.message` or `steps.quote.text`.
#[must_use]
pub fn of_step(step: &Step, bundle: &Bundle) -> Vec<String> {
    let args = |with: &BTreeMap<String, Arg>| with.values().flat_map(Arg::reads).collect::<Vec<_>>();
    match &step.kind {
        StepKind::Call { with, .. } | StepKind::Agent { with, .. } | StepKind::Run { with, .. } => args(with),
        StepKind::Signal { to, with, .. } => to.reads.iter().cloned().chain(args(with)).collect(),
        StepKind::Emit { key, with, .. } => {
            key.iter().flat_map(|key| key.reads.iter().cloned()).chain(args(with)).collect()
        }
        StepKind::Route { text, .. } => text.reads.iter().cloned().collect(),
        StepKind::Render { render } => {
            let template = bundle.templates.get(render);
            template.map(|template| template.reads.iter().cloned().collect()).unwrap_or_default()
        }
        StepKind::Record { op } => of_record(op).into_iter().collect(),
        // What the branches read themselves is theirs; here is what they were given.
        StepKind::Each { items, body, .. } => {
            items.reads.iter().cloned().chain(body.inputs.values().flat_map(Arg::reads)).collect()
        }
        StepKind::Parallel { lanes, .. } => {
            lanes.iter().flat_map(|lane| lane.body.inputs.values()).flat_map(Arg::reads).collect()
        }
        StepKind::Gate { .. }
        | StepKind::Wait { .. }
        | StepKind::Choose { .. }
        | StepKind::End { .. }
        | StepKind::Scope { .. } => Vec::new(),
    }
}

/// Returns the paths that an operation on records is made of.
pub(crate) fn of_record(op: &RecordOp) -> BTreeSet<String> {
    match op {
        RecordOp::ReadOne { key, .. } => key.reads.clone(),
        RecordOp::ReadList { filter, .. } => filter.values().flat_map(Arg::reads).collect(),
        RecordOp::Write { key, value, .. } => {
            value.values().flat_map(Arg::reads).chain(key.reads.iter().cloned()).collect()
        }
    }
}

/// Returns the step whose value a path names.
#[must_use]
pub fn step_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("steps.")?;
    rest.split(['.', '[']).next()
}
