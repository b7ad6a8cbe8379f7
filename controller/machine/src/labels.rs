//! Labels at run time: the join over the paths that a template names, found statically, so that what `check` proved happens.

use std::collections::BTreeSet;

use adjutant_spec::value::{Labels, Path, Privacy, Trust};

use crate::{
    evolve::{is_within, raised},
    run::Run,
};

/// What an outside event carries before an input declares it.
const OUTSIDE: Labels = Labels { trust: Trust::External, privacy: Privacy::Client };

/// Returns the labels of what reads these paths.
#[must_use]
pub fn of_reads(run: &Run, reads: &BTreeSet<Path>) -> Labels {
    reads.iter().map(|path| of_path(run, path)).fold(Labels::OPERATOR, Labels::join)
}

/// Returns the labels of one path.
///
/// A value that a person edited is trusted as that person is; a path above an edited one joins what else lies below it.
#[must_use]
pub fn of_path(run: &Run, path: &str) -> Labels {
    let base = base(run, path);
    let original = path.contains(".original");
    let mut edits =
        run.edits.iter().filter(|(edited, _)| !original && is_within(path, edited)).map(|(_, edit)| edit);
    match edits.next() {
        Some(first) => edits.fold(first.speaker.cap(raised(base)), |labels, edit| edit.speaker.cap(labels)),
        None => base,
    }
}

fn base(run: &Run, path: &str) -> Labels {
    let mut parts = path.split(['.', '[']);
    match (parts.next(), parts.next()) {
        (Some("input"), Some(name)) => run.input.get(name).map_or(OUTSIDE, |value| value.labels),
        (Some("input"), None) => {
            run.input.values().map(|value| value.labels).fold(Labels::OPERATOR, Labels::join)
        }
        (Some("steps"), Some(step)) => of_step(run, step),
        (Some("steps"), None) => {
            run.steps.keys().map(|step| of_step(run, step)).fold(Labels::OPERATOR, Labels::join)
        }
        // A run's key is a template over the trigger's event; its id and playbook are ours.
        (Some("run"), Some("id" | "playbook")) => Labels::OPERATOR,
        (Some("run" | "event"), _) => OUTSIDE,
        _ => Labels::OPERATOR,
    }
}

/// A step without a result has nothing to launder: its reader falls back on its own text.
fn of_step(run: &Run, step: &str) -> Labels {
    let value = run.steps.get(step).and_then(|state| state.value.as_ref());
    value.map_or(Labels::OPERATOR, |value| value.labels)
}
