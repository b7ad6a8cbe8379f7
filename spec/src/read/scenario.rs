//! Builds scenarios from trees whose form was checked.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::view::View;
use crate::{
    draft::NodeKind,
    plan::scenario::{Answer, BEGINS, Begin, BranchOf, Expectation, Given, RecordWanted, Reply, Scenario},
    value::moment,
};

/// Builds a scenario; names in it are as written, and an answer that names no playbook is for the one that is played.
pub(super) fn scenario(view: &View<'_>, file: &str) -> Option<Scenario> {
    let playbook = view.text("playbook")?;
    let stem = file.rsplit('/').next().and_then(|name| name.strip_suffix(".toml")).unwrap_or(file);
    let begins = moment(BEGINS).expect("the text is a moment");
    let own = |view: &View<'_>| view.text("playbook").unwrap_or_else(|| playbook.clone());
    Some(Scenario {
        file: file.to_owned(),
        title: view.text("title").unwrap_or_else(|| stem.to_owned()),
        starts: millis(view, "starts").unwrap_or_else(|| millis(view, "slot").unwrap_or(begins)),
        begin: begin(view),
        given: view.list("given").iter().filter_map(given).collect(),
        answers: view.list("answer").iter().filter_map(|view| answer(view, own(view))).collect(),
        cancel: view.period("cancel"),
        expect: view.list("expect").iter().filter_map(|view| expectation(view, own(view))).collect(),
        never: view.texts("never"),
        records: view.list("records").iter().filter_map(record).collect(),
        until: view.text("until"),
        end: view.text("end"),
        playbook,
    })
}

fn begin(view: &View<'_>) -> Begin {
    if let Some(slot) = millis(view, "slot") {
        return Begin::Slot(slot);
    }
    match view.json("event") {
        Some(event) => Begin::Event(event),
        None => Begin::Input(fields(view, "input").into_iter().collect()),
    }
}

fn millis(view: &View<'_>, key: &str) -> Option<i64> {
    match &view.node(key)?.kind {
        NodeKind::Text(text) | NodeKind::Moment(text) => moment(text).ok(),
        _ => None,
    }
}

fn fields(view: &View<'_>, key: &str) -> Map<String, Value> {
    match view.json(key) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn is(view: &View<'_>, key: &str) -> bool {
    view.json(key) == Some(Value::Bool(true))
}

fn version(view: &View<'_>) -> Option<u64> {
    view.integer("version").and_then(|version| u64::try_from(version).ok())
}

fn given(view: &View<'_>) -> Option<Given> {
    Some(Given {
        kind: view.text("kind")?,
        key: view.text("key")?,
        value: view.json("value")?,
        version: version(view),
        after: view.period("after"),
    })
}

fn answer(view: &View<'_>, playbook: String) -> Option<Answer> {
    let written = view.text("step")?;
    let (within, step) = written.rsplit_once('.').unwrap_or(("", &written));
    Some(Answer {
        playbook,
        branches: branches(within),
        step: step.to_owned(),
        visit: view.count("visit"),
        times: view.count("times").unwrap_or(1),
        undo: is(view, "undo"),
        after: view.period("after"),
        reply: reply(view),
    })
}

/// Returns the branches that `dig[3].look[0]` names. What is written otherwise names a step that there is not, and is told so.
fn branches(written: &str) -> Vec<BranchOf> {
    let parts = written.split('.').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let named = part.strip_suffix(']').and_then(|part| part.split_once('['));
            let found = named.and_then(|(step, index)| Some((step, index.parse().ok()?)));
            let (step, index) = found.unwrap_or((part, u32::MAX));
            BranchOf { step: step.to_owned(), index }
        })
        .collect()
}

fn reply(view: &View<'_>) -> Reply {
    let with = || view.json("with").unwrap_or(Value::Null);
    if let Some(class) = view.text("error") {
        return Reply::Error(class);
    }
    if let Some(word) = view.text("probe") {
        return Reply::Probe { word, with: with() };
    }
    if let Some(word) = view.text("settle") {
        return Reply::Settle { word, with: with() };
    }
    let edit: BTreeMap<String, Value> = fields(view, "edit").into_iter().collect();
    let usual = if edit.is_empty() { "ok" } else { "edited" };
    Reply::Outcome {
        word: view.text("outcome").unwrap_or_else(|| usual.to_owned()),
        with: view.json("with"),
        edit,
    }
}

fn expectation(view: &View<'_>, playbook: String) -> Option<Expectation> {
    Some(Expectation {
        playbook,
        step: view.text("step")?,
        visit: view.count("visit"),
        outcome: view.text("outcome"),
        with: fields(view, "with"),
        contains: view.text_map("contains"),
        at: millis(view, "at"),
        after: view.period("after"),
        before: view.period("before"),
    })
}

fn record(view: &View<'_>) -> Option<RecordWanted> {
    Some(RecordWanted {
        kind: view.text("kind")?,
        key: view.text("key")?,
        value: fields(view, "value"),
        version: version(view),
        missing: is(view, "missing"),
    })
}
