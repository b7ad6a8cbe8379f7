//! Live runs against a plan: each stays on the bundle that it began with, and the plan says how far that is from the new one.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::discriminant,
};

use adjutant_spec::plan::{Bundle, BundleId, Id, Plan, Playbook, Step, StepId, StepKind};
use serde::{Deserialize, Serialize};

use crate::{reconcile::files::digest, runtime::views::PinnedBy};

/// The live runs that pin one bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveRuns {
    /// The bundle that the runs began with and keep to.
    pub bundle: BundleId,
    /// The playbook, by the id that it had when they began.
    pub playbook: Id,
    /// What the bundle says; absent if the store cannot tell any more.
    pub definition: Option<Bundle>,
    /// How many runs they are, and the first of them.
    pub runs: PinnedBy,
}

/// How far a live run is from what new runs would pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// New runs pin the same.
    Same,
    /// Every step that it can be in is there still, and of the same kind.
    Compatible,
    /// A step that it can be in is gone, of another kind, or in another container.
    Incompatible,
    /// The playbook is no longer in the company.
    Retired,
}

/// The live runs of one bundle, with what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    /// The playbook that the runs are of.
    pub playbook: Id,
    /// How far they are from what new runs would pin.
    pub class: Class,
    /// The bundle that the runs began with and keep to.
    pub bundle: BundleId,
    /// The first of the runs, by their ids.
    pub runs: Vec<String>,
    /// How many runs there are.
    #[serde(default)]
    pub count: u64,
    /// The digest of the ids of all of them.
    #[serde(default)]
    pub digest: String,
    /// What makes them incompatible, where they are.
    pub reason: Option<String>,
    /// Verbs and agents' connectors that they can still need and that would be gone.
    pub lost: Vec<String>,
    /// What becomes of them, for people.
    pub then: String,
}

/// Puts live runs into classes.
pub(super) fn classify(runs: &[LiveRuns], after: &Plan) -> Vec<Retained> {
    let mut rows: Vec<Retained> = runs.iter().map(|live| retained(live, after)).collect();
    rows.sort_by(|one, other| {
        (&one.playbook, one.class, &one.bundle).cmp(&(&other.playbook, other.class, &other.bundle))
    });
    rows
}

/// Returns the version of the live state that a plan depends on: which run is in which class, and what would be gone for it.
pub(super) fn version(rows: &[Retained]) -> String {
    let line = |row: &Retained| {
        let Retained { bundle, digest, class, lost, .. } = row;
        format!("{bundle} {digest} {class:?} {}\n", lost.join(","))
    };
    let lines: BTreeSet<String> = rows.iter().map(line).collect();
    digest(lines.into_iter().collect::<String>().as_bytes())
}

fn retained(live: &LiveRuns, after: &Plan) -> Retained {
    let heir = after.playbook(&live.playbook);
    let is_same =
        heir.is_some_and(|heir| after.bundles.get(&heir.id).is_some_and(|new| new.id() == live.bundle));
    let (class, reason) = match (heir, is_same) {
        (None, _) => (Class::Retired, None),
        (Some(_), true) => (Class::Same, None),
        (Some(heir), false) => match mismatch(live.definition.as_ref(), heir) {
            None => (Class::Compatible, None),
            reason => (Class::Incompatible, reason),
        },
    };
    Retained {
        playbook: heir.map_or_else(|| live.playbook.clone(), |heir| heir.id.clone()),
        class,
        bundle: live.bundle.clone(),
        runs: live.runs.first.clone(),
        count: live.runs.count,
        digest: live.runs.digest.clone(),
        reason,
        lost: live.definition.as_ref().map(|bundle| lost(bundle, after)).unwrap_or_default(),
        then: match class {
            Class::Same => "go on as they are",
            Class::Compatible | Class::Incompatible => "finish on what they began with",
            Class::Retired => "finish on what they began with; no new one starts",
        }
        .to_owned(),
    }
}

/// Says why a run of the old definition could not go on in the new one, if so.
fn mismatch(old: Option<&Bundle>, new: &Playbook) -> Option<String> {
    let Some(old) = old else { return Some("what it began with is no longer stored".to_owned()) };
    let (before, after) = (holders(&old.playbook.steps), holders(&new.steps));
    old.playbook.every_step().into_iter().find_map(|step| match new.step(&step.id) {
        None => Some(format!("step \"{}\" is gone", step.id)),
        Some(other) if discriminant(&other.kind) != discriminant(&step.kind) => {
            Some(format!("step \"{}\" is of another kind", step.id))
        }
        Some(_) if before.get(&step.id) != after.get(&step.id) => {
            Some(format!("step \"{}\" stands in another container", step.id))
        }
        Some(_) => None,
    })
}

/// What a step stands in.
#[derive(PartialEq, Eq)]
struct Holder<'a> {
    step: &'a StepId,
    /// Which of its fragments.
    fragment: usize,
}

/// Returns what each step stands in, of those that stand in another one.
fn holders(steps: &[Step]) -> BTreeMap<&StepId, Holder<'_>> {
    let mut found = BTreeMap::new();
    for step in steps {
        if let StepKind::Scope { steps, .. } = &step.kind {
            found.extend(steps.iter().map(|inner| (inner, Holder { step: &step.id, fragment: 0 })));
        }
        for (fragment, body) in step.kind.fragments().into_iter().enumerate() {
            found.extend(body.steps.iter().map(|inner| (&inner.id, Holder { step: &step.id, fragment })));
            found.extend(holders(&body.steps));
        }
    }
    found
}

/// Lists what a bundle uses live and the plan does not have: such a call could only fail.
fn lost(bundle: &Bundle, after: &Plan) -> Vec<String> {
    let verbs = bundle.verbs.keys().filter(|verb| after.verb(verb).is_none()).cloned();
    let models = bundle.agents.values().filter_map(|agent| agent.connector.as_ref());
    let gone = models.filter(|connector| after.connector(connector).is_none()).cloned();
    let lost: BTreeSet<String> = verbs.chain(gone).collect();
    lost.into_iter().collect()
}
