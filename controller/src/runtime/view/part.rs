//! What a run knows of its branches by itself, and what a branch knows of its run: counts, and which item or lane it is.

use adjutant_machine::{
    branch::{BranchId, Round, steps_of},
    event::TimerId,
    run::{Branches, OpenScope, Part, Run},
};
use adjutant_spec::{
    plan::{Bundle, Step, StepKind},
    shown,
};
use serde_json::Value;

use crate::runtime::{
    Error,
    core::Core,
    views::{RoundView, ScopeView, When},
};

/// How much of an item is told.
const MOST_LETTERS: usize = 80;

/// Returns the rounds of a run's branches as the run knows them: counts, and no branch.
pub(super) fn rounds(run: &Run) -> Vec<RoundView> {
    let view = |(round, branches): (&Round, &Part<Branches>)| RoundView {
        step: round.step.clone(),
        number: round.number,
        count: branches.count,
        begun: branches.started,
        ok: branches.ok,
        failed: branches.over.count().saturating_sub(branches.ok),
        open: branches.live(),
        unfinished: Vec::new(),
    };
    run.branches.iter().map(view).collect()
}

/// Returns the scopes that a run is in, the outermost first; none of one that has ended.
pub(super) fn scopes(run: &Run) -> Vec<ScopeView> {
    let ends = |step: &str| run.timers.get(&TimerId::Scope(step.to_owned())).copied();
    let view = |scope: &Part<OpenScope>| ScopeView {
        step: scope.round.step.clone(),
        number: scope.round.number,
        since: When(scope.since),
        ends: ends(&scope.round.step).map(When),
        failing: scope.failing.as_ref().map(|failing| failing.message.clone()),
    };
    run.scopes.iter().filter(|_| !run.is_ended()).map(view).collect()
}

/// Says where a run stands in a scope, or that the scope takes back what it did.
pub(super) fn in_words(scope: &ScopeView) -> String {
    let ScopeView { step, ends, failing, .. } = scope;
    match (failing, ends) {
        (Some(why), _) => format!("scope \"{step}\" takes back what it did: {why}"),
        (None, Some(ends)) => format!("in scope \"{step}\", which ends at {ends} at the latest"),
        (None, None) => format!("in scope \"{step}\""),
    }
}

/// Says which part of its run a branch is: `topic 3 of "dig": a deep well`, `lane "web" of "fan"`; nothing of a run.
pub(super) fn part(core: &Core, run: &Run) -> Result<Option<String>, Error> {
    let Some(own) = BranchId::of(&run.id) else { return Ok(None) };
    let bundle = core.bundle(&run.bundle)?;
    let bundle = bundle.as_deref();
    let mut parts = vec![of_branch(bundle, &own, Some(run))];
    let mut outer = BranchId::of(&own.parent);
    while let Some(branch) = outer {
        parts.push(of_branch(bundle, &branch, None));
        outer = BranchId::of(&branch.parent);
    }
    Ok(Some(parts.join(", in ")))
}

fn of_branch(bundle: Option<&Bundle>, branch: &BranchId, run: Option<&Run>) -> String {
    let BranchId { parent, round, index } = branch;
    let holder = bundle.and_then(|bundle| holder(bundle, parent, &round.step));
    // People count from one.
    let number = u64::from(*index) + 1;
    match holder.map(|step| &step.kind) {
        Some(StepKind::Each { item, .. }) => {
            let value = run.and_then(|run| run.input.get(item)).map(|item| in_short(&item.value));
            let value = value.map_or_else(String::new, |value| format!(": {value}"));
            format!("{item} {number} of \"{}\"{value}", round.step)
        }
        Some(StepKind::Parallel { lanes, .. }) => {
            let lane = usize::try_from(*index).ok().and_then(|at| lanes.get(at));
            format!("lane \"{}\" of \"{}\"", lane.map_or("?", |lane| lane.id.as_str()), round.step)
        }
        _ => format!("branch {number} of \"{}\"", round.step),
    }
}

fn holder<'a>(bundle: &'a Bundle, parent: &str, step: &str) -> Option<&'a Step> {
    steps_of(&bundle.playbook, parent)?.iter().find(|found| found.id == step)
}

fn in_short(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    shown::excerpt(&text, MOST_LETTERS)
}

/// Returns the run or branch that a branch is a part of, and in words how.
pub(super) fn above(run: &str) -> Option<Above> {
    let BranchId { parent, round, .. } = BranchId::of(run)?;
    Some(Above { parent, text: format!("begun by step \"{}\", in its round {}", round.step, round.number) })
}

/// What began a branch.
pub(super) struct Above {
    /// The run or branch that it is a part of.
    pub(super) parent: String,
    /// How it came about.
    pub(super) text: String,
}
