//! The edge of the company: what is dead or unknown, records, connectors, slots, and pauses of more than one run.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    paged::{Listed, listed},
    runs::Answered,
};
use crate::{
    desk::{
        Answer, PageWish, PauseWish, Settle, SettleCause,
        views::{CauseView, ConnectorView, DeadView, ProbeView, RecordView, SettledView, SlotView},
    },
    http::{
        App, Refusal,
        auth::Principal,
        extract::{Asked, Body},
    },
};

/// Lists effects that are dead, or of which nobody knows whether they happened, page by page.
#[utoipa::path(get, path = "/api/v1/dead", tag = "world", params(PageWish),
    responses((status = 200, body = Vec<DeadView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal, description = "the effect to go on after is not there")))]
pub(super) async fn dead(
    State(app): State<App>,
    who: Principal,
    Asked(page): Asked<PageWish>,
) -> Result<Listed<DeadView>, Refusal> {
    Ok(listed(app.desk.dead(&who, page).await?))
}

/// Lists what is dead or in doubt by its cause, the one that struck most first.
#[utoipa::path(get, path = "/api/v1/dead/causes", tag = "world", responses((status = 200, body = Vec<CauseView>)))]
pub(super) async fn causes(State(app): State<App>, who: Principal) -> Answered<Vec<CauseView>> {
    Ok(Json(app.desk.causes(&who).await?))
}

/// Settles everything that one cause struck, as it was shown.
#[utoipa::path(post, path = "/api/v1/dead/causes/{id}/settle", tag = "world", params(("id" = String, Path)),
    request_body = SettleCause,
    responses((status = 200, body = SettledView), (status = 404, body = Refusal),
        (status = 409, body = Refusal, description = "it struck others since"), (status = 422, body = Refusal)))]
pub(super) async fn settle_cause(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<SettleCause>,
) -> Answered<SettledView> {
    Ok(Json(app.desk.settle_cause(&who, &id, wish).await?))
}

/// Settles an unknown or dead effect.
#[utoipa::path(post, path = "/api/v1/effects/{id}/settle", tag = "world", params(("id" = String, Path)), request_body = Settle,
    responses((status = 200, body = Answer), (status = 404, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn settle(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Body(wish): Body<Settle>,
) -> Answered<Answer> {
    Ok(Json(app.desk.settle(&who, &id, wish).await?))
}

/// Lists the kinds of business records.
#[utoipa::path(get, path = "/api/v1/records", tag = "world", responses((status = 200, body = Vec<String>)))]
pub(super) async fn kinds(State(app): State<App>, who: Principal) -> Answered<Vec<String>> {
    Ok(Json(app.desk.kinds(&who)?))
}

/// Lists business records of a kind with where they come from, by key and page by page.
#[utoipa::path(get, path = "/api/v1/records/{kind}", tag = "world", params(("kind" = String, Path), PageWish),
    responses((status = 200, body = Vec<RecordView>, headers(
        ("x-total-count" = u64, description = "how many there are in all"),
        ("x-next" = Option<String>, description = "what to name as `after` for the next page"))),
        (status = 404, body = Refusal)))]
pub(super) async fn records(
    State(app): State<App>,
    who: Principal,
    Path(kind): Path<String>,
    Asked(page): Asked<PageWish>,
) -> Result<Listed<RecordView>, Refusal> {
    Ok(listed(app.desk.records(&who, &kind, page).await?))
}

/// Lists the connectors.
#[utoipa::path(get, path = "/api/v1/connectors", tag = "world", responses((status = 200, body = Vec<ConnectorView>)))]
pub(super) async fn connectors(State(app): State<App>, who: Principal) -> Answered<Vec<ConnectorView>> {
    Ok(Json(app.desk.connectors(&who)?))
}

/// Asks a connector whether it is there.
#[utoipa::path(post, path = "/api/v1/connectors/{id}/probe", tag = "world", params(("id" = String, Path)),
    responses((status = 200, body = ProbeView), (status = 404, body = Refusal)))]
pub(super) async fn probe(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
) -> Answered<ProbeView> {
    Ok(Json(app.desk.probe(&who, &id).await?))
}

/// How many slots to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SlotParams {
    /// At most so many; 20 when absent.
    limit: Option<usize>,
}

/// Lists the last slots of a playbook's schedule.
#[utoipa::path(get, path = "/api/v1/playbooks/{id}/slots", tag = "world", params(("id" = String, Path), SlotParams),
    responses((status = 200, body = Vec<SlotView>)))]
pub(super) async fn slots(
    State(app): State<App>,
    who: Principal,
    Path(id): Path<String>,
    Asked(asked): Asked<SlotParams>,
) -> Answered<Vec<SlotView>> {
    Ok(Json(app.desk.slots(&who, &id, asked.limit).await?))
}

/// Pauses everything, a playbook, or a connector.
#[utoipa::path(post, path = "/api/v1/pause", tag = "world", request_body = PauseWish,
    responses((status = 200, body = Answer), (status = 422, body = Refusal)))]
pub(super) async fn pause_scope(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<PauseWish>,
) -> Answered<Answer> {
    Ok(Json(app.desk.pause_scope(&who, wish).await?))
}

/// Ends such a pause.
#[utoipa::path(post, path = "/api/v1/resume", tag = "world", request_body = PauseWish,
    responses((status = 200, body = Answer), (status = 422, body = Refusal)))]
pub(super) async fn resume_scope(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<PauseWish>,
) -> Answered<Answer> {
    Ok(Json(app.desk.resume_scope(&who, wish).await?))
}
