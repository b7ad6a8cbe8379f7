//! What the grants in force say to a call, and the names that they call it by.

use adjutant_spec::plan::{Effect, OldestId, Plan, Stage, Subject};

use super::policy::{self, Permission, Question};
use crate::call::{Approval, Call};

/// A call of a run, as grants judge it.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// What is to be done.
    pub call: &'a Call,
    /// What approved the call, where something did.
    pub approval: Option<&'a Approval>,
    /// The playbook of the run, by the id that never changes.
    pub playbook: &'a OldestId,
    /// How far the run may reach the world.
    pub stage: Stage,
}

/// Returns what the grants in force say to a call.
#[must_use]
pub fn permission(plan: &Plan, asking: &Asking<'_>) -> Permission {
    let Asking { call, approval, playbook, stage } = *asking;
    let subjects = [Subject::playbook(playbook)];
    let slice = plan.slice_of(playbook).map_or(stage, |slice| slice.stage);
    if matches!(call, Call::Signal { .. }) {
        return policy::decide_inside(slice.min(stage), approval.is_some());
    }
    let question = Question {
        subjects: &subjects,
        verb: name(call),
        effect: effect(call),
        is_approved: approval.is_some_and(Approval::is_by_person),
        passed_by_condition: approval.is_some_and(|approval| !approval.is_by_person()),
        stage: slice.min(stage),
    };
    policy::decide(plan, question)
}

/// Returns the name that grants call it by.
#[must_use]
pub fn name(call: &Call) -> &str {
    match call {
        Call::Verb(verb) => &verb.verb,
        Call::Probe { probe, .. } => probe,
        Call::Agent(_) => "agent",
        Call::Route { .. } => "route",
        Call::RecordRead { .. } => "record.read",
        Call::RecordList { .. } => "record.list",
        Call::RecordWrite { .. } => "record.write",
        Call::Signal { .. } => "signal",
        Call::FindChild { .. } | Call::StartRun { .. } => "run",
    }
}

/// Returns the verb that a call, or the probe of one, asks.
#[must_use]
pub fn verb(call: &Call) -> Option<&str> {
    match call {
        Call::Verb(verb) => Some(&verb.verb),
        Call::Probe { probe, .. } => Some(probe),
        _ => None,
    }
}

/// Returns what a call does to the world; a model's answer changes nothing.
#[must_use]
pub fn effect(call: &Call) -> Effect {
    match call {
        Call::Verb(verb) => verb.effect,
        Call::RecordWrite { .. } | Call::Signal { .. } => Effect::Write,
        // What a child does is judged when it does it.
        Call::StartRun { .. } | Call::FindChild { .. } => Effect::Read,
        Call::Probe { .. }
        | Call::Agent(_)
        | Call::Route { .. }
        | Call::RecordRead { .. }
        | Call::RecordList { .. } => Effect::Read,
    }
}
