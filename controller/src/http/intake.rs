//! `/hooks/<connector>`: what the world tells. The signature is checked over the bytes as they came; 202 after the durable append.
//!
//! ```text
//!   path ─► is there such a hook? ─► is it too long? ─► body, paced ─► signature ─► throttle of the connector ─► runs, or open
//!             404                      413                408            401          429                          202
//! ```
//! Nothing of a body is read before it is known whose it is. What is refused is counted with its connector, never with a name
//! that a stranger made up. A throttle comes after the signature: strangers use up none of what a sender may send.

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use http_body_util::LengthLimitError;

use super::{App, Code, HookRefusal, Refusal, crowd::Peer, pace::Cut};
use crate::desk::Told;

/// Returns the route of webhooks.
pub(super) fn router() -> Router<App> {
    Router::new().route("/hooks/{connector}", post(take))
}

async fn take(
    State(app): State<App>,
    peer: Peer,
    Path(connector): Path<String>,
    request: Request,
) -> Response {
    let limit = match app.hooks.limit(&connector) {
        Ok(limit) => limit,
        Err(refusal) => return unread(&app, peer, refusal.into()),
    };
    let hook = Hook { app, connector };
    match hook.take(limit, request).await {
        Ok((status, told)) => (status, Json(told)).into_response(),
        Err(refusal) => {
            hook.app.desk.turned_away(&hook.connector, &refusal.message);
            closing(refusal.into_response())
        }
    }
}

/// Refuses before anything of the body was read: who asks for hooks that are not there is slowed, by itself.
fn unread(app: &App, peer: Peer, refusal: Refusal) -> Response {
    let is_too_many = app.vault.throttle.public(peer, app.vault.now());
    let refusal = if is_too_many {
        Refusal::new(Code::TooMany, "too many requests").help("come again in a moment")
    } else {
        refusal
    };
    closing(refusal.into_response())
}

/// What is left of the body is nobody's next request.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The hook of a connector that exists.
struct Hook {
    app: App,
    connector: String,
}

impl Hook {
    async fn take(&self, limit: usize, request: Request) -> Result<(StatusCode, Told), Refusal> {
        let (parts, body) = request.into_parts();
        let said = parts
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if said.is_some_and(|length| length > limit as u64) {
            return Err(HookRefusal::TooLarge(limit).into());
        }
        let body = read(body, limit).await?;
        let received = self.app.hooks.verify(&self.connector, parts.headers, body).await?;
        if self.app.vault.throttle.delivery(&self.connector, self.app.vault.now()) {
            let message = format!("connector \"{}\" sends too fast", self.connector);
            return Err(Refusal::new(Code::TooMany, message).help("come again in a moment"));
        }
        let told = self.app.desk.arrived(&self.connector, received).await?;
        let status = if told.is_news() { StatusCode::ACCEPTED } else { StatusCode::OK };
        Ok((status, told))
    }
}

/// Reads a body of at most so many bytes.
async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return HookRefusal::TooLarge(limit).into();
            }
            match error.downcast_ref::<Cut>() {
                Some(cut @ Cut::TooSlow) => return Refusal::new(Code::TooSlow, cut.to_string()),
                Some(cut @ Cut::Crowded) => return Refusal::new(Code::TooMany, cut.to_string()),
                Some(Cut::Broken(_)) | None => {}
            }
            cause = error.source();
        }
        Refusal::invalid("the body could not be read")
    })
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
