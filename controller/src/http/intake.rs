//! `/hooks/<connector>`: what the world tells. The signature is checked over the bytes as they came; 202 after the durable append.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde::{Deserialize, Serialize};

use super::{App, Code, HookRefusal, Refusal, extract::unread};

/// What the sender is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    /// The runs that it started, or had started before.
    runs: Vec<String>,
    /// Whether it had come before.
    duplicate: bool,
}

/// Returns the route of webhooks.
pub(super) fn router() -> Router<App> {
    Router::new().route("/hooks/{connector}", post(take))
}

async fn take(
    State(app): State<App>,
    Path(connector): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Taken>), Refusal> {
    let body = body.map_err(|rejection| unread(&rejection))?;
    let delivery = app.doors.hooks.verify(&connector, headers, body).await?;
    let started = app.handle.intake(delivery).await?;
    let duplicate = !started.is_empty() && started.iter().all(|run| !run.created);
    let status = if duplicate { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(Taken { runs: started.into_iter().map(|run| run.run).collect(), duplicate })))
}

impl From<HookRefusal> for Refusal {
    fn from(refusal: HookRefusal) -> Self {
        let code = match refusal {
            HookRefusal::Unknown(_) => Code::NotFound,
            HookRefusal::Signature(_) => Code::Unauthorized,
            HookRefusal::Invalid(_) => Code::Invalid,
            HookRefusal::TooLarge(_) => Code::TooLarge,
            HookRefusal::Unavailable(_) => Code::Unavailable,
        };
        Self::new(code, refusal.to_string())
    }
}
