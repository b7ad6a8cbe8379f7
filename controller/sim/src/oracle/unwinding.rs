//! A run that ends badly, or a scope that fails, takes back what it did: all of it, the last first, once each.

use std::collections::BTreeMap;

use adjutant_machine::{
    fact::Fact,
    id::EffectId,
    run::{EffectPhase, Phase, UndoState},
};

use super::case::Case;

/// A run that did not end well has taken back, in reverse order and once each, what happened, or the operator let it be.
pub(super) fn unwound(case: &Case<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let run = &case.kept.run;
    let is_open = |state: &UndoState| matches!(state, UndoState::Registered | UndoState::Running(_));
    let ended_badly = run.is_ended() && !matches!(run.status(), "done" | "killed");
    let undone = undone(case);
    for entry in run.undo.iter().filter(|entry| ended_badly || entry.by_scope) {
        if is_open(&entry.state) {
            broken.push(format!("{} ended and did not take {} back", run.id, entry.effect));
        }
        if entry.round.is_some() {
            continue;
        }
        let state = &run.effects[&entry.effect];
        if entry.state == UndoState::Done && state.life.phase != EffectPhase::Undone {
            broken.push(format!("{} was taken back and is {}", entry.effect, state.life.phase.word()));
        }
        let happened = case.acts.iter().any(|act| act.effect == entry.effect);
        if happened && entry.state == UndoState::NotNeeded {
            broken.push(format!("{} happened, and was not taken back", entry.effect));
        }
        let is_by_hand =
            case.history.by_hand.iter().any(|undo| case.history.undoes.get(undo) == Some(&entry.effect));
        if entry.state == UndoState::Done && !undone.contains_key(&entry.effect) && !is_by_hand {
            broken.push(format!("{} counts as taken back, and nothing took it back", entry.effect));
        }
    }
    let twice = undone.iter().filter(|(_, by)| by.len() > 1);
    broken.extend(twice.map(|(of, by)| format!("{of} was taken back by {} and {}", by[0], by[1])));
    broken.extend(out_of_order(case));
    broken
}

/// Returns what was taken back in the world, with the effects that did it.
fn undone(case: &Case<'_>) -> BTreeMap<EffectId, Vec<EffectId>> {
    let mut undone: BTreeMap<EffectId, Vec<EffectId>> = BTreeMap::new();
    for act in case.acts.iter().filter(|act| act.is_undo) {
        let Some(of) = case.history.undoes.get(&act.effect) else { continue };
        let by = undone.entry(of.clone()).or_default();
        if !by.contains(&act.effect) {
            by.push(act.effect.clone());
        }
    }
    undone
}

/// Within one unwinding, undos begin in the reverse order of what they take back.
fn out_of_order(case: &Case<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut last = None;
    for fact in case.kept.log.iter().flat_map(|entry| &entry.facts) {
        match fact {
            Fact::Retried { .. }
            | Fact::ScopeLeft { undone: true, .. }
            | Fact::RunMoved { phase: Phase::Unwinding { .. } } => last = None,
            Fact::UndoMoved { effect, state: UndoState::Running(_) } => {
                let place = (effect.seq, effect.index);
                if last.is_some_and(|before| place > before) {
                    broken.push(format!("{effect} was taken back too late"));
                }
                last = Some(place);
            }
            _ => {}
        }
    }
    broken
}
