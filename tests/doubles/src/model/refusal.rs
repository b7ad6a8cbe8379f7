//! Errors in the provider's form.

use serde_json::{Value, json};

/// An error in the provider's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) param: Option<&'static str>,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status: 400, kind: "invalid_request_error", code: None, param: Some(param), message }
    }

    /// Returns the error that the provider sends with a status.
    pub(super) fn of_status(status: u16, message: impl Into<String>) -> Self {
        let (kind, code) = match status {
            401 => ("invalid_request_error", Some("invalid_api_key")),
            404 => ("invalid_request_error", Some("model_not_found")),
            429 => ("requests", Some("rate_limit_exceeded")),
            400..500 => ("invalid_request_error", None),
            _ => ("server_error", None),
        };
        Self { status, kind, code, param: None, message: message.into() }
    }

    pub(super) fn body(&self) -> Value {
        let Self { kind, code, param, message, .. } = self;
        json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
    }
}
