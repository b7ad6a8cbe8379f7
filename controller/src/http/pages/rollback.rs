//! What taking a run back would come to, and the form that does it.

use axum::extract::{Path, Query, State};
use maud::{Markup, html};

use super::{
    Page, Shown,
    act::Came,
    frame::{Frame, Tab},
    parts,
};
use crate::{
    desk::views::{DeedView, RollbackView},
    http::{App, auth::Principal},
};

/// Shows what taking a run back would come to.
pub(super) async fn page(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Query(came): Query<Came>,
) -> Shown {
    let preview = app.desk.rollback(&who, &id).await?;
    let (frame, _) = Frame::read(&app, &who).await?;
    let frame = frame.with_notice(came.notice);
    Ok(Page(frame.page(Tab::Runs, &format!("Take {} back", preview.run), &content(&frame, &preview))))
}

/// Returns the page.
pub(super) fn content(frame: &Frame, preview: &RollbackView) -> Markup {
    html! {
        p.crumbs { a href="/runs" { "Runs" } " / " a href={ "/runs/" (preview.run) } { (preview.run) } " / take back" }
        h1 { "Take it back?" }
        p { (parts::status(&preview.status)) span.soft { " as it is after entry " (preview.seq) } }
        (blocked(preview))
        (stays(preview))
        (taken(preview))
        (others(preview))
        @if let Some(hint) = &preview.hint { p.notice { (hint) } }
        @if preview.blocked.is_empty() { (yes(frame, preview)) }
    }
}

fn blocked(preview: &RollbackView) -> Markup {
    html! {
        @if !preview.blocked.is_empty() {
            section.panel aria-labelledby="blocked" {
                h2 #blocked { "First" }
                ul.lines { @for one in &preview.blocked {
                    li { a href={ "/runs/" (one.run) } { (one.run) } ": " (one.reason)
                        @if let Some(next) = &one.next { " " code { (next) } } }
                } }
            }
        }
    }
}

fn stays(preview: &RollbackView) -> Markup {
    html! {
        section.panel aria-labelledby="stays" {
            h2 #stays { "Cannot be taken back" }
            @if preview.stays.is_empty() { p.soft { "Nothing." } }
            ul.lines { @for one in &preview.stays {
                li { (deed(&one.deed)) div.soft { (one.reason) } }
            } }
            (more(preview.stays.len(), preview.stays_total))
        }
    }
}

fn taken(preview: &RollbackView) -> Markup {
    html! {
        section.panel aria-labelledby="taken" {
            h2 #taken { "Is taken back, in this order" }
            @if preview.taken.is_empty() { p.soft { "Nothing." } }
            ol.lines { @for one in &preview.taken {
                li {
                    (deed(&one.deed)) " by " code { (one.undo) }
                    @if one.asks { " " span class="pill is-waiting" { "asks you first" } }
                    @if let Some(problem) = &one.problem { p.error { "It waits for you, since it cannot be put together: " (problem) } }
                    @if let Some(args) = &one.args { (parts::value(args)) }
                }
            } }
            (more(preview.taken.len(), preview.taken_total))
        }
    }
}

fn deed(deed: &DeedView) -> Markup {
    html! {
        strong { (deed.verb) }
        @if let Some(whom) = &deed.whom { " to " bdi { (whom) } }
        @if let Some(amount) = &deed.amount { ", " strong.amount { (amount) } }
        @if !deed.happened { " " span class="pill is-unknown" { "if it happened" } }
        span.soft { " · step " a href={ "/runs/" (deed.run) "#step-" (deed.step) } { (deed.step) } " · " code { (deed.effect) } }
    }
}

fn more(shown: usize, total: u64) -> Markup {
    let left = total.saturating_sub(shown as u64);
    html! { @if left > 0 { p.soft { "And " (left) " more." } } }
}

fn others(preview: &RollbackView) -> Markup {
    let list = |title: &str, runs: &[String]| {
        html! {
            @if !runs.is_empty() {
                section.panel { h2 { (title) } ul.lines { @for run in runs { li { a href={ "/runs/" (run) } { (run) } } } } }
            }
        }
    };
    html! {
        (list("Runs that are taken back with it", &preview.runs))
        (list("Runs that go on by themselves", &preview.detached))
    }
}

fn yes(frame: &Frame, preview: &RollbackView) -> Markup {
    html! {
        section.panel aria-labelledby="yes" {
            h2 #yes { "Take it back" }
            form method="post" action={ "/runs/" (preview.run) "/rollback" } {
                (frame.mark_field())
                input type="hidden" name="token" value=(preview.token);
                div.field { label for="why-rollback" { "Why?" } input #why-rollback name="reason" type="text" required; }
                button.danger type="submit" { "Take it back" }
            }
        }
    }
}
