//! Labels: how far a value is trusted and who may see it, followed statically through a playbook.
//!
//! The result of a step carries the join of what it read; what a connector looked up and what a record holds counts as
//! external, for the world wrote it; a person's answer at a gate is the operator's. The run time joins over the same paths.

use std::collections::BTreeSet;

use super::{
    children::Children,
    cx::{Cx, Out},
    names,
    uses::{self, Purpose, Use},
};
use crate::{
    diag::{Code, Diagnostic},
    plan::{Effect, StepKind, Trigger, Until, Verb},
    value::{Labels, Privacy, Trust},
};

/// A sink that somebody outside decides.
pub(crate) struct Sink {
    /// Its key path below the step.
    pub(crate) key: String,
    /// The path that it reads.
    pub(crate) read: String,
}

/// Arguments that choose whom, where, what or how much: what somebody outside wrote must not decide them.
const SINKS: [&str; 21] = [
    "to",
    "cc",
    "bcc",
    "reply_to",
    "recipient",
    "recipients",
    "url",
    "host",
    "endpoint",
    "amount",
    "total",
    "currency",
    "price",
    "account",
    "iban",
    "path",
    "file",
    "command",
    "args",
    "branch",
    "commit",
];

/// The labels of every step's result.
pub(crate) struct Flowing {
    results: Vec<Labels>,
}

impl Flowing {
    /// Follows the labels through a playbook until nothing moves any more: joins only lower trust and raise privacy.
    pub(crate) fn of(cx: &Cx<'_>) -> Self {
        let mut flowing = Self { results: vec![Labels::OPERATOR; cx.flat.len()] };
        let mut moved = true;
        while moved {
            moved = false;
            for place in 0..flowing.results.len() {
                let joined = flowing.results[place].join(flowing.result(cx, place));
                moved |= joined != flowing.results[place];
                flowing.results[place] = joined;
            }
        }
        flowing
    }

    fn result(&self, cx: &Cx<'_>, place: usize) -> Labels {
        let step = cx.step(place);
        let read = self.join(cx, place, reads(cx, place));
        match &step.kind {
            StepKind::Gate { .. } => Labels { trust: Trust::Operator, privacy: Privacy::Internal },
            // What a verb did is told by a system of record; what it looked up may have been written by anybody.
            StepKind::Call { call, .. } => {
                let looks = names::verb(cx.draft, call).is_none_or(|verb| verb.effect == Effect::Read);
                let trust = if looks { Trust::External } else { Trust::Verified };
                read.join(labels_of(trust, Privacy::Internal))
            }
            // A record may hold what any run ever wrote there, and a signal what anybody sent.
            StepKind::Record { .. } | StepKind::Wait { wait: Until::Signal { .. } } => {
                Labels { trust: Trust::External, privacy: read.privacy.max(Privacy::Client) }
            }
            StepKind::Run { .. } => read.join(labels_of(Trust::External, Privacy::Internal)),
            // What comes out of branches is what all their steps gave, and why some of them did not end well.
            StepKind::Each { .. } | StepKind::Parallel { .. } => {
                let read = read.join(labels_of(Trust::External, Privacy::Internal));
                let is_inside =
                    |inner: &usize| cx.homes.branch(*inner).is_some_and(|home| home.holder == place);
                let inside = (0..self.results.len()).filter(is_inside);
                inside.fold(read, |all, inner| all.join(self.results[inner]))
            }
            // Why a group did not end well may be somebody's words.
            StepKind::Scope { .. } => labels_of(Trust::External, Privacy::Internal),
            _ => read,
        }
    }

    fn join(&self, cx: &Cx<'_>, place: usize, reads: impl IntoIterator<Item = String>) -> Labels {
        reads.into_iter().fold(Labels::OPERATOR, |labels, read| labels.join(self.of_path(cx, place, &read)))
    }

    /// Returns the labels of what a path names where a step reads it.
    pub(crate) fn of_path(&self, cx: &Cx<'_>, place: usize, path: &str) -> Labels {
        let parts: Vec<&str> = path.split('.').collect();
        let item = parts.first().and_then(|root| Some(root).zip(cx.item(place, root)));
        let Some((root, holder)) = item else { return self.of_parts(cx, &parts) };
        let StepKind::Each { items, item, .. } = &cx.step(holder).kind else { return Labels::OPERATOR };
        // An item is what its list is; how many there are is not somebody's text, and is as private as they are.
        let list = self.join(cx, holder, items.reads.iter().cloned());
        if root == item { list } else { Labels { trust: Labels::OPERATOR.trust, ..list } }
    }

    fn of_parts(&self, cx: &Cx<'_>, path: &[&str]) -> Labels {
        let inputs = &cx.playbook.inputs;
        let input = |name: &str| {
            inputs.get(name).map_or(Labels::OPERATOR, |input| labels_of(input.trust, input.privacy))
        };
        match path {
            ["steps", step, ..] => cx.ids.get(step).map_or(Labels::OPERATOR, |place| self.results[*place]),
            ["steps"] => self.results.iter().fold(Labels::OPERATOR, |all, one| all.join(*one)),
            ["input", name, ..] => input(name),
            ["input"] => inputs.keys().fold(Labels::OPERATOR, |all, name| all.join(input(name))),
            // A run's key is made of the trigger's event; its id and playbook are ours.
            ["run", "id" | "playbook", ..] => Labels::OPERATOR,
            ["run" | "event", ..] => labels_of(Trust::External, Privacy::Client),
            _ => Labels::OPERATOR,
        }
    }

    /// Returns the first sink of a call that what somebody outside wrote decides.
    pub(crate) fn tainted_sink(&self, cx: &Cx<'_>, place: usize) -> Option<Sink> {
        let StepKind::Call { call, .. } = &cx.step(place).kind else { return None };
        let verb = names::verb(cx.draft, call)?;
        let sinks = uses::of_step(cx.step(place)).into_iter().filter(|used| is_sink(verb, used));
        let reads = sinks.flat_map(|used| {
            used.all.iter().map(|read| Sink { key: used.key.clone(), read: read.clone() }).collect::<Vec<_>>()
        });
        reads.into_iter().find(|sink| self.of_path(cx, place, &sink.read).trust < Trust::Verified)
    }

    /// Returns where what a step hands on came from outside, for a message.
    pub(crate) fn why(&self, cx: &Cx<'_>, place: usize) -> String {
        let external =
            reads(cx, place).into_iter().find(|read| self.of_path(cx, place, read).trust == Trust::External);
        external.map_or_else(String::new, |read| {
            format!(": {}", self.trace(cx, place, &read, &|labels| labels.trust == Trust::External))
        })
    }

    /// Returns the way of a label to where it began: `steps.a.x <- steps.b.text <- input.message`.
    pub(crate) fn trace(
        &self,
        cx: &Cx<'_>,
        place: usize,
        read: &str,
        carries: &dyn Fn(Labels) -> bool,
    ) -> String {
        let mut way = vec![read.to_owned()];
        let mut seen = BTreeSet::new();
        let mut here = made_by(cx, place, read);
        while let Some(maker) = here.filter(|maker| seen.insert(*maker)) {
            let before = reads(cx, maker).into_iter().find(|read| carries(self.of_path(cx, maker, read)));
            match before {
                Some(read) => {
                    here = made_by(cx, maker, &read);
                    way.push(read);
                }
                None => {
                    way.push(format!("the answer of `{}` \"{}\"", cx.step(maker).kind.word(), cx.id(maker)));
                    break;
                }
            }
        }
        way.join(" <- ")
    }
}

/// Returns the step that gives what a path names where a step reads it: an item comes from the list of its `each`.
fn made_by(cx: &Cx<'_>, place: usize, read: &str) -> Option<usize> {
    let root = read.split('.').next().unwrap_or(read);
    cx.item(place, root).or_else(|| step_of(cx, read))
}

fn labels_of(trust: Trust, privacy: Privacy) -> Labels {
    Labels { trust, privacy }
}

fn step_of(cx: &Cx<'_>, read: &str) -> Option<usize> {
    let step = read.strip_prefix("steps.")?.split('.').next()?;
    cx.ids.get(step).copied()
}

/// Returns what flows into the result of a step: its arguments and the text of a `render`, but no condition and no undo.
fn reads(cx: &Cx<'_>, place: usize) -> Vec<String> {
    let step = cx.step(place);
    let arguments = uses::of_step(step)
        .into_iter()
        .filter(|used| matches!(used.purpose, Purpose::Argument | Purpose::Shown));
    let mut reads: Vec<String> = arguments.flat_map(|used| used.all).collect();
    if let StepKind::Render { render } = &step.kind {
        let template = cx.draft.texts.get(render).and_then(|text| text.template.as_ref());
        reads.extend(template.into_iter().flat_map(|template| template.reads.iter().cloned()));
    }
    reads
}

/// An argument is a sink by its name, by what the schema says (`x-sink`), or because the verb's path is made of it.
fn is_sink(verb: &Verb, used: &Use) -> bool {
    let Some(rest) = used.key.strip_prefix("with.").or_else(|| used.key.strip_prefix("undo.with.")) else {
        return false;
    };
    let name = rest.split(['.', '[']).next().unwrap_or(rest);
    let last = rest.rsplit('.').next().unwrap_or(rest).split('[').next().unwrap_or(rest);
    let said = verb.input.pointer(&format!("/properties/{name}/x-sink")).and_then(serde_json::Value::as_bool);
    let path = verb.settings.get("path").and_then(|path| path.as_str()).unwrap_or_default();
    said.unwrap_or_else(|| SINKS.contains(&name) || SINKS.contains(&last) || names_argument(path, name))
}

/// Returns whether the path of an http verb is made of an argument: `/notes/{id}`, or `{{ args.id }}`.
fn names_argument(text: &str, name: &str) -> bool {
    if text.contains(&format!("{{{name}}}")) {
        return true;
    }
    let whole = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    text.split("args.").skip(1).any(|rest| rest.strip_prefix(name).is_some_and(whole))
}

/// Checks the labels of a playbook. Sinks of guarded verbs need a gate anyway, which shows them.
pub(crate) fn check(cx: &Cx<'_>, labels: &Flowing, covered: &[Option<usize>], out: &mut Out) {
    for place in cx.reachable.iter().copied() {
        secrets(cx, labels, place, out);
        let guarded = cx.effect_of(cx.step(place)).is_some_and(Effect::is_guarded);
        if !guarded && covered[place].is_none() {
            sink(cx, labels, place, out);
        }
    }
    about(cx, labels, out);
    claims_of_trigger(cx, out);
}

/// Whom a run is about stands in every list: no secret may name it.
fn about(cx: &Cx<'_>, labels: &Flowing, out: &mut Out) {
    let Some(about) = &cx.playbook.about else { return };
    let secret = |read: &&String| labels.of_path(cx, cx.flow.start, read).privacy == Privacy::Secret;
    let Some(read) = about.key.reads.iter().find(secret) else { return };
    out.push(
        Diagnostic::new(
            Code::E0502,
            cx.draft.spot(cx.at, "about.key"),
            format!("a secret names whom the runs are about: {read}"),
        )
        .label("lists show this")
        .help("name the run by an input that is no secret"),
    );
}

fn sink(cx: &Cx<'_>, labels: &Flowing, place: usize, out: &mut Out) {
    let Some(Sink { key, read }) = labels.tainted_sink(cx, place) else { return };
    let way = labels.trace(cx, place, &read, &|labels| labels.trust < Trust::Verified);
    let name = key.rsplit('.').next().unwrap_or(&key);
    out.push(
        Diagnostic::new(
            Code::E0501,
            cx.spot(place, &key),
            format!("what somebody outside wrote decides \"{name}\" of step \"{}\": {way}", cx.id(place)),
        )
        .label("not trusted enough")
        .help("put a gate before the step that shows the value, or take it from an input with `trust = \"verified\"`"),
    );
}

fn secrets(cx: &Cx<'_>, labels: &Flowing, place: usize, out: &mut Out) {
    for used in uses::of_step(cx.step(place)).into_iter().filter(|used| used.purpose != Purpose::Condition) {
        secret(cx, labels, &Inflow { place, key: &used.key, reads: &used.all }, out);
    }
    if let StepKind::Render { render } = &cx.step(place).kind
        && let Some(template) = cx.draft.texts.get(render).and_then(|text| text.template.as_ref())
    {
        secret(cx, labels, &Inflow { place, key: "render", reads: &template.reads }, out);
    }
}

/// What flows into a value of a step.
struct Inflow<'a> {
    place: usize,
    /// The key path of the value below the step.
    key: &'a str,
    /// The paths that it reads.
    reads: &'a BTreeSet<String>,
}

fn secret(cx: &Cx<'_>, labels: &Flowing, inflow: &Inflow<'_>, out: &mut Out) {
    let Inflow { place, key, reads } = *inflow;
    let Some(read) = reads.iter().find(|read| labels.of_path(cx, place, read).privacy == Privacy::Secret)
    else {
        return;
    };
    let way = labels.trace(cx, place, read, &|labels| labels.privacy == Privacy::Secret);
    out.push(
        Diagnostic::new(
            Code::E0502,
            cx.spot(place, key),
            format!("a secret flows into `{}` step \"{}\": {way}", cx.step(place).kind.word(), cx.id(place)),
        )
        .label("secrets stay where they are")
        .help("name it as the connector's `secret` instead; only the connector's call opens it"),
    );
}

/// Only a gate, or an extractor with a schema, raises trust: an event may not claim more than its connector can check.
fn claims_of_trigger(cx: &Cx<'_>, out: &mut Out) {
    let signed = match &cx.playbook.trigger {
        Trigger::Event { connector, .. } => {
            cx.draft.connectors.get(connector).is_some_and(|at| at.senders_are_checked())
        }
        // What a signal carries may come from anywhere.
        Trigger::Signal { .. } => false,
        // Nor is it known who wrote what a record holds.
        Trigger::Record { .. } => false,
        Trigger::Manual | Trigger::Schedule { .. } => return,
    };
    let most = if signed { Trust::Verified } else { Trust::External };
    for (name, _) in cx.playbook.inputs.iter().filter(|(_, input)| input.from.is_some() && input.trust > most)
    {
        let help = match signed {
            true => "write `trust = \"verified\"`: the sender is checked, but it is not you",
            false => "write `trust = \"external\"`: nobody checks who sent the event",
        };
        out.push(
            Diagnostic::new(
                Code::E0504,
                cx.draft.spot(cx.at, &format!("input.{name}.trust")),
                format!("input \"{name}\" comes from an event and claims more trust than it can have"),
            )
            .label("claims too much")
            .help(help),
        );
    }
}

/// Checks that what is handed to a child playbook has the labels that the child declares.
pub(crate) fn check_children(cx: &Cx<'_>, labels: &Flowing, children: &Children<'_>, out: &mut Out) {
    for (place, step) in cx.steps() {
        let StepKind::Run { run, with, .. } = &step.kind else { continue };
        let Some(child) = children.get(run.as_str()) else { continue };
        for (name, arg) in with {
            let Some(input) = child.inputs.get(name) else { continue };
            let given = labels.join(cx, place, arg.reads());
            let claim = labels_of(input.trust, input.privacy);
            if given.trust < claim.trust || given.privacy > claim.privacy {
                let key = format!("with.{name}");
                let inflow = Inflow { place, key: &key, reads: &arg.reads() };
                out.push(claim_of_child(cx, labels, &inflow, claim));
            }
        }
    }
}

fn claim_of_child(cx: &Cx<'_>, labels: &Flowing, inflow: &Inflow<'_>, claim: Labels) -> Diagnostic {
    let weaker = |labels: Labels| labels.trust < claim.trust || labels.privacy > claim.privacy;
    let place = inflow.place;
    let read =
        inflow.reads.iter().find(|read| weaker(labels.of_path(cx, place, read))).map_or("", String::as_str);
    let way = labels.trace(cx, place, read, &weaker);
    let name = inflow.key.strip_prefix("with.").unwrap_or(inflow.key);
    Diagnostic::new(
        Code::E0503,
        cx.spot(inflow.place, inflow.key),
        format!("input \"{name}\" of the playbook that runs is declared more trusted or more open than what it gets: {way}"),
    )
    .label("the label would be lost")
    .help(format!("declare `[input.{name}]` there with the trust and privacy of this value"))
}
