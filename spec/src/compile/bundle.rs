//! Bundles: what a run pins, gathered from everything that its playbook refers to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::resolve::Resolved;
use crate::{
    check::{cover::Cover, cx::Cx, labels::Flowing, names},
    draft::{Answers, Draft, Look, Moved, Part, Rows, Watched},
    plan::{
        Agent, AgentContract, Bundle, BundleId, Covered, Id, RecordOp, Route, RouteRules, Step, StepId,
        StepKind, VerbContract,
    },
    value::Period,
};

/// The method that routes are fitted by; part of the digest, so that a new one is a change.
const BUILT_IN_FIT: &str = "built-in/sentence-1";

/// How long a gate that stands in for a model waits: the middle one of 7d, 72h and 24h.
const FALLBACK_MILLIS: u64 = 72 * 3_600_000;

/// Bundles that were built, each with everything that was looked at for it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    built: Answers<Built>,
    /// The playbooks whose bundle is not known to be right.
    stale: BTreeSet<Id>,
    /// How many were built since somebody asked last.
    pub(crate) fresh: usize,
}

#[derive(Debug, Clone)]
struct Built {
    bundle: Arc<Bundle>,
    id: BundleId,
}

impl Known {
    /// Forgets what may be another now.
    pub(crate) fn forget(&mut self, moved: &Moved) {
        self.stale.extend(self.built.forget(moved));
        self.stale.extend(moved.of(Part::Resolved).cloned());
    }

    /// Adds the playbooks that run a stale one, and those that run these: they pin it by its digest.
    fn raise(&mut self) {
        let parents: Vec<(&Id, &Built)> =
            self.built.iter().filter(|(_, built)| !built.bundle.children.is_empty()).collect();
        loop {
            let runs_stale =
                |built: &Built| built.bundle.children.keys().any(|child| self.stale.contains(child));
            let raised = parents.iter().filter(|(id, built)| !self.stale.contains(*id) && runs_stale(built));
            let raised: Vec<Id> = raised.map(|(id, _)| (*id).clone()).collect();
            if raised.is_empty() {
                return;
            }
            self.stale.extend(raised);
        }
    }
}

/// Builds every bundle that is not known, children first.
pub(super) fn all(draft: &Draft, resolved: &Rows<Resolved>, known: &mut Known) -> BTreeMap<Id, Arc<Bundle>> {
    known.raise();
    let stale = known.stale.clone();
    let mut building = Building { draft, resolved, known };
    for id in &stale {
        building.build(id, &mut BTreeSet::new());
    }
    known.stale.clear();
    known.built.iter().map(|(id, built)| (id.clone(), Arc::clone(&built.bundle))).collect()
}

struct Building<'a> {
    draft: &'a Draft,
    resolved: &'a Rows<Resolved>,
    known: &'a mut Known,
}

impl Building<'_> {
    /// Returns the id of a playbook's bundle; `under` are the playbooks that wait for it, so that a circle ends.
    fn build(&mut self, id: &str, under: &mut BTreeSet<Id>) -> Option<BundleId> {
        if !self.known.stale.contains(id) {
            return self.known.built.get(id).map(|built| built.id.clone());
        }
        let found = self.resolved.get(id)?;
        if !under.insert(id.to_owned()) {
            return None;
        }
        let mut children = BTreeMap::new();
        for step in found.playbook.every_step() {
            if let StepKind::Run { run, .. } = &step.kind
                && let Some(child) = self.build(run, under)
            {
                children.insert(run.clone(), child);
            }
        }
        under.remove(id);
        let digest = self.built(id, found, children);
        self.known.stale.remove(id);
        Some(digest)
    }

    fn built(&mut self, id: &str, found: &Resolved, children: BTreeMap<Id, BundleId>) -> BundleId {
        if let Some(built) = self.known.built.get(id).filter(|built| built.bundle.children == children) {
            return built.id.clone();
        }
        let draft = self.draft;
        let Watched { answer: mut bundle, looks } = draft.watcher.watch(|| {
            draft.watcher.note(Part::Resolved, Look::One(id));
            Parts { draft, found }.gather()
        });
        bundle.children = children;
        self.known.fresh += 1;
        let built = Built { id: bundle.id(), bundle: Arc::new(bundle) };
        let digest = built.id.clone();
        self.known.built.put(id, Watched { answer: built, looks });
        digest
    }
}

/// Gathers the parts of one bundle.
struct Parts<'a> {
    draft: &'a Draft,
    found: &'a Resolved,
}

impl Parts<'_> {
    fn gather(&self) -> Bundle {
        let mut bundle = Bundle {
            playbook: (*self.found.playbook).clone(),
            agents: BTreeMap::new(),
            verbs: BTreeMap::new(),
            routes: BTreeMap::new(),
            templates: BTreeMap::new(),
            records: BTreeMap::new(),
            children: BTreeMap::new(),
            company: self.company(),
            covers: self.covers(),
        };
        for step in self.found.playbook.every_step() {
            self.step(step, &mut bundle);
        }
        bundle
    }

    fn step(&self, step: &Step, bundle: &mut Bundle) {
        match &step.kind {
            StepKind::Agent { agent, .. } => self.agent(agent, bundle),
            StepKind::Call { call, .. } => self.verb(call, bundle),
            StepKind::Route { route, .. } => self.route(route, bundle),
            StepKind::Render { render } => self.template(render, bundle),
            StepKind::Record {
                op:
                    RecordOp::ReadOne { record, .. }
                    | RecordOp::ReadList { record, .. }
                    | RecordOp::Write { record, .. },
            } => {
                let schema = self.draft.records.get(record);
                bundle.records.extend(schema.map(|at| (record.clone(), at.value.clone())));
            }
            StepKind::Gate { .. }
            | StepKind::Wait { .. }
            | StepKind::Choose { .. }
            | StepKind::Run { .. }
            | StepKind::End { .. }
            | StepKind::Each { .. }
            | StepKind::Signal { .. }
            | StepKind::Emit { .. }
            | StepKind::Parallel { .. }
            | StepKind::Scope { .. } => {}
        }
        if let Some(undo) = &step.undo {
            self.verb(&undo.call, bundle);
        }
    }

    fn agent(&self, id: &str, bundle: &mut Bundle) {
        let Some(agent) = self.draft.agents.get(id).map(|at| super::resolve::agent(self.draft, at)) else {
            return;
        };
        self.template(&agent.prompt, bundle);
        bundle.agents.insert(id.to_owned(), contract_of_agent(&agent));
    }

    fn template(&self, path: &str, bundle: &mut Bundle) {
        let in_branch = self.found.texts.get(path).cloned();
        let text = in_branch.or_else(|| self.draft.texts.get(path)?.template.clone());
        bundle.templates.extend(text.map(|template| (path.to_owned(), template)));
    }

    fn route(&self, id: &str, bundle: &mut Bundle) {
        let Some(at) = self.draft.routes.get(id) else { return };
        for agent in at.escalate.iter().filter_map(|hop| hop.strip_prefix("agent:")) {
            self.agent(agent.rsplit('/').next().unwrap_or(agent), bundle);
        }
        bundle.routes.insert(id.to_owned(), rules_of(&at.value, self.fit()));
    }

    /// Returns what decides: the method, and the models that are pinned; another model is another bundle.
    fn fit(&self) -> String {
        let mut fit = BUILT_IN_FIT.to_owned();
        for (name, digest) in self.draft.models.iter() {
            fit.push_str(&format!(" {name}={digest}"));
        }
        fit
    }

    fn verb(&self, full: &str, bundle: &mut Bundle) {
        if bundle.verbs.contains_key(full) {
            return;
        }
        let Some(verb) = names::verb(self.draft, full) else { return };
        let sibling = |name: &Option<String>| name.as_ref().map(|name| names::sibling(full, name));
        let contract = VerbContract {
            effect: verb.effect,
            idempotency: verb.idempotency,
            key_valid: verb.key_valid,
            probe: sibling(&verb.probe),
            undo: sibling(&verb.undo),
            input: verb.input.clone(),
            output: verb.output.clone(),
            timeout: verb.timeout,
        };
        let more = [contract.probe.clone(), contract.undo.clone()];
        bundle.verbs.insert(full.to_owned(), contract);
        more.iter().flatten().for_each(|name| self.verb(name, bundle));
    }

    fn company(&self) -> BTreeMap<String, String> {
        let company = self.draft.company.as_ref().map(|at| &at.value);
        let fields = company.into_iter().flat_map(|company| {
            let currency = company.currency.to_string();
            let (name, owner, zone) = (company.name.clone(), company.owner.clone(), company.zone.clone());
            [("name", name), ("owner", owner), ("zone", zone), ("currency", currency)]
        });
        fields.map(|(field, value)| (field.to_owned(), value)).collect()
    }

    fn covers(&self) -> BTreeMap<StepId, Vec<Covered>> {
        let cx = Cx::new(self.draft, self.found);
        let cover = Cover::of(&cx, &Flowing::of(&cx));
        let gates = cx.steps().filter(|(_, step)| matches!(step.kind, StepKind::Gate { .. }));
        let covered = gates.map(|(gate, step)| {
            let rows = cover.covered_by(&cx, gate).into_iter().filter_map(|place| {
                let effect = cx.effect_of(cx.step(place))?;
                Some(Covered { step: cx.id(place).clone(), effect })
            });
            (step.id.clone(), rows.collect())
        });
        covered.collect()
    }
}

fn contract_of_agent(agent: &Agent) -> AgentContract {
    let expires = Period::from_millis(FALLBACK_MILLIS).expect("72 hours are a period");
    AgentContract {
        prompt: agent.prompt.clone(),
        input: agent.input.clone(),
        output: agent.output.clone(),
        preconditions: agent.preconditions.clone(),
        model: agent.model.name.clone(),
        connector: agent.model.connector.clone(),
        fallback: agent.model.fallback.clone(),
        fallback_expires: agent.model.fallback_expires.unwrap_or(expires),
        confidence: agent.confidence,
        max_tokens: agent.model.max_tokens,
    }
}

fn rules_of(route: &Route, fit: String) -> RouteRules {
    RouteRules {
        rules: route.rules.clone(),
        classes: route.classes.clone(),
        strangers: route.strangers.clone(),
        precision: route.precision,
        escalate: route.escalate.clone(),
        calibration: route.calibration.clone(),
        fit,
    }
}
