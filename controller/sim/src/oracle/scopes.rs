//! A scope that fails takes back what was done in it, and nothing else, before the run goes on; and nothing begins meanwhile.

use std::collections::BTreeMap;

use adjutant_machine::{
    fact::{Entry, Fact},
    id::EffectId,
    run::{OpenScope, Phase, Purpose, Run, UndoState},
};

use super::case::Case;

/// Every scope of a run keeps what it promises.
pub(super) fn scoped(case: &Case<'_>) -> Vec<String> {
    let mut seen = Seen::of(&case.kept.run.id);
    case.kept.log.iter().for_each(|entry| seen.one(entry));
    seen.end(&case.kept.run);
    seen.broken
}

/// What a log has told so far, read by its facts alone.
struct Seen<'a> {
    run: &'a str,
    open: Vec<OpenScope>,
    /// The ways back in the order in which they were noted.
    undo: Vec<EffectId>,
    states: BTreeMap<EffectId, UndoState>,
    failing: Option<usize>,
    /// Whether the run itself unwinds, or has ended.
    is_over: bool,
    broken: Vec<String>,
}

impl<'a> Seen<'a> {
    fn of(run: &'a str) -> Self {
        let (open, undo, states) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { run, open, undo, states, failing: None, is_over: false, broken: Vec::new() }
    }

    fn one(&mut self, entry: &Entry) {
        for fact in &entry.facts {
            self.fact(fact);
        }
    }

    fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::RunMoved { phase } => {
                self.is_over = matches!(phase, Phase::Unwinding { .. } | Phase::Ended { .. });
            }
            Fact::Retried { .. } => self.failing = None,
            Fact::UndoRegistered { entry } => self.undo.push(entry.effect.clone()),
            Fact::UndoMoved { effect, state } => self.moved(effect, state),
            Fact::ScopeEntered { scope } => {
                let place = self.place(&scope.round.step).unwrap_or(self.open.len());
                self.open.splice(place..(place + 1).min(self.open.len()), [(**scope).clone()]);
            }
            Fact::ScopeFailing { step, .. } => {
                let place = self.place(step);
                self.check(place.is_some(), || format!("scope {step} failed, and nobody was in it"));
                self.failing = place;
                // Those inside it are left by that.
                self.open.truncate(place.map_or(self.open.len(), |place| place + 1));
            }
            Fact::ScopeLeft { step, undone } => self.left(step, *undone),
            Fact::EffectAsked { effect, state } if state.purpose == Purpose::Step => {
                let goes_on = self.failing.is_none();
                self.check(goes_on, || format!("{effect} began while a scope took back what it did"));
            }
            _ => {}
        }
    }

    fn place(&self, step: &str) -> Option<usize> {
        self.open.iter().position(|open| open.round.step == *step)
    }

    fn moved(&mut self, effect: &EffectId, state: &UndoState) {
        self.states.insert(effect.clone(), state.clone());
        let begins = matches!(state, UndoState::Running(_)) && !self.is_over;
        let Some(scope) = self.failing.and_then(|place| self.open.get(place)).filter(|_| begins) else {
            self.check(!begins, || format!("{effect} was taken back, and nothing had failed"));
            return;
        };
        let is_inside = self.undo.iter().skip(scope.first_undo()).any(|known| known == effect);
        self.check(is_inside, || format!("{effect} was done before the scope that took it back"));
    }

    fn left(&mut self, step: &str, undone: bool) {
        let Some(place) = self.place(step) else {
            return self.broken.push(format!("{}: scope {step} was left, and nobody was in it", self.run));
        };
        let first = self.open[place].first_undo();
        self.open.truncate(place);
        let has_failed = self.failing == Some(place);
        self.check(undone == has_failed || self.is_over, || {
            format!("scope {step} was left: undone {undone}")
        });
        self.failing = self.failing.filter(|failing| *failing < place);
        let stands = |state: Option<&UndoState>| {
            matches!(state, None | Some(UndoState::Registered | UndoState::Running(_)))
        };
        let left: Vec<String> = self.undo[first.min(self.undo.len())..]
            .iter()
            .filter(|effect| undone && stands(self.states.get(*effect)))
            .map(|effect| format!("scope {step} did not take {effect} back"))
            .collect();
        self.broken.extend(left);
    }

    /// What the facts say is what the state says.
    fn end(&mut self, run: &Run) {
        let same = run.scopes.iter().map(|open| &open.round).eq(self.open.iter().map(|open| &open.round));
        self.check(same, || "its scopes are not those of its log".to_owned());
        let done = run.status() == "done";
        self.check(!(done && self.failing.is_some()), || "it is done, and a scope had more to do".to_owned());
    }

    fn check(&mut self, holds: bool, law: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(format!("{}: {}", self.run, law()));
        }
    }
}
