//! The page of one gate, and the page behind a link in a mail.

use adjutant_machine::event::Decision;
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::{
    Page, Shown,
    act::Came,
    card::{self, Posting},
    frame::{self, Frame, Tab},
    parts,
};
use crate::{
    desk::{
        Decide, Who,
        views::{GateView, Waiting},
    },
    http::{
        App, Code, Refusal,
        auth::{GateLink, Principal},
        extract::Fields,
    },
};

/// Shows one gate.
pub(super) async fn page(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Query(came): Query<Came>,
) -> Shown {
    let gate = app.desk.gate(&who, &id).await?;
    let (frame, _) = Frame::read(&app, &who).await?;
    let frame = frame.with_notice(came.notice);
    Ok(Page(frame.page(Tab::Today, &gate.question, &content(&frame, &gate))))
}

/// Returns the page of a gate.
pub(super) fn content(frame: &Frame, gate: &GateView) -> Markup {
    let posting =
        Posting { frame, action: format!("/gates/{}/decide", gate.id), is_alone: true, may_edit: true };
    html! {
        p.crumbs { a href="/" { "Today" } " / " (gate.id) }
        div.narrow { (card::card(&posting, gate)) }
    }
}

fn link_is_gone() -> Refusal {
    Refusal::new(Code::NotFound, "this link is not valid, or has lapsed")
        .help("open the dashboard, or type `adjutant inbox`")
}

async fn opened(app: &App, token: &str) -> Result<(GateLink, GateView), Refusal> {
    let link = GateLink::open(&app.vault, token).ok_or_else(link_is_gone)?;
    let gate = app.desk.gate(&Who::by_link(&link.who), &link.gate).await?;
    // The risk of a gate is in its digest; this holds even where a link was sealed for an older card.
    if gate.risk == adjutant_spec::plan::Risk::High {
        return Err(
            Refusal::forbidden("what is of high risk has no one-click link").help("open the dashboard")
        );
    }
    Ok((link, gate))
}

/// Shows what a link in a mail is about; changes nothing, however often it is fetched.
pub(super) async fn link_page(State(app): State<App>, Path(token): Path<String>) -> Shown {
    let (link, gate) = opened(&app, &token).await?;
    let frame = visitor(&app);
    Ok(Page(frame::plain(&gate.question, &link_content(&frame, &gate, &link, &token))))
}

/// Returns the page behind a link.
pub(super) fn link_content(frame: &Frame, gate: &GateView, link: &GateLink, token: &str) -> Markup {
    let posting = Posting { frame, action: format!("/gate/{token}"), is_alone: true, may_edit: false };
    html! {
        @if gate.digest != link.digest && gate.state == "open" {
            p.notice.is-warning { "This question has changed since the mail was sent. Read it again: below is what it says now." }
        }
        (card::card(&posting, gate))
        p.soft { "This link was sent to " (link.who) " and decides this one question." }
    }
}

/// Returns the frame of somebody who is not logged in: times, but no forms of a session.
fn visitor(app: &App) -> Frame {
    let plan = app.desk.plan();
    let zone = plan.as_ref().and_then(|plan| TimeZone::get(&plan.company.zone).ok()).unwrap_or(TimeZone::UTC);
    Frame {
        company: plan.map_or_else(|| "Adjutant".to_owned(), |plan| plan.company.name.clone()),
        zone,
        now: app.desk.now(),
        csrf: String::new(),
        is_strong: false,
        waiting: Waiting::default(),
        revision: None,
        is_paused: false,
        notice: None,
    }
}

/// Decides by a link: the digest of the card that was on the page must be the present one.
pub(super) async fn link_decide(
    State(app): State<App>,
    Path(token): Path<String>,
    Fields(fields): Fields,
) -> Response {
    match decide_by_link(&app, &token, &fields).await {
        Ok(page) => page.into_response(),
        Err(refusal) => super::Failed(refusal).into_response(),
    }
}

async fn decide_by_link(app: &App, token: &str, fields: &[(String, String)]) -> Result<Response, Refusal> {
    let (link, gate) = opened(app, token).await?;
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let reason = field("reason").filter(|reason| !reason.trim().is_empty()).map(str::to_owned);
    let decision = match field("decision") {
        Some("approve") => Decision::Approved { form: None },
        Some("deny") if reason.is_some() => Decision::Denied,
        _ => return Err(Refusal::invalid("say approve, or deny with a reason")),
    };
    let shown = field("digest").unwrap_or_default();
    if shown != link.digest {
        // Another card than the mail told of: the link is not bound to it.
        let help = format!("open {}/gates/{} and decide there", app.desk.url, gate.id);
        return Err(Refusal::conflict("the question has changed since the mail was sent").help(help));
    }
    let wish = Decide { gate: link.gate, digest: Some(link.digest), decision, reason };
    let answer = app.desk.decide(&Who::by_link(&link.who), wish).await?;
    if answer.applied {
        // Seen again, the page tells who decided and when; loading it twice posts nothing twice.
        return Ok(Redirect::to(&format!("/gate/{token}")).into_response());
    }
    let content = html! { h1 { "Already decided" } p.notice role="status" { (answer.message) } (parts::status(&gate.state)) };
    Ok(Page(frame::plain("Already decided", &content)).into_response())
}
