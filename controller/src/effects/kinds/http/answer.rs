//! From an answer to a result, or to the class of its failure.

use adjutant_machine::event::ErrorClass;
use adjutant_spec::plan::Idempotency;
use serde_json::{Value, json};

use crate::effects::{expression, job::VerbJob, outcome::Fault, wire::Response};

/// Returns the result of a call, not yet checked.
pub(super) fn read(job: &VerbJob<'_>, response: &Response) -> Result<Value, Fault> {
    if !is_expected(job, response.status) {
        return Err(classify(job.call.idempotency, response));
    }
    let body = response.json_or_text();
    let Some(setting) = job.verb.settings.get("result") else {
        return Ok(if body.is_object() { body } else { json!({ "body": body }) });
    };
    let context = json!({ "status": response.status, "headers": response.headers, "body": body });
    // The call has happened: a result that cannot be read does not make it undone.
    expression::render(setting, &context).map_err(|fault| Fault::lost(job.call.idempotency, fault.message()))
}

fn is_expected(job: &VerbJob<'_>, status: u16) -> bool {
    match job.verb.settings.get("expect") {
        Some(Value::Array(statuses)) => statuses.iter().any(|one| one.as_u64() == Some(u64::from(status))),
        Some(Value::Number(one)) => one.as_u64() == Some(u64::from(status)),
        _ => (200..300).contains(&status),
    }
}

/// Returns what an unexpected status means; the table is in the module above.
fn classify(idempotency: Idempotency, response: &Response) -> Fault {
    let said = message_of(response);
    let message = format!("it answered {}: {said}", response.status);
    let fault = match response.status {
        300..=399 => Fault::invalid(format!(
            "it answered {} and points to another place; redirects are not followed",
            response.status
        )),
        401 | 403 | 407 => Fault::new(ErrorClass::Auth, message),
        404 | 410 => Fault::new(ErrorClass::Gone, message),
        408 | 425 => Fault::transient(message),
        409 if idempotency == Idempotency::NativeKey && is_key_in_use(&said) => Fault::transient(message),
        409 | 412 | 423 => Fault::new(ErrorClass::Conflict, message),
        429 => Fault::new(ErrorClass::RateLimited, message),
        503 if idempotency == Idempotency::NativeKey => Fault::transient(message),
        500..=599 => Fault::lost(idempotency, message),
        // A status that the verb does not expect, although it tells of success: it happened, but not as declared.
        200..=299 => Fault::lost(idempotency, message),
        _ => Fault::invalid(message),
    };
    fault.after(response.retry_after())
}

/// Our own earlier attempt is still being worked on.
fn is_key_in_use(said: &str) -> bool {
    let said = said.to_lowercase();
    said.contains("in_use") || said.contains("in progress") || said.contains("in use")
}

/// Returns the other side's own words, whole: the message of a JSON error, else the body. Who keeps them masks and cuts them.
pub(super) fn message_of(response: &Response) -> String {
    let body = response.json_or_text();
    let error = body.get("error").unwrap_or(&body);
    let words = [error.get("code"), error.get("message"), error.get("detail"), error.get("title")];
    let words: Vec<&str> = words.into_iter().flatten().filter_map(Value::as_str).collect();
    match (words.is_empty(), error.as_str()) {
        (false, _) => words.join(", "),
        (true, Some(text)) => text.to_owned(),
        (true, None) => body.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn answer(status: u16, body: &str) -> Response {
        let headers = BTreeMap::from([("retry-after".to_owned(), "3".to_owned())]);
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    fn word(fault: &Fault) -> String {
        match fault {
            Fault::Definite(failure) => {
                serde_json::to_value(failure.class).unwrap().as_str().unwrap().to_owned()
            }
            Fault::Unknown(_) => "unknown".to_owned(),
            Fault::Held(_) => "held".to_owned(),
        }
    }

    #[test]
    fn a_status_has_one_class_for_each_idempotency() {
        use Idempotency::{AtMostOnce, NativeKey, Probe, Pure};
        let table = [
            (302, ["invalid", "invalid", "invalid", "invalid"]),
            (400, ["invalid", "invalid", "invalid", "invalid"]),
            (401, ["auth", "auth", "auth", "auth"]),
            (403, ["auth", "auth", "auth", "auth"]),
            (404, ["gone", "gone", "gone", "gone"]),
            (408, ["transient", "transient", "transient", "transient"]),
            (409, ["conflict", "conflict", "conflict", "conflict"]),
            (410, ["gone", "gone", "gone", "gone"]),
            (422, ["invalid", "invalid", "invalid", "invalid"]),
            (429, ["rate_limited", "rate_limited", "rate_limited", "rate_limited"]),
            (500, ["transient", "unknown", "unknown", "unknown"]),
            (502, ["transient", "unknown", "unknown", "unknown"]),
            (503, ["transient", "transient", "unknown", "unknown"]),
        ];
        for (status, expected) in table {
            let classes =
                [Pure, NativeKey, Probe, AtMostOnce].map(|one| word(&classify(one, &answer(status, "no"))));
            assert_eq!(classes, expected, "{status}");
        }
    }

    #[test]
    fn a_key_that_is_in_use_is_tried_again_later() {
        let body = json!({ "error": { "code": "idempotency_key_in_use", "message": "wait" } }).to_string();
        assert_eq!(word(&classify(Idempotency::NativeKey, &answer(409, &body))), "transient");
        assert_eq!(word(&classify(Idempotency::AtMostOnce, &answer(409, &body))), "conflict");
    }

    #[test]
    fn the_other_sides_words_are_kept_whole_until_they_are_masked() {
        let body = json!({ "error": { "message": "no such customer", "code": "missing" } }).to_string();
        assert_eq!(message_of(&answer(400, &body)), "missing, no such customer");
        assert_eq!(message_of(&answer(400, &"x".repeat(9_000))).len(), 9_000);
    }
}
