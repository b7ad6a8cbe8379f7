//! Checks of the edges between steps: targets, outcomes, falling through, reachability, cycles, ends.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cx::{Cx, Out, Say},
    flow::{self, falls_through},
    names::{hint, list},
};
use crate::{
    diag::Code,
    plan::{Step, StepId, StepKind},
};

/// Checks that hold for each step by itself, also where other steps could not be read.
pub(crate) fn check_steps(cx: &Cx<'_>, out: &mut Out) {
    twice(cx, out);
    for (place, step) in cx.steps() {
        targets(cx, out, place);
        outcomes(cx, out, place);
        ends(cx, out, place);
        if let StepKind::Choose { otherwise: None, .. } = &step.kind {
            choose_without_else(cx, out, place);
        }
    }
}

/// Checks of the playbook as a whole.
pub(crate) fn check_flow(cx: &Cx<'_>, out: &mut Out) {
    fall_through(cx, out);
    let steps = (0..cx.flat.len()).filter(|place| !cx.reachable.contains(place));
    for place in steps {
        let id = cx.id(place);
        out.say(
            Code::E0306,
            cx.spot(place, "id"),
            Say {
                message: format!("no run can come to step \"{id}\""),
                label: "unreachable",
                help: format!("name \"{id}\" in an `on`, `to` or `next`, or remove the step"),
            },
        );
    }
    cycles(cx, out);
    no_end(cx, out);
}

fn twice(cx: &Cx<'_>, out: &mut Out) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (index, step) in cx.at.steps.iter().enumerate() {
        if !seen.insert(&step.id) {
            let below = format!("step[{index}].id");
            out.say(
                Code::E0301,
                cx.draft.spot(cx.at, &below),
                Say {
                    message: format!("two steps have the id \"{}\"", step.id),
                    label: "second one",
                    help: "give the step an id of its own: references and edges go by it".to_owned(),
                },
            );
        }
    }
}

/// Where a step goes, as written.
struct Target<'a> {
    /// The key path below the step.
    key: String,
    to: &'a str,
}

/// Returns the written targets of a step.
fn written_targets<'a>(step: &'a Step, next: Option<&'a String>) -> Vec<Target<'a>> {
    let target = |key: String, to: &'a StepId| Target { key, to };
    let mut targets: Vec<Target<'_>> =
        step.on.iter().map(|(outcome, to)| target(format!("on.{outcome}"), to)).collect();
    targets.extend(next.map(|to| target("next".to_owned(), to)));
    if let StepKind::Choose { arms, otherwise } = &step.kind {
        let arms = arms.iter().enumerate();
        targets.extend(arms.map(|(arm, choice)| target(format!("choose[{arm}].to"), &choice.to)));
        targets.extend(otherwise.iter().map(|to| target("else".to_owned(), to)));
    }
    targets
}

fn targets(cx: &Cx<'_>, out: &mut Out, place: usize) {
    let known: BTreeSet<&str> = cx.at.steps.iter().map(|step| step.id.as_str()).collect();
    let written = cx.at.steps[cx.index[place]].next.as_ref();
    for Target { key, to } in written_targets(cx.step(place), written) {
        if !known.contains(to) {
            out.push(
                crate::diag::Diagnostic::new(
                    Code::E0302,
                    cx.spot(place, &key),
                    format!("step \"{}\" goes to step \"{to}\", which does not exist", cx.id(place)),
                )
                .label("no such step")
                .help_if(hint(to, known.iter().copied())),
            );
        } else if cx.ids.get(to).is_some_and(|target| cx.homes.home(*target) != cx.homes.home(place)) {
            leaves(cx, out, place, &Target { key, to });
        }
    }
}

/// A branch is a run of its own, and a scope is whole: nothing goes out of it but at its end, and nothing comes in but at its first
/// step.
fn leaves(cx: &Cx<'_>, out: &mut Out, place: usize, target: &Target<'_>) {
    let Target { key, to } = target;
    let where_is = |place: usize| match cx.homes.home(place) {
        Some(home) => format!("in {}", cx.container(home)),
        None => "outside".to_owned(),
    };
    let there = cx.ids.get(to).copied().unwrap_or(place);
    let help = match cx.homes.home(place) {
        Some(home) if cx.homes.is_scope(home) => {
            "let it be the last step of the scope, without `next`; what goes wrong takes the `error` edge of the scope"
        }
        Some(_) => {
            "end the branch with `end = \"done\"` or `end = \"failed\"`; what comes after it follows the step that holds it"
        }
        None => "go to the step that holds it: its steps are done from the first one on",
    };
    out.say(
        Code::E0314,
        cx.spot(place, key),
        Say {
            message: format!(
                "step \"{}\" stands {} and goes to step \"{to}\", which stands {}",
                cx.id(place),
                where_is(place),
                where_is(there)
            ),
            label: if is_of_scopes(cx, place, there) {
                "leads over the edge of a scope"
            } else {
                "leads over the edge of a branch"
            },
            help: help.to_owned(),
        },
    );
}

/// Returns whether two steps run together, and no more than scopes lie between them.
fn is_of_scopes(cx: &Cx<'_>, place: usize, other: usize) -> bool {
    cx.homes.branch(place) == cx.homes.branch(other)
}

fn outcomes(cx: &Cx<'_>, out: &mut Out, place: usize) {
    let step = cx.step(place);
    let known = flow::outcomes(cx.draft, step);
    let unknown_route =
        matches!(&step.kind, StepKind::Route { route, .. } if !cx.draft.routes.contains_key(route));
    for written in step.on.keys().filter(|_| !unknown_route) {
        if !known.iter().any(|outcome| outcome.word == *written) {
            let words: Vec<&str> = known.iter().map(|outcome| outcome.word.as_str()).collect();
            let help = match words.as_slice() {
                [] => format!("a `{}` has one outcome only: write `next = \"…\"`", step.kind.word()),
                _ => format!("it can have {}", list(&words)),
            };
            out.say(
                Code::E0303,
                cx.key_spot(place, &format!("on.{written}")),
                Say {
                    message: format!("a `{}` step has no outcome \"{written}\"", step.kind.word()),
                    label: "no such outcome",
                    help,
                },
            );
        }
    }
    missing_edges(cx, out, place, unknown_route);
}

fn missing_edges(cx: &Cx<'_>, out: &mut Out, place: usize, unknown_route: bool) {
    let step = cx.step(place);
    let (code, needed): (Code, Vec<String>) = match &step.kind {
        StepKind::Gate { .. } => (Code::E0401, vec!["denied".to_owned(), "expired".to_owned()]),
        StepKind::Route { .. } if !unknown_route => {
            (Code::E0304, flow::outcomes(cx.draft, step).into_iter().map(|outcome| outcome.word).collect())
        }
        _ => return,
    };
    let missing: Vec<String> = needed.into_iter().filter(|word| !step.on.contains_key(word)).collect();
    if missing.is_empty() {
        return;
    }
    let edges: Vec<String> = missing.iter().map(|word| format!("{word} = \"…\"")).collect();
    out.say(
        code,
        cx.spot(place, "on"),
        Say {
            message: format!("{} \"{}\" has no edge for {}", step.kind.word(), step.id, list(&missing)),
            label: "an edge is missing",
            help: format!("say where it goes then: `on = {{ {} }}`", edges.join(", ")),
        },
    );
}

fn ends(cx: &Cx<'_>, out: &mut Out, place: usize) {
    let step = cx.step(place);
    if !matches!(step.kind, StepKind::End { .. }) {
        return;
    }
    let written = &cx.at.steps[cx.index[place]];
    let extra = [
        ("next", written.next.is_some()),
        ("on", !step.on.is_empty()),
        ("undo", step.undo.is_some()),
        ("retry", written.retry.is_some()),
        ("when", step.when.is_some()),
    ];
    for (key, _) in extra.into_iter().filter(|(_, there)| *there) {
        out.say(
            Code::E0305,
            cx.key_spot(place, key),
            Say {
                message: format!("step \"{}\" ends the run and can have no `{key}`", step.id),
                label: "never used",
                help: "remove it, or put the `end` into a step of its own".to_owned(),
            },
        );
    }
}

fn choose_without_else(cx: &Cx<'_>, out: &mut Out, place: usize) {
    if cx.at.steps[cx.index[place]].next.is_none() {
        out.say(
            Code::E0309,
            cx.spot(place, ""),
            Say {
                message: format!("choose \"{}\" says nothing for the case that no arm holds", cx.id(place)),
                label: "neither `else` nor `next`",
                help: "write `else = \"…\"`, or `next = \"…\"`".to_owned(),
            },
        );
    }
}

fn fall_through(cx: &Cx<'_>, out: &mut Out) {
    let mut aimed_at: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, step) in cx.steps() {
        let written = cx.at.steps[cx.index[place]].next.as_ref();
        for target in written_targets(step, written) {
            aimed_at.entry(target.to).or_insert(place);
        }
    }
    for (place, step) in cx.steps() {
        let written = cx.at.steps[cx.index[place]].next.is_some();
        let silent_choose = matches!(step.kind, StepKind::Choose { .. });
        if written || silent_choose || !falls_through(cx.draft, step) {
            continue;
        }
        match &step.next {
            // A scope goes on behind its last step; one behind which nothing comes is told of by itself.
            None if cx.flow.ends.contains(&place) || cx.homes.scopes(place).next().is_some() => {}
            None => falls_off(cx, out, place),
            Some(next) => {
                if let Some(from) = aimed_at.get(next.as_str()) {
                    falls_into(cx, out, place, *from);
                }
            }
        }
    }
}

fn falls_off(cx: &Cx<'_>, out: &mut Out, place: usize) {
    out.say(
        Code::E0308,
        cx.spot(place, "id"),
        Say {
            message: format!("nothing follows step \"{}\", and it does not end the run", cx.id(place)),
            label: "the last step",
            help: "add a step with `end = \"done\"` after it, or write `next = \"…\"`".to_owned(),
        },
    );
}

fn falls_into(cx: &Cx<'_>, out: &mut Out, place: usize, from: usize) {
    let next = cx.step(place).next.clone().unwrap_or_default();
    let why = match cx.step(place).when {
        Some(_) => "when it is skipped or done",
        None => "when it is done",
    };
    out.push(
        crate::diag::Diagnostic::new(
            Code::E0307,
            cx.spot(place, "id"),
            format!(
                "step \"{}\" falls through into \"{next}\", which step \"{}\" jumps to",
                cx.id(place),
                cx.id(from)
            ),
        )
        .label(format!("goes on to \"{next}\" {why}"))
        .help(format!("write `next = \"{next}\"` if that is meant, else name the step that should follow")),
    );
}

fn cycles(cx: &Cx<'_>, out: &mut Out) {
    let bounded = |place: usize| cx.at.steps[cx.index[place]].visits.is_some_and(|visits| visits > 1);
    for cycle in cx.flow.own().without(bounded).cycles() {
        let Some(first) = cycle.first().copied().filter(|first| cx.reachable.contains(first)) else {
            continue;
        };
        let ids: Vec<&str> = cycle.iter().map(|place| cx.id(*place).as_str()).collect();
        out.say(
            Code::E0310,
            cx.spot(first, "id"),
            Say {
                message: format!("nothing bounds the cycle through {}", list(&ids)),
                label: "a run could stay here for ever",
                help: format!("write `visits = 3` on one of its steps, such as \"{}\"", ids[0]),
            },
        );
    }
}

/// A step from which no end can be reached, although every target exists: a cycle without a way out.
fn no_end(cx: &Cx<'_>, out: &mut Out) {
    let graph = cx.flow.own();
    // What leads nowhere for another reason is told by itself.
    let stops = |place: &usize| cx.flow.ends.contains(place) || cx.flow.edges[*place].is_empty();
    for place in &cx.reachable {
        let ahead = graph.from(*place);
        let lost = !ahead.iter().any(stops);
        // Only the first step of such a cycle is named; the others are the same mistake.
        if lost && ahead.first() == Some(place) {
            out.say(
                Code::E0311,
                cx.spot(*place, "id"),
                Say {
                    message: format!("no path from step \"{}\" comes to an end", cx.id(*place)),
                    label: "no way out",
                    help: "add an edge to a step with `end = \"done\"` or `end = \"failed\"`".to_owned(),
                },
            );
        }
    }
}
