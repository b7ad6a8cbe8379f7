//! Coverage: which gate stands before which effect on every path, computed over edges and never over the order of the file.
//!
//! The gate in force is followed along the edges: `approved` and `edited` put a gate in force, its other outcomes put none, and
//! every other step leaves what was. A step is covered when exactly one gate is in force whichever way a run comes to it. A gate
//! with `when` covers nothing and takes nothing away, unless it is refused. No gate is in force where a branch begins: what a
//! person saw outside says nothing of each item.

use std::collections::BTreeSet;

use super::{
    cx::Cx,
    labels::Flowing,
    names,
    uses::{self, Purpose},
};
use crate::{
    plan::{Effect, Step, StepKind, Verb},
    value::Trust,
};

/// What is in force before each step: the positions of gates, `None` for no gate.
type InForce = Vec<BTreeSet<Option<usize>>>;

/// The coverage of a playbook.
pub(crate) struct Cover {
    in_force: InForce,
    /// By position of the effect: the gate that covers it.
    pub(crate) gate_of: Vec<Option<usize>>,
}

/// Why an effect is not covered by a gate that stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uncomputable {
    /// The key of the argument below the step.
    pub(crate) key: String,
    /// What it reads.
    pub(crate) read: String,
    /// The step that makes the value too late, where there is one.
    pub(crate) late: Option<usize>,
}

/// Returns whether nothing can take a step back. Records keep their versions.
pub(crate) fn is_irreversible(cx: &Cx<'_>, step: &Step) -> bool {
    match &step.kind {
        StepKind::Call { call, .. } => {
            let undo = names::verb(cx.draft, call).and_then(|verb: &Verb| verb.undo.as_ref());
            step.undo.is_none() && undo.is_none()
        }
        _ => false,
    }
}

/// Returns whether a person must have seen the payload, whatever the policies say.
pub(crate) fn needs_gate(cx: &Cx<'_>, step: &Step) -> bool {
    match cx.effect_of(step) {
        None | Some(Effect::Read) => false,
        Some(Effect::Write) => is_irreversible(cx, step),
        Some(_) => true,
    }
}

impl Cover {
    /// Computes what the gates of a playbook cover. It depends on the playbook and its verbs alone, never on grants: those are
    /// read live, and a bundle must not change with them.
    pub(crate) fn of(cx: &Cx<'_>, labels: &Flowing) -> Self {
        let in_force = in_force(cx);
        let mut cover = Self { in_force, gate_of: vec![None; cx.flat.len()] };
        for (place, step) in cx.steps().filter(|(place, _)| cx.reachable.contains(place)) {
            let gate = cover.lone_gate(place).filter(|_| !cover.repeats(cx, place));
            cover.gate_of[place] = gate.filter(|gate| match cx.effect_of(step) {
                None => false,
                Some(Effect::Read) => {
                    labels.tainted_sink(cx, place).is_some() && late(cx, *gate, place).is_empty()
                }
                Some(Effect::Write) if !is_irreversible(cx, step) => late(cx, *gate, place).is_empty(),
                Some(_) => true,
            });
        }
        cover
    }

    /// Returns the gate that is in force on every path to a step.
    pub(crate) fn lone_gate(&self, place: usize) -> Option<usize> {
        let gates = &self.in_force[place];
        if gates.len() == 1 { gates.first().copied().flatten() } else { None }
    }

    /// Returns the gates that are in force on some path to a step.
    pub(crate) fn gates(&self, place: usize) -> Vec<usize> {
        self.in_force[place].iter().copied().flatten().collect()
    }

    /// Returns a gate that is in force outside where a branch begins that a step stands in: it covers nothing inside.
    pub(crate) fn outer_gate(&self, cx: &Cx<'_>, place: usize) -> Option<usize> {
        cx.homes
            .around(place)
            .filter(|home| !cx.homes.is_scope(*home))
            .find_map(|home| self.gates(home.holder).first().copied())
    }

    /// Returns whether an effect can happen again under the approval of the first time.
    pub(crate) fn repeats(&self, cx: &Cx<'_>, place: usize) -> bool {
        self.lone_gate(place)
            .is_some_and(|gate| cx.flow.own().without(|node| node == gate).after(place).contains(&place))
    }

    /// Returns the effects that a gate covers, in the order in which a run comes to them.
    pub(crate) fn covered_by(&self, cx: &Cx<'_>, gate: usize) -> Vec<usize> {
        let graph = cx.flow.graph();
        let far = |place: usize| graph.path(gate, place).map_or(usize::MAX, |path| path.len());
        let mut covered: Vec<usize> =
            (0..self.gate_of.len()).filter(|place| self.gate_of[*place] == Some(gate)).collect();
        covered.sort_by_key(|place| (far(*place), *place));
        covered
    }
}

fn in_force(cx: &Cx<'_>) -> InForce {
    let mut before: InForce = vec![BTreeSet::new(); cx.flat.len()];
    if let Some(first) = before.get_mut(cx.flow.start) {
        first.insert(None);
    }
    // Each round only adds, so it ends.
    let mut moved = true;
    while moved {
        moved = false;
        for from in 0..before.len() {
            for edge in &cx.flow.edges[from] {
                let after = match edge.enters {
                    true if !before[from].is_empty() => BTreeSet::from([None]),
                    _ => after(cx.step(from), from, &edge.outcome, &before[from]),
                };
                let had = before[edge.to].len();
                before[edge.to].extend(after);
                moved |= before[edge.to].len() != had;
            }
        }
    }
    before
}

fn after(
    step: &Step,
    place: usize,
    outcome: &str,
    before: &BTreeSet<Option<usize>>,
) -> BTreeSet<Option<usize>> {
    let StepKind::Gate { .. } = &step.kind else { return before.clone() };
    if before.is_empty() {
        return BTreeSet::new();
    }
    match outcome {
        "skip" => before.clone(),
        "approved" | "edited" if step.when.is_some() => before.clone(),
        "approved" | "edited" => BTreeSet::from([Some(place)]),
        _ => BTreeSet::from([None]),
    }
}

/// Returns the arguments of a covered step that cannot be computed when its gate asks.
pub(crate) fn late(cx: &Cx<'_>, gate: usize, place: usize) -> Vec<Uncomputable> {
    let between = between(cx, gate, place);
    let mut found = Vec::new();
    for used in uses::of_step(cx.step(place)) {
        // Whether the step runs at all is decided when a run comes to it: that is no part of the payload.
        if used.purpose == Purpose::Condition {
            continue;
        }
        for read in &used.all {
            let path: Vec<&str> = read.split('.').collect();
            let late = match path.as_slice() {
                ["steps", step, ..] => cx.ids.get(step).copied(),
                ["steps"] => {
                    found.push(Uncomputable { key: used.key.clone(), read: read.clone(), late: None });
                    continue;
                }
                _ => None,
            };
            // The undo's holes for the step's own result are filled when unwinding.
            let own = used.purpose == Purpose::Undo && late == Some(place);
            if let Some(late) = late.filter(|late| !own && (*late == gate || between.contains(late))) {
                found.push(Uncomputable { key: used.key.clone(), read: read.clone(), late: Some(late) });
            }
        }
    }
    found
}

/// Returns the steps that a run can take after a gate and before a step, without asking again.
fn between(cx: &Cx<'_>, gate: usize, place: usize) -> BTreeSet<usize> {
    let graph = cx.flow.graph();
    let without = graph.without(|node| node == gate);
    let ahead: BTreeSet<usize> = cx.flow.edges[gate].iter().flat_map(|edge| without.from(edge.to)).collect();
    ahead.into_iter().filter(|node| *node == place || without.after(*node).contains(&place)).collect()
}

/// Returns whether a covered step hands on what somebody outside wrote, in a way that `auto` may not let pass.
pub(crate) fn external_context(cx: &Cx<'_>, labels: &Flowing, place: usize) -> bool {
    let guarded = cx.effect_of(cx.step(place)).is_some_and(Effect::is_guarded);
    let arguments =
        uses::of_step(cx.step(place)).into_iter().filter(|used| used.purpose == Purpose::Argument);
    let external = arguments
        .flat_map(|used| used.all)
        .any(|read| labels.of_path(cx, place, &read).trust == Trust::External);
    (guarded && external) || labels.tainted_sink(cx, place).is_some()
}
