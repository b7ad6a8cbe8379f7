//! What gates show: people write the paths of the playbook, and a gate in a branch has them by the names of what its branch is given.
//!
//! | written in the playbook and in the test | known to the branch |
//! |---|---|
//! | `topic.name` | `input.topic.name` |
//! | `steps.read.text` | `input.steps:read:text` |

use crate::{
    compile::resolve,
    draft::{Draft, RawKind, RawPlaybook},
    plan::{Id, StepKind},
    value::Path,
};

/// Returns what a gate shows, as people wrote it.
pub(crate) fn written<'a>(playbook: &'a RawPlaybook, gate: &str) -> Option<&'a [Path]> {
    let raw = playbook.steps.iter().find(|step| step.id == gate)?;
    match &raw.kind {
        RawKind::Known(StepKind::Gate { show, .. }) => Some(show),
        _ => None,
    }
}

/// Returns whether a path is one that is shown, or leads into it.
pub(crate) fn is_within(path: &str, shown: &str) -> bool {
    path.strip_prefix(shown).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What one gate in a branch shows.
pub(super) struct Shows {
    paths: Vec<Shown>,
}

/// One path that a gate shows.
struct Shown {
    written: Path,
    /// The same as its branch has it.
    in_branch: Path,
}

impl Shows {
    /// Returns what a gate of a playbook shows; nothing where it stands in no branch, and has all as it is written.
    pub(super) fn of(draft: &Draft, playbook: &Id, gate: &str) -> Option<Self> {
        let at = draft.playbooks.row(playbook)?;
        written(at, gate)?;
        at.steps.iter().find(|step| step.id == gate && step.container.is_some())?;
        let resolved = resolve::playbook(draft, at);
        let StepKind::Gate { show: in_branch, .. } = &resolved.playbook.step(gate)?.kind else { return None };
        let pairs = written(at, gate)?.iter().zip(in_branch);
        let paths = pairs
            .map(|(written, in_branch)| Shown { written: written.clone(), in_branch: in_branch.clone() });
        Some(Self { paths: paths.collect() })
    }

    /// Returns a path as the branch has it; one that the gate does not show stays as it is, and the checks report it.
    pub(super) fn in_branch(&self, path: &str) -> Path {
        // The whole of a step and one of its fields are two inputs of a branch: the one that says more is meant.
        let within = self.paths.iter().filter(|shown| is_within(path, &shown.written));
        let Some(shown) = within.max_by_key(|shown| shown.written.len()) else { return path.to_owned() };
        format!("{}{}", shown.in_branch, &path[shown.written.len()..])
    }
}
