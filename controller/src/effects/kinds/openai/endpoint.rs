//! The wire: `POST <endpoint>/chat/completions`, and what its answers mean.

use std::time::Instant;

use adjutant_spec::{plan::Connector, shown};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use url::Url;

use super::{complaint::Complaint, request};
use crate::effects::{
    credentials,
    egress::Egress,
    llm::{AgentJob, Bill, Completion, Conversation, Usage},
    look::Look,
    outcome::Fault,
    secrets::Secret,
    wire::{self, Request},
};

/// An answer of a few thousand tokens, with room for what providers add.
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// The most characters of an id or of a model's name.
const LONGEST_WORD: usize = 120;

/// Asks for one completion; its cost is on the bill whatever comes of it.
pub(super) async fn complete(
    job: &AgentJob<'_>,
    conversation: &Conversation,
    bill: &mut Bill,
) -> Result<Completion, Fault> {
    let timeout = job.deadline.saturating_duration_since(Instant::now());
    if timeout.is_zero() {
        return Err(Fault::transient("no time is left to ask").costing(spent(bill)));
    }
    let body = request::body(job, conversation);
    let bytes = body.len();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let request = Request {
        method: Method::POST,
        url: url(job.connector, "chat/completions")?,
        headers: with_settings(job.connector, job.secret.as_ref(), headers)?,
        body: Some(body),
        timeout,
        max_response: MAX_RESPONSE,
    };
    let digest = request.digest();
    let answer = match wire::send(&Egress::of(job.connector, job.doors), request).await {
        Ok(answer) => answer,
        Err(wire::Error::NotSent(fault)) => return Err(fault.costing(spent(bill))),
        Err(wire::Error::Lost(message)) => {
            // The provider may have worked, and billed, for nothing.
            bill.add_worst(bytes, job.call.max_tokens);
            return Err(Fault::transient(message).costing(Some(bill.total())));
        }
    };
    let said = answer.json_or_text();
    if let Some(complaint) = Complaint::of(answer.status, &said) {
        // Nothing was answered, so nothing is booked but what the endpoint itself says that it took.
        if let Some(usage) = usage(&said) {
            bill.add(usage);
        }
        return Err(complaint.fault(answer.retry_after()).costing(spent(bill)));
    }
    match usage(&said) {
        Some(usage) => bill.add(usage),
        None => bill.add_worst(bytes, job.call.max_tokens),
    }
    read(&said, &digest).map_err(|fault| fault.costing(Some(bill.total())))
}

/// Returns the names of the endpoint's models: the probe of `connectors probe`.
pub(super) async fn models(look: &Look<'_>) -> Result<Vec<String>, Fault> {
    let Look { connector, doors, secret, timeout, .. } = *look;
    let request = Request {
        method: Method::GET,
        url: url(connector, "models")?,
        headers: with_settings(connector, secret, HeaderMap::new())?,
        body: None,
        timeout,
        max_response: MAX_RESPONSE,
    };
    let answer = match wire::send(&Egress::of(connector, doors), request).await {
        Ok(answer) => answer,
        Err(wire::Error::NotSent(fault)) => return Err(fault),
        Err(wire::Error::Lost(message)) => return Err(Fault::transient(message)),
    };
    let body = answer.json_or_text();
    if let Some(complaint) = Complaint::of_list(answer.status, &body) {
        return Err(complaint.fault(answer.retry_after()));
    }
    let listed = body["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(listed.iter().filter_map(|model| model["id"].as_str()).map(str::to_owned).collect())
}

fn url(connector: &Connector, path: &str) -> Result<Url, Fault> {
    let endpoint = connector.endpoint.as_deref().unwrap_or_default();
    if endpoint.is_empty() {
        return Err(Fault::unavailable(format!("model connector \"{}\" has no endpoint", connector.id)));
    }
    let text = format!("{}/{path}", endpoint.trim_end_matches('/'));
    Url::parse(&text).map_err(|error| Fault::invalid(format!("the endpoint is no URL: {error}")))
}

fn with_settings(
    connector: &Connector,
    secret: Option<&Secret>,
    mut headers: HeaderMap,
) -> Result<HeaderMap, Fault> {
    let table = connector.settings.get("headers").and_then(Value::as_object);
    for (name, value) in table.into_iter().flatten() {
        wire::header(&mut headers, name, value.as_str().unwrap_or_default())?;
    }
    credentials::authorise(connector, secret, &mut headers)?;
    Ok(headers)
}

/// What has been spent on earlier turns, where there were any.
fn spent(bill: &Bill) -> Option<adjutant_spec::value::Money> {
    Some(bill.total()).filter(|total| !total.amount.is_zero())
}

fn usage(body: &Value) -> Option<Usage> {
    let usage = body.get("usage")?;
    Some(Usage {
        prompt: usage.get("prompt_tokens")?.as_u64()?,
        cached: usage.pointer("/prompt_tokens_details/cached_tokens").and_then(Value::as_u64).unwrap_or(0),
        completion: usage.get("completion_tokens")?.as_u64()?,
    })
}

fn read(body: &Value, digest: &str) -> Result<Completion, Fault> {
    let choice = body
        .pointer("/choices/0")
        .ok_or_else(|| Fault::invalid("the model endpoint answered without a choice"))?;
    let message = &choice["message"];
    let finish = choice["finish_reason"].as_str().unwrap_or("unknown");
    let filtered =
        (finish == "content_filter").then(|| "the provider's filter took the answer away".to_owned());
    let refusal = message["refusal"].as_str().filter(|text| !text.is_empty()).map(str::to_owned).or(filtered);
    let record = json!({
        "request": digest,
        "id": short(&body["id"]),
        "answered_by": short(&body["model"]),
        "fingerprint": short(&body["system_fingerprint"]),
        "finish": short(&choice["finish_reason"]),
        "usage": usage(body).map(|usage| json!({
            "prompt_tokens": usage.prompt, "cached_tokens": usage.cached, "completion_tokens": usage.completion,
        })),
    });
    Ok(Completion { content: text_of(message), refusal, is_cut: finish == "length", record })
}

/// The text of a message: written at once or in parts, or as the arguments of a tool, which some endpoints make of a schema.
fn text_of(message: &Value) -> String {
    let parts = match &message["content"] {
        Value::String(text) if !text.trim().is_empty() => return text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<String>(),
        _ => String::new(),
    };
    let arguments = message.pointer("/tool_calls/0/function/arguments").and_then(Value::as_str);
    if parts.trim().is_empty() { arguments.unwrap_or_default().to_owned() } else { parts }
}

/// What an endpoint says of itself is kept short: it is its own words, and as long as it likes.
fn short(word: &Value) -> Value {
    word.as_str().map_or(Value::Null, |word| shown::excerpt(word, LONGEST_WORD).into())
}
