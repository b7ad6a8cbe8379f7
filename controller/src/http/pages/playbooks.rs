//! The playbooks in force: what starts them, what they need, their diagram.

use adjutant_spec::plan::{Input, Playbook, Trigger};
use axum::extract::{Path, State};
use maud::{Markup, html};

use super::{
    Page, Shown,
    diagram::{self, Progress},
    frame::{Frame, Tab},
    parts,
};
use crate::{
    desk::views::SlotView,
    http::{App, Refusal, auth::Principal},
};

/// Lists the playbooks.
pub(super) async fn list(State(app): State<App>, who: Principal) -> Shown {
    let (frame, _) = Frame::read(&app, &who).await?;
    let plan = app.desk.plan();
    let playbooks: Vec<&Playbook> =
        plan.iter().flat_map(|plan| plan.playbooks.values()).map(AsRef::as_ref).collect();
    Ok(Page(frame.page(Tab::Playbooks, "Playbooks", &list_content(&playbooks))))
}

/// Returns the list.
pub(super) fn list_content(playbooks: &[&Playbook]) -> Markup {
    html! {
        h1 { "Playbooks" }
        @if playbooks.is_empty() { (parts::nothing("No playbook is in force.", "`adjutant status` tells what stands in the way.")) }
        div.grid {
            @for playbook in playbooks {
                article.panel {
                    h2 { a href={ "/playbooks/" (playbook.id) } { (playbook.title) } }
                    p.soft { code { (playbook.id) } " · " (playbook.slice) " · " (playbook.owner) }
                    p { (started_by(&playbook.trigger)) }
                    p.soft { (playbook.every_step().len()) " steps" @if let Some(outcome) = &playbook.outcome { " · judged by " (outcome) } }
                }
            }
        }
    }
}

fn started_by(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Manual => "Started by hand or by another playbook.".to_owned(),
        Trigger::Event { connector, event, .. } => format!("Started by {connector}.{event}."),
        Trigger::Signal { signal, .. } => format!("Started by the signal {signal}."),
        Trigger::Record { record, on, .. } => format!("Started by each {record} that is {}.", on.in_words()),
        Trigger::Schedule { cron, zone, .. } => format!("Started by the schedule {cron} in {zone}."),
    }
}

/// Shows one playbook.
pub(super) async fn page(State(app): State<App>, who: Principal, Path(id): Path<String>) -> Shown {
    let (frame, _) = Frame::read(&app, &who).await?;
    let plan = app.desk.plan();
    let playbook = plan.as_ref().and_then(|plan| plan.playbooks.get(&id));
    let playbook = playbook.ok_or_else(|| Refusal::not_found("playbook", &id))?;
    let slots = match playbook.trigger {
        Trigger::Schedule { .. } => app.desk.slots(&who, &id, Some(10)).await?,
        Trigger::Manual | Trigger::Event { .. } | Trigger::Signal { .. } | Trigger::Record { .. } => {
            Vec::new()
        }
    };
    Ok(Page(frame.page(Tab::Playbooks, &playbook.title, &content(playbook, &slots))))
}

/// Returns the page of a playbook.
pub(super) fn content(playbook: &Playbook, slots: &[SlotView]) -> Markup {
    html! {
        p.crumbs { a href="/playbooks" { "Playbooks" } " / " (playbook.id) }
        h1 { (playbook.title) }
        p.soft { (started_by(&playbook.trigger)) " " a href={ "/runs?playbook=" (playbook.id) } { "Its runs" } }
        section.panel { h2 { "How it goes" } (diagram::diagram(playbook, &Progress::default())) }
        @if !playbook.inputs.is_empty() { section.panel { h2 { "What a run is given" } (inputs(playbook)) } }
        @if !slots.is_empty() { section.panel { h2 { "Last slots" } (self::slots(slots)) } }
        section.panel {
            h2 { "Start one" }
            p { "At the terminal:" }
            pre.command { "adjutant run " (playbook.id) @if !playbook.inputs.is_empty() { " --input '{ … }'" } }
        }
    }
}

fn inputs(playbook: &Playbook) -> Markup {
    let word = |input: &Input| format!("{:?}", input.type_).to_lowercase();
    html! {
        dl.fields { @for (name, input) in &playbook.inputs {
            dt { (name) }
            dd { (word(input)) @if input.default.is_some() { " (optional)" } " " (parts::labels(adjutant_spec::value::Labels { trust: input.trust, privacy: input.privacy })) }
        } }
    }
}

fn slots(slots: &[SlotView]) -> Markup {
    html! {
        ul.lines { @for slot in slots {
            li { (parts::status(&slot.outcome)) " " (slot.slot)
                @if let Some(run) = &slot.run { " " a href={ "/runs/" (run) } { (run) } }
                @if let Some(reason) = &slot.reason { span.soft { " · " (reason) } }
            }
        } }
    }
}
