//! The inbox and its decisions, for the API, the dashboard and the links in mails alike.

use std::collections::BTreeMap;

use adjutant_machine::event::{Decision, GateDecided};
use adjutant_spec::plan::Risk;
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    paged::{Listed, PageParams, listed},
    runs::Answered,
};
use crate::{
    http::{
        App, Refusal, Scope,
        auth::Principal,
        extract::{Asked, Body},
    },
    runtime::{Answer, views::GateView},
};

/// A digest may be given short, but not so short that another card could fit it.
const SHORTEST_DIGEST: usize = 8;

/// Lists the gates that wait, oldest first, page by page.
#[utoipa::path(get, path = "/api/v1/inbox", tag = "gates", params(PageParams),
    responses((status = 200, body = Vec<GateView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the gate to go on after is not there")))]
pub(super) async fn inbox(
    State(app): State<App>,
    who: Principal,
    Asked(asked): Asked<PageParams>,
) -> Result<Listed<GateView>, Refusal> {
    who.must(Scope::Read)?;
    Ok(listed(app.handle.inbox(asked.into()).await?))
}

/// Shows a gate with everything that a decision is about.
#[utoipa::path(get, path = "/api/v1/gates/{id}", tag = "gates", params(("id" = String, Path)),
    responses((status = 200, body = GateView), (status = 404, body = Refusal)))]
pub(super) async fn show(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<GateView> {
    who.must(Scope::Read)?;
    Ok(Json(app.handle.gate(&id).await?))
}

/// A yes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approve {
    /// The digest of the card that was seen; eight characters are enough.
    digest: String,
    /// Values changed by the operator, by the path that the card shows.
    #[serde(default)]
    edits: BTreeMap<String, Value>,
    /// The values of the gate's form.
    #[serde(default)]
    form: Option<Value>,
    /// Why, for people.
    #[serde(default)]
    reason: Option<String>,
}

/// Approves a gate, as shown or with changed values.
#[utoipa::path(post, path = "/api/v1/gates/{id}/approve", tag = "gates", params(("id" = String, Path)), request_body = Approve,
    responses((status = 200, body = Answer), (status = 403, body = Refusal), (status = 404, body = Refusal),
        (status = 409, body = Refusal, description = "decided otherwise, or the card changed"), (status = 422, body = Refusal)))]
pub(super) async fn approve(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<Approve>,
) -> Answered<Answer> {
    let Approve { digest, edits, form, reason } = asked;
    let decision = match (edits.is_empty(), form) {
        (true, form) => Decision::Approved { form },
        (false, None) => Decision::Edited { values: edits },
        (false, Some(_)) => return Err(Refusal::invalid("a gate takes edits or a form, not both")),
    };
    Ok(Json(decide(&app, &who, Decide { gate: id, digest, decision, reason }).await?))
}

/// A no.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deny {
    /// Why: the run's record keeps it.
    reason: String,
    /// The digest of the card that was seen; the present one when absent: a no is safe for any card.
    #[serde(default)]
    digest: Option<String>,
}

/// Denies a gate with a reason.
#[utoipa::path(post, path = "/api/v1/gates/{id}/deny", tag = "gates", params(("id" = String, Path)), request_body = Deny,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn deny(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<Deny>,
) -> Answered<Answer> {
    let digest = match asked.digest {
        Some(digest) => digest,
        None => app.handle.gate(&id).await?.digest,
    };
    let wish = Decide { gate: id, digest, decision: Decision::Denied, reason: Some(asked.reason) };
    Ok(Json(decide(&app, &who, wish).await?))
}

/// A decision as it was asked for.
pub(in crate::http) struct Decide {
    pub(in crate::http) gate: String,
    pub(in crate::http) digest: String,
    pub(in crate::http) decision: Decision,
    pub(in crate::http) reason: Option<String>,
}

/// Decides a gate: the one way in for every caller.
///
/// # Errors
/// [`crate::http::Code::Forbidden`] without the scope, [`crate::http::Code::StepUp`] for a high-risk approval without a fresh login,
/// [`crate::http::Code::Conflict`] for an opposite decision and for a card that changed.
pub(in crate::http) async fn decide(app: &App, who: &Principal, wish: Decide) -> Result<Answer, Refusal> {
    who.must(Scope::Approve)?;
    if wish.decision == Decision::Denied
        && wish.reason.as_deref().is_none_or(|reason| reason.trim().is_empty())
    {
        return Err(Refusal::invalid("a denial needs a reason").help("say why: the run's record keeps it"));
    }
    let gate = app.handle.gate(&wish.gate).await?;
    if gate.risk == Risk::High && wish.decision != Decision::Denied {
        who.must_be_strong(app.clock.now())?;
    }
    let is_short = wish.digest.len() >= SHORTEST_DIGEST && gate.digest.starts_with(&wish.digest);
    let digest = if is_short { gate.digest } else { wish.digest.clone() };
    let Decide { gate, decision, reason, .. } = wish;
    let decided = GateDecided { gate, digest, decision, reason, speaker: who.speaker() };
    Ok(app.handle.decide(decided, &who.by).await?)
}
