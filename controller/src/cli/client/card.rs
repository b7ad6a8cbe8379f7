//! The card of a gate as text: the question, exactly what will happen, what it rests on, and what to type.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::show::{full, maybe, short};
use crate::{
    cli::out::{Out, Paint},
    runtime::views::GateView,
};

/// Returns the card.
pub(super) fn card(out: &Out, gate: &GateView) -> String {
    let mut text = format!("{}\n\n", out.paint(Paint::Bold, &gate.question));
    head(out, gate, &mut text);
    effects(out, &gate.card, &mut text);
    shown(out, &gate.card, &mut text);
    pairs(out, "Changed since an earlier card showed it", &gate.card["changed"], &mut text);
    if !gate.card["form"].is_null() {
        section(out, "To be filled in, as JSON of this schema", &mut text);
        line(&mut text, full(&gate.card["form"], 2).trim_start_matches('\n'));
    }
    line(&mut text, &format!("\ndigest {}", gate.digest));
    text
}

fn head(out: &Out, gate: &GateView, text: &mut String) {
    let risk = serde_json::to_value(gate.risk).ok().and_then(|risk| risk.as_str().map(str::to_owned));
    let why = gate.card["why"].as_str().unwrap_or("-");
    let rows = [
        ("gate", gate.id.clone()),
        ("run", gate.run.clone()),
        ("state", out.status(&gate.state)),
        ("risk", risk.unwrap_or_default()),
        ("asked by", why.to_owned()),
        ("expires", maybe(gate.expires)),
    ];
    for (name, value) in rows {
        line(text, &format!("  {name:<9} {value}"));
    }
    if let (Some(by), Some(at)) = (&gate.by, gate.at) {
        let reason = gate.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
        line(text, &format!("  decided   {} by {by}, {}{reason}", gate.state, super::show::when(at)));
    }
}

fn effects(out: &Out, card: &Value, text: &mut String) {
    let calls = card["effects"].as_array().map(Vec::as_slice).unwrap_or_default();
    if calls.is_empty() {
        section(out, "What will happen: nothing outside; the run goes on", text);
        return;
    }
    section(out, "What will happen", text);
    for (number, call) in calls.iter().enumerate() {
        let kind = call["effect"].as_str().unwrap_or("-");
        line(text, &format!("  {}. {}  ({kind})", number + 1, string(&call["verb"])));
        arguments(&call["args"], text);
        match call["undo"].as_object() {
            Some(undo) => line(text, &format!("     can be taken back by {}", string(&undo["verb"]))),
            None => line(text, "     cannot be taken back"),
        }
    }
}

fn arguments(args: &Value, text: &mut String) {
    let none = Map::new();
    let args = args.as_object().unwrap_or(&none);
    let width = args.keys().map(String::len).max().unwrap_or_default();
    for (name, value) in args {
        line(text, &format!("     {name:<width$}  {}", full(value, 8)));
    }
}

fn shown(out: &Out, card: &Value, text: &mut String) {
    let none = Map::new();
    let shown = card["show"].as_object().unwrap_or(&none);
    if shown.is_empty() {
        return;
    }
    section(out, "What it rests on", text);
    for (path, value) in shown {
        let marks = marks(&value["labels"]);
        line(text, &format!("  {path}{marks}: {}", full(&value["value"], 4)));
    }
}

/// A value of an agent, or from outside, says so: its words are not ours.
fn marks(labels: &Value) -> String {
    let words: Vec<&str> =
        [&labels["trust"], &labels["privacy"]].into_iter().filter_map(Value::as_str).collect();
    if words.is_empty() { String::new() } else { format!(" [{}]", words.join(", ")) }
}

fn pairs(out: &Out, title: &str, value: &Value, text: &mut String) {
    let Some(pairs) = value.as_object().filter(|pairs| !pairs.is_empty()) else { return };
    section(out, title, text);
    for (name, value) in pairs {
        line(text, &format!("  {name} was: {}", full(value, 4)));
    }
}

/// Returns what to type for an open gate.
pub(super) fn next(gate: &GateView) -> Option<String> {
    if gate.state != "open" {
        return None;
    }
    let digest = short(&gate.digest);
    let form = if gate.card["form"].is_null() { "" } else { " --form FILE" };
    let mut text = format!("next: adjutant approve {} --digest {digest}{form}\n", gate.id);
    if let Some(path) = gate.card["editable"].as_array().and_then(|paths| paths.first()) {
        writeln!(
            text,
            "      adjutant approve {} --digest {digest} --edit FILE     # {{\"{}\": \"…\"}}",
            gate.id,
            string(path)
        )
        .expect("a String takes every text");
    }
    write!(text, "      adjutant deny {} -m WHY", gate.id).expect("a String takes every text");
    Some(text)
}

fn section(out: &Out, title: &str, text: &mut String) {
    line(text, &format!("\n{}", out.paint(Paint::Bold, title)));
}

fn string(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Adds a line, or a text of several, without blanks at the ends.
fn line(text: &mut String, lines: &str) {
    for line in lines.split('\n') {
        text.push_str(line.trim_end_matches(' '));
        text.push('\n');
    }
}
