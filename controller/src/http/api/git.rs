//! The source of truth: plans, proposals, revert and hold, and the hooks of `company.git`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    paged::{Listed, listed},
    runs::Answered,
};
use crate::{
    desk::{
        ApproveProposal, Because, ConfirmPlan, Done, NewProposal, PageWish, PlanWish, RevertWish,
        views::{PlanView, ProposalView, Push, PushAnswer},
    },
    http::{
        App, Refusal,
        auth::Principal,
        extract::{Asked, Body},
    },
};

/// Computes what would change.
#[utoipa::path(post, path = "/api/v1/plan", tag = "source", request_body = PlanWish,
    responses((status = 200, body = PlanView), (status = 404, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn plan(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<PlanWish>,
) -> Answered<PlanView> {
    Ok(Json(app.desk.plan_of(&who, wish).await?))
}

/// Confirms the plan that waits for it: what takes something away from live runs, or takes much away.
#[utoipa::path(post, path = "/api/v1/plan/confirm", tag = "source", request_body = ConfirmPlan,
    responses((status = 200, body = Done), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn confirm(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<ConfirmPlan>,
) -> Answered<Done> {
    Ok(Json(app.desk.confirm(&who, wish).await?))
}

/// Lists the proposals, newest first and page by page, without their diffs.
#[utoipa::path(get, path = "/api/v1/proposals", tag = "source", params(PageWish),
    responses((status = 200, body = Vec<ProposalView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the proposal to go on after is not there")))]
pub(super) async fn proposals(
    State(app): State<App>,
    who: Principal,
    Asked(page): Asked<PageWish>,
) -> Result<Listed<ProposalView>, Refusal> {
    Ok(listed(app.desk.proposals(&who, page).await?))
}

/// Opens a proposal.
#[utoipa::path(post, path = "/api/v1/proposals", tag = "source", request_body = NewProposal,
    responses((status = 201, body = ProposalView), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn propose(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<NewProposal>,
) -> Result<(StatusCode, Json<ProposalView>), Refusal> {
    Ok((StatusCode::CREATED, Json(app.desk.propose(&who, wish).await?)))
}

/// Proposes what people said of a route's decisions as lessons in its file.
#[utoipa::path(post, path = "/api/v1/routes/{id}/refit", tag = "source", params(("id" = String, Path)),
    responses((status = 201, body = ProposalView), (status = 404, body = Refusal), (status = 409, body = Refusal), (status = 422, body = Refusal)))]
pub(super) async fn refit(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ProposalView>), Refusal> {
    Ok((StatusCode::CREATED, Json(app.desk.refit(&who, &id).await?)))
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
    Ok(Json(app.desk.proposal(&who, &id, how.full).await?))
}

/// Approves a proposal: what the digest names, and only that.
#[utoipa::path(post, path = "/api/v1/proposals/{id}/approve", tag = "source", params(("id" = String, Path)),
    request_body = ApproveProposal,
    responses((status = 200, body = Done), (status = 403, body = Refusal), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn approve(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<ApproveProposal>,
) -> Answered<Done> {
    Ok(Json(app.desk.approve_proposal(&who, &id, wish).await?))
}

/// Refuses a proposal; it is remembered.
#[utoipa::path(post, path = "/api/v1/proposals/{id}/refuse", tag = "source", params(("id" = String, Path)), request_body = Because,
    responses((status = 200, body = Done), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn refuse(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<Because>,
) -> Answered<Done> {
    Ok(Json(app.desk.refuse_proposal(&who, &id, wish).await?))
}

/// Activates a stored revision at once, without Git, and holds the one in force.
#[utoipa::path(post, path = "/api/v1/revert", tag = "source", request_body = RevertWish,
    responses((status = 200, body = Done), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn revert(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<RevertWish>,
) -> Answered<Done> {
    Ok(Json(app.desk.revert(&who, wish).await?))
}

/// Keeps the revision in force, whatever the source says.
#[utoipa::path(post, path = "/api/v1/hold", tag = "source", request_body = Because,
    responses((status = 200, body = Done), (status = 409, body = Refusal)))]
pub(super) async fn hold(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<Because>,
) -> Answered<Done> {
    Ok(Json(app.desk.hold(&who, wish).await?))
}

/// Follows the source again.
#[utoipa::path(post, path = "/api/v1/release", tag = "source",
    responses((status = 200, body = Done), (status = 409, body = Refusal)))]
pub(super) async fn release(State(app): State<App>, who: Principal) -> Answered<Done> {
    Ok(Json(app.desk.release_hold(&who).await?))
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
    Ok(Json(app.desk.pushed(&who, Push { hook: name, ..push }).await?))
}
