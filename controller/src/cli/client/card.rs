//! The card of a gate as text: the question, exactly what will happen, what it rests on, and what to type.

use std::collections::BTreeMap;

use adjutant_machine::run::{Card, CoveredCall};
use adjutant_spec::{plan::as_written, shown::look_twice_at, value::Labels};
use serde_json::{Map, Value};

use super::show::{full, maybe, short, word};
use crate::{
    cli::out::{Out, Paint, Words, words},
    desk::views::GateView,
};

/// Returns the card.
pub(super) fn card(out: &Out, gate: &GateView) -> Words {
    let mut text = words!("{}\n\n", out.paint(Paint::Bold, &gate.question));
    head(out, gate, &mut text);
    effects(out, &gate.card.effects, &mut text);
    shown(out, &gate.card, &mut text);
    changed(out, &gate.card.changed, &mut text);
    if let Some(form) = &gate.card.form {
        section(out, "To be filled in, as JSON of this schema", &mut text);
        text += words!("  {}\n", full(out, form, 2));
    }
    text += words!("\ndigest {}\n", gate.digest);
    text.trimmed()
}

fn head(out: &Out, gate: &GateView, text: &mut Words) {
    let rows = [
        ("gate", Words::line(&gate.id)),
        ("run", Words::line(&gate.run)),
        ("state", out.status(&gate.state)),
        ("risk", Words::line(&word(&gate.risk))),
        ("asked by", Words::line(&gate.card.why)),
        ("expires", Words::line(&maybe(gate.expires))),
    ];
    for (name, value) in rows {
        *text += words!("  {:<9} {}\n", name, value);
    }
    if let Some(part) = &gate.part {
        *text += words!("  about     {}\n", part);
    }
    if let Some(mark) = &gate.mark {
        *text += words!("  marked    {}: a yes does not simply act\n", mark);
    }
    if let (Some(by), Some(at)) = (&gate.by, gate.at) {
        *text += words!("  decided   {} by {}, {}", gate.state, by, super::show::when(at));
        if let Some(reason) = &gate.reason {
            *text += words!(": {}", full(out, &Value::from(reason.as_str()), 12));
        }
        *text += "\n";
    }
}

fn effects(out: &Out, calls: &[CoveredCall], text: &mut Words) {
    if calls.is_empty() {
        section(out, "What will happen: nothing outside; the run goes on", text);
        return;
    }
    section(out, "What will happen", text);
    for (number, call) in calls.iter().enumerate() {
        *text += words!("  {}. {}  ({})\n", number + 1, call.verb, word(&call.effect));
        arguments(out, &call.args, text);
        for warning in look_twice_at(&call.args) {
            *text += words!("     {} {}\n", out.paint(Paint::Red, "look twice:"), warning);
        }
        match &call.undo {
            Some(undo) => *text += words!("     can be taken back by {}\n", undo.verb),
            None => *text += "     cannot be taken back\n",
        }
    }
}

fn arguments(out: &Out, args: &Value, text: &mut Words) {
    let none = Map::new();
    let args = args.as_object().unwrap_or(&none);
    let width = args.keys().map(|name| Words::line(name).width()).max().unwrap_or_default();
    for (name, value) in args {
        let gap = " ".repeat(width.saturating_sub(Words::line(name).width()));
        *text += words!("     {}{}  {}\n", name, gap, full(out, value, 8));
    }
}

fn shown(out: &Out, card: &Card, text: &mut Words) {
    if card.show.is_empty() {
        return;
    }
    section(out, "What it rests on", text);
    for (path, shown) in &card.show {
        let written = as_written(path);
        *text += words!("  {}{}: {}\n", written, marks(shown.labels), full(out, &shown.value, 4));
    }
}

/// A value of an agent, or from outside, says so: its words are not ours.
fn marks(labels: Labels) -> String {
    format!(" [{}, {}]", word(&labels.trust), word(&labels.privacy))
}

fn changed(out: &Out, values: &BTreeMap<String, Value>, text: &mut Words) {
    if values.is_empty() {
        return;
    }
    section(out, "Changed since an earlier card showed it", text);
    for (name, value) in values {
        *text += words!("  {} was: {}\n", name, full(out, value, 4));
    }
}

/// Returns what to type for an open gate.
pub(super) fn next(gate: &GateView) -> Option<Words> {
    if gate.state != "open" {
        return None;
    }
    let digest = short(&gate.digest);
    let form = gate.card.form.as_ref().map_or("", |_| " --form FILE");
    let mut text = words!("next: adjutant approve {} --digest {}{}\n", gate.id, digest, form);
    if let Some(path) = gate.card.editable.first() {
        text += words!(
            "      adjutant approve {} --digest {} --edit FILE     # {}\n",
            gate.id,
            digest,
            format!("{{\"{}\": \"…\"}}", path)
        );
    }
    text += words!("      adjutant deny {} -m WHY", gate.id);
    Some(text)
}

fn section(out: &Out, title: &'static str, text: &mut Words) {
    *text += words!("\n{}\n", out.paint(Paint::Bold, title));
}
