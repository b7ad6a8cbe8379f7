//! The wire: `POST <endpoint>/chat/completions`, and what its answers mean.

use std::time::{Duration, Instant};

use adjutant_machine::event::ErrorClass;
use adjutant_spec::plan::Connector;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use url::Url;

use super::{
    super::{
        egress::Egress,
        http::{authorise, message_of},
        outcome::Fault,
        secrets::Secret,
        wire::{self, Request, Response},
    },
    AgentJob,
    conversation::Conversation,
    price::{Bill, Usage},
};

/// An answer of a few thousand tokens, with room for what providers add.
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// One answer.
pub(super) struct Completion {
    pub(super) content: String,
    pub(super) refusal: Option<String>,
    /// Whether the answer ended at the limit of tokens.
    pub(super) is_cut: bool,
    /// What is recorded of the turn.
    pub(super) record: Value,
}

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
    let body = conversation.request(job);
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
    let answer = match wire::send(&Egress::of(job.connector), request).await {
        Ok(answer) => answer,
        Err(wire::Error::NotSent(fault)) => return Err(fault.costing(spent(bill))),
        Err(wire::Error::Lost(message)) => {
            // The provider may have worked, and billed, for nothing.
            bill.add_worst(bytes, job.call.max_tokens);
            return Err(Fault::transient(message).costing(Some(bill.total())));
        }
    };
    if answer.status != 200 {
        return Err(refused(&answer).costing(spent(bill)));
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match usage(&body) {
        Some(usage) => bill.add(usage),
        None => bill.add_worst(bytes, job.call.max_tokens),
    }
    read(&body, &digest).map_err(|fault| fault.costing(Some(bill.total())))
}

/// Returns the names of the endpoint's models: the probe of `connectors probe`.
pub(in crate::effects) async fn models(
    connector: &Connector,
    secret: Option<&Secret>,
    timeout: Duration,
) -> Result<Vec<String>, Fault> {
    let request = Request {
        method: Method::GET,
        url: url(connector, "models")?,
        headers: with_settings(connector, secret, HeaderMap::new())?,
        body: None,
        timeout,
        max_response: MAX_RESPONSE,
    };
    let answer = match wire::send(&Egress::of(connector), request).await {
        Ok(answer) if answer.status == 200 => answer,
        Ok(answer) => return Err(refused(&answer)),
        Err(wire::Error::NotSent(fault)) => return Err(fault),
        Err(wire::Error::Lost(message)) => return Err(Fault::transient(message)),
    };
    let body = answer.json_or_text();
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
    authorise(connector, secret, &mut headers)?;
    Ok(headers)
}

/// What has been spent on earlier turns, where there were any.
fn spent(bill: &Bill) -> Option<adjutant_spec::value::Money> {
    Some(bill.total()).filter(|total| !total.amount.is_zero())
}

fn refused(answer: &Response) -> Fault {
    let said = message_of(answer);
    let message = format!("the model endpoint answered {}: {said}", answer.status);
    let is_quota = said.contains("insufficient_quota") || answer.status == 402;
    let fault = match answer.status {
        _ if is_quota => Fault::unavailable(message),
        401 | 403 => Fault::new(ErrorClass::Auth, message),
        404 | 410 => Fault::unavailable(message),
        408 | 409 | 425 => Fault::transient(message),
        429 => Fault::new(ErrorClass::RateLimited, message),
        500..=599 => Fault::transient(message),
        _ => Fault::invalid(message),
    };
    fault.after(answer.retry_after())
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
        "id": body["id"],
        "answered_by": body["model"],
        "fingerprint": body["system_fingerprint"],
        "finish": finish,
        "usage": body["usage"],
    });
    let content = message["content"].as_str().unwrap_or_default().to_owned();
    Ok(Completion { content, refusal, is_cut: finish == "length", record })
}
