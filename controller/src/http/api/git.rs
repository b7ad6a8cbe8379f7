//! The source of truth: plans, proposals, revert and hold, and the hooks of `company.git`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    paged::{Listed, PageParams, listed},
    runs::Answered,
};
use crate::http::{
    App, Refusal, Scope,
    auth::Principal,
    doors::{Done, NewProposal, PlanWish, ProposalView, Push, PushAnswer},
    extract::{Asked, Body},
};

/// Computes what would change.
#[utoipa::path(post, path = "/api/v1/plan", tag = "source", request_body = PlanWish,
    responses((status = 200, body = Object), (status = 404, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn plan(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<PlanWish>,
) -> Answered<Value> {
    who.must(Scope::Read)?;
    Ok(Json(app.doors.git.plan(wish).await?))
}

/// A yes to a plan that waits for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmPlan {
    /// The token that the plan showed.
    token: String,
}

/// Confirms the plan that waits for it: what takes something away from live runs, or takes much away.
#[utoipa::path(post, path = "/api/v1/plan/confirm", tag = "source", request_body = ConfirmPlan,
    responses((status = 200, body = Done), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn confirm(
    State(app): State<App>,
    who: Principal,
    Body(asked): Body<ConfirmPlan>,
) -> Answered<Done> {
    who.must(Scope::Operate)?;
    Ok(Json(app.doors.git.confirm(&asked.token, &who.by).await?))
}

/// Lists the proposals, newest first and page by page, without their diffs.
#[utoipa::path(get, path = "/api/v1/proposals", tag = "source", params(PageParams),
    responses((status = 200, body = Vec<ProposalView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the proposal to go on after is not there")))]
pub(super) async fn proposals(
    State(app): State<App>,
    who: Principal,
    Asked(asked): Asked<PageParams>,
) -> Result<Listed<ProposalView>, Refusal> {
    who.must(Scope::Read)?;
    Ok(listed(app.doors.git.proposals(asked.into()).await?))
}

/// Opens a proposal.
#[utoipa::path(post, path = "/api/v1/proposals", tag = "source", request_body = NewProposal,
    responses((status = 201, body = ProposalView), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn propose(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<NewProposal>,
) -> Result<(StatusCode, Json<ProposalView>), Refusal> {
    who.must(Scope::Propose)?;
    Ok((StatusCode::CREATED, Json(app.doors.git.propose(wish, &who.by).await?)))
}

/// Proposes what people said of a route's decisions as lessons in its file.
#[utoipa::path(post, path = "/api/v1/routes/{id}/refit", tag = "source", params(("id" = String, Path)),
    responses((status = 201, body = ProposalView), (status = 404, body = Refusal), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn refit(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ProposalView>), Refusal> {
    who.must(Scope::Propose)?;
    let said = app.handle.corrections(&id).await?;
    Ok((StatusCode::CREATED, Json(app.doors.git.refit(&id, said, &who.by).await?)))
}

/// How much of a proposal is shown.
#[derive(Debug, Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(in crate::http) struct HowMuch {
    /// Everything that differs, however long; where not all of it is shown, only this has a digest.
    pub(in crate::http) full: bool,
}

/// Shows a proposal with its diff, evidence and backtest.
#[utoipa::path(get, path = "/api/v1/proposals/{id}", tag = "source", params(("id" = String, Path), HowMuch),
    responses((status = 200, body = ProposalView), (status = 404, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn proposal(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Asked(how): Asked<HowMuch>,
) -> Answered<ProposalView> {
    who.must(Scope::Read)?;
    Ok(Json(app.doors.git.proposal(&id, how.full).await?))
}

/// A yes to a proposal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveProposal {
    /// The digest that was shown.
    digest: String,
}

/// Approves a proposal: what the digest names, and only that.
#[utoipa::path(post, path = "/api/v1/proposals/{id}/approve", tag = "source", params(("id" = String, Path)),
    request_body = ApproveProposal,
    responses((status = 200, body = Done), (status = 403, body = Refusal), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn approve(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<ApproveProposal>,
) -> Answered<Done> {
    who.must(Scope::Approve)?;
    who.must_be_strong(app.clock.now())?;
    Ok(Json(app.doors.git.approve(&id, &asked.digest, &who.by).await?))
}

/// A no, or the reason of a hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    /// Why.
    reason: String,
}

/// Refuses a proposal; it is remembered.
#[utoipa::path(post, path = "/api/v1/proposals/{id}/refuse", tag = "source", params(("id" = String, Path)), request_body = Because,
    responses((status = 200, body = Done), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn refuse(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(asked): Body<Because>,
) -> Answered<Done> {
    who.must(Scope::Approve)?;
    Ok(Json(app.doors.git.refuse(&id, &asked.reason, &who.by).await?))
}

/// Where to go back to.
#[derive(Debug, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RevertWish {
    /// The revision; the one before the present one when absent.
    to: Option<String>,
}

/// Activates a stored revision at once, without Git, and holds the one in force.
#[utoipa::path(post, path = "/api/v1/revert", tag = "source", request_body = RevertWish,
    responses((status = 200, body = Done), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn revert(
    State(app): State<App>,
    who: Principal,
    Body(asked): Body<RevertWish>,
) -> Answered<Done> {
    who.must(Scope::Operate)?;
    Ok(Json(app.doors.git.revert(asked.to.as_deref(), &who.by).await?))
}

/// Keeps the revision in force, whatever the source says.
#[utoipa::path(post, path = "/api/v1/hold", tag = "source", request_body = Because,
    responses((status = 200, body = Done), (status = 409, body = Refusal)))]
pub(super) async fn hold(
    State(app): State<App>,
    who: Principal,
    Body(asked): Body<Because>,
) -> Answered<Done> {
    who.must(Scope::Operate)?;
    Ok(Json(app.doors.git.hold(&asked.reason, &who.by).await?))
}

/// Follows the source again.
#[utoipa::path(post, path = "/api/v1/release", tag = "source",
    responses((status = 200, body = Done), (status = 409, body = Refusal)))]
pub(super) async fn release(State(app): State<App>, who: Principal) -> Answered<Done> {
    who.must(Scope::Operate)?;
    Ok(Json(app.doors.git.release(&who.by).await?))
}

/// Answers a hook of `company.git`: only over the control socket.
#[utoipa::path(post, path = "/api/v1/hook/{name}", tag = "source",
    params(("name" = String, Path, description = "`pre-receive`, `post-receive`, `proc-receive`")), request_body = Push,
    responses((status = 200, body = PushAnswer), (status = 403, body = Refusal), (status = 404, body = Refusal)))]
pub(super) async fn hook(
    State(app): State<App>,
    who: Principal,
    Path(name): Path<String>,
    Body(push): Body<Push>,
) -> Answered<PushAnswer> {
    who.must_be_socket()?;
    if !["pre-receive", "post-receive", "proc-receive"].contains(&name.as_str()) {
        return Err(Refusal::not_found("hook", &name));
    }
    Ok(Json(app.doors.git.pushed(Push { hook: name, by: who.by, ..push }).await?))
}
