//! What a run is decided by: its bundle, with everything made ready that would else be made ready in each transition.

use std::{collections::BTreeMap, fmt, ops::Deref, sync::Arc};

use adjutant_spec::{
    plan::{Bundle, Id, Step, StepId, StepKind, Undo},
    schema::Schema,
};
use minijinja::value::Value as Jinja;

use crate::{
    branch::{BranchId, is_branch},
    eval::{Programs, company},
};

/// A bundle whose templates are compiled, whose schemas are ready and whose steps are found by their ids.
///
/// *Flow*: the host makes one for each bundle and keeps it as long as it keeps the bundle; [`crate::step`] reads it.
/// *Guarantees*: nothing is parsed or compiled inside a transition; it says nothing that the bundle does not say, so what a
/// transition decides depends on the bundle alone.
pub struct Definition {
    bundle: Arc<Bundle>,
    programs: Programs,
    steps: BTreeMap<StepId, Spot>,
    agents: BTreeMap<Id, Schemas>,
    verbs: BTreeMap<String, Schemas>,
    forms: BTreeMap<StepId, Schema>,
    /// The ways back, which each visit of a step writes down.
    undos: BTreeMap<StepId, Arc<Undo>>,
    /// The scope that each step stands in, where it stands in one.
    scopes: BTreeMap<StepId, StepId>,
    company: Jinja,
}

/// Where a step stands: among which steps, and its place among them.
struct Spot {
    inside: Vec<Inside>,
    place: usize,
}

/// One step further in: a step that has branches, by its place, and which of its fragments.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Inside {
    step: usize,
    fragment: usize,
}

/// What goes in, and what comes out.
struct Schemas {
    input: Schema,
    output: Schema,
}

impl Definition {
    /// Makes a bundle ready. What of it does not compile is refused where it is used, as it always was.
    #[must_use]
    pub fn new(bundle: Arc<Bundle>) -> Self {
        let mut index = BTreeMap::new();
        find_all(&bundle.playbook.steps, &[], &mut index);
        let steps = bundle.playbook.every_step().into_iter();
        let forms = steps.clone().filter_map(|step| match &step.kind {
            StepKind::Gate { form: Some(form), .. } => Some((step.id.clone(), Schema::new(form))),
            _ => None,
        });
        let scopes = steps.clone().filter_map(|step| match &step.kind {
            StepKind::Scope { steps, .. } => Some(steps.iter().map(|inner| (inner.clone(), step.id.clone()))),
            _ => None,
        });
        let scopes = scopes.flatten().collect();
        let undos = steps.filter_map(|step| Some((step.id.clone(), Arc::new(step.undo.clone()?))));
        let schemas = |input, output| Schemas { input: Schema::new(input), output: Schema::new(output) };
        let agents = bundle.agents.iter();
        let verbs = bundle.verbs.iter();
        Self {
            programs: Programs::of(bundle.templates()),
            steps: index,
            forms: forms.collect(),
            undos: undos.collect(),
            agents: agents.map(|(id, one)| (id.clone(), schemas(&one.input, &one.output))).collect(),
            verbs: verbs.map(|(name, one)| (name.clone(), schemas(&one.input, &one.output))).collect(),
            scopes,
            company: company(&bundle),
            bundle,
        }
    }

    /// Returns the bundle.
    #[must_use]
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// Returns a step by its id, wherever in the playbook it stands.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        let spot = self.steps.get(id)?;
        self.among(&spot.inside)?.get(spot.place)
    }

    /// Returns a step by its id where it is one of this run's, or of this branch's: not what stands outside, or further in.
    pub(crate) fn step_of(&self, run: &str, id: &str) -> Option<&Step> {
        let spot = self.steps.get(id)?;
        let is_own = spot.inside == self.inside(run)?;
        self.among(&spot.inside)?.get(spot.place).filter(|_| is_own)
    }

    /// Returns the step at which a run, or a branch, begins.
    pub(crate) fn first_step(&self, run: &str) -> Option<&Step> {
        self.among(&self.inside(run)?)?.first()
    }

    /// Returns among which steps a run moves, or a branch.
    fn inside(&self, run: &str) -> Option<Vec<Inside>> {
        if !is_branch(run) {
            return Some(Vec::new());
        }
        let BranchId { round, index, .. } = BranchId::of(run)?;
        let spot = self.steps.get(&round.step)?;
        let holder = self.among(&spot.inside)?.get(spot.place)?;
        let fragment = match &holder.kind {
            StepKind::Each { .. } => 0,
            _ => usize::try_from(index).ok()?,
        };
        let own = Inside { step: spot.place, fragment };
        Some(spot.inside.iter().copied().chain([own]).collect())
    }

    fn among(&self, inside: &[Inside]) -> Option<&[Step]> {
        let mut steps = self.bundle.playbook.steps.as_slice();
        for one in inside {
            steps = &steps.get(one.step)?.kind.fragments().into_iter().nth(one.fragment)?.steps;
        }
        Some(steps)
    }

    /// Returns the scopes that a step stands in, of the same run, the innermost first.
    pub(crate) fn scopes(&self, step: &str) -> impl Iterator<Item = &Step> {
        // A bundle that was not made here may name scopes in a circle: no step stands in more than there are.
        let around = std::iter::successors(self.scopes.get(step), |scope| self.scopes.get(*scope));
        around.take(self.scopes.len()).filter_map(|scope| self.step(scope))
    }

    /// Returns whether a step stands in a scope, however deep.
    pub(crate) fn is_in_scope(&self, step: &str, scope: &str) -> bool {
        self.scopes(step).any(|around| around.id == *scope)
    }

    /// Returns the way back that a step declares.
    pub(crate) fn undo(&self, step: &str) -> Option<&Arc<Undo>> {
        self.undos.get(step)
    }

    /// Returns what templates read as `company`.
    pub(crate) fn company(&self) -> Jinja {
        self.company.clone()
    }

    /// Returns the compiled templates.
    pub(crate) fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Returns the schema of what an agent is asked.
    pub(crate) fn agent_input(&self, agent: &str) -> Option<&Schema> {
        Some(&self.agents.get(agent)?.input)
    }

    /// Returns the schema of a verb's arguments.
    pub(crate) fn verb_input(&self, verb: &str) -> Option<&Schema> {
        Some(&self.verbs.get(verb)?.input)
    }

    /// Returns the schema of what a step yields, where its agent or verb declares one.
    pub(crate) fn output_of(&self, step: &str) -> Option<&Schema> {
        match &self.step(step)?.kind {
            StepKind::Agent { agent, .. } => Some(&self.agents.get(agent)?.output),
            StepKind::Call { call, .. } => Some(&self.verbs.get(call)?.output),
            _ => None,
        }
    }

    /// Returns the schema of the form of a step's gate: its own, or the answer that a person gives in an agent's stead.
    pub(crate) fn form_of(&self, step: &str) -> Option<&Schema> {
        let own = self.forms.get(step);
        own.or_else(|| {
            matches!(self.step(step)?.kind, StepKind::Agent { .. }).then(|| self.output_of(step))?
        })
    }
}

fn find_all(steps: &[Step], inside: &[Inside], index: &mut BTreeMap<StepId, Spot>) {
    for (place, step) in steps.iter().enumerate() {
        index.entry(step.id.clone()).or_insert(Spot { inside: inside.to_vec(), place });
        for (fragment, body) in step.kind.fragments().into_iter().enumerate() {
            let further: Vec<Inside> =
                inside.iter().copied().chain([Inside { step: place, fragment }]).collect();
            find_all(&body.steps, &further, index);
        }
    }
}

impl Deref for Definition {
    type Target = Bundle;

    fn deref(&self) -> &Bundle {
        &self.bundle
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition").field("playbook", &self.bundle.playbook.id).finish_non_exhaustive()
    }
}
