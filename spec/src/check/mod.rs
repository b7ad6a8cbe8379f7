//! Checks: what can be proven about a company without running anything.
//!
//! Each check looks at everything and stops at nothing; it adds diagnostics and never changes what was read. Links and arguments
//! are checked step by step; flow, coverage and labels need every step, so they wait until all of a playbook could be read.

mod args;
mod children;
mod company;
mod containers;
pub(crate) mod cover;
pub(crate) mod cx;
mod decides;
mod edges;
mod effects;
mod events;
pub(crate) mod flow;
mod gates;
mod graph;
mod hooks;
mod items;
pub(crate) mod labels;
pub(crate) mod limits;
mod links;
pub(crate) mod names;
mod promises;
mod purses;
mod reach;
mod reads;
mod rounds;
mod scenarios;
mod shape;
mod signals;
pub(crate) mod times;
mod uses;
mod walk;

pub(crate) use children::Children;
use cx::{Cx, Out};
pub(crate) use scenarios::check as scenario;

use crate::{
    compile::resolve::Resolved,
    diag::Diagnostic,
    draft::{Draft, Rows},
    plan::{Step, StepKind},
};

/// Checks what concerns more than one object, and objects that are no playbooks.
pub(crate) fn company(draft: &Draft, resolved: &Rows<Resolved>) -> Vec<Diagnostic> {
    let mut out = Out::default();
    links::check_objects(draft, &mut out);
    signals::check_connectors(draft, &mut out);
    reads::check_agents(draft, &mut out);
    effects::check_connectors(draft, &mut out);
    reach::check(draft, &mut out);
    hooks::check(draft, &mut out);
    limits::check_company(draft, &mut out);
    times::check(draft, &mut out);
    company::check(draft, resolved, &mut out);
    items::check_texts(draft, resolved, &mut out);
    out.found
}

/// Checks one playbook.
pub(crate) fn playbook(draft: &Draft, found: &Resolved, children: &Children<'_>) -> Vec<Diagnostic> {
    let mut out = Out::default();
    let cx = Cx::new(draft, found);
    links::check_playbook(&cx, &mut out);
    containers::check(&cx, found, &mut out);
    items::check(&cx, &mut out);
    edges::check_steps(&cx, &mut out);
    signals::check(&cx, &mut out);
    rounds::check(&cx, &mut out);
    args::check(&cx, children, &mut out);
    effects::check_calls(&cx, &mut out);
    if found.whole {
        containers::check_filled(&cx, &mut out);
    }
    if found.whole && !cx.flat.is_empty() && targets_exist(&cx) {
        flowing(&cx, children, &mut out);
    }
    out.found
}

fn flowing(cx: &Cx<'_>, children: &Children<'_>, out: &mut Out) {
    edges::check_flow(cx, out);
    reads::check(cx, out);
    events::check(cx, out);
    let labels = labels::Flowing::of(cx);
    let cover = cover::Cover::of(cx, &labels);
    gates::check(cx, &labels, &cover, out);
    decides::check(cx, &labels, &cover, out);
    labels::check(cx, &labels, &cover.gate_of, out);
    labels::check_children(cx, &labels, children, out);
    limits::check(cx, children, out);
    purses::check(cx, out);
    walk::check(cx, out);
}

/// Flow over edges that lead nowhere, out of a branch, or to one of two steps with an id, would report their consequences as mistakes.
fn targets_exist(cx: &Cx<'_>) -> bool {
    cx.ids.len() == cx.flat.len()
        && cx
            .steps()
            .all(|(place, step)| step.on.values().chain(&step.next).all(|to| is_beside(cx, place, to)))
        && cx.steps().all(|(place, step)| arms_exist(cx, place, step))
}

/// Returns whether there is a step with an id that stands in the same as another one.
fn is_beside(cx: &Cx<'_>, place: usize, id: &str) -> bool {
    cx.ids.get(id).is_some_and(|target| cx.homes.home(*target) == cx.homes.home(place))
}

fn arms_exist(cx: &Cx<'_>, place: usize, step: &Step) -> bool {
    match &step.kind {
        StepKind::Choose { arms, otherwise } => {
            arms.iter().map(|arm| &arm.to).chain(otherwise).all(|to| is_beside(cx, place, to))
        }
        _ => true,
    }
}
