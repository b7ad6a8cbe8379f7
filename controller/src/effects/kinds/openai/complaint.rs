//! Answers that are none: endpoints say "no" in the body, whatever status the gateway before them writes.

use adjutant_machine::event::ErrorClass;
use serde_json::Value;

use crate::effects::outcome::Fault;

/// What an endpoint says instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The status that the words mean.
    status: u16,
    /// The status that was sent.
    sent: u16,
    words: String,
}

/// What words mean where no number is among them. The first that is found counts.
const MEANINGS: [(&[&str], u16); 8] = [
    (
        &[
            "insufficient_quota",
            "insufficient quota",
            "billing",
            "payment",
            "out of credits",
            "insufficient credit",
        ],
        402,
    ),
    (&["rate limit", "rate_limit", "ratelimit", "too many requests", "resource_exhausted", "throttl"], 429),
    (&["api key", "api_key", "unauthorized", "unauthenticated", "authentication", "invalid token"], 401),
    (&["permission", "forbidden", "not allowed"], 403),
    (&["model_not_found", "does not exist", "not found", "no such model"], 404),
    (&["overloaded", "unavailable", "timeout", "timed out", "try again", "loading"], 503),
    (&["context_length", "context length", "maximum context", "too long"], 413),
    (
        &["unsupported", "invalid_request", "invalid request", "unrecognized", "bad request", "validation"],
        400,
    ),
];

impl Complaint {
    /// Reads the answer to a question: a complaint, unless it has a choice.
    pub(super) fn of(status: u16, body: &Value) -> Option<Self> {
        let choice = body.pointer("/choices/0");
        let inner = choice.and_then(|choice| choice.get("error")).filter(|error| !error.is_null());
        if is_success(status) && choice.is_some() && inner.is_none() {
            return None;
        }
        Some(Self::read(status, inner.unwrap_or(body)))
    }

    /// Reads the answer to the question for models: a complaint, unless it is a list.
    pub(super) fn of_list(status: u16, body: &Value) -> Option<Self> {
        (!is_success(status) || !body["data"].is_array()).then(|| Self::read(status, body))
    }

    fn read(sent: u16, body: &Value) -> Self {
        // A list of errors is what some gateways make of one.
        let body = body.as_array().and_then(|all| all.first()).unwrap_or(body);
        let error =
            ["error", "errors", "detail"].iter().find_map(|name| body.get(name).filter(|one| !one.is_null()));
        let error = error.unwrap_or(body);
        let error = error.as_array().and_then(|all| all.first()).unwrap_or(error);
        let words = words_of(error);
        let coded = [error.get("code"), error.get("status"), body.get("code"), body.get("status")];
        let coded = coded.into_iter().flatten().find_map(number);
        let status = if is_success(sent) { coded.unwrap_or_else(|| meaning(&words)) } else { sent };
        Self { status, sent, words }
    }

    /// Returns the failure; who records it masks and cuts its words.
    pub(super) fn fault(self, retry_after: Option<u64>) -> Fault {
        let Self { status, sent, words } = self;
        let within = if status == sent { String::new() } else { format!(" (within an answer of {sent})") };
        let hint = if status == 400 { parameter_hint(&words) } else { "" };
        let message = format!("the model endpoint answered {status}{within}: {words}{hint}");
        let is_quota = status == 402 || meaning(&words) == 402;
        let fault = match status {
            _ if is_quota => Fault::unavailable(message),
            401 | 403 => Fault::new(ErrorClass::Auth, message),
            404 | 410 => Fault::unavailable(message),
            408 | 409 | 425 => Fault::transient(message),
            429 => Fault::new(ErrorClass::RateLimited, message),
            500..=599 => Fault::transient(message),
            _ => Fault::invalid(message),
        };
        fault.after(retry_after)
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Code, type and message of an error; else all of it.
fn words_of(error: &Value) -> String {
    if let Some(text) = error.as_str() {
        return text.to_owned();
    }
    let parts = [error.get("code"), error.get("type"), error.get("message"), error.get("msg")];
    let parts: Vec<&str> = parts.into_iter().flatten().filter_map(Value::as_str).collect();
    if parts.is_empty() { error.to_string() } else { parts.join(", ") }
}

/// A status as a number or as digits.
fn number(code: &Value) -> Option<u16> {
    let code = code.as_u64().or_else(|| code.as_str()?.trim().parse().ok())?;
    u16::try_from(code).ok().filter(|code| (400..600).contains(code))
}

/// What cannot be read is taken for a passing trouble of whoever stands before the model.
fn meaning(words: &str) -> u16 {
    let words = words.to_lowercase();
    let found = MEANINGS.iter().find(|(signs, _)| signs.iter().any(|sign| words.contains(sign)));
    found.map_or(502, |(_, status)| *status)
}

/// Newer models refuse old parameters; the way out is a setting.
fn parameter_hint(words: &str) -> &'static str {
    let known = ["max_tokens", "temperature", "seed", "response_format", "stream"];
    if known.iter().any(|name| words.contains(name)) {
        "; `parameters` of the connector renames a parameter or leaves it out"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(status: u16, body: &Value) -> Option<ErrorClass> {
        match Complaint::of(status, body)?.fault(None) {
            Fault::Definite(failure) => Some(failure.class),
            Fault::Unknown(_) | Fault::Held(_) => None,
        }
    }

    #[test]
    fn an_error_is_read_from_the_body_whatever_the_status() {
        use ErrorClass::{Auth, Invalid, RateLimited, Transient, Unavailable};
        let table = [
            (json!({ "error": { "message": "rate limit for today", "code": 429 } }), RateLimited),
            (json!({ "error": { "message": "slow down", "code": "429" } }), RateLimited),
            (json!({ "error": { "message": "Rate limit reached", "type": "requests" } }), RateLimited),
            (json!([{ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED" } }]), RateLimited),
            (json!({ "object": "error", "message": "bad request", "code": 400 }), Invalid),
            (json!({ "detail": "Unauthorized" }), Auth),
            (json!({ "error": "model m not found" }), Unavailable),
            (json!({ "error": { "code": "insufficient_quota", "message": "check your plan" } }), Unavailable),
            (json!({ "error": "the server is overloaded" }), Transient),
            (json!({ "errors": [{ "message": "Service unavailable" }] }), Transient),
            (
                json!({ "choices": [{ "error": { "code": 502, "message": "provider" }, "message": {} }] }),
                Transient,
            ),
            (json!("<html>Sign in to the Wi-Fi</html>"), Transient),
            (json!({}), Transient),
        ];
        for (body, expected) in table {
            assert_eq!(class(200, &body), Some(expected), "{body}");
        }
        assert_eq!(
            class(200, &json!({ "choices": [{ "message": { "content": "{}" } }], "error": null })),
            None
        );
    }

    #[test]
    fn a_status_that_is_sent_counts() {
        assert_eq!(class(503, &json!({ "error": { "code": 400 } })), Some(ErrorClass::Transient));
        assert_eq!(
            class(429, &json!({ "error": { "type": "insufficient_quota" } })),
            Some(ErrorClass::Unavailable)
        );
    }

    #[test]
    fn a_refused_parameter_says_what_to_write() {
        let body = json!({ "error": { "message": "Unsupported parameter: 'max_tokens'", "code": "unsupported_parameter" } });
        let fault = Complaint::of(400, &body).unwrap().fault(None);
        assert!(fault.message().contains("`parameters` of the connector"), "{}", fault.message());
    }
}
