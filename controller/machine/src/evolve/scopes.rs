//! Applies what an entry tells of scopes.

use crate::{fact::Fact, run::Run};

pub(super) fn evolve_scopes(run: &mut Run, fact: &Fact) {
    match fact {
        Fact::ScopeEntered { scope } => {
            let round = &scope.round;
            run.steps.entry(round.step.clone()).or_default().edit().rounds = round.number;
            // One that the run was in when it ended is entered anew by a retry.
            if let Some(place) = place(run, &round.step) {
                run.scopes[place] = scope.clone();
                return;
            }
            run.scopes.push(scope.clone());
        }
        Fact::ScopeFailing { step, failing } => {
            let Some(place) = place(run, step) else { return };
            run.scopes.truncate(place + 1);
            run.scopes[place].edit().failing = Some(failing.clone());
        }
        Fact::ScopeLeft { step, undone } => {
            let Some(place) = place(run, step) else { return };
            let first = run.scopes[place].first_undo();
            run.scopes.truncate(place);
            for entry in run.undo.iter_mut().skip(first).filter(|_| *undone) {
                entry.edit().by_scope = true;
            }
        }
        _ => {}
    }
}

/// A run that is tried again takes nothing back: no scope of it does.
pub(super) fn forget(run: &mut Run) {
    for scope in run.scopes.iter_mut().filter(|scope| scope.failing.is_some()) {
        scope.edit().failing = None;
    }
}

fn place(run: &Run, step: &str) -> Option<usize> {
    run.scopes.iter().position(|scope| scope.round.step == *step)
}
