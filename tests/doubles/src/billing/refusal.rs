//! Answers that are not success, in Stripe's form.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// An answer that is not success: Stripe's `error` object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) message: String,
    pub(super) param: Option<&'static str>,
}

impl Refusal {
    pub(super) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            code: None,
            message: message.into(),
            param: Some(param),
        }
    }

    pub(super) fn missing(param: &'static str, what: &str) -> Self {
        let message = format!("no such {what}");
        Self { status: 404, code: Some("resource_missing"), ..Self::invalid(param, message) }
    }

    pub(super) fn body(&self) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = self.code {
            error["code"] = code.into();
        }
        if let Some(param) = self.param {
            error["param"] = param.into();
        }
        json!({ "error": error })
    }

    pub(super) fn response(&self) -> Response {
        answer(self.status, &self.body())
    }
}

pub(super) fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(body)).into_response()
}
