//! Checks that every name leads somewhere: in playbooks, agents, routes, connectors and policies.

use super::{
    cx::{Cx, Out},
    names::{self, Found, hint},
};
use crate::{
    diag::{Code, Diagnostic, Spot},
    draft::{At, Draft, Kind, RawTrigger},
    kinds::Role,
    plan::{Agent, Connector, RecordOp, Route, StepKind, Until},
};

/// A name as written, with its place.
struct Written<'a> {
    name: &'a str,
    slice: &'a str,
    spot: Spot,
    user: String,
}

/// Checks the names of a playbook. Resolution replaced those that lead somewhere, so the written ones are looked up again.
pub(crate) fn check_playbook(cx: &Cx<'_>, out: &mut Out) {
    let slice = &cx.playbook.slice;
    for (place, _) in cx.steps() {
        let raw = &cx.at.steps[cx.index[place]];
        let crate::draft::RawKind::Known(kind) = &raw.kind else { continue };
        let written = |name, below: &str| Written {
            name,
            slice,
            spot: cx.spot(place, below),
            user: format!("playbook \"{}\"", cx.playbook.id),
        };
        check_kind(cx.draft, out, kind, &written);
        if let Some(undo) = &raw.undo {
            verb(cx.draft, out, &written(&undo.call, "undo.call"));
        }
    }
    trigger(cx, out);
}

fn check_kind<'a>(
    draft: &Draft,
    out: &mut Out,
    kind: &'a StepKind,
    written: &dyn Fn(&'a str, &str) -> Written<'a>,
) {
    match kind {
        StepKind::Agent { agent, .. } => object(draft, out, Kind::Agent, &written(agent, "agent")),
        StepKind::Route { route, .. } => object(draft, out, Kind::Route, &written(route, "route")),
        StepKind::Run { run, .. } => object(draft, out, Kind::Playbook, &written(run, "run")),
        StepKind::Call { call, .. } => verb(draft, out, &written(call, "call")),
        StepKind::Render { render } => text(draft, out, &written(render, "render")),
        StepKind::Record { op } => {
            let (RecordOp::ReadOne { record, .. }
            | RecordOp::ReadList { record, .. }
            | RecordOp::Write { record, .. }) = op;
            object(draft, out, Kind::Record, &written(record, "record.kind"));
        }
        StepKind::Wait { wait: Until::Signal { signal, .. } } => {
            if let Some((connector, _)) = signal.split_once('.') {
                object(draft, out, Kind::Connector, &written(connector, "wait.signal"));
            }
        }
        StepKind::Gate { .. }
        | StepKind::Wait { .. }
        | StepKind::Signal { .. }
        | StepKind::Emit { .. }
        | StepKind::Choose { .. }
        | StepKind::End { .. }
        | StepKind::Each { .. }
        | StepKind::Parallel { .. }
        | StepKind::Scope { .. } => {}
    }
}

fn code_of(kind: Kind) -> Code {
    match kind {
        Kind::Agent => Code::E0203,
        Kind::Route => Code::E0204,
        Kind::Playbook => Code::E0205,
        Kind::Record => Code::E0208,
        Kind::Connector => Code::E0209,
    }
}

fn object(draft: &Draft, out: &mut Out, kind: Kind, written: &Written<'_>) {
    if let Found::Missing(help) = names::find(draft, kind, written.slice, written.name) {
        let word = kind.word();
        let help = help.or_else(|| Some(format!("make it: `adjutant new {word} {}`", written.name)));
        out.push(
            Diagnostic::new(
                code_of(kind),
                written.spot.clone(),
                format!("{} uses {word} \"{}\", which does not exist", written.user, written.name),
            )
            .label(format!("no such {word}"))
            .help_if(help),
        );
    }
}

fn verb(draft: &Draft, out: &mut Out, written: &Written<'_>) {
    if let Found::Missing(help) = names::find_verb(draft, written.slice, written.name) {
        out.push(
            Diagnostic::new(
                Code::E0206,
                written.spot.clone(),
                format!("{} calls \"{}\", which does not exist", written.user, written.name),
            )
            .label("no such verb")
            .help_if(help),
        );
    }
}

fn text(draft: &Draft, out: &mut Out, written: &Written<'_>) {
    match names::find_text(draft, written.slice, written.name) {
        Found::Missing(help) => out.push(
            Diagnostic::new(
                Code::E0207,
                written.spot.clone(),
                format!("{} uses \"{}\", which does not exist", written.user, written.name),
            )
            .label("no such file")
            .help_if(help),
        ),
        Found::Id(path) => outside(draft, out, &path),
        Found::Broken(_) => {}
    }
}

/// Templates stand alone: one that reached into another could not be pinned and labelled by itself.
fn outside(draft: &Draft, out: &mut Out, path: &str) {
    let Some(text) = draft.texts.get(path) else { return };
    let Some(template) = &text.template else { return };
    for word in template.outside() {
        let spot = match text.text.find(word) {
            Some(start) => Spot::new(path, start..start + word.len()),
            None => Spot::file(path),
        };
        out.push(
            Diagnostic::new(Code::E0217, spot, format!("a template cannot `{word}`"))
                .label("reaches into another template")
                .help("write the text here, or render the other template in a step and read its `.text`"),
        );
    }
}

fn trigger(cx: &Cx<'_>, out: &mut Out) {
    if let RawTrigger::Record { record, .. } = &cx.at.trigger {
        let user = format!("the trigger of playbook \"{}\"", cx.playbook.id);
        let spot = cx.draft.spot(cx.at, "trigger.record");
        let written = Written { name: record, slice: &cx.playbook.slice, spot, user };
        return object(cx.draft, out, Kind::Record, &written);
    }
    let RawTrigger::Event { connector, event, accept, .. } = &cx.at.trigger else { return };
    let user = format!("the trigger of playbook \"{}\"", cx.playbook.id);
    let spot = cx.draft.spot(cx.at, "trigger.connector");
    let written = Written { name: connector, slice: &cx.playbook.slice, spot, user };
    object(cx.draft, out, Kind::Connector, &written);
    let Found::Id(id) = names::find(cx.draft, Kind::Connector, &cx.playbook.slice, connector) else { return };
    let Some(found) = cx.draft.connectors.get(&id) else { return };
    if !accept.is_empty() && !found.is_for(Role::TakesMails) {
        out.push(
            Diagnostic::new(
                Code::E0120,
                cx.draft.spot(cx.at, "trigger.accept"),
                format!(
                    "`accept` is about mails, and connector \"{id}\" of kind \"{}\" brings none",
                    found.kind
                ),
            )
            .label("has no effect here")
            .help("take the line out"),
        );
    }
    if found.events.contains_key(event) {
        return;
    }
    let known = found.events.keys().map(String::as_str);
    let help = hint(event, known)
        .unwrap_or_else(|| format!("a connector of kind \"{}\" tells no events", found.kind));
    out.push(
        Diagnostic::new(
            Code::E0211,
            cx.draft.spot(cx.at, "trigger.event"),
            format!("connector \"{id}\" has no event \"{event}\""),
        )
        .label("no such event")
        .help(help),
    );
}

/// Checks the names in agents, routes and connectors.
pub(crate) fn check_objects(draft: &Draft, out: &mut Out) {
    for at in draft.agents.values() {
        agent(draft, out, at);
    }
    for at in draft.routes.values() {
        route(draft, out, at);
    }
    for at in draft.connectors.values() {
        connector(draft, out, at);
    }
}

fn agent(draft: &Draft, out: &mut Out, at: &At<Agent>) {
    let user = format!("agent \"{}\"", at.id);
    let written = |name, below: &str| Written {
        name,
        slice: &at.slice,
        spot: draft.spot(at, below),
        user: user.clone(),
    };
    text(draft, out, &written(&at.prompt, "prompt"));
    if let Some(connector) = &at.model.connector {
        object(draft, out, Kind::Connector, &written(connector, "model.connector"));
        model_connector(draft, out, at, connector);
    }
    let Some((name, prices)) = at.model.name.as_ref().zip(draft.prices.as_ref()) else { return };
    if !prices.models.contains_key(name) {
        let near = names::nearest(name, prices.models.keys().map(String::as_str));
        let help = near.map_or_else(
            || {
                format!(
                    "add it to prices.toml: `[models.\"{name}\"]` with `input` and `output` per million tokens"
                )
            },
            |near| format!("did you mean \"{near}\"?"),
        );
        out.push(
            Diagnostic::new(
                Code::E0219,
                draft.spot(at, "model.name"),
                format!("model \"{name}\" has no price, so no budget could hold it"),
            )
            .label("not in prices.toml")
            .help(help),
        );
    }
}

fn model_connector(draft: &Draft, out: &mut Out, at: &At<Agent>, written: &str) {
    let Found::Id(id) = names::find(draft, Kind::Connector, &at.slice, written) else { return };
    let Some(found) = draft.connectors.get(&id).filter(|found| !found.is_for(Role::AnswersAgents)) else {
        return;
    };
    out.push(
        Diagnostic::new(
            Code::E0220,
            draft.spot(at, "model.connector"),
            format!("connector \"{id}\" is of kind \"{}\" and serves no models", found.kind),
        )
        .label("no model endpoint")
        .help("name a connector with `kind = \"openai\"`"),
    );
}

/// Names that no class has, with what they mean.
const KEPT: [(&str, &str); 2] =
    [("unsure", "that nothing was sure enough"), ("none", "that a text is of no class")];

fn route(draft: &Draft, out: &mut Out, at: &At<Route>) {
    for (hop, written) in at.escalate.iter().enumerate() {
        let Some(name) = written.strip_prefix("agent:") else { continue };
        let spot = draft.spot(at, &format!("escalate[{hop}]"));
        object(
            draft,
            out,
            Kind::Agent,
            &Written { name, slice: &at.slice, spot, user: format!("route \"{}\"", at.id) },
        );
    }
    for (index, class) in at.classes.iter().enumerate() {
        if let Some((_, meaning)) = KEPT.iter().find(|(word, _)| class.id == *word) {
            out.push(
                Diagnostic::new(
                    Code::E0222,
                    draft.spot(at, &format!("class[{index}].id")),
                    format!("no class can be called \"{}\": it means {meaning}", class.id),
                )
                .label("kept for the route itself")
                .help("call the class something else"),
            );
        }
    }
    for (index, rule) in at.rules.iter().enumerate() {
        let known: Vec<&str> = at.classes.iter().map(|class| class.id.as_str()).chain(["unsure"]).collect();
        if !known.contains(&rule.class.as_str()) {
            out.push(
                Diagnostic::new(
                    Code::E0221,
                    draft.spot(at, &format!("rule[{index}].class")),
                    format!("route \"{}\" has no class \"{}\"", at.id, rule.class),
                )
                .label("no such class")
                .help_if(hint(&rule.class, known)),
            );
        }
    }
}

fn connector(draft: &Draft, out: &mut Out, at: &At<Connector>) {
    let missing = at.needed_secrets().into_iter().filter(|secret| !draft.secrets.contains_key(secret));
    for secret in missing {
        let key = if at.secret.as_deref() == Some(secret) { "secret" } else { "secrets" };
        out.push(
            Diagnostic::new(
                Code::W0201,
                draft.spot(at, key),
                format!("connector \"{}\" is not ready: secrets/{secret}.age is missing", at.id),
            )
            .label("no such secret")
            .help(format!("type `adjutant secrets set {secret}` and commit the file that it writes")),
        );
    }
}
