//! Builds playbooks.

use std::collections::BTreeMap;

use crate::{
    draft::{Node, RawPlaybook, RawTrigger},
    plan::{About, Automatic, Id, Input, Overlap, ValueType},
    value::{Labels, Template},
};

use super::{object::Head, step, view::View};

pub(super) fn playbook(view: &View<'_>, head: Head) -> RawPlaybook {
    RawPlaybook {
        title: view.text("title").unwrap_or_else(|| head.id.clone()),
        owner: view.text("owner").unwrap_or(head.owner),
        id: head.id,
        was: view.texts("was"),
        slice: head.slice,
        on_update: view.word("on_update").unwrap_or_default(),
        deadline: view.period("deadline"),
        outcome: view.text("outcome"),
        about: view.table("about").and_then(|about| read_about(&about)),
        trigger: view.table("trigger").map_or(RawTrigger::Manual, |trigger| read_trigger(&trigger)),
        inputs: inputs(view),
        steps: view.list("step").iter().enumerate().map(|(index, item)| step::step(item, index)).collect(),
    }
}

fn read_about(view: &View<'_>) -> Option<About> {
    Some(About { kind: view.text("kind")?, key: view.template("key")? })
}

fn read_trigger(view: &View<'_>) -> RawTrigger {
    let found = match view.text("kind").as_deref() {
        Some("manual") => Some(RawTrigger::Manual),
        Some("event") => event(view),
        Some("schedule") => schedule(view),
        Some("signal") => signal(view),
        Some("record") => record(view),
        _ => None,
    };
    found.unwrap_or(RawTrigger::Unsupported)
}

fn event(view: &View<'_>) -> Option<RawTrigger> {
    Some(RawTrigger::Event {
        connector: view.text("connector")?,
        event: view.text("event")?,
        key: key(view, "{{ event.message_id }}")?,
        overlap: overlap(view),
        accept: accept(view),
    })
}

fn schedule(view: &View<'_>) -> Option<RawTrigger> {
    Some(RawTrigger::Schedule {
        cron: view.text("cron")?,
        zone: view.text("zone"),
        catch_up: view.text("catch_up").unwrap_or_else(|| "once".to_owned()),
        key: key(view, "{{ event.slot }}")?,
        overlap: overlap(view),
    })
}

fn signal(view: &View<'_>) -> Option<RawTrigger> {
    Some(RawTrigger::Signal {
        signal: view.text("signal")?,
        key: key(view, "{{ event.id }}")?,
        overlap: overlap(view),
    })
}

fn record(view: &View<'_>) -> Option<RawTrigger> {
    Some(RawTrigger::Record {
        record: view.text("record")?,
        on: view.word("on").unwrap_or_default(),
        when: view.expression("when"),
        key: key(view, "{{ event.record }}/{{ event.key }}/{{ event.version }}")?,
        overlap: overlap(view),
    })
}

fn accept(view: &View<'_>) -> Vec<Automatic> {
    view.json("accept").and_then(|words| serde_json::from_value(words).ok()).unwrap_or_default()
}

fn overlap(view: &View<'_>) -> Overlap {
    view.word("overlap").unwrap_or_default()
}

fn key(view: &View<'_>, default: &str) -> Option<Template> {
    if view.node("key").is_some() { view.template("key") } else { Template::parse(default).ok() }
}

fn inputs(view: &View<'_>) -> BTreeMap<Id, Input> {
    view.tables("input").iter().map(|(name, input)| (name.clone(), read_input(input))).collect()
}

fn read_input(view: &View<'_>) -> Input {
    let default = Labels::default();
    Input {
        from: view.template("from"),
        type_: view.word("type").unwrap_or(ValueType::String),
        default: view.node("default").map(Node::to_json),
        trust: view.word("trust").unwrap_or(default.trust),
        privacy: view.word("privacy").unwrap_or(default.privacy),
    }
}
