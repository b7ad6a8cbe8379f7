//! Checks of gates: what must be covered is, what is covered can be shown, `auto` passes nothing that came from outside.

use super::{
    cover::{self, Cover, Uncomputable},
    cx::{Cx, Out},
    labels::Flowing,
    names::list,
};
use crate::{
    diag::{Code, Diagnostic},
    plan::{Effect, StepKind},
    value::Trust,
};

/// Checks the gates of a playbook.
pub(crate) fn check(cx: &Cx<'_>, labels: &Flowing, cover: &Cover, out: &mut Out) {
    for place in cx.reachable.iter().copied() {
        let step = cx.step(place);
        if cover.gate_of[place].is_some() {
            shown_late(cx, cover, place, out);
        } else if cover::needs_gate(cx, step) {
            uncovered(cx, cover, place, out);
        } else if cx.effect_of(step) == Some(Effect::Write) && !granted(cx, place) {
            denied(cx, cover, place, out);
        }
        if let StepKind::Gate { auto: Some(_), .. } = &step.kind {
            auto(cx, labels, cover, place, out);
        }
    }
}

/// What the policies call the effect of a step.
fn verb_of(cx: &Cx<'_>, place: usize) -> String {
    match &cx.step(place).kind {
        StepKind::Call { call, .. } => call.clone(),
        _ => "record.write".to_owned(),
    }
}

fn uncovered(cx: &Cx<'_>, cover: &Cover, place: usize, out: &mut Out) {
    let (id, verb) = (cx.id(place), verb_of(cx, place));
    let why = match cx.effect_of(cx.step(place)) {
        Some(effect) if effect.is_guarded() => format!("is of effect `{}`", word(effect)),
        _ => "cannot be undone".to_owned(),
    };
    if cover.repeats(cx, place) {
        let gate = cover.lone_gate(place).map(|gate| cx.id(gate).as_str()).unwrap_or_default();
        out.push(
            Diagnostic::new(
                Code::E0405,
                cx.spot(place, "id"),
                format!("step \"{id}\" can happen again under one approval of gate \"{gate}\""),
            )
            .label("repeated without asking")
            .help(format!("let the cycle lead through \"{gate}\", so that each time is approved")),
        );
        return;
    }
    let gates = cover.gates(place);
    let message = match gates.as_slice() {
        [_, _, ..] => {
            let ids: Vec<&str> = gates.iter().map(|gate| cx.id(*gate).as_str()).collect();
            format!("step \"{id}\" calls \"{verb}\", which {why}, after one of the gates {}", list(&ids))
        }
        _ => format!("step \"{id}\" calls \"{verb}\", which {why}, and no gate covers it{}", path(cx, place)),
    };
    let (message, help) = match outside(cx, cover, place).filter(|_| gates.len() < 2) {
        Some(Outside { why, help }) => (format!("{message}; {why}"), Some(help)),
        None => (message, None),
    };
    let help = match (help, gates.len()) {
        (Some(help), _) => help,
        (None, 0 | 1) => {
            format!("put a gate before it on every path: `gate = \"…\"`, then `next = \"{id}\"`")
        }
        _ => "bring the paths together before one gate, or give each path a step of its own".to_owned(),
    };
    let below = if matches!(cx.step(place).kind, StepKind::Call { .. }) { "call" } else { "id" };
    out.push(Diagnostic::new(Code::E0402, cx.spot(place, below), message).label("not approved").help(help));
}

/// What to say of a gate that stands outside of the branch.
struct Outside {
    why: String,
    help: String,
}

/// A person who looks outside of a branch has not seen what each item does.
fn outside(cx: &Cx<'_>, cover: &Cover, place: usize) -> Option<Outside> {
    let gate = cx.id(cover.outer_gate(cx, place)?);
    let home = cx.homes.home(place)?;
    let (container, within) = (cx.container(home), home.written(cx.flat));
    Some(Outside {
        why: format!(
            "gate \"{gate}\" stands outside of {container}, and what it approves is not what a branch does"
        ),
        help: format!(
            "put a gate into the branch: `gate = \"…\"` with `in = \"{within}\"` before \"{id}\"; or do it outside of {container}, after \"{gate}\"",
            id = cx.id(place),
        ),
    })
}

/// Returns a path to a step that no gate approves, for the message.
fn path(cx: &Cx<'_>, place: usize) -> String {
    let open = cx.flow.graph_of(|from, edge| {
        let step = cx.step(from);
        let gate = matches!(step.kind, StepKind::Gate { .. }) && step.when.is_none();
        !(gate && matches!(edge.outcome.as_str(), "approved" | "edited"))
    });
    match open.path(cx.flow.start, place) {
        Some(path) if path.len() > 1 => format!(" on the path {}", cx.route(&path)),
        _ => String::new(),
    }
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Send => "send",
        Effect::Spend => "spend",
        Effect::Delete => "delete",
        Effect::Publish => "publish",
    }
}

fn shown_late(cx: &Cx<'_>, cover: &Cover, place: usize, out: &mut Out) {
    let Some(gate) = cover.gate_of[place] else { return };
    for Uncomputable { key, read, late } in cover::late(cx, gate, place) {
        let (id, gate) = (cx.id(place), cx.id(gate));
        let help = match late {
            Some(late) if cx.id(late) == gate => {
                format!("what gate \"{gate}\" answers is not known when it asks")
            }
            Some(late) => {
                let late = cx.id(late);
                format!(
                    "move step \"{late}\" before gate \"{gate}\", or put another gate between \"{late}\" and \"{id}\""
                )
            }
            None => "name the step: `steps.<id>.<field>`".to_owned(),
        };
        out.push(
            Diagnostic::new(
                Code::E0403,
                cx.spot(place, &key),
                format!(
                    "gate \"{gate}\" cannot show this argument of step \"{id}\": `{read}` is not known yet"
                ),
            )
            .label("made after the gate")
            .help(help),
        );
    }
}

fn granted(cx: &Cx<'_>, place: usize) -> bool {
    let verb = verb_of(cx, place);
    let any = verb.split_once('.').map(|(connector, _)| format!("{connector}.*"));
    let subject = format!("playbook:{}", cx.playbook.id);
    let full = format!("playbook:{}/{}", cx.playbook.slice, cx.playbook.id);
    cx.draft.policies.autonomy.iter().any(|grant| {
        let who = grant.subject == subject || grant.subject == full;
        who && (grant.verb == verb || Some(&grant.verb) == any.as_ref())
    })
}

fn denied(cx: &Cx<'_>, cover: &Cover, place: usize, out: &mut Out) {
    let (id, verb) = (cx.id(place), verb_of(cx, place));
    let grant = format!(
        "grant it in policies: `[[autonomy]]` with `subject = \"playbook:{}\"`, `verb = \"{verb}\"`, `level = \"act\"`",
        cx.playbook.id
    );
    let help = match cover.lone_gate(place).and_then(|gate| cover::late(cx, gate, place).into_iter().next()) {
        Some(late) => format!("{grant}; a gate could cover it if `{}` were known there", late.read),
        None => match outside(cx, cover, place) {
            Some(Outside { help, .. }) => format!("{grant}; or {help}"),
            None => format!("{grant}; or put a gate before it on every path"),
        },
    };
    let below = if matches!(cx.step(place).kind, StepKind::Call { .. }) { "call" } else { "id" };
    out.push(
        Diagnostic::new(
            Code::E0406,
            cx.spot(place, below),
            format!("step \"{id}\" writes with \"{verb}\", which is neither granted nor covered by a gate"),
        )
        .label("writes are denied unless granted")
        .help(help),
    );
}

fn auto(cx: &Cx<'_>, labels: &Flowing, cover: &Cover, gate: usize, out: &mut Out) {
    let StepKind::Gate { auto: Some(auto), .. } = &cx.step(gate).kind else { return };
    // The condition lets what follows pass: who writes what it reads decides in your place.
    if let Some(read) =
        auto.when.reads.iter().find(|read| labels.of_path(cx, gate, read).trust < Trust::Verified)
    {
        let way = labels.trace(cx, gate, read, &|labels| labels.trust < Trust::Verified);
        out.push(
            Diagnostic::new(
                Code::E0404,
                cx.spot(gate, "auto.when"),
                format!("what somebody outside wrote would let gate \"{}\" pass: {way}", cx.id(gate)),
            )
            .label("not trusted enough to decide")
            .help("remove `auto`, or decide by an input with `trust = \"verified\"` or what a verb has done"),
        );
        return;
    }
    for place in cover.covered_by(cx, gate) {
        if cover::external_context(cx, labels, place) {
            out.push(
                Diagnostic::new(
                    Code::E0404,
                    cx.spot(gate, "auto"),
                    format!(
                        "`auto` would let step \"{}\" pass with what somebody outside wrote{}",
                        cx.id(place),
                        labels.why(cx, place)
                    ),
                )
                .label("nobody would look")
                .help(
                    "remove `auto`: only a person raises trust; or cover such steps by a gate of their own",
                ),
            );
        }
    }
}
