//! What the grants in force say to a call, and the names that they call it by.

use adjutant_machine::{
    call::{Approval, Call},
    money::policy::{self, Permission, Question},
};
use adjutant_spec::plan::{Effect, OldestId, Plan, Stage, Subject};

/// Who approved what passed a gate by its condition.
pub(super) const BY_CONDITION: &str = "auto";

/// A call of a run, as grants judge it.
pub(super) struct Asking<'a> {
    pub(super) call: &'a Call,
    /// What approved the call, where something did.
    pub(super) approval: Option<&'a Approval>,
    /// The playbook of the run, by the id that never changes.
    pub(super) playbook: &'a OldestId,
    /// How far the run may reach the world.
    pub(super) stage: Stage,
}

/// Returns what the grants in force say to a call.
pub(super) fn permission(plan: &Plan, asking: &Asking<'_>) -> Permission {
    let Asking { call, approval, playbook, stage } = *asking;
    let subjects = [Subject::playbook(playbook)];
    let slice = plan.slice_of(playbook).map_or(stage, |slice| slice.stage);
    let by = approval.map(|approval| approval.by.as_str());
    let question = Question {
        subjects: &subjects,
        verb: name(call),
        effect: effect(call),
        is_approved: by.is_some_and(|by| by != BY_CONDITION),
        passed_by_condition: by == Some(BY_CONDITION),
        stage: slice.min(stage),
    };
    policy::decide(plan, question)
}

/// Returns the name that grants call it by.
pub(super) fn name(call: &Call) -> &str {
    verb(call).unwrap_or("record.write")
}

/// Returns the verb that a call, or the probe of one, asks.
pub(super) fn verb(call: &Call) -> Option<&str> {
    match call {
        Call::Verb(verb) => Some(&verb.verb),
        Call::Probe { probe, .. } => Some(probe),
        _ => None,
    }
}

/// Returns what a call does to the world; a model's answer changes nothing.
pub(super) fn effect(call: &Call) -> Effect {
    match call {
        Call::Verb(verb) => verb.effect,
        Call::RecordWrite { .. } => Effect::Write,
        _ => Effect::Read,
    }
}
