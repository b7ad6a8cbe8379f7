//! Coverage: which steps and which ways between them the scenarios of a playbook come through.

use std::collections::BTreeMap;

use adjutant_spec::plan::{Bundle, Id, Playbook, Step, StepId, StepKind};

use super::course::{Course, Visit};

/// A way from one step to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The step that it leaves.
    pub from: StepId,
    /// The outcome that takes it; of a `choose` its condition, or `else`.
    pub outcome: String,
    /// The step that it leads to.
    pub to: StepId,
}

/// How often the scenarios of a playbook come through it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Covered {
    /// How often each step was visited.
    pub steps: BTreeMap<StepId, usize>,
    /// How often each way was taken.
    pub ways: BTreeMap<Way, usize>,
}

impl Covered {
    /// Returns the steps that no scenario comes to.
    pub fn missed_steps(&self) -> impl Iterator<Item = &StepId> {
        self.steps.iter().filter(|(_, times)| **times == 0).map(|(step, _)| step)
    }

    /// Returns the ways that no scenario takes.
    pub fn missed_ways(&self) -> impl Iterator<Item = &Way> {
        self.ways.iter().filter(|(_, times)| **times == 0).map(|(way, _)| way)
    }
}

/// What the scenarios of a company come through, by playbook.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// The playbooks that were counted.
    pub playbooks: BTreeMap<Id, Covered>,
}

impl Coverage {
    /// Begins to count a playbook, if it is not counted yet.
    pub fn begin(&mut self, bundle: &Bundle) {
        self.playbooks.entry(bundle.playbook.id.clone()).or_insert_with(|| Covered {
            steps: bundle.playbook.every_step().iter().map(|step| (step.id.clone(), 0)).collect(),
            ways: ways(bundle).into_iter().map(|way| (way, 0)).collect(),
        });
    }

    /// Counts what a play came through.
    pub fn count(&mut self, course: &Course) {
        let mut before: BTreeMap<&str, &Visit> = BTreeMap::new();
        for visit in course.visits.iter().filter(|visit| !visit.undo) {
            let last = before.insert(&visit.run, visit);
            let Some(covered) = self.playbooks.get_mut(&visit.playbook) else { continue };
            *covered.steps.entry(visit.step.clone()).or_default() += 1;
            if let Some(taken) = last.and_then(|last| covered.taken(last, visit)) {
                *covered.ways.entry(taken).or_default() += 1;
            }
        }
    }
}

impl Covered {
    /// Returns the way that was taken between two visits.
    fn taken(&self, last: &Visit, visit: &Visit) -> Option<Way> {
        let outcome = last.arm.as_ref().or(last.outcome.as_ref())?.clone();
        let way = Way { from: last.step.clone(), outcome, to: visit.step.clone() };
        self.ways.contains_key(&way).then_some(way)
    }
}

/// Returns every way of a playbook.
fn ways(bundle: &Bundle) -> Vec<Way> {
    let Bundle { playbook, .. } = bundle;
    playbook.every_step().into_iter().flat_map(|step| leaving(bundle, playbook, step)).collect()
}

fn leaving(bundle: &Bundle, playbook: &Playbook, step: &Step) -> Vec<Way> {
    let mut found = Vec::new();
    let mut add = |outcome: &str, to: Option<&StepId>| {
        if let Some(to) = to.filter(|to| playbook.step(to).is_some()) {
            found.push(Way { from: step.id.clone(), outcome: outcome.to_owned(), to: to.clone() });
        }
    };
    if step.when.is_some() {
        add("skipped", step.next.as_ref());
    }
    match &step.kind {
        StepKind::End { .. } => {}
        StepKind::Choose { arms, otherwise } => {
            arms.iter().for_each(|arm| add(&arm.when.source, Some(&arm.to)));
            add("else", otherwise.as_ref().or(step.next.as_ref()));
        }
        kind => {
            step.on.iter().for_each(|(outcome, to)| add(outcome, Some(to)));
            for outcome in forward(bundle, kind) {
                if !step.on.contains_key(&outcome) {
                    add(&outcome, step.next.as_ref());
                }
            }
        }
    }
    found
}

/// Returns the outcomes that go to `next`.
fn forward(bundle: &Bundle, kind: &StepKind) -> Vec<String> {
    match kind {
        StepKind::Gate { .. } => vec!["approved".to_owned(), "edited".to_owned()],
        StepKind::Route { route, .. } => {
            let classes = bundle.routes.get(route).into_iter().flat_map(|route| &route.classes);
            classes.map(|class| class.id.clone()).chain(["unsure".to_owned()]).collect()
        }
        _ => vec!["ok".to_owned()],
    }
}
