//! How everything is: status, money, audit, and the playbooks in force.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::runs::Answered;
use crate::{
    desk::{
        BackupWish,
        views::{
            AuditView, BackupView, FullStatus, MonthView, PlaybookView, RemovedView, RetentionView, SpendView,
        },
    },
    http::{
        App, Refusal,
        auth::Principal,
        extract::{Asked, Body},
    },
};

/// Copies the store while it works, and verifies the copy: only over the control socket, since it writes where it is told.
#[utoipa::path(post, path = "/api/v1/backup", tag = "status", request_body = BackupWish,
    responses((status = 200, body = BackupView), (status = 403, body = Refusal), (status = 409, body = Refusal)))]
pub(super) async fn backup(
    State(app): State<App>,
    who: Principal,
    Body(wish): Body<BackupWish>,
) -> Answered<BackupView> {
    Ok(Json(app.desk.backup(&who, wish).await?))
}

/// Reports how long what is kept, and how the store grows.
#[utoipa::path(get, path = "/api/v1/retention", tag = "status", responses((status = 200, body = RetentionView)))]
pub(super) async fn retention(State(app): State<App>, who: Principal) -> Answered<RetentionView> {
    Ok(Json(app.desk.retention(&who).await?))
}

/// Removes now what is kept no longer, instead of by the hour.
#[utoipa::path(post, path = "/api/v1/retention/run", tag = "status",
    responses((status = 200, body = RemovedView), (status = 403, body = Refusal)))]
pub(super) async fn remove_old(State(app): State<App>, who: Principal) -> Answered<RemovedView> {
    Ok(Json(app.desk.remove_old(&who).await?))
}

/// Tells how everything is.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, body = FullStatus)))]
pub(super) async fn status(State(app): State<App>, who: Principal) -> Answered<FullStatus> {
    Ok(Json(app.desk.status(&who).await?))
}

/// The figures of `/metrics` as JSON.
#[utoipa::path(get, path = "/api/v1/metrics", tag = "status", responses((status = 200, body = Object)))]
pub(super) async fn metrics(State(app): State<App>, who: Principal) -> Answered<BTreeMap<String, f64>> {
    let status = app.desk.standing(&who).await?;
    let samples = app.metrics.samples(&status, &app.desk.hooks(), app.changes());
    Ok(Json(samples.into_iter().map(|sample| (sample.key(), sample.value)).collect()))
}

/// Shows what was spent against the caps in force.
#[utoipa::path(get, path = "/api/v1/spend", tag = "status", responses((status = 200, body = SpendView)))]
pub(super) async fn spend(State(app): State<App>, who: Principal) -> Answered<SpendView> {
    Ok(Json(app.desk.spend(&who).await?))
}

/// The month whose costs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MonthParams {
    /// Such as `2026-11`; the present one when absent.
    month: Option<String>,
}

/// Shows what a month cost, by playbook, agent and day.
#[utoipa::path(get, path = "/api/v1/spend/month", tag = "status", params(MonthParams),
    responses((status = 200, body = MonthView), (status = 422, body = Refusal)))]
pub(super) async fn month(
    State(app): State<App>,
    who: Principal,
    Asked(asked): Asked<MonthParams>,
) -> Answered<MonthView> {
    Ok(Json(app.desk.month(&who, asked.month.as_deref()).await?))
}

/// Checks the hash chain and the fold of every instance.
#[utoipa::path(get, path = "/api/v1/audit", tag = "status", responses((status = 200, body = AuditView)))]
pub(super) async fn audit(State(app): State<App>, who: Principal) -> Answered<AuditView> {
    Ok(Json(app.desk.audit(&who).await?))
}

/// Lists the playbooks in force.
#[utoipa::path(get, path = "/api/v1/playbooks", tag = "status", responses((status = 200, body = Vec<PlaybookView>)))]
pub(super) async fn playbooks(State(app): State<App>, who: Principal) -> Answered<Vec<PlaybookView>> {
    Ok(Json(app.desk.playbooks(&who)?))
}
