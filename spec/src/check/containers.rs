//! Checks of what steps stand in: the body of an `each`, the lanes of a `parallel`, a `scope`.

use super::{
    cx::{Cx, Out, Say},
    names::{hint, list},
};
use crate::{
    compile::{
        homes::{Home, Lost, Why, container},
        resolve::Resolved,
    },
    diag::{Code, Diagnostic},
    draft::RawKind,
    plan::{DEEPEST_BRANCH, Join, StepKind},
    value::Period,
};

/// Checks what each step stands in; also where other steps could not be read.
pub(crate) fn check(cx: &Cx<'_>, found: &Resolved, out: &mut Out) {
    found.homes.lost.iter().for_each(|lost| leads_nowhere(cx, lost, out));
    found.unfit.iter().for_each(|place| too_large(cx, *place, out));
    for (place, step) in cx.steps() {
        match &step.kind {
            StepKind::Each { min_ok: Some(least), max_items, .. } if least > max_items => {
                let message = format!("each \"{}\" wants more items to end well than it may have", step.id);
                never_met(cx, out, Never { place, key: "min_ok", message, most: *max_items });
            }
            StepKind::Parallel { lanes, join } => {
                lanes_of(cx, place, out);
                let most = u32::try_from(lanes.len()).unwrap_or(u32::MAX);
                if matches!(join, Join::AtLeast(least) if *least > most) {
                    let message = format!("parallel \"{}\" waits for more lanes than it has", step.id);
                    never_met(cx, out, Never { place, key: "join", message, most });
                }
            }
            _ => {}
        }
    }
}

/// Checks that something stands in each container; what could not be read may have been meant for it.
pub(crate) fn check_filled(cx: &Cx<'_>, out: &mut Out) {
    let is_empty = |home| cx.homes.members(Some(home)).next().is_none();
    for (place, step) in cx.steps() {
        match &step.kind {
            StepKind::Each { .. } => {
                let home = Home { holder: place, lane: 0 };
                if is_empty(home) {
                    let message = format!("{} has no steps to do for an item", cx.container(home));
                    empty(cx, out, Empty { key: "each".to_owned(), message, home });
                }
            }
            StepKind::Scope { deadline, budget, .. } => {
                let home = Home { holder: place, lane: 0 };
                if is_empty(home) {
                    let message = format!("{} has no steps", cx.container(home));
                    empty(cx, out, Empty { key: "scope".to_owned(), message, home });
                }
                if deadline.is_none() && budget.is_none() && !step.on.contains_key("error") {
                    idle(cx, place, out);
                }
                if let Some(deadline) = deadline {
                    outlasts(cx, place, *deadline, out);
                }
                if deadline.is_none() && step.on.contains_key("expired") {
                    never_expires(cx, place, out);
                }
            }
            StepKind::Parallel { lanes, .. } => {
                let homes = (0..lanes.len()).map(|lane| Home { holder: place, lane });
                for home in homes.filter(|home| is_empty(*home)) {
                    let message = format!("{} has no steps", cx.container(home));
                    let key = format!("parallel[{}]", home.lane);
                    empty(cx, out, Empty { key, message, home });
                }
            }
            _ => {}
        }
    }
}

fn leads_nowhere(cx: &Cx<'_>, lost: &Lost, out: &mut Out) {
    let raw = &cx.at.steps[lost.index];
    let written = raw.container.as_deref().unwrap_or_default();
    let (holder, lane) = container(written);
    let ids = || cx.flat.iter().filter(|step| step.kind.holds_steps()).map(|step| step.id.as_str());
    let (why, help) = match lost.why {
        Why::NoStep => ("which does not exist".to_owned(), hint(holder, ids().collect::<Vec<_>>())),
        Why::HoldsNothing => (
            "which holds no steps".to_owned(),
            hint(holder, ids().collect::<Vec<_>>()).or_else(|| {
                Some("steps stand in an `each`, in a lane of a `parallel`, or in a `scope`".to_owned())
            }),
        ),
        Why::NeedsLane => ("which has lanes".to_owned(), lanes_at(cx, holder, "")),
        Why::NoLane => ("which has no such lane".to_owned(), lanes_at(cx, holder, lane.unwrap_or_default())),
        Why::HasNoLanes => ("which has no lanes".to_owned(), Some(format!("write `in = \"{holder}\"`"))),
        Why::Circle => {
            ("which stands in itself by that".to_owned(), Some("let one of them stand outside".to_owned()))
        }
        Why::TooDeep => (
            format!("which is too deep: containers nest at most {DEEPEST_BRANCH} deep"),
            Some("let a playbook of its own do it: `run = \"…\"`".to_owned()),
        ),
    };
    out.push(
        Diagnostic::new(
            Code::E0313,
            cx.draft.spot(cx.at, &format!("step[{}].in", lost.index)),
            format!("step \"{}\" stands in \"{written}\", {why}", raw.id),
        )
        .label("stands nowhere")
        .help_if(help),
    );
}

/// Says what to write for a step that stands in a `parallel`.
fn lanes_at(cx: &Cx<'_>, holder: &str, lane: &str) -> Option<String> {
    let raw = cx.at.steps.iter().find(|step| step.id == holder)?;
    let RawKind::Known(StepKind::Parallel { lanes, .. }) = &raw.kind else { return None };
    let full: Vec<String> = lanes.iter().map(|one| format!("{holder}.{}", one.id)).collect();
    match lane {
        "" => Some(format!("write one of {}", list(&full))),
        _ => hint(&format!("{holder}.{lane}"), full.iter().map(String::as_str)),
    }
}

fn too_large(cx: &Cx<'_>, place: usize, out: &mut Out) {
    out.say(
        Code::E0111,
        cx.spot(place, "id"),
        Say {
            message: format!(
                "a template of step \"{}\" is too large or too tangled to stand in a branch",
                cx.id(place)
            ),
            label: "cannot be read in a branch",
            help: "read less of what stands outside in it, render a part of it before, or let it `set` other names"
                .to_owned(),
        },
    );
}

/// A container in which nothing stands.
struct Empty {
    home: Home,
    key: String,
    message: String,
}

fn empty(cx: &Cx<'_>, out: &mut Out, empty: Empty) {
    let Empty { home, key, message } = empty;
    let help = format!("add a step with `in = \"{}\"`", home.written(cx.flat));
    out.say(Code::E0315, cx.spot(home.holder, &key), Say { message, label: "nothing stands in it", help });
}

fn idle(cx: &Cx<'_>, place: usize, out: &mut Out) {
    let id = cx.id(place);
    out.say(
        Code::W0301,
        cx.spot(place, "scope"),
        Say {
            message: format!("scope \"{id}\" changes nothing: it has no deadline, no budget and no `error` edge"),
            label: "its steps would do the same without it",
            help: format!("say where it goes on when something goes wrong, `on = {{ error = \"…\" }}`, or take \"{id}\" out"),
        },
    );
}

/// What a scope stands in is over before it where its time is shorter: the deadline of the scope never passes.
fn outlasts(cx: &Cx<'_>, place: usize, deadline: Period, out: &mut Out) {
    let of_scope = |holder: usize| match &cx.step(holder).kind {
        StepKind::Scope { deadline: Some(deadline), .. } => Some((cx.spot(holder, "deadline"), *deadline)),
        _ => None,
    };
    let around = cx.homes.scopes(place).filter_map(of_scope);
    let of_run = cx.playbook.deadline.map(|deadline| (cx.draft.spot(cx.at, "deadline"), deadline));
    let Some((spot, shorter)) = around.chain(of_run).find(|(_, around)| *around < deadline) else { return };
    out.push(
        Diagnostic::new(
            Code::E0610,
            cx.spot(place, "deadline"),
            format!(
                "scope \"{}\" may take {deadline}, longer than the {shorter} of what it stands in",
                cx.id(place)
            ),
        )
        .label("never passes")
        .related(spot, "the shorter one")
        .help("lower it, or raise the other"),
    );
}

fn never_expires(cx: &Cx<'_>, place: usize, out: &mut Out) {
    out.say(
        Code::E0303,
        cx.key_spot(place, "on.expired"),
        Say {
            message: format!(
                "scope \"{}\" has no deadline, so its outcome is never \"expired\"",
                cx.id(place)
            ),
            label: "no such outcome",
            help: "give it a deadline, such as `deadline = \"2h\"`".to_owned(),
        },
    );
}

/// A number that can never be reached.
struct Never {
    place: usize,
    key: &'static str,
    message: String,
    most: u32,
}

fn never_met(cx: &Cx<'_>, out: &mut Out, never: Never) {
    let Never { place, key, message, most } = never;
    let help = format!("write {most} or fewer");
    out.say(Code::E0317, cx.spot(place, key), Say { message, label: "can never be", help });
}

fn lanes_of(cx: &Cx<'_>, place: usize, out: &mut Out) {
    let StepKind::Parallel { lanes, .. } = &cx.step(place).kind else { return };
    if lanes.is_empty() {
        let message = format!("parallel \"{}\" has no lanes", cx.id(place));
        let help = "name them: `parallel = [\"web\", \"mail\"]`".to_owned();
        out.say(
            Code::E0315,
            cx.spot(place, "parallel"),
            Say { message, label: "nothing stands in it", help },
        );
    }
    for (at, lane) in lanes.iter().enumerate() {
        if lanes[..at].iter().any(|other| other.id == lane.id) {
            out.say(
                Code::E0316,
                cx.spot(place, &format!("parallel[{at}]")),
                Say {
                    message: format!("parallel \"{}\" has two lanes called \"{}\"", cx.id(place), lane.id),
                    label: "a second one",
                    help: "give the lane a name of its own: steps and results go by it".to_owned(),
                },
            );
        }
    }
}
