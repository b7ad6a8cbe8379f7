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
    let graph = cx.flow.own().without(|place| !is_pure(cx.step(place)));
    let stretches = stretches(cx, &graph);
    let Some(Walk { length, heaviest }) = longest(&graph, &stretches) else { return };
    if length <= u64::from(PURE_STEPS) {
        return;
    }
    let written = |place: &&usize| cx.at.steps[cx.index[**place]].visits.is_some();
    let place =
        heaviest.iter().filter(written).max_by_key(|place| cx.step(**place).visits).or(heaviest.first());
    let Some(place) = place.copied() else { return };
    let below = if written(&&place) { "visits" } else { "id" };
    out.push(
        Diagnostic::new(
            Code::E0608,
            cx.spot(place, below),
            format!("a run could take {length} steps here without a pause, and {PURE_STEPS} are the most"),
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
                | StepKind::Scope { .. }
                // A list may be empty.
                | StepKind::Each { .. }
        )
}

/// Steps that reach each other, or one step alone, with how often all of them together can be taken.
struct Stretch {
    steps: BTreeSet<usize>,
    visits: u64,
}

fn stretches(cx: &Cx<'_>, graph: &Graph) -> Vec<Stretch> {
    let cycles = graph.cycles();
    let alone = |place: &usize| is_pure(cx.step(*place)) && !cycles.iter().any(|cycle| cycle.contains(place));
    // Whatever its visits are: a walk comes back to such a step only past a pause.
    let single = |place| Stretch { steps: BTreeSet::from([place]), visits: 1 };
    let singles = cx.reachable.iter().copied().filter(alone).map(single);
    let visits =
        |steps: &BTreeSet<usize>| steps.iter().map(|place| u64::from(cx.step(*place).visits.max(1))).sum();
    let circles = cycles.iter().cloned().map(|steps| Stretch { visits: visits(&steps), steps });
    singles.chain(circles).collect()
}

/// A walk that waits for nothing.
struct Walk<'a> {
    /// How many steps it takes.
    length: u64,
    /// The steps of the stretch of it that counts most.
    heaviest: &'a BTreeSet<usize>,
}

/// Returns the longest walk.
fn longest<'a>(graph: &Graph, stretches: &'a [Stretch]) -> Option<Walk<'a>> {
    let mut walks: Vec<u64> = stretches.iter().map(|stretch| stretch.visits).collect();
    let after: Vec<BTreeSet<usize>> = stretches
        .iter()
        .map(|stretch| stretch.steps.iter().flat_map(|place| graph.after(*place)).collect())
        .collect();
    // Stretches are taken up from those that reach the least: what lies ahead of a stretch is settled before it.
    let mut order: Vec<usize> = (0..stretches.len()).collect();
    order.sort_by_cached_key(|stretch| after[*stretch].union(&stretches[*stretch].steps).count());
    for stretch in order {
        let ahead =
            |other: &usize| *other != stretch && !stretches[*other].steps.is_disjoint(&after[stretch]);
        let most = (0..stretches.len()).filter(ahead).map(|other| walks[other]).max().unwrap_or(0);
        walks[stretch] = walks[stretch].saturating_add(most);
    }
    let best = (0..stretches.len()).max_by_key(|stretch| walks[*stretch])?;
    let reach: Vec<usize> = (0..stretches.len())
        .filter(|other| *other == best || !stretches[*other].steps.is_disjoint(&after[best]))
        .collect();
    let heaviest = reach.into_iter().max_by_key(|stretch| stretches[*stretch].visits)?;
    Some(Walk { length: walks[best], heaviest: &stretches[heaviest].steps })
}
