//! What must happen when a run is played again: the steps of the run itself, in their order, with what left the company.

use adjutant_machine::id::is_branch;
use adjutant_spec::plan::{Bundle, Effect, scenario::Expectation};
use serde_json::{Map, Value};

use crate::{
    recorded::Recorded,
    scenario::{Course, Visit},
};

/// Longer texts are not repeated as what is expected: whoever reads the file has them in what was answered.
const LONGEST: usize = 2_000;

/// Returns what a course comes to. Branches are left out: in which order they go on is chance.
pub(super) fn expected(recorded: &Recorded, course: &Course) -> Vec<Expectation> {
    let root = &recorded.root.run;
    let bundle = recorded.root.definition.bundle();
    let own =
        course.visits.iter().filter(|visit| visit.run == root.id && !visit.undo && !is_branch(&visit.run));
    let told = own.filter(|visit| visit.outcome.as_deref() != Some("asked again"));
    told.filter(|visit| visit.outcome.is_some()).map(|visit| expectation(bundle, visit)).collect()
}

fn expectation(bundle: &Bundle, visit: &Visit) -> Expectation {
    Expectation {
        playbook: visit.playbook.clone(),
        step: visit.step.clone(),
        visit: Some(visit.visit).filter(|number| *number > 1),
        outcome: visit.outcome.clone(),
        with: arguments(bundle, visit),
        contains: Default::default(),
        at: None,
        after: None,
        before: None,
    }
}

/// Returns what a verb that changes the world was called with, less what is of this one run: its id is in a play another.
fn arguments(bundle: &Bundle, visit: &Visit) -> Map<String, Value> {
    let verb = visit.asked.as_ref().and_then(|asked| bundle.verbs.get(asked));
    let is_told = verb.is_some_and(|verb| verb.effect != Effect::Read);
    let Some(arguments) = visit.args.as_object().filter(|_| is_told) else { return Map::new() };
    let is_of_all = |value: &Value| {
        let text = value.to_string();
        text.len() <= LONGEST && !text.contains(&visit.run) && !value.is_null()
    };
    arguments
        .iter()
        .filter(|(_, value)| is_of_all(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
