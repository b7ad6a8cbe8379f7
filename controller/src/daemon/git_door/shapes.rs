//! The same things in the words of three rooms: source, reconcile, desk.

use crate::{
    desk::{Refusal, views::PushedRef},
    reconcile::{self, Candidate, ProposalView, RepositoryError, Seen},
    source::{Observation, RefUpdate},
};

/// Returns what the source saw, in the words of reconcile.
#[must_use]
pub(crate) fn seen(observation: &Observation) -> Seen {
    match observation {
        Observation::Observed(observed) => Seen::Candidate(Candidate {
            revision: observed.revision.id.clone(),
            commit: observed.revision.commit.clone(),
            title: observed.revision.title.clone(),
            files: std::sync::Arc::clone(&observed.files),
            uncommitted: observed.uncommitted.clone(),
            remark: observed.remark.clone(),
        }),
        Observation::Unreadable(problem) => Seen::Unreadable(reconcile::Unreadable {
            code: problem.code.to_owned(),
            message: problem.message.clone(),
            hint: problem.hint.map(str::to_owned),
        }),
    }
}

/// Returns a reference of a push, in the words of the source.
pub(super) fn update(pushed: &PushedRef) -> RefUpdate {
    let id = |id: &str| (!id.is_empty() && id.bytes().any(|digit| digit != b'0')).then(|| id.to_owned());
    RefUpdate { old: id(&pushed.old), new: id(&pushed.new), name: pushed.name.clone() }
}

/// Returns what is told after a push for review.
pub(super) fn opened(view: &ProposalView) -> String {
    let next = view.next.as_ref().map_or_else(String::new, |next| format!("next: {next}\n"));
    format!("proposal {} is {}: {}\n{next}", view.id, view.state, view.title)
}

pub(super) fn repository(error: RepositoryError) -> Refusal {
    reconcile::Error::Repository(error).into()
}
