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
    /// The scope that each step stands in, where it stands in one.
    pub scopes: BTreeMap<StepId, StepId>,
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
            scopes: scopes(&bundle.playbook),
        });
    }

    /// Counts what a play came through.
    pub fn count(&mut self, course: &Course) {
        let mut before: BTreeMap<&str, Vec<&Visit>> = BTreeMap::new();
        for visit in course.visits.iter().filter(|visit| !visit.undo) {
            let earlier = before.entry(&visit.run).or_default();
            if let Some(covered) = self.playbooks.get_mut(&visit.playbook) {
                *covered.steps.entry(visit.step.clone()).or_default() += 1;
                if let Some(taken) = covered.taken(earlier, visit) {
                    *covered.ways.entry(taken).or_default() += 1;
                }
            }
            earlier.push(visit);
        }
    }
}

impl Covered {
    /// Returns the way that was taken to a visit: from the last one before it, or from a scope that the last one stood in.
    fn taken(&self, earlier: &[&Visit], visit: &Visit) -> Option<Way> {
        let last = *earlier.last()?;
        let scopes = std::iter::successors(self.scopes.get(&last.step), |scope| self.scopes.get(*scope));
        let left = scopes
            .take(self.scopes.len())
            .filter_map(|scope| earlier.iter().rev().find(|visit| visit.step == *scope).copied());
        std::iter::once(last).chain(left).find_map(|from| self.between(from, visit))
    }

    fn between(&self, last: &Visit, visit: &Visit) -> Option<Way> {
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
    let next = onward(playbook, step);
    if step.when.is_some() {
        add("skipped", next);
    }
    match &step.kind {
        StepKind::End { .. } => {}
        // It is left by the last step that stands in it.
        StepKind::Scope { .. } => {
            let broken = step.on.iter().filter(|(outcome, _)| *outcome != "ok");
            broken.for_each(|(outcome, to)| add(outcome, Some(to)));
        }
        StepKind::Choose { arms, otherwise } => {
            arms.iter().for_each(|arm| add(&arm.when.source, Some(&arm.to)));
            add("else", otherwise.as_ref().or(next));
        }
        kind => {
            step.on.iter().for_each(|(outcome, to)| add(outcome, Some(to)));
            for outcome in forward(bundle, kind) {
                if !step.on.contains_key(&outcome) {
                    add(&outcome, next);
                }
            }
        }
    }
    found
}

/// Returns the scope that each step stands in.
fn scopes(playbook: &Playbook) -> BTreeMap<StepId, StepId> {
    let all = playbook.every_step().into_iter().filter_map(|step| match &step.kind {
        StepKind::Scope { steps, .. } => Some(steps.iter().map(|inner| (inner.clone(), step.id.clone()))),
        _ => None,
    });
    all.flatten().collect()
}

/// Returns what comes after a step: where nothing follows it in its scope, what follows the scope.
fn onward<'a>(playbook: &'a Playbook, step: &'a Step) -> Option<&'a StepId> {
    let scopes = scopes(playbook);
    let around = std::iter::successors(Some(&step.id), |inner| scopes.get(*inner)).take(scopes.len() + 1);
    let around = around.skip(1).filter_map(|scope| playbook.step(scope));
    let mut nexts = around.map(|scope| scope.on.get("ok").or(scope.next.as_ref()));
    step.next.as_ref().or_else(|| nexts.find_map(|next| next))
}

/// Returns the outcomes that go to `next`.
fn forward(bundle: &Bundle, kind: &StepKind) -> Vec<String> {
    match kind {
        // Only what is shown can be changed, and not where a form has to be filled in.
        StepKind::Gate { show, form, .. } if show.is_empty() || form.is_some() => vec!["approved".to_owned()],
        StepKind::Gate { .. } => vec!["approved".to_owned(), "edited".to_owned()],
        StepKind::Route { route, .. } => {
            let classes = bundle.routes.get(route).into_iter().flat_map(|route| &route.classes);
            classes.map(|class| class.id.clone()).chain(["unsure".to_owned()]).collect()
        }
        _ => vec!["ok".to_owned()],
    }
}
