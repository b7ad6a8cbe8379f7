//! Branches begin once, end once and are heard once; what stands of them goes with their run, in its turn.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_machine::{
    apply,
    branch::{BranchId, Round},
    event::Event,
    fact::{Entry, Fact},
    id::EffectId,
    run::{Phase, Run, Status, UndoState},
};

use super::case::Case;

/// Returns what does not hold of any branch.
pub(super) fn branched(cases: &BTreeMap<String, Case<'_>>) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, case) in cases {
        broken.extend(tree(cases, (id, case)));
        let mut heard = Heard::default();
        let mut run = None;
        for entry in &case.kept.log {
            apply(&mut run, entry);
            if let Some(after) = &run {
                heard.one(after, entry);
            }
        }
        heard.end(&case.kept.run);
        broken.extend(heard.broken);
    }
    broken
}

/// What a branch's log and its parent's tell of each other.
fn tree(cases: &BTreeMap<String, Case<'_>>, (id, case): (&String, &Case<'_>)) -> Vec<String> {
    let Some(branch) = BranchId::of(id) else { return Vec::new() };
    let Some(parent) = cases.get(&branch.parent) else { return vec![format!("{id} has no parent")] };
    let mut broken = Vec::new();
    let opened = facts(case).filter(|fact| matches!(fact, Fact::RunOpened { .. })).count();
    let told = facts(parent).filter(|fact| begins(fact).is_some_and(|begun| begun == id)).count();
    if (opened, told) != (1, 1) {
        broken.push(format!("{id} was told to begin {told} times, and began {opened} times"));
    }
    let first_end = facts(case).find_map(|fact| match fact {
        Fact::RunMoved { phase: Phase::Ended { status, .. } } => Some(*status),
        _ => None,
    });
    let heard = facts(parent).find_map(|fact| match fact {
        Fact::BranchEnded { round, index, end } if (round, *index) == (&branch.round, branch.index) => {
            Some(end.ok)
        }
        _ => None,
    });
    if heard.is_some_and(|ok| ok != (first_end == Some(Status::Done))) {
        broken.push(format!("{id} ended as {first_end:?}, and its parent heard {heard:?}"));
    }
    let run = &case.kept.run;
    let parent = &parent.kept.run;
    let ended_badly = parent.is_ended() && !matches!(parent.status(), "done" | "killed");
    if ended_badly && run.status() == "done" && run.stands() {
        broken.push(format!("{id} stands, and {} is {}", parent.id, parent.status()));
    }
    if parent.is_ended() && !run.is_ended() {
        broken.push(format!("{id} is {}, and {} is {}", run.status(), parent.id, parent.status()));
    }
    broken
}

fn facts<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Fact> {
    case.kept.log.iter().flat_map(|entry| &entry.facts)
}

/// Returns the branch that a fact begins.
fn begins(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::Posted { event, .. } => match &**event {
            Event::RunStarted(started) => Some(&started.run),
            _ => None,
        },
        _ => None,
    }
}

/// What a parent has heard so far.
#[derive(Default)]
struct Heard {
    ended: BTreeSet<(Round, u32)>,
    back: BTreeSet<(Round, u32)>,
    let_go: BTreeSet<Round>,
    running: BTreeSet<EffectId>,
    broken: Vec<String>,
}

impl Heard {
    fn one(&mut self, after: &Run, entry: &Entry) {
        for fact in &entry.facts {
            self.fact(after, fact);
        }
        for (round, branches) in &after.branches {
            if branches.live() > branches.width || branches.returning() > branches.undo_width.max(1) {
                let (live, returning) = (branches.live(), branches.returning());
                self.broken.push(format!("{} {round}: {live} go on, {returning} go back at once", after.id));
            }
            let goes_on = branches.live() > 0 && !branches.is_stopped;
            if goes_on && matches!(after.phase, Phase::Unwinding { .. }) {
                self.broken.push(format!("{} {round}: some were not told that the run unwinds", after.id));
            }
            let is_ended = matches!(after.phase, Phase::Ended { .. });
            if is_ended && branches.live() + branches.returning() > 0 {
                self.broken.push(format!("{} {round}: some go on, and the run is over", after.id));
            }
        }
    }

    fn fact(&mut self, after: &Run, fact: &Fact) {
        match fact {
            Fact::BranchEnded { round, index, .. } => {
                let is_first = self.ended.insert((round.clone(), *index));
                self.check(is_first, || format!("{} heard twice of {round}.{index}", after.id));
            }
            Fact::BranchTakenBack { round, index, .. } => {
                let is_first = self.back.insert((round.clone(), *index));
                self.check(is_first, || format!("{} took {round}.{index} back twice", after.id));
            }
            Fact::BranchesLetGo { round } => drop(self.let_go.insert(round.clone())),
            Fact::UndoMoved { effect, state: UndoState::Running(_) } => {
                let is_alone = self.running.is_empty();
                self.check(is_alone, || format!("{effect} was taken back before what followed it was"));
                self.running.insert(effect.clone());
            }
            Fact::UndoMoved { effect, .. } => drop(self.running.remove(effect)),
            Fact::Posted { .. } if begins(fact).is_some() => {
                let is_active = after.phase == Phase::Active;
                self.check(is_active, || format!("{} began a branch and is {}", after.id, after.status()));
            }
            _ => {}
        }
    }

    /// Every branch that began was heard, unless the run was killed meanwhile.
    fn end(&mut self, run: &Run) {
        let rounds = run.branches.iter().filter(|(round, _)| !self.let_go.contains(round));
        let mut missing = Vec::new();
        for (round, branches) in rounds.filter(|_| run.is_ended()) {
            let unheard = (0..branches.started).filter(|at| !self.ended.contains(&(round.clone(), *at)));
            missing.extend(unheard.map(|at| format!("{} never heard of {round}.{at}", run.id)));
        }
        self.broken.extend(missing);
    }

    fn check(&mut self, holds: bool, law: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(law());
        }
    }
}
