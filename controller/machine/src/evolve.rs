//! Applies facts to a run. Total and trivial: everything was decided before.

mod branches;
mod scopes;

use adjutant_spec::{
    plan::Idempotency,
    value::{Labels, Path, Trust},
};
use serde_json::Value;

use crate::{
    event::{Envelope, RunStarted},
    fact::{Entry, Fact},
    id::{EffectId, Stamp},
    run::{Child, Edit, EffectPhase, EffectState, Life, Phase, Run, SEEN, UndoState},
};

/// Returns whether what an entry tells stands for all that was before it: a fold may begin here.
#[must_use]
pub fn begins(entry: &Entry) -> bool {
    entry.facts.iter().any(|fact| matches!(fact, Fact::RunOpened { .. } | Fact::Buried { .. }))
}

/// Returns the run that the entries tell of; `None` where they do not begin with its opening.
pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Option<Run> {
    let mut run = None;
    for entry in entries {
        apply(&mut run, entry);
    }
    run
}

/// Applies one entry.
pub fn apply(run: &mut Option<Run>, entry: &Entry) {
    for fact in &entry.facts {
        evolve(run, fact);
    }
    if let Some(run) = run {
        close(run, &entry.envelope);
    }
}

/// Applies one fact.
pub fn evolve(state: &mut Option<Run>, fact: &Fact) {
    match (state, fact) {
        (state, Fact::RunOpened { started, at }) => *state = Some(opened(started, *at)),
        (state, Fact::Buried { started, at, seq, problem }) => {
            *state = Some(Run { seq: *seq, buried: Some(problem.clone()), ..opened(started, *at) });
        }
        (Some(run), fact) => evolve_run(run, fact),
        (None, _) => {}
    }
}

/// Ends a transition: counts it and remembers its event.
pub(crate) fn close(run: &mut Run, envelope: &Envelope) {
    run.seq += 1;
    run.updated_at = run.updated_at.max(envelope.at);
    run.seen.push_back(envelope.id.clone());
    while run.seen.len() > SEEN {
        run.seen.pop_front();
    }
}

/// Returns a run that has just begun.
pub(crate) fn opened(started: &RunStarted, at: Stamp) -> Run {
    Run {
        id: started.run.clone(),
        playbook: started.playbook.clone(),
        began_as: started.oldest.clone(),
        bundle: started.bundle.clone(),
        key: started.key.clone(),
        revision: started.revision.clone(),
        stage: started.stage,
        dry: started.dry,
        trigger: started.trigger.clone().into(),
        parent: started.parent.clone(),
        input: started.input.clone().into(),
        about: started.about.clone(),
        chain: started.chain,
        queues: started.queue.is_some(),
        beside: false,
        turn: None,
        started_at: at,
        updated_at: at,
        seq: 0,
        phase: started.queue.map_or(Phase::Active, |since| Phase::Queued { since }),
        position: None,
        steps: Default::default(),
        effects: Default::default(),
        gates: Default::default(),
        coverage: Default::default(),
        used: Default::default(),
        undo: Vec::new(),
        branches: Default::default(),
        scopes: Vec::new(),
        given_purses: started.purses.clone(),
        heard: started.hearing.as_ref().map(|hearing| hearing.heard.clone()).unwrap_or_default(),
        hears_since: started.hearing.as_ref().map(|hearing| hearing.since),
        timers: Default::default(),
        edits: Default::default(),
        corrections: Default::default(),
        spent: Default::default(),
        failure: None,
        buried: None,
        seen: Default::default(),
    }
}

/// Applies one fact to a run that exists.
pub(crate) fn evolve_run(run: &mut Run, fact: &Fact) {
    match fact {
        Fact::RunMoved { phase } => run.phase = phase.clone(),
        Fact::Positioned { position } => run.position.clone_from(position),
        Fact::StepStarted { .. }
        | Fact::StepSkipped { .. }
        | Fact::StepEnded { .. }
        | Fact::VisitReturned { .. } => evolve_step(run, fact),
        Fact::EffectAsked { .. }
        | Fact::EffectMoved { .. }
        | Fact::EffectApproved { .. }
        | Fact::BasisMoved { .. }
        | Fact::ChildStarted { .. }
        | Fact::ChildCalledBack { .. }
        | Fact::ChildEnded { .. } => evolve_effect(run, fact),
        Fact::GateOpened { .. }
        | Fact::GateMoved { .. }
        | Fact::Covered { .. }
        | Fact::CoverageUsed { .. }
        | Fact::CoverageReturned { .. }
        | Fact::CoverageLost { .. } => {
            evolve_gate(run, fact);
        }
        Fact::Edited { path, value, edit } => edit_value(run, path, value, edit),
        Fact::UndoRegistered { entry } => run.undo.push(entry.clone()),
        Fact::UndoMoved { effect, state } => undo_moved(run, effect, state),
        Fact::TimerSet { timer, at } => drop(run.timers.insert(timer.clone(), *at)),
        Fact::TimerCleared { timer } => drop(run.timers.remove(timer)),
        Fact::Spent { cost, .. } => {
            let sum = run.spent.entry(cost.currency.to_string()).or_default();
            *sum = sum.saturating_add(cost.amount);
        }
        Fact::TurnTaken { at } => run.turn = Some(*at),
        Fact::QueueLeft { for_now: true } => run.beside = true,
        Fact::QueueLeft { for_now: false } => run.queues = false,
        Fact::Failed { failure } => run.failure = Some(failure.clone()),
        Fact::Retried { .. } => retried(run),
        Fact::Corrected { effect, correction } => {
            run.corrections.insert(effect.clone(), correction.clone());
        }
        Fact::BranchesOpened { .. }
        | Fact::BranchesStarted { .. }
        | Fact::BranchEnded { .. }
        | Fact::BranchesStopped { .. }
        | Fact::BranchesTold { .. }
        | Fact::BranchTakenBack { .. }
        | Fact::BranchesClosed { .. }
        | Fact::BranchesLetGo { .. }
        | Fact::BranchCleared { .. } => branches::evolve_branches(run, fact),
        Fact::ScopeEntered { .. } | Fact::ScopeFailing { .. } | Fact::ScopeLeft { .. } => {
            scopes::evolve_scopes(run, fact);
        }
        Fact::SignalTaken { mailbox, number } => drop(run.heard.insert(mailbox.clone(), *number)),
        Fact::RunOpened { .. }
        | Fact::Buried { .. }
        | Fact::Observed { .. }
        | Fact::GatePassed { .. }
        | Fact::Posted { .. }
        | Fact::Told { .. }
        | Fact::Ignored { .. } => {}
    }
}

fn undo_moved(run: &mut Run, effect: &EffectId, state: &UndoState) {
    if let Some(entry) = run.undo.iter_mut().rev().find(|entry| entry.effect == *effect) {
        entry.edit().state = state.clone();
    }
}

fn evolve_step(run: &mut Run, fact: &Fact) {
    match fact {
        Fact::StepStarted { step, at } => {
            let state = run.steps.entry(step.clone()).or_default().edit();
            state.visits += 1;
            state.started = Some(*at);
            state.ended = None;
            state.outcome = None;
        }
        Fact::VisitReturned { step } => {
            let state = run.steps.entry(step.clone()).or_default().edit();
            state.visits = state.visits.saturating_sub(1);
        }
        Fact::StepSkipped { step } => {
            let state = run.steps.entry(step.clone()).or_default().edit();
            state.outcome = Some("skipped".to_owned());
            state.value = None;
        }
        Fact::StepEnded { step, outcome, value, at } => {
            let prefix = format!("steps.{step}");
            run.edits.retain(|path, _| !is_within(path, &prefix));
            let state = run.steps.entry(step.clone()).or_default().edit();
            state.outcome = Some(outcome.clone());
            state.value.clone_from(value);
            state.ended = Some(*at);
        }
        _ => {}
    }
}

fn evolve_effect(run: &mut Run, fact: &Fact) {
    match fact {
        Fact::EffectAsked { effect, state } => {
            forget_settled(run, &state.step);
            run.steps.entry(state.step.clone()).or_default().edit().effects.push(effect.clone());
            run.effects.insert(effect.clone(), state.clone());
        }
        Fact::EffectMoved { effect, life } => move_effect(run, effect, life),
        Fact::EffectApproved { effect, approval } => {
            if let Some(state) = run.effects.get_mut(effect) {
                state.edit().approval = Some(approval.clone());
            }
        }
        Fact::BasisMoved { effect, basis } => {
            if let Some(state) = run.effects.get_mut(effect) {
                state.edit().basis.clone_from(basis);
            }
        }
        Fact::ChildStarted { effect, run: child, close } => {
            if let Some(state) = run.effects.get_mut(effect) {
                let has_ended = state.child.as_ref().is_some_and(|known| known.has_ended);
                let (run, close) = (child.clone(), *close);
                state.edit().child = Some(Child { run, has_ended, is_returning: false, close });
            }
        }
        Fact::ChildEnded { effect } => {
            if let Some(child) = run.effects.get_mut(effect).and_then(|state| state.edit().child.as_mut()) {
                (child.has_ended, child.is_returning) = (true, false);
            }
        }
        Fact::ChildCalledBack { effect } => {
            if let Some(child) = run.effects.get_mut(effect).and_then(|state| state.edit().child.as_mut()) {
                (child.has_ended, child.is_returning) = (false, true);
            }
        }
        _ => {}
    }
}

/// Lets go what an earlier visit of a step has settled for good: the log keeps it, the state need not. What can still be taken
/// back or judged by a person stays, and a late answer to what went is known by its number.
fn forget_settled(run: &mut Run, step: &str) {
    let Some(state) = run.steps.get_mut(step) else { return };
    let acts = |effect: &&EffectId| {
        run.effects.get(effect).is_some_and(|state| state.traits.idempotency != Idempotency::Pure)
    };
    // A retry asks what the step did last.
    let last_act = state.effects.iter().rev().find(acts).cloned();
    let is_over = |effect: &EffectId| {
        let known = run.effects.get(effect).is_some_and(|state| {
            let has_child = state.child.as_ref().is_some_and(|child| !child.has_ended);
            state.is_settled() && !has_child && !matches!(state.life.phase, EffectPhase::Dead { .. })
        });
        known
            && last_act.as_ref() != Some(effect)
            && !run.undo.iter().any(|entry| entry.effect == *effect)
            && !run.corrections.contains_key(effect)
            && !run.used.contains_key(effect)
    };
    let (over, kept): (Vec<_>, Vec<_>) = state.effects.iter().cloned().partition(is_over);
    if over.is_empty() {
        return;
    }
    state.edit().effects = kept;
    for effect in &over {
        run.effects.remove(effect);
    }
}

/// Moves an effect; what it sent is kept only while it may be sent again or taken back.
fn move_effect(run: &mut Run, effect: &EffectId, life: &Life) {
    let may_be_undone = run.undo.iter().any(|entry| entry.effect == *effect);
    let Some(state) = run.effects.get_mut(effect) else { return };
    let EffectState { life: old, call, .. } = state.edit();
    *old = life.clone();
    if old.phase.is_settled() && !may_be_undone {
        *call = None;
    }
}

fn evolve_gate(run: &mut Run, fact: &Fact) {
    match fact {
        Fact::GateOpened { gate } => {
            run.steps.entry(gate.card.step.clone()).or_default().edit().gates += 1;
            run.gates.insert(gate.id.clone(), gate.clone());
        }
        Fact::GateMoved { gate, phase, decided } => {
            if let Some(gate) = run.gates.get_mut(gate) {
                let gate = gate.edit();
                gate.phase = *phase;
                if decided.is_some() {
                    gate.decided.clone_from(decided);
                }
            }
        }
        Fact::Covered { step, coverage } => {
            drop(run.coverage.insert(step.clone(), coverage.clone()));
        }
        Fact::CoverageLost { step, .. } => drop(run.coverage.remove(step)),
        Fact::CoverageUsed { effect, step } => {
            if let Some(coverage) = run.coverage.remove(step) {
                run.used.insert(effect.clone(), coverage);
            }
        }
        Fact::CoverageReturned { effect } => coverage_returned(run, effect),
        _ => {}
    }
}

/// A call that did not happen gives its approval back, unless its step was approved anew meanwhile.
fn coverage_returned(run: &mut Run, effect: &EffectId) {
    let Some(step) = run.effects.get(effect).map(|state| state.step.clone()) else { return };
    if let Some(coverage) = run.used.remove(effect) {
        run.coverage.entry(step).or_insert(coverage);
    }
}

fn edit_value(run: &mut Run, path: &Path, value: &Value, edit: &Edit) {
    if let Some(slot) = slot(run, path) {
        *slot = value.clone();
    }
    let first = run
        .edits
        .get(path)
        .map_or_else(|| edit.clone(), |old| Edit { original: old.original.clone(), ..edit.clone() });
    run.edits.insert(path.clone(), first);
}

/// Returns the place of a value, making the last level of its path where it is missing.
fn slot<'a>(run: &'a mut Run, path: &str) -> Option<&'a mut Value> {
    let mut parts = path.split('.');
    let root = match (parts.next()?, parts.next()?) {
        ("input", name) => &mut run.input.edit().get_mut(name)?.value,
        ("steps", step) => {
            let labelled = run.steps.get_mut(step)?.edit().value.as_mut()?;
            &mut labelled.value
        }
        _ => return None,
    };
    parts.try_fold(root, |value, part| match value {
        Value::Object(fields) => Some(fields.entry(part).or_insert(Value::Null)),
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A run that is tried again counts its visits anew; what failed is forgotten.
fn retried(run: &mut Run) {
    run.failure = None;
    run.beside = false;
    // Those that it goes on in are entered once more.
    scopes::forget(run);
    for step in run.steps.values_mut() {
        step.edit().visits = 0;
    }
}

/// Returns whether a path is the other one, or lies below it.
pub(crate) fn is_within(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
}

/// Returns the labels of a value that the operator wrote: its privacy stays.
pub(crate) fn raised(labels: Labels) -> Labels {
    Labels { trust: Trust::Operator, ..labels }
}
