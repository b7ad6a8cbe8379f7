//! Who decides whether something guarded happens: whatever lets it pass is a sink of trust, as a recipient is.
//!
//! A gate that a person answers settles the question whatever led to it. Where a gate passes by itself, the path to it decides,
//! and a path that an outsider's text has chosen is an outsider's decision.

use std::collections::BTreeSet;

use super::{
    cover::{self, Cover},
    cx::{Cx, Out},
    graph::Graph,
    labels::Flowing,
    uses::{self, Purpose},
};
use crate::{
    diag::{Code, Diagnostic},
    plan::{Step, StepKind},
    value::Trust,
};

/// Warns of every guarded step that nobody looks at and that an outsider's text has a say in.
pub(crate) fn check(cx: &Cx<'_>, labels: &Flowing, cover: &Cover, out: &mut Out) {
    let unseen = unseen(cx);
    for place in cx.reachable.iter().copied().filter(|place| cover::needs_gate(cx, cx.step(*place))) {
        let is_seen = cover.gate_of[place].is_none_or(|gate| !has_auto(cx.step(gate)));
        if is_seen {
            continue;
        }
        let decided = cx.steps().find_map(|(from, step)| {
            let leads = from == place || unseen.after(from).contains(&place);
            let decides = leads && (from == place && step.when.is_some() || settles(cx, from, place));
            let read = decision(step)
                .into_iter()
                .find(|read| labels.of_path(cx, from, read).trust < Trust::Verified);
            read.filter(|_| decides).map(|read| Decision { place, from, read })
        });
        if let Some(decision) = decided {
            say(cx, labels, &decision, out);
        }
    }
}

/// What somebody outside wrote decides whether a step happens.
struct Decision {
    /// The position of the step that happens or not.
    place: usize,
    /// The position of the step whose way out decides.
    from: usize,
    /// The path that the deciding step reads.
    read: String,
}

fn say(cx: &Cx<'_>, labels: &Flowing, decision: &Decision, out: &mut Out) {
    let Decision { place, from, read } = decision;
    let (id, decider) = (cx.id(*place), cx.step(*from));
    let key = match &decider.kind {
        _ if decider.when.is_some() => "when",
        StepKind::Choose { .. } => "choose",
        StepKind::Route { .. } => "text",
        StepKind::Each { .. } => "each",
        _ => "id",
    };
    let way = labels.trace(cx, *from, read, &|labels| labels.trust < Trust::Verified);
    out.push(
        Diagnostic::new(
            Code::W0401,
            cx.spot(*from, key),
            format!(
                "what somebody outside wrote decides whether step \"{id}\" happens, and nobody looks: {way}"
            ),
        )
        .label("an outsider's decision")
        .help(format!("remove `auto` from the gate before \"{id}\", or decide by what is verified")),
    );
}

/// Returns what the way out of a step depends on.
fn decision(step: &Step) -> BTreeSet<String> {
    let uses = uses::of_step(step).into_iter().filter(|used| match used.purpose {
        Purpose::Condition => !used.key.starts_with("auto."),
        // The class of a text, whether an agent answers at all, and for what branches begin follow from what they read.
        Purpose::Argument => {
            matches!(step.kind, StepKind::Route { .. } | StepKind::Agent { .. } | StepKind::Each { .. })
        }
        Purpose::Shown | Purpose::Undo | Purpose::Rendered => false,
    });
    uses.flat_map(|used| used.all).collect()
}

/// Returns the edges that no person stands on.
fn unseen(cx: &Cx<'_>) -> Graph {
    cx.flow.graph_of(|from, _| {
        let step = cx.step(from);
        let is_person = matches!(step.kind, StepKind::Gate { .. }) && !has_auto(step) && step.when.is_none();
        !is_person
    })
}

fn has_auto(step: &Step) -> bool {
    matches!(&step.kind, StepKind::Gate { auto: Some(_), .. })
}

/// Returns whether the way out of a step settles if another one comes: one way leads there, another comes to an end without it.
fn settles(cx: &Cx<'_>, from: usize, place: usize) -> bool {
    let near = beside(cx, from, place);
    if near == from && near != place {
        // What holds a step begins its branches, or begins none.
        return true;
    }
    let (own, ends) = (cx.flow.own(), &cx.flow.ends);
    let around = own.without(|node| node == near);
    let edges = cx.flow.edges[from].iter().filter(|edge| !edge.enters && !edge.breaks);
    let targets: BTreeSet<usize> = edges.map(|edge| edge.to).collect();
    let comes = |to: &usize| own.from(*to).contains(&near);
    let passes = |to: &usize| *to != near && !around.from(*to).is_disjoint(ends);
    let stops = ends.contains(&from);
    targets.len() + usize::from(stops) > 1
        && targets.iter().any(comes)
        && (stops || targets.iter().any(passes))
}

/// Returns the step in the same run or branch as the deciding one by which a run comes to another: that one, or what holds it.
fn beside(cx: &Cx<'_>, from: usize, place: usize) -> usize {
    let branch = cx.homes.branch(from);
    let mut way = std::iter::once(place).chain(cx.homes.around(place).map(|home| home.holder));
    way.find(|step| cx.homes.branch(*step) == branch).unwrap_or(place)
}
