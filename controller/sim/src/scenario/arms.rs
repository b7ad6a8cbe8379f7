//! Which arm a `choose` took. The log says that one was taken, not which: two may lead to the same step. So the conditions are asked
//! again of the state that they were asked of, which the log folds to.

use std::collections::BTreeMap;

use adjutant_machine::{
    Definition, apply,
    eval::Scope,
    evolve::evolve,
    fact::{Entry, Fact},
    run::Run,
};
use adjutant_spec::plan::{Choice, StepKind};

/// A fact of a log, by its places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) log: &'a [Entry],
    pub(super) entry: usize,
    pub(super) fact: usize,
}

/// The states of runs in which arms were taken, each caught up only where one is asked for.
#[derive(Debug, Default)]
pub(super) struct Arms {
    folded: BTreeMap<String, Folded>,
}

/// What so many entries of a log fold to.
#[derive(Debug, Default)]
struct Folded {
    entries: usize,
    run: Option<Run>,
}

impl Arms {
    /// Returns the condition of the arm that a fact tells of, or `else`; `None` where no arm was taken. The facts of a run are asked
    /// for in their order.
    pub(super) fn taken(&mut self, run: &str, definition: &Definition, place: Place<'_>) -> Option<String> {
        let facts = &place.log.get(place.entry)?.facts;
        let arms = chosen(definition, facts.get(place.fact)?)?;
        let folded = self.folded.entry(run.to_owned()).or_default();
        place.log[folded.entries..place.entry].iter().for_each(|entry| apply(&mut folded.run, entry));
        folded.entries = place.entry;
        let mut before = folded.run.clone();
        facts[..place.fact].iter().for_each(|fact| evolve(&mut before, fact));
        let before = before?;
        let scope = Scope::of(&before, definition);
        // One that cannot be evaluated ends the step with an error: none did before the one that was taken.
        let held = arms.iter().find(|arm| scope.holds(&arm.when) == Ok(true));
        Some(held.map_or("else", |arm| &arm.when.source).to_owned())
    }
}

/// Returns the arms of the step that a fact ends, where it took one of them.
fn chosen<'a>(definition: &'a Definition, fact: &Fact) -> Option<&'a [Choice]> {
    let Fact::StepEnded { step, outcome, .. } = fact else { return None };
    let StepKind::Choose { arms, .. } = &definition.bundle().playbook.step(step)?.kind else { return None };
    matches!(outcome.as_str(), "chosen" | "none").then_some(arms)
}
