//! A page, or a refusal for people, as an answer.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::Markup;

use super::{frame, parts};
use crate::http::{Code, Refusal, refusal::status};

/// A page as an answer.
pub(super) struct Page(pub(super) Markup);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
        (kind, self.0.into_string()).into_response()
    }
}

/// A refusal, for people.
pub(super) struct Failed(pub(super) Refusal);

impl<E: Into<Refusal>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = status(self.0.code);
        if matches!(self.0.code, Code::Bug | Code::Journal) {
            tracing::error!(error = %self.0, "page failed");
        }
        (status, Page(frame::plain("That did not work", &parts::refusal(&self.0)))).into_response()
    }
}

/// What a handler of a page answers.
pub(super) type Shown = Result<Page, Failed>;

/// Answers a path that nothing serves.
pub(in crate::http) async fn missing(request: axum::extract::Request) -> Response {
    let path = request.uri().path();
    let refusal = Refusal::not_found("page", path);
    if path.starts_with("/api/") {
        return refusal.into_response();
    }
    (StatusCode::NOT_FOUND, Failed(refusal)).into_response()
}
