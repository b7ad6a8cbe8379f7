//! The card of a gate as text: the question, exactly what will happen, what it rests on, and what to type.

use adjutant_spec::shown::look_twice_at;
use serde_json::{Map, Value};

use super::show::{full, maybe, short};
use crate::{
    cli::out::{Out, Paint, Words, words},
    runtime::views::GateView,
};

/// Returns the card.
pub(super) fn card(out: &Out, gate: &GateView) -> Words {
    let mut text = words!("{}\n\n", out.paint(Paint::Bold, &gate.question));
    head(out, gate, &mut text);
    effects(out, &gate.card, &mut text);
    shown(out, &gate.card, &mut text);
    pairs(out, "Changed since an earlier card showed it", &gate.card["changed"], &mut text);
    if !gate.card["form"].is_null() {
        section(out, "To be filled in, as JSON of this schema", &mut text);
        text += words!("  {}\n", full(out, &gate.card["form"], 2));
    }
    text += words!("\ndigest {}\n", gate.digest);
    text.trimmed()
}

fn head(out: &Out, gate: &GateView, text: &mut Words) {
    let risk = serde_json::to_value(gate.risk).ok().and_then(|risk| risk.as_str().map(str::to_owned));
    let why = gate.card["why"].as_str().unwrap_or("-");
    let rows = [
        ("gate", Words::line(&gate.id)),
        ("run", Words::line(&gate.run)),
        ("state", out.status(&gate.state)),
        ("risk", Words::line(&risk.unwrap_or_default())),
        ("asked by", Words::line(why)),
        ("expires", Words::line(&maybe(gate.expires))),
    ];
    for (name, value) in rows {
        *text += words!("  {:<9} {}\n", name, value);
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

fn effects(out: &Out, card: &Value, text: &mut Words) {
    let calls = card["effects"].as_array().map(Vec::as_slice).unwrap_or_default();
    if calls.is_empty() {
        section(out, "What will happen: nothing outside; the run goes on", text);
        return;
    }
    section(out, "What will happen", text);
    for (number, call) in calls.iter().enumerate() {
        let kind = call["effect"].as_str().unwrap_or("-");
        *text += words!("  {}. {}  ({})\n", number + 1, string(&call["verb"]), kind);
        arguments(out, &call["args"], text);
        for warning in look_twice_at(&call["args"]) {
            *text += words!("     {} {}\n", out.paint(Paint::Red, "look twice:"), warning);
        }
        match call["undo"].as_object() {
            Some(undo) => *text += words!("     can be taken back by {}\n", string(&undo["verb"])),
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

fn shown(out: &Out, card: &Value, text: &mut Words) {
    let none = Map::new();
    let shown = card["show"].as_object().unwrap_or(&none);
    if shown.is_empty() {
        return;
    }
    section(out, "What it rests on", text);
    for (path, value) in shown {
        *text += words!("  {}{}: {}\n", path, marks(&value["labels"]), full(out, &value["value"], 4));
    }
}

/// A value of an agent, or from outside, says so: its words are not ours.
fn marks(labels: &Value) -> String {
    let words: Vec<&str> =
        [&labels["trust"], &labels["privacy"]].into_iter().filter_map(Value::as_str).collect();
    if words.is_empty() { String::new() } else { format!(" [{}]", words.join(", ")) }
}

fn pairs(out: &Out, title: &'static str, value: &Value, text: &mut Words) {
    let Some(pairs) = value.as_object().filter(|pairs| !pairs.is_empty()) else { return };
    section(out, title, text);
    for (name, value) in pairs {
        *text += words!("  {} was: {}\n", name, full(out, value, 4));
    }
}

/// Returns what to type for an open gate.
pub(super) fn next(gate: &GateView) -> Option<Words> {
    if gate.state != "open" {
        return None;
    }
    let digest = short(&gate.digest);
    let form = if gate.card["form"].is_null() { "" } else { " --form FILE" };
    let mut text = words!("next: adjutant approve {} --digest {}{}\n", gate.id, digest, form);
    if let Some(path) = gate.card["editable"].as_array().and_then(|paths| paths.first()) {
        text += words!(
            "      adjutant approve {} --digest {} --edit FILE     # {}\n",
            gate.id,
            digest,
            format!("{{\"{}\": \"…\"}}", string(path))
        );
    }
    text += words!("      adjutant deny {} -m WHY", gate.id);
    Some(text)
}

fn section(out: &Out, title: &'static str, text: &mut Words) {
    *text += words!("\n{}\n", out.paint(Paint::Bold, title));
}

fn string(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
