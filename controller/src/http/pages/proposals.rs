//! Proposals: the list, and one with its diff, plan, evidence and backtest, to approve or refuse.

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Page, Shown,
    act::Came,
    frame::{Frame, Tab, short},
    parts,
};
use crate::{
    desk::{
        PageWish,
        views::{Paged, PlanView, ProposalView},
    },
    http::{App, api::HowMuch, auth::Principal},
};

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    after: Option<String>,
}

/// Lists the proposals.
pub(super) async fn list(State(app): State<App>, who: Principal, Query(asked): Query<Wanted>) -> Shown {
    let (frame, _) = Frame::read(&app, &who).await?;
    let proposals = app.desk.proposals(&who, PageWish { after: asked.after, limit: parts::PAGE }).await?;
    Ok(Page(frame.page(Tab::Proposals, "Proposals", &list_content(&proposals))))
}

/// Returns the list.
pub(super) fn list_content(page: &Paged<ProposalView>) -> Markup {
    let next = page.next.as_deref().map(|id| parts::address("/proposals", ("after", id), ""));
    html! {
        h1 { "Proposals" }
        @if page.total == 0 {
            (parts::nothing("Nothing is proposed.", "Agents and people propose with `git push … HEAD:refs/for/main` or `adjutant proposals new`."))
        }
        ul.cards {
            @for proposal in &page.items {
                li.card.is-line data-row {
                    p.card-meta { (parts::status(&proposal.state)) " " span.soft { (proposal.author) " · " (proposal.id) } }
                    h2 { a href={ "/proposals/" (proposal.id) } { (proposal.title) } }
                    @if let Some(text) = summary(proposal.plan.as_ref()) { p.soft { (text) } }
                }
            }
        }
        (parts::paging("proposals", page.total, next.as_deref()))
    }
}

/// Returns the first line of a plan's text.
fn summary(plan: Option<&PlanView>) -> Option<&str> {
    plan?.text.lines().next()
}

/// Shows one proposal.
#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
pub(super) async fn page(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Query(came): Query<Came>,
    Query(how): Query<HowMuch>,
) -> Shown {
    let (frame, _) = Frame::read(&app, &who).await?;
    let proposal = app.desk.proposal(&who, &id, how.full).await?;
    let frame = frame.with_notice(came.notice);
    Ok(Page(frame.page(Tab::Proposals, &proposal.title, &content(&frame, &proposal))))
}

/// Returns the page of a proposal.
pub(super) fn content(frame: &Frame, proposal: &ProposalView) -> Markup {
    html! {
        p.crumbs { a href="/proposals" { "Proposals" } " / " (proposal.id) }
        h1 { (proposal.title) }
        p { (parts::status(&proposal.state)) span.soft { " by " (proposal.author) " · " code { (short(&proposal.base)) } " → " code { (short(&proposal.head)) } } }
        @if let Some(reason) = &proposal.reason { p { (reason) } }
        div.columns.is-wide {
            div {
                section.panel { h2 { "What changes in the company" } (plan(proposal.plan.as_ref())) }
                section.panel { h2 { "What changes in the files" } (marked(proposal)) @match &proposal.diff { Some(text) => (diff(text)), None => p.soft { "No diff." } } }
            }
            div.aside {
                @if matches!(proposal.state.as_str(), "open" | "changed" | "draft") { (verbs(frame, proposal)) }
                @if !is_empty(&proposal.evidence) { section.panel { h2 { "Evidence" } (parts::value(&proposal.evidence)) } }
                @if !is_empty(&proposal.backtest) { section.panel { h2 { "Decided again on recorded runs" } (parts::value(&proposal.backtest)) } }
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn plan(plan: Option<&PlanView>) -> Markup {
    html! {
        @match plan.map(|plan| plan.text.as_str()).filter(|text| !text.is_empty()) {
            Some(text) => pre.plan { (text) },
            None => p.soft { "Nothing that runs is touched." },
        }
    }
}

/// Returns what has to be read first: protected files, and what the text below leaves out.
fn marked(proposal: &ProposalView) -> Markup {
    html! {
        @if !proposal.protected.is_empty() {
            p.notice.is-warning { "Changes who may do what: " @for path in &proposal.protected { code { (path) } " " } }
        }
        @if !proposal.hidden.is_empty() && proposal.digest.is_empty() {
            div.notice.is-warning {
                p { "Not everything is shown below, so it cannot be approved from here:" }
                ul { @for line in &proposal.hidden { li { (line) } } }
                p { a href={ "/proposals/" (proposal.id) "?full=true" } { "Show all of it" } }
            }
        }
    }
}

/// Returns a unified diff, a table row for each line, so that a narrow screen scrolls the lines and not the page.
fn diff(text: &str) -> Markup {
    let class = |line: &str| match line.as_bytes().first() {
        _ if line.starts_with("diff ")
            || line.starts_with("+++")
            || line.starts_with("---")
            || line.starts_with("protected: ")
            || line.starts_with("not shown: ") =>
        {
            "is-file"
        }
        Some(b'+') => "is-added",
        Some(b'-') => "is-removed",
        Some(b'@') => "is-place",
        _ => "is-same",
    };
    html! {
        div.diff role="region" aria-label="Diff" tabindex="0" {
            @for line in text.lines() { div class=(class(line)) { (line) "\n" } }
        }
    }
}

fn verbs(frame: &Frame, proposal: &ProposalView) -> Markup {
    let action = format!("/proposals/{}/decide", proposal.id);
    html! {
        section.panel aria-labelledby="decide" {
            h2 #decide { "Decide" }
            div.verbs {
                @if proposal.digest.is_empty() {
                    p.notice { "It cannot be approved as it is shown here" @if let Some(next) = &proposal.next { ": " code { (next) } } }
                } @else if frame.is_strong {
                    form method="post" action=(action) {
                        (frame.mark_field())
                        input type="hidden" name="decision" value="approve";
                        input type="hidden" name="digest" value=(proposal.digest);
                        button.primary type="submit" data-key="a" { "Approve" }
                    }
                } @else {
                    p.notice.is-warning { "Approving needs a login within the last ten minutes: " code { "adjutant login" } "." }
                }
                details.verb-more {
                    summary data-key="d" { "Refuse" }
                    form method="post" action=(action) {
                        (frame.mark_field())
                        input type="hidden" name="decision" value="refuse";
                        div.field { label for="refuse-why" { "Why? It is remembered." } textarea #refuse-why name="reason" rows="2" required {} }
                        button.danger type="submit" { "Refuse" }
                    }
                }
            }
            @if !proposal.digest.is_empty() {
                p.digest.soft { "Bound to " code { (short(&proposal.digest)) } ": a new push or a moved base asks again." }
            }
        }
    }
}
