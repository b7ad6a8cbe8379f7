//! `/healthz`, `/readyz` and `/metrics`, for whoever watches the process.

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use super::{App, Refusal, auth::Principal};

/// Returns the routes of health.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// Whether work can be taken. It tells no secrets: anybody may ask.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    reason: Option<&'static str>,
}

async fn ready(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let reason = match app.desk.is_in_force().await {
        Ok(true) => None,
        Ok(false) => Some("no revision is applied yet"),
        Err(_) => Some("the store does not answer"),
    };
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: reason.is_none(), reason }))
}

async fn metrics(State(app): State<App>, who: Principal) -> Result<Response, Refusal> {
    let status = app.desk.standing(&who).await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, app.metrics.text(&status, &app.desk.hooks(), app.changes())).into_response())
}
