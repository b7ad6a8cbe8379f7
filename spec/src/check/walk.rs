//! The longest walk without a pause: a run takes pure steps in one go, and the machine gives up past a bound.

use std::collections::BTreeSet;

use super::{
    cx::{Cx, Out},
    graph::Graph,
};
use crate::{
    diag::{Code, Diagnostic},
    plan::{PURE_STEPS, Step, StepKind, Until},
};

/// Checks that no run can take more pure steps in one go than the machine does.
pub(crate) fn check(cx: &Cx<'_>, out: &mut Out) {
    let graph = cx.flow.graph().without(|place| !is_pure(cx.step(place)));
    let parts = parts(cx, &graph);
    let Some((steps, part)) = longest(&graph, &parts) else { return };
    if steps <= u64::from(PURE_STEPS) {
        return;
    }
    let written = |place: &&usize| cx.at.steps[cx.index[**place]].visits.is_some();
    let place = part.iter().filter(written).max_by_key(|place| cx.step(**place).visits).or(part.first());
    let Some(place) = place.copied() else { return };
    let below = if written(&&place) { "visits" } else { "id" };
    out.push(
        Diagnostic::new(
            Code::E0608,
            cx.spot(place, below),
            format!("a run could take {steps} steps here without a pause, and {PURE_STEPS} are the most"),
        )
        .label("too many in one go")
        .help("lower `visits`, or let the cycle lead through a step that waits, asks or calls"),
    );
}

/// A step that a run may pass without waiting for anything; one with `when` may be skipped.
fn is_pure(step: &Step) -> bool {
    step.when.is_some()
        || matches!(
            step.kind,
            StepKind::Render { .. }
                | StepKind::Choose { .. }
                | StepKind::Gate { .. }
                | StepKind::Wait { wait: Until::Until(_) }
        )
}

/// Steps that reach each other, or one step alone, with how often all of them together can be taken.
struct Part {
    steps: BTreeSet<usize>,
    visits: u64,
}

fn parts(cx: &Cx<'_>, graph: &Graph) -> Vec<Part> {
    let cycles = graph.cycles();
    let alone = |place: &usize| is_pure(cx.step(*place)) && !cycles.iter().any(|cycle| cycle.contains(place));
    // Whatever its visits are: a walk comes back to such a step only past a pause.
    let single = |place| Part { steps: BTreeSet::from([place]), visits: 1 };
    let singles = cx.reachable.iter().copied().filter(alone).map(single);
    let visits =
        |steps: &BTreeSet<usize>| steps.iter().map(|place| u64::from(cx.step(*place).visits.max(1))).sum();
    let circles = cycles.iter().cloned().map(|steps| Part { visits: visits(&steps), steps });
    singles.chain(circles).collect()
}

/// Returns the longest walk with the part of it that counts most.
fn longest<'a>(graph: &Graph, parts: &'a [Part]) -> Option<(u64, &'a BTreeSet<usize>)> {
    let mut walks: Vec<u64> = parts.iter().map(|part| part.visits).collect();
    let after: Vec<BTreeSet<usize>> =
        parts.iter().map(|part| part.steps.iter().flat_map(|place| graph.after(*place)).collect()).collect();
    // Parts are taken up from those that reach the least: what lies ahead of a part is settled before it.
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_cached_key(|part| after[*part].union(&parts[*part].steps).count());
    for part in order {
        let ahead = |other: &usize| *other != part && !parts[*other].steps.is_disjoint(&after[part]);
        let most = (0..parts.len()).filter(ahead).map(|other| walks[other]).max().unwrap_or(0);
        walks[part] = walks[part].saturating_add(most);
    }
    let best = (0..parts.len()).max_by_key(|part| walks[*part])?;
    let reach: Vec<usize> = (0..parts.len())
        .filter(|other| *other == best || !parts[*other].steps.is_disjoint(&after[best]))
        .collect();
    let heaviest = reach.into_iter().max_by_key(|part| parts[*part].visits)?;
    Some((walks[best], &parts[heaviest].steps))
}
