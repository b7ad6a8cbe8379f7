//! Applies what an entry tells of branches.

use crate::{
    branch::Round,
    fact::{BranchEnd, Fact},
    run::{Branches, Run},
};

pub(super) fn evolve_branches(run: &mut Run, fact: &Fact) {
    match fact {
        Fact::BranchesOpened { round, state } => {
            let is_idle = |old: &Branches| old.live() == 0 && old.stands.is_empty() && !old.is_in_doubt();
            run.branches.retain(|known, old| known.step != round.step || !is_idle(old));
            run.steps.entry(round.step.clone()).or_default().edit().rounds = round.number;
            run.branches.insert(round.clone(), (**state).clone().into());
        }
        Fact::BranchesStarted { round, through } => {
            change(run, round, |branches| branches.started = *through);
        }
        Fact::BranchEnded { round, index, end } => {
            change(run, round, |branches| ended(branches, *index, end));
        }
        Fact::BranchesStopped { round } => change(run, round, |branches| branches.is_stopped = true),
        Fact::BranchesTold { round, from } => change(run, round, |branches| branches.told = Some(*from)),
        Fact::BranchTakenBack { round, index, doubt } => change(run, round, |branches| {
            branches.stands.remove(*index);
            if *doubt {
                branches.doubts.insert(*index);
            }
        }),
        Fact::BranchCleared { round, index } => {
            change(run, round, |branches| branches.doubts.remove(*index));
        }
        Fact::BranchesClosed { round } => change(run, round, closed),
        Fact::BranchesLetGo { round } => change(run, round, let_go),
        _ => {}
    }
}

fn change(run: &mut Run, round: &Round, change: impl FnOnce(&mut Branches)) {
    if let Some(branches) = run.branches.get_mut(round) {
        change(branches.edit());
    }
}

fn ended(branches: &mut Branches, index: u32, end: &BranchEnd) {
    branches.over.insert(index);
    branches.ok += u32::from(end.ok);
    if end.stands {
        branches.stands.insert(index);
    }
    if end.doubt {
        branches.doubts.insert(index);
    }
    if branches.trouble.is_none() {
        branches.trouble.clone_from(&end.trouble);
    }
    branches.labels = branches.labels.join(end.output.labels);
    if !branches.is_closed {
        branches.results.put(index, end.output.value.clone());
    }
}

fn closed(branches: &mut Branches) {
    branches.is_closed = true;
    branches.items = Default::default();
    branches.given = Default::default();
    branches.results = Default::default();
}

/// What was taking back what it did was killed in the middle: it stands as it is, and has to say what is known of it.
fn let_go(branches: &mut Branches) {
    for index in branches.returning_ones().collect::<Vec<_>>() {
        branches.stands.remove(index);
        branches.doubts.insert(index);
    }
    branches.told = None;
    branches.is_stopped = true;
    branches.is_let_go = true;
    closed(branches);
}
