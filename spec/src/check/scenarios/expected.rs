//! Checks of what a scenario expects.

use serde_json::Value;

use super::look::Look;
use crate::{
    check::{
        cx::Out,
        flow,
        names::{self, hint, list},
        shape,
    },
    diag::{Code, Diagnostic},
    plan::{Playbook, RecordOp, Step, StepKind},
    scenario::{Expectation, shows},
};

/// Checks every expectation.
pub(super) fn check(look: &Look<'_>, out: &mut Out) {
    for (place, wanted) in look.scenario.expect.iter().enumerate() {
        let key = format!("expect[{place}]");
        let written = &look.at.expect[place].playbook;
        let playbook = if look.sets(&format!("{key}.playbook")) {
            look.playbook(&format!("{key}.playbook"), written, out)
        } else {
            look.children.get(&wanted.playbook)
        };
        let Some(playbook) = playbook else { continue };
        if let Some(step) = look.step(playbook, &wanted.step, &format!("{key}.step"), out) {
            outcome(look, &key, step, wanted, out);
            let expected = Expected { step, playbook, written: &look.at.expect[place] };
            expected.arguments(look, &key, out);
        }
    }
}

/// Returns the outcomes that a step can be seen to have.
fn outcomes(look: &Look<'_>, step: &Step) -> Vec<String> {
    let mut words: Vec<String> = match &step.kind {
        StepKind::Render { .. } => vec!["ok".to_owned()],
        StepKind::Choose { .. } => vec!["chosen".to_owned(), "none".to_owned()],
        StepKind::End { end } => vec![end.clone()],
        _ => flow::outcomes(look.draft, step).into_iter().map(|outcome| outcome.word).collect(),
    };
    if step.when.is_some() {
        words.push("skipped".to_owned());
    }
    words
}

fn outcome(look: &Look<'_>, key: &str, step: &Step, wanted: &Expectation, out: &mut Out) {
    let Some(word) = &wanted.outcome else { return };
    let known = outcomes(look, step);
    if known.contains(word) {
        return;
    }
    let message = format!("a `{}` step has no outcome \"{word}\"", step.kind.word());
    let found = Diagnostic::new(Code::E0303, look.spot(&format!("{key}.outcome")), message);
    out.push(found.label("no such outcome").help(format!("it can have {}", list(&known))));
}

/// A step of which something is expected.
struct Expected<'a> {
    step: &'a Step,
    playbook: &'a Playbook,
    /// What is expected, as it stands in the file.
    written: &'a Expectation,
}

impl Expected<'_> {
    fn arguments(&self, look: &Look<'_>, key: &str, out: &mut Out) {
        let named = self.written.with.keys().map(|name| ("with", name));
        for (table, name) in named.chain(self.written.contains.keys().map(|name| ("contains", name))) {
            if let Some(known) = self.unknown(look, name) {
                let message = format!("step \"{}\" has no argument \"{name}\"", self.step.id);
                let spot = look.spot(&format!("{key}.{table}.{name}"));
                let help =
                    hint(name, known.iter().map(String::as_str)).unwrap_or_else(|| "remove it".to_owned());
                out.push(Diagnostic::new(Code::E0410, spot, message).label("no such argument").help(help));
            }
        }
    }

    /// Returns the arguments that a step has, where it has none of this name.
    fn unknown(&self, look: &Look<'_>, name: &str) -> Option<Vec<String>> {
        let draft = look.draft;
        let of_schema = |schema: &Value| shape::walk(schema, &[name]).err().map(|missing| missing.known);
        match &self.step.kind {
            StepKind::Agent { agent, .. } => of_schema(&draft.agents.get(agent)?.input),
            StepKind::Call { call, .. } => of_schema(&names::verb(draft, call)?.input),
            StepKind::Record { op: RecordOp::Write { record, .. } } => {
                of_schema(&draft.records.get(record)?.value)
            }
            StepKind::Record { op: RecordOp::ReadList { record, .. } } => {
                of_schema(&draft.records.get(record)?.value)
            }
            StepKind::Run { run, .. } => {
                among(name, look.children.get(run)?.inputs.keys().cloned().collect())
            }
            StepKind::Signal { with, .. } | StepKind::Emit { with, .. } => {
                among(name, with.keys().cloned().collect())
            }
            StepKind::Gate { .. } => {
                let at = draft.playbooks.get(&self.playbook.id)?;
                among(name, shows::written(at, &self.step.id)?.to_vec())
            }
            StepKind::Render { .. } | StepKind::Route { .. } => among(name, vec!["text".to_owned()]),
            StepKind::Record { op: RecordOp::ReadOne { .. } } => among(name, vec!["key".to_owned()]),
            StepKind::Wait { .. }
            | StepKind::Choose { .. }
            | StepKind::End { .. }
            | StepKind::Each { .. }
            | StepKind::Parallel { .. }
            | StepKind::Scope { .. } => Some(Vec::new()),
        }
    }
}

fn among(name: &str, known: Vec<String>) -> Option<Vec<String>> {
    (!known.iter().any(|one| one == name)).then_some(known)
}
