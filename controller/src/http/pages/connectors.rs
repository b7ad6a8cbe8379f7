//! The world: dead letters by cause with the ways to settle them, connectors with what is promised of them, pauses.

use std::collections::BTreeMap;

use adjutant_spec::{
    advice::Advice,
    plan::{Idempotency, Mode},
    shown,
};
use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Page, Shown,
    frame::{Frame, Tab},
    parts, settle,
};
use crate::{
    desk::{
        DeliveryFilter, PageWish,
        views::{ConnectorView, DeadView, DeliveryLine, HookView, Paged, PauseView, VerbView},
    },
    http::{App, auth::Principal},
};

/// What the page shows.
pub(super) struct World {
    pub(super) connectors: Vec<ConnectorView>,
    pub(super) dead: Paged<DeadView>,
    pub(super) paused: Vec<PauseView>,
    /// Deliveries that start nothing yet.
    pub(super) deliveries: Paged<DeliveryLine>,
}

/// What is asked for: the notice of the last form, and where the two lists go on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    notice: Option<String>,
    dead: Option<String>,
    deliveries: Option<String>,
}

/// Shows the world.
pub(super) async fn page(State(app): State<App>, who: Principal, Query(asked): Query<Wanted>) -> Shown {
    let (frame, status) = Frame::read(&app, &who).await?;
    let frame = frame.with_notice(asked.notice);
    let open = DeliveryFilter { after: asked.deliveries, limit: parts::PAGE, ..DeliveryFilter::default() };
    let world = World {
        connectors: app.desk.connectors(&who)?,
        dead: app.desk.dead(&who, PageWish { after: asked.dead, limit: parts::PAGE }).await?,
        paused: status.paused,
        deliveries: app.desk.deliveries(&who, open).await?,
    };
    Ok(Page(frame.page(Tab::Connectors, "World", &content(&frame, &world))))
}

/// Returns the page.
pub(super) fn content(frame: &Frame, world: &World) -> Markup {
    html! {
        h1 { "World" }
        (deliveries(frame, &world.deliveries))
        (dead(frame, &world.dead))
        section aria-labelledby="connectors" {
            h2 #connectors { "Connectors" }
            @if world.connectors.is_empty() { (parts::nothing("No connector is in force.", "`adjutant new connector ID` begins one.")) }
            div.grid { @for connector in &world.connectors { (self::connector(frame, connector, &world.paused)) } }
        }
        (paused(frame, &world.paused))
    }
}

/// What came in and starts nothing yet; nothing is shown where there is nothing.
fn deliveries(frame: &Frame, page: &Paged<DeliveryLine>) -> Markup {
    let next =
        page.next.as_deref().map(|id| parts::address("/connectors", ("deliveries", id), "#deliveries"));
    html! {
        @if page.total > 0 {
            section aria-labelledby="deliveries" {
                h2 #deliveries { "Open deliveries" }
                @for line in &page.items { (delivery(frame, line)) }
                (parts::paging("open deliveries", page.total, next.as_deref()))
            }
        }
    }
}

fn delivery(frame: &Frame, line: &DeliveryLine) -> Markup {
    let action = format!("/deliveries/{}", line.id);
    let why = format!("why-{}", line.id);
    html! {
        article.card data-row {
            header.card-head {
                p.card-meta { (parts::status(&line.state)) " " code { (line.connector) "." (shown::line(&line.event)) } span.soft { " · " (frame.time(line.at)) " · " (line.id) } }
                h3 { (shown::line(&line.reason)) }
            }
            div.verbs {
                @if line.readable {
                    form method="post" action=(action) { (frame.mark_field()) input type="hidden" name="verb" value="start"; button type="submit" { "Try it now" } }
                }
                details.verb-more {
                    summary { "Drop it…" }
                    form method="post" action=(action) {
                        (frame.mark_field())
                        input type="hidden" name="verb" value="drop";
                        div.field { label for=(why) { "Why?" } input id=(why) name="reason" type="text" required; }
                        button.danger type="submit" { "Drop it" }
                    }
                }
            }
        }
    }
}

/// What a hook was told so far.
fn told(frame: &Frame, hook: &HookView) -> Markup {
    html! {
        p class=[hook.failing.then_some("error")] {
            (hook.taken) " taken, " (hook.refused) " refused"
            @if let (Some(reason), Some(at)) = (&hook.last_reason, hook.last_refused) { ", the last one " (frame.time(at)) ": " (shown::line(reason)) }
        }
        @if let Some(event) = &hook.last_undeclared { p.soft { (hook.undeclared) " of events that it does not declare, such as " code { (shown::line(event)) } } }
    }
}

fn dead(frame: &Frame, page: &Paged<DeadView>) -> Markup {
    let next = page.next.as_deref().map(|id| parts::address("/connectors", ("dead", id), "#dead"));
    let mut causes: BTreeMap<(&str, &str), Vec<&DeadView>> = BTreeMap::new();
    for letter in &page.items {
        let cause = letter.effect.error.as_deref().unwrap_or("no reason was given");
        causes.entry((&letter.effect.target, cause)).or_default().push(letter);
    }
    html! {
        section aria-labelledby="dead" {
            h2 #dead { "Dead letters" }
            @if page.total == 0 { (parts::nothing("No effect is dead or in doubt.", "What fails for good, or may have happened without an answer, waits here for you.")) }
            @for ((target, cause), letters) in &causes {
                article.card {
                    header.card-head {
                        p.card-meta { span.pill.is-dead { (letters.len()) } " " code { (target) } }
                        h3 { (cause) }
                    }
                    @for letter in letters { (self::letter(frame, letter)) }
                }
            }
            (parts::paging("dead letters", page.total, next.as_deref()))
        }
    }
}

fn letter(frame: &Frame, letter: &DeadView) -> Markup {
    let effect = &letter.effect;
    html! {
        div.letter data-row {
            p { (parts::status(&effect.phase)) " " a href={ "/runs/" (effect.run) } { (effect.run) } @if let Some(whom) = &letter.whom { " to " bdi { (whom) } } span.soft { " · step " (effect.step) " · attempt " (effect.attempt) " · " (effect.id) } }
            (settle::forms(frame, effect, "/connectors"))
        }
    }
}

fn connector(frame: &Frame, connector: &ConnectorView, paused: &[PauseView]) -> Markup {
    let scope = format!("connector:{}", connector.id);
    let is_paused = paused.iter().any(|pause| pause.scope == scope);
    html! {
        article.panel.connector {
            h3 { (connector.id) " " span.tag { (connector.kind) }
                @match connector.mode { Mode::Live => {}, Mode::Dry => { " " span.pill.is-paused { "dry" } }, Mode::Fixture => { " " span.pill.is-paused { "fixture" } } }
                @if is_paused { " " span.pill.is-paused { "paused" } }
            }
            @if let Some(endpoint) = &connector.endpoint { p.soft.wrap { (endpoint) } }
            @if let (Some(false), Some(name)) = (connector.has_secret, &connector.secret) {
                p.error { "Its secret is missing. Type " code { (Advice::SecretsSet(name)) } " in the company's folder, and commit the file that it writes." }
            }
            @if let Some(hook) = &connector.hook { p { "Takes webhooks at" } pre.command { (hook) } }
            @if let Some(hook) = &connector.told { (told(frame, hook)) }
            @if !connector.events.is_empty() { p { "Tells " @for event in &connector.events { code { (event) } " " } } }
            @if !connector.verbs.is_empty() {
                ul.lines { @for verb in &connector.verbs { li { (self::verb(verb)) } } }
            }
            div.verbs {
                form method="post" action={ "/connectors/" (connector.id) "/probe" } { (frame.mark_field()) button type="submit" { "Probe" } }
                (switch(frame, &scope, is_paused))
            }
        }
    }
}

fn verb(verb: &VerbView) -> Markup {
    let promise = match (verb.idempotency, &verb.probe) {
        (Idempotency::NativeKey, _) => "repeats safely by its key".to_owned(),
        (Idempotency::Pure, _) => "repeats safely".to_owned(),
        (Idempotency::Probe, Some(probe)) => format!("looks first with {probe}"),
        (Idempotency::Probe | Idempotency::AtMostOnce, _) => {
            "sent at most once; in doubt, you are asked".to_owned()
        }
    };
    html! { code { (verb.name) } span.soft { " · " (format!("{:?}", verb.effect).to_lowercase()) " · " (promise) @if let Some(undo) = &verb.undo { " · taken back by " (undo) } } }
}

fn switch(frame: &Frame, scope: &str, is_paused: bool) -> Markup {
    let (verb, title) = if is_paused { ("resume", "Resume") } else { ("pause", "Pause") };
    html! {
        form method="post" action="/pause" {
            (frame.mark_field())
            input type="hidden" name="scope" value=(scope);
            input type="hidden" name="verb" value=(verb);
            button type="submit" { (title) }
        }
    }
}

fn paused(frame: &Frame, paused: &[PauseView]) -> Markup {
    let everything = paused.iter().any(|pause| pause.scope == "everything");
    html! {
        section.panel aria-labelledby="paused" {
            h2 #paused { "Pauses" }
            @if paused.is_empty() { p.soft { "Nothing is paused." } }
            @for pause in paused {
                div.letter { p { strong { (pause.scope) } ": " (pause.reason) span.soft { " · " (pause.by) " · " (frame.time(pause.at)) } } (switch(frame, &pause.scope, true)) }
            }
            @if !everything {
                details.verb-more {
                    summary { "Pause everything…" }
                    form method="post" action="/pause" {
                        (frame.mark_field())
                        input type="hidden" name="scope" value="everything";
                        input type="hidden" name="verb" value="pause";
                        p { "No further effect starts until you resume. Runs, timers and gates stay as they are." }
                        div.field { label for="pause-why" { "Why?" } input #pause-why name="reason" type="text" required; }
                        button.danger type="submit" { "Pause everything" }
                    }
                }
            }
        }
    }
}
