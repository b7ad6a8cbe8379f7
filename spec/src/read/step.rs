//! Builds steps.

use serde_json::Value;

use crate::{
    draft::{Node, NodeKind, RawKind, RawStep},
    fields::STEP_KINDS,
    plan::{Auto, Backoff, Choice, Fragment, Join, Lane, RecordOp, Retry, Risk, StepKind, Undo, Until},
    value::{Period, Template},
};

use super::{leaf, view::View};

/// How many items an `each` that does not say takes at once: few, so that a list does not meet a service all at a time.
const MAX_PARALLEL: u32 = 4;

/// Builds a step; one that lacks what its kind needs is kept as unsupported, its faults were reported.
pub(super) fn step(view: &View<'_>, index: usize) -> RawStep {
    RawStep {
        id: view.text("id").unwrap_or_else(|| format!("step-{index}")),
        title: view.text("title"),
        kind: kind(view),
        when: view.expression("when"),
        timeout: view.period("timeout"),
        retry: view.table("retry").map(|retry| read_retry(&retry)),
        undo: view.table("undo").and_then(|undo| read_undo(&undo)),
        max_cost: view.money("max_cost"),
        tier: view.word("tier").unwrap_or_default(),
        visits: view.count("visits"),
        next: view.text("next"),
        on: view.text_map("on"),
        container: view.text("in"),
    }
}

fn kind(view: &View<'_>) -> RawKind {
    let word = STEP_KINDS.iter().map(|table| table.fields[0].name).find(|word| view.node(word).is_some());
    let Some(word) = word else { return RawKind::Unsupported { word: "", value: Value::Null } };
    match known(view, word) {
        Some(kind) => RawKind::Known(kind),
        None => RawKind::Unsupported { word, value: view.json(word).unwrap_or(Value::Null) },
    }
}

fn known(view: &View<'_>, word: &str) -> Option<StepKind> {
    Some(match word {
        "agent" => StepKind::Agent { agent: view.text("agent")?, with: view.args("with") },
        "call" => StepKind::Call { call: view.text("call")?, with: view.args("with") },
        "route" => StepKind::Route { route: view.text("route")?, text: view.template("text")? },
        "render" => StepKind::Render { render: view.text("render")? },
        "gate" => gate(view)?,
        "wait" => StepKind::Wait { wait: until(view)? },
        "choose" => StepKind::Choose {
            arms: view.list("choose").iter().filter_map(arm).collect(),
            otherwise: view.text("else"),
        },
        "record" => StepKind::Record { op: record(&view.table("record")?)? },
        "run" => StepKind::Run {
            run: view.text("run")?,
            with: view.args("with"),
            parent_close: view.text("parent_close").unwrap_or_else(|| "cancel".to_owned()),
        },
        "signal" => StepKind::Signal {
            signal: view.text("signal")?,
            to: view.template("to")?,
            with: view.args("with"),
        },
        "emit" => {
            StepKind::Emit { emit: view.text("emit")?, key: view.template("key"), with: view.args("with") }
        }
        "end" => StepKind::End { end: view.text("end")? },
        "each" => each(view)?,
        "parallel" => parallel(view)?,
        "scope" => StepKind::Scope {
            scope: view.text("scope")?,
            deadline: view.period("deadline"),
            budget: view.money("budget"),
            steps: Vec::new(),
        },
        _ => return None,
    })
}

/// Builds an `each`; what stands in it is put there when all steps are known.
fn each(view: &View<'_>) -> Option<StepKind> {
    Some(StepKind::Each {
        items: view.template("each")?,
        item: view.text("as")?,
        max_items: view.count("max_items")?,
        max_parallel: view.count("max_parallel").unwrap_or(MAX_PARALLEL),
        min_ok: view.count("min_ok"),
        budget: view.money("budget"),
        body: Fragment::default(),
    })
}

fn parallel(view: &View<'_>) -> Option<StepKind> {
    let join = match view.count("join") {
        Some(count) => Join::AtLeast(count),
        None => view.word("join").unwrap_or(Join::All),
    };
    let lane = |id| Lane { id, body: Fragment::default() };
    Some(StepKind::Parallel { lanes: view.texts("parallel").into_iter().map(lane).collect(), join })
}

fn gate(view: &View<'_>) -> Option<StepKind> {
    let risk = view.word("risk").unwrap_or(Risk::Medium);
    Some(StepKind::Gate {
        gate: view.template("gate")?,
        show: view.texts("show"),
        risk,
        expires: view.period("expires").unwrap_or_else(|| default_expiry(risk)),
        auto: view.table("auto").and_then(|auto| read_auto(&auto)),
        form: view.schema("form"),
    })
}

/// Returns when a gate lapses that does not say: the more is at stake, the sooner.
#[must_use]
pub fn default_expiry(risk: Risk) -> Period {
    let text = match risk {
        Risk::Low => "7d",
        Risk::Medium => "72h",
        Risk::High => "24h",
    };
    text.parse().expect("the three texts are periods")
}

fn read_auto(view: &View<'_>) -> Option<Auto> {
    Some(Auto { when: view.expression("when")?, limit: view.text("limit") })
}

fn until(view: &View<'_>) -> Option<Until> {
    match view.table("wait") {
        Some(table) if table.node("signal").is_some() => Some(Until::Signal {
            signal: table.text("signal")?,
            key: table.template("key"),
            expires: table.period("expires")?,
        }),
        Some(table) => table.template("until").map(Until::Until),
        None => view.period("wait").map(Until::For),
    }
}

fn arm(view: &View<'_>) -> Option<Choice> {
    Some(Choice { when: view.expression("when")?, to: view.text("to")? })
}

fn record(view: &View<'_>) -> Option<RecordOp> {
    let record = view.text("kind")?;
    if view.node("write").is_some() {
        let expect = view.node("expect").and_then(version);
        return Some(RecordOp::Write {
            record,
            key: view.template("key")?,
            value: view.args("write"),
            expect,
        });
    }
    match view.text("read")?.as_str() {
        "one" => Some(RecordOp::ReadOne { record, key: view.template("key")? }),
        "list" => Some(RecordOp::ReadList { record, filter: view.args("where") }),
        _ => None,
    }
}

fn version(node: &Node) -> Option<Template> {
    match &node.kind {
        NodeKind::Integer(version) => Template::parse_expression(&version.to_string()).ok(),
        NodeKind::Text(text) => Template::parse(text).ok(),
        _ => None,
    }
}

fn read_undo(view: &View<'_>) -> Option<Undo> {
    Some(Undo { call: view.text("call")?, with: view.args("with") })
}

fn read_retry(view: &View<'_>) -> Retry {
    let written = view.text("backoff").and_then(|text| leaf::backoff(&text));
    Retry { attempts: view.count("attempts").unwrap_or(1), backoff: written.unwrap_or_else(default_backoff) }
}

/// Returns the pauses of a retry that names none.
#[must_use]
pub fn default_backoff() -> Backoff {
    let parse = |text: &str| text.parse().expect("the two texts are periods");
    Backoff { first: parse("1s"), longest: parse("5m") }
}
