//! A run that was taken back is taken back whole: the runs with it that it started.

use std::collections::BTreeMap;

use adjutant_machine::{
    branch::is_branch,
    event::Event,
    fact::{Entry, Fact},
    id::{EffectId, InstanceId},
    run::{Child, Close, Status},
};

use super::case::Case;

/// Returns what does not hold of any run that was taken back.
pub(super) fn left_standing(cases: &BTreeMap<String, Case<'_>>) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, case) in cases.iter().filter(|(id, _)| !is_branch(id)) {
        broken.extend(waited(case));
        if case.kept.run.status() != Status::RolledBack.word() {
            continue;
        }
        let children = case.kept.run.effects.values().filter_map(|state| state.child.as_ref());
        for child in children.filter(|child| child.close != Close::Detach) {
            broken.extend(child_stands(cases, (id, child)));
        }
    }
    broken
}

/// A child was taken back as well, or the operator killed it.
fn child_stands(cases: &BTreeMap<String, Case<'_>>, (id, child): (&str, &Child)) -> Option<String> {
    let status = cases.get(&child.run).map_or("gone", |case| case.kept.run.status());
    let is_back = status == Status::RolledBack.word() || status == Status::Killed.word();
    (!is_back).then(|| format!("{id} was taken back, and {} that it started is {status}", child.run))
}

/// A run that is taken back begins to take back what it did itself when its children have, and ends after them.
fn waited(case: &Case<'_>) -> Vec<String> {
    let mut open: Vec<EffectId> = Vec::new();
    let mut broken = Vec::new();
    for entry in &case.kept.log {
        for fact in &entry.facts {
            match fact {
                Fact::ChildCalledBack { effect } => {
                    if !tells(entry, &case.kept.run.effects[effect].child) {
                        broken.push(format!("{effect}: the child was never told"));
                    }
                    open.push(effect.clone());
                }
                Fact::ChildEnded { effect } => open.retain(|waiting| waiting != effect),
                Fact::UndoMoved { effect, .. } if !open.is_empty() && !is_killed(case) => {
                    broken.push(format!("{effect} was taken back before {} was", open[0]));
                }
                _ => {}
            }
        }
    }
    if case.kept.run.is_ended() && !open.is_empty() {
        broken.push(format!("{} ended, and {open:?} had not said that they are back", case.kept.run.id));
    }
    broken
}

fn is_killed(case: &Case<'_>) -> bool {
    case.kept.run.status() == Status::Killed.word()
}

fn tells(entry: &Entry, child: &Option<Child>) -> bool {
    let Some(child) = child else { return false };
    let run = InstanceId::run(child.run.clone());
    entry.facts.iter().any(|fact| match fact {
        Fact::Posted { to, event, .. } => {
            *to == run && matches!(**event, Event::RunRolledBack { seen: None, .. })
        }
        _ => false,
    })
}
