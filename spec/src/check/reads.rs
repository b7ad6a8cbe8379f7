//! Checks of references in templates and expressions: what they read exists, and is there by then.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    cx::{Cx, Out},
    items::{self, Rooted},
    names::{self, hint, list},
    shape::{self, NoField},
    uses::{self, Purpose, Use},
};
use crate::{
    diag::{Code, Diagnostic, Spot},
    draft::{At, Draft},
    plan::{Agent, RecordOp, Step, StepKind, Until},
    value::Template,
};

/// Checks every reference of a playbook.
pub(crate) fn check(cx: &Cx<'_>, out: &mut Out) {
    let before = cx.flow.there_before();
    for (place, step) in cx.steps() {
        let reader = StepReads { cx, place, there: &before[place] };
        for used in uses::of_step(step) {
            reader.check(out, &used, &|read| cx.spot_in(place, &used, read));
        }
        match &step.kind {
            StepKind::Render { render } => rendered(&reader, out, render),
            StepKind::Route { route, .. } => ruled(&reader, out, route),
            _ => {}
        }
    }
    about(cx, out);
}

/// Whom a run is about is said before anything has happened: it reads inputs alone.
fn about(cx: &Cx<'_>, out: &mut Out) {
    let Some(about) = &cx.playbook.about else { return };
    let used = uses::of_template("about.key", &about.key, Purpose::Argument);
    for read in &used.all {
        let path: Vec<&str> = read.split('.').collect();
        if let ["input", name, ..] = path.as_slice()
            && !cx.playbook.inputs.contains_key(*name)
        {
            no_input(cx, out, name, cx.draft.spot(cx.at, "about.key"));
        }
    }
}

/// The text of a `render` reads in its own file; its mistakes are shown there.
fn rendered(reader: &StepReads<'_, '_>, out: &mut Out, path: &str) {
    let Some(text) = reader.cx.draft.texts.get(path) else { return };
    let Some(template) = &text.template else { return };
    let used = uses::of_template("render", template, Purpose::Rendered);
    reader.check(out, &used, &|read| match text.text.find(read) {
        Some(start) => Spot::new(path, start..start + read.len()),
        None => Spot::file(path),
    });
}

/// The rules of a route stand in a file of their own and are nobody's: in a branch they can be given inputs, but no step outside.
fn ruled(reader: &StepReads<'_, '_>, out: &mut Out, route: &str) {
    let (cx, place) = (reader.cx, reader.place);
    let (Some(home), Some(at)) = (cx.homes.branch(place), cx.draft.routes.get(route)) else { return };
    let conditions = at.rules.iter().enumerate().filter_map(|(rule, one)| Some((rule, one.when.as_ref()?)));
    for (rule, read) in conditions.flat_map(|(rule, when)| when.reads.iter().map(move |read| (rule, read))) {
        let path: Vec<&str> = read.split('.').collect();
        let is_known = match path.as_slice() {
            ["steps", step, ..] => cx.ids.get(step).is_none_or(|read| cx.homes.branch(*read) == Some(home)),
            ["steps"] => false,
            _ => true,
        };
        if !is_known {
            let (reader, container) = (cx.id(place), cx.container(home));
            out.push(
                Diagnostic::new(
                    Code::E0225,
                    cx.spot(place, "route"),
                    format!("a rule of route \"{route}\" reads `{read}`, and step \"{reader}\" asks it in {container}"),
                )
                .label("not known there")
                .related(cx.draft.spot(at, &format!("rule[{rule}].when")), "the rule")
                .help("let the rule read `text` or an input, or ask the route outside of the container"),
            );
        }
    }
}

struct StepReads<'a, 'b> {
    cx: &'a Cx<'b>,
    place: usize,
    there: &'a BTreeSet<usize>,
}

impl StepReads<'_, '_> {
    fn check(&self, out: &mut Out, used: &Use, spot: &dyn Fn(&str) -> Spot) {
        for read in &used.all {
            let path: Vec<&str> = read.split('.').collect();
            match path.as_slice() {
                ["steps", step, fields @ ..] => {
                    let at = Read {
                        read,
                        step,
                        fields,
                        certain: used.certain.contains(read),
                        purpose: used.purpose,
                        is_path: used.key.starts_with("show["),
                    };
                    self.step(out, &at, &|| spot(read));
                }
                ["input", name, ..] if !self.cx.playbook.inputs.contains_key(*name) => {
                    no_input(self.cx, out, name, spot(read));
                }
                [root @ ("input" | "steps")] => self.whole(out, root, spot(read)),
                [root, ..] => {
                    items::visible(self.cx, Rooted { place: self.place, root, spot: spot(read) }, out);
                }
                [] => {}
            }
        }
    }

    /// A branch is given what its steps name, so all of it cannot be read there.
    fn whole(&self, out: &mut Out, root: &str, spot: Spot) {
        let Some(home) = self.cx.homes.branch(self.place) else { return };
        let reader = self.cx.id(self.place);
        let container = self.cx.container(home);
        out.push(
            Diagnostic::new(
                Code::E0225,
                spot,
                format!(
                    "step \"{reader}\" reads all of `{root}`, and in {container} there is only what is named"
                ),
            )
            .label("says no name")
            .help(format!("name what is read: `{root}.…`")),
        );
    }

    /// What a step in a branch gives is known to the steps that stand beside it, and to those further in.
    fn sees(&self, place: usize) -> bool {
        let homes = self.cx.homes;
        let own = std::iter::once(homes.branch(self.place));
        let around = homes.around(self.place).map(|home| homes.branch(home.holder));
        own.chain(around).any(|home| home == homes.branch(place))
    }

    fn inside(&self, out: &mut Out, place: usize, at: &Read<'_>, spot: Spot) {
        let (cx, reader) = (self.cx, self.cx.id(self.place));
        let Some(home) = cx.homes.branch(place) else { return };
        let (container, holder) = (cx.container(home), cx.step(home.holder));
        let results = match &holder.kind {
            StepKind::Parallel { lanes, .. } => {
                let lane = lanes.get(home.lane).map_or("", |lane| lane.id.as_str());
                format!("steps.{}.lanes.{lane}.value.{}", holder.id, at.step)
            }
            _ => format!("steps.{}.items", holder.id),
        };
        out.push(
            Diagnostic::new(
                Code::E0225,
                spot,
                format!("step \"{reader}\" reads `{}`, which stands in {container}", at.read),
            )
            .label("known inside only")
            .help(format!("read what comes out of it: `{results}`")),
        );
    }

    fn step(&self, out: &mut Out, at: &Read<'_>, spot: &dyn Fn() -> Spot) {
        let cx = self.cx;
        let Some(place) = cx.ids.get(at.step).copied() else {
            if !cx.at.steps.iter().any(|step| step.id == at.step) {
                no_step(cx, out, at, spot());
            }
            return;
        };
        if !self.sees(place) {
            return self.inside(out, place, at, spot());
        }
        if let Err(missing) = field(cx, place, at.fields) {
            out.push(no_field(cx.step(place), at, &missing, spot()));
        }
        let own_undo = at.purpose == Purpose::Undo && place == self.place;
        if at.certain && !own_undo && !self.there.contains(&place) && cx.reachable.contains(&self.place) {
            self.not_there(out, place, at, spot());
        }
    }

    fn not_there(&self, out: &mut Out, place: usize, at: &Read<'_>, spot: Spot) {
        let (cx, id) = (self.cx, at.step);
        let reader = cx.id(self.place);
        let around = cx.flow.graph_of(|from, edge| !edge.gives(from, place)).path(cx.flow.start, self.place);
        let message = match around {
            _ if place == self.place => format!("step \"{id}\" reads its own result"),
            Some(path) => format!(
                "step \"{reader}\" reads `{}`, which is not there on the path {}",
                at.read,
                cx.route(&path)
            ),
            None => format!("step \"{reader}\" reads `{}` before step \"{id}\" has run", at.read),
        };
        let way = if at.is_path { "show a text that a `render` step makes of it" } else { "guard it" };
        let help = format!(
            "let \"{id}\" come before \"{reader}\" on every path, or {way}: `{{{{ {} | default(\"\") }}}}`",
            at.read
        );
        out.push(Diagnostic::new(Code::E0214, spot, message).label("may be undefined").help(help));
    }
}

fn no_input(cx: &Cx<'_>, out: &mut Out, name: &str, spot: Spot) {
    let known = cx.playbook.inputs.keys().map(String::as_str);
    let help = hint(name, known.clone()).unwrap_or_else(|| format!("declare it: `[input.{name}]`"));
    out.push(
        Diagnostic::new(Code::E0215, spot, format!("the playbook has no input \"{name}\""))
            .label("no such input")
            .help(help),
    );
}

/// One reference to a step.
struct Read<'a> {
    read: &'a str,
    step: &'a str,
    fields: &'a [&'a str],
    certain: bool,
    purpose: Purpose,
    /// Whether a path stands there, in which nothing can be guarded.
    is_path: bool,
}

fn no_step(cx: &Cx<'_>, out: &mut Out, at: &Read<'_>, spot: Spot) {
    let known = cx.flat.iter().map(|step| step.id.as_str());
    out.push(
        Diagnostic::new(
            Code::E0212,
            spot,
            format!("`{}` reads step \"{}\", which does not exist", at.read, at.step),
        )
        .label("no such step")
        .help_if(hint(at.step, known)),
    );
}

fn no_field(step: &Step, at: &Read<'_>, missing: &NoField, spot: Spot) -> Diagnostic {
    let help = match missing.known.as_slice() {
        [] => format!("the result of `{}` step \"{}\" has nothing there", step.kind.word(), step.id),
        known => hint(&missing.field, known.iter().map(String::as_str)).unwrap_or_else(|| list(known)),
    };
    let message = format!("`{}` does not exist: there is no \"{}\"", at.read, missing.field);
    Diagnostic::new(Code::E0213, spot, message).label("no such field").help(help)
}

/// Looks a field of a step's result up.
fn field(cx: &Cx<'_>, place: usize, fields: &[&str]) -> Result<(), NoField> {
    // After an edit at a gate the value that was there before stays as `.original`.
    let fields: Vec<&str> = fields.iter().copied().filter(|field| *field != "original").collect();
    let Some(first) = fields.first() else { return Ok(()) };
    match result(cx, place) {
        Shape::Schema(schema) => shape::walk(schema, &fields),
        Shape::Lanes(lanes) if fields.len() > 1 && *first == "lanes" => lane(&lanes, fields[1]),
        Shape::Lanes(_) if ROUND.contains(first) || *first == "lanes" => Ok(()),
        Shape::Lanes(_) => Err(NoField {
            field: (*first).to_owned(),
            known: ["lanes"].iter().chain(ROUND).map(|&name| name.to_owned()).collect(),
        }),
        Shape::Fields(known) if known.contains(first) => Ok(()),
        Shape::Fields(known) => Err(NoField {
            field: (*first).to_owned(),
            known: known.iter().map(|&name| name.to_owned()).collect(),
        }),
        Shape::Value { record, rest } => match (record, fields.as_slice()) {
            (Some(schema), ["value", inner @ ..]) => shape::walk(schema, inner),
            _ if rest.contains(first) => Ok(()),
            _ => Err(NoField {
                field: (*first).to_owned(),
                known: vec!["value".to_owned(), "version".to_owned()],
            }),
        },
        Shape::Unknown => Ok(()),
    }
}

/// What the result of an `each` and of a `parallel` says beside what came out of the branches.
const ROUND: &[&str] = &["ok", "failed", "error"];

fn lane(lanes: &[&str], name: &str) -> Result<(), NoField> {
    let known = || lanes.iter().map(|&lane| lane.to_owned()).collect();
    if lanes.contains(&name) { Ok(()) } else { Err(NoField { field: name.to_owned(), known: known() }) }
}

/// What the result of a step looks like.
enum Shape<'a> {
    /// What came out of lanes, by their names.
    Lanes(Vec<&'a str>),
    /// An output schema.
    Schema(&'a Value),
    /// Exactly these fields.
    Fields(&'static [&'static str]),
    /// A record with its version.
    Value { record: Option<&'a Value>, rest: &'static [&'static str] },
    /// What it refers to does not exist, which is reported, or it says nothing.
    Unknown,
}

fn result<'a>(cx: &Cx<'a>, place: usize) -> Shape<'a> {
    let draft = cx.draft;
    match &cx.step(place).kind {
        StepKind::Agent { agent, .. } => {
            draft.agents.get(agent).map_or(Shape::Unknown, |at| Shape::Schema(&at.value.output))
        }
        StepKind::Call { call, .. } => {
            names::verb(draft, call).map_or(Shape::Unknown, |verb| Shape::Schema(&verb.output))
        }
        StepKind::Route { .. } => Shape::Fields(&["class", "probability"]),
        StepKind::Render { .. } => Shape::Fields(&["text"]),
        StepKind::Gate { .. } => Shape::Fields(&["decision", "by", "at", "reason", "form"]),
        StepKind::Record { op: RecordOp::ReadList { .. } } => Shape::Fields(&["items"]),
        StepKind::Record { op: RecordOp::ReadOne { record, .. } | RecordOp::Write { record, .. } } => {
            Shape::Value {
                record: draft.records.get(record).map(|at| &at.value),
                rest: &["value", "version"],
            }
        }
        // A child's values by step: what it ends with is not declared, so nothing can be said of it.
        StepKind::Run { .. } => Shape::Unknown,
        StepKind::Each { .. } => Shape::Fields(&["items", "ok", "failed", "error"]),
        StepKind::Parallel { lanes, .. } => Shape::Lanes(lanes.iter().map(|lane| lane.id.as_str()).collect()),
        StepKind::Scope { .. } => Shape::Fields(&["status", "error"]),
        StepKind::Wait { wait: Until::Signal { .. } } => Shape::Fields(&["by", "at", "data"]),
        StepKind::Wait { .. }
        | StepKind::Signal { .. }
        | StepKind::Emit { .. }
        | StepKind::Choose { .. }
        | StepKind::End { .. } => Shape::Fields(&[]),
    }
}

/// Checks that prompts and preconditions read inputs that their agent takes.
pub(crate) fn check_agents(draft: &Draft, out: &mut Out) {
    for at in draft.agents.values() {
        let found = names::find_text(draft, &at.slice, &at.prompt);
        if let names::Found::Id(path) = found
            && let Some(text) = draft.texts.get(&path)
        {
            let spot = |read: &str| match text.text.find(read) {
                Some(start) => Spot::new(&path, start..start + read.len()),
                None => Spot::file(&path),
            };
            text.template.iter().for_each(|prompt| input_reads(at, prompt, &spot, out));
        }
        for (index, condition) in at.preconditions.iter().enumerate() {
            let spot = |_: &str| draft.spot(at, &format!("preconditions[{index}]"));
            input_reads(at, condition, &spot, out);
        }
    }
}

fn input_reads(at: &At<Agent>, template: &Template, spot: &dyn Fn(&str) -> Spot, out: &mut Out) {
    for read in &template.reads {
        let path: Vec<&str> = read.split('.').collect();
        let ["input", fields @ ..] = path.as_slice() else { continue };
        let Err(missing) = shape::walk(&at.input, fields) else { continue };
        let help = hint(&missing.field, missing.known.iter().map(String::as_str));
        out.push(
            Diagnostic::new(
                Code::E0213,
                spot(read),
                format!("`{read}` does not exist: agent \"{}\" takes no \"{}\"", at.id, missing.field),
            )
            .label("no such input")
            .help_if(help),
        );
    }
}
