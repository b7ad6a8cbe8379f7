//! The same things in the words of three rooms: source, reconcile, HTTP.

use serde_json::json;

use crate::{
    http::{
        Code, Refusal,
        doors::{
            ConditionView, Done, HoldView, NewProposal, ProposalView, PushedRef, SliceView, SourceView,
            WaitsView,
        },
    },
    reconcile::{self, Candidate, Error, RepositoryError, Seen, Status, Trouble},
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

/// Returns a wish to propose, in the words of reconcile.
pub(super) fn wish(wish: NewProposal) -> Result<reconcile::NewProposal, Refusal> {
    let source = match (wish.head, wish.patch) {
        (Some(head), None) => reconcile::ProposalSource::Head(head),
        (None, Some(patch)) => reconcile::ProposalSource::Patch(patch),
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid("a proposal has a head or a patch, not both"));
        }
        (None, None) => {
            return Err(Refusal::invalid("a proposal has nothing in it")
                .help("give a commit as `head`, or a diff as `patch`"));
        }
    };
    Ok(reconcile::NewProposal {
        title: wish.title,
        reason: wish.reason,
        topic: wish.topic.unwrap_or_else(|| "main".to_owned()),
        source,
        evidence: serde_json::Value::Null,
    })
}

/// Returns what is told after a push for review.
pub(super) fn opened(view: &reconcile::ProposalView) -> String {
    let next = view.next.as_ref().map_or_else(String::new, |next| format!("next: {next}\n"));
    format!("proposal {} is {}: {}\n{next}", view.id, view.state, view.title)
}

/// Returns a proposal in the words of HTTP; what those have no field for travels with the plan.
pub(super) fn proposal(view: reconcile::ProposalView) -> ProposalView {
    let mut plan = if view.plan.is_null() { json!({}) } else { view.plan };
    plan["topic"] = json!(view.topic);
    plan["conflicts"] = json!(view.conflicts);
    plan["protected"] = json!(view.protected);
    plan["next"] = json!(view.next);
    ProposalView {
        id: view.id,
        state: view.state,
        title: view.title,
        author: view.author,
        base: view.base,
        head: view.head,
        digest: view.digest,
        plan,
        diff: view.diff,
        hidden: view.hidden,
        protected: view.protected,
        next: view.next,
        evidence: view.evidence,
        backtest: view.backtest,
        reason: view.reason,
    }
}

pub(super) fn done(done: reconcile::Done) -> Done {
    Done { applied: done.applied, message: done.message, next: done.next }
}

pub(super) fn source(status: Status) -> SourceView {
    let conditions = status.conditions.into_iter().map(|found| ConditionView {
        resource: found.resource,
        condition: found.condition,
        holds: found.holds,
        reason: found.reason,
        message: found.message,
        revision: found.revision,
    });
    let slices = status.slices.into_iter().map(|slice| SliceView {
        id: slice.id,
        applied: slice.applied,
        held: slice.held,
        diagnostics: slice.diagnostics,
    });
    let waits =
        |waits: reconcile::Waits| WaitsView { token: waits.token, because: waits.because, next: waits.next };
    let hold = |hold: reconcile::Hold| HoldView { reason: hold.reason, by: hold.by, revision: hold.revision };
    SourceView {
        mode: status.mode.word().to_owned(),
        place: status.place,
        desired: status.desired,
        attempted: status.attempted,
        commit: status.commit,
        waits: status.waits.map(waits),
        main: None,
        ready: status.ready,
        conditions: conditions.collect(),
        diagnostics: status.diagnostics,
        slices: slices.collect(),
        hold: status.hold.map(hold),
    }
}

pub(super) fn repository(error: RepositoryError) -> Refusal {
    refusal(Error::Repository(error))
}

/// Returns why reconcile refused, in the words of HTTP.
pub(super) fn refusal(error: Error) -> Refusal {
    let (help, message) = (error.help(), error.to_string());
    let code = match error {
        Error::Runtime(error) => return error.into(),
        Error::NotFound { .. } => Code::NotFound,
        Error::Invalid { .. } => Code::Invalid,
        Error::Forbidden { .. } => Code::Forbidden,
        Error::Conflict { .. } => Code::Conflict,
        Error::Repository(error) => match error.trouble {
            Trouble::Missing => Code::NotFound,
            Trouble::Moved => Code::Conflict,
            Trouble::Wrong => Code::Invalid,
            Trouble::Failed => Code::Unavailable,
        },
        Error::Bug(_) => Code::Bug,
    };
    Refusal { code, message, help }
}
