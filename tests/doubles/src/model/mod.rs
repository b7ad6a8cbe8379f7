//! The model double: an OpenAI-compatible chat endpoint that answers by fixture and by nothing else.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/models` | the models that the fixtures offer |
//! | `POST /v1/chat/completions` | a completion, whole or as server-sent events |
//!
//! Strict schemas are checked as the provider checks them, replies are checked against the schema, and errors have the
//! provider's form. Tools, images and several choices are not spoken here and are refused.

mod adversary;
mod answer;
mod completion;
mod refusal;
mod request;
mod strict;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::billing::bearer;
use crate::entry::{Entry, ModelCall, now_ms};
use crate::faults::{Faults, HttpFault, Taken};
use crate::fixtures::Fixtures;
use crate::ledger::Ledger;
use crate::wire::{Cut, Pieces};
use answer::Answer;
use refusal::Refusal;

/// The largest request body.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// What all requests to the model double share: fixtures, ledger and faults.
#[derive(Debug)]
pub(crate) struct Model {
    ledger: Arc<Ledger>,
    faults: Arc<Faults>,
    token: String,
    loaded: Mutex<Loaded>,
    is_adversary: AtomicBool,
}

/// The fixtures, and how often each rule has answered.
#[derive(Debug, Default)]
struct Loaded {
    fixtures: Fixtures,
    uses: Vec<u32>,
}

impl Model {
    pub(crate) fn new(ledger: Arc<Ledger>, faults: Arc<Faults>, token: String) -> Self {
        let loaded = Mutex::new(Loaded::default());
        Self { ledger, faults, token, loaded, is_adversary: AtomicBool::new(false) }
    }

    /// Replaces the fixtures; every rule starts anew.
    pub(crate) fn load(&self, fixtures: Fixtures) {
        self.set_adversary(fixtures.is_adversary);
        let uses = vec![0; fixtures.rules.len()];
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Loaded { fixtures, uses };
    }

    /// Makes the model obey, or stop obeying, what it reads.
    pub(crate) fn set_adversary(&self, is_adversary: bool) {
        self.is_adversary.store(is_adversary, Ordering::SeqCst);
    }

    fn models(&self) -> Value {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let names = &loaded.fixtures.models;
        let names = if names.is_empty() { vec!["double-small".to_owned()] } else { names.clone() };
        let row =
            |id: &String| json!({ "id": id, "object": "model", "created": 0, "owned_by": "adjutant-double" });
        json!({ "object": "list", "data": names.iter().map(row).collect::<Vec<_>>() })
    }

    /// Answers a request that was read whole; no fault is considered here.
    fn answer(&self, incoming: &Incoming) -> Answer {
        if bearer(&incoming.headers) != Some(self.token.as_str()) {
            let message = "Incorrect API key provided: the double does not know it.";
            return Answer::refused(Refusal::of_status(401, message));
        }
        match incoming.target.as_str() {
            "POST /v1/chat/completions" => self.chat(&incoming.body),
            "GET /v1/models" => Answer::plain(self.models()),
            target => {
                let refusal = Refusal::of_status(404, format!("the double does not serve {target}"));
                Answer::refused(Refusal { code: Some("unknown_url"), ..refusal })
            }
        }
    }

    fn chat(&self, body: &Bytes) -> Answer {
        let asked = match request::Chat::read(body) {
            Ok(asked) => asked,
            Err(refusal) => return Answer::refused(refusal),
        };
        let is_adversary = self.is_adversary.load(Ordering::SeqCst);
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let Loaded { fixtures, uses } = &mut *loaded;
        answer::answer(&asked, fixtures, uses, is_adversary)
    }
}

/// Returns the routes of the model endpoint: one handler, so that whatever is asked is in the ledger.
pub(crate) fn router(model: Arc<Model>) -> Router {
    Router::new().fallback(handle).with_state(model)
}

/// A request that was read whole.
struct Incoming {
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

async fn handle(
    State(model): State<Arc<Model>>,
    Extension(cut): Extension<Cut>,
    request: Request,
) -> Response {
    let target = format!("{} {}", request.method(), request.uri().path());
    let headers = request.headers().clone();
    let body = match axum::body::to_bytes(request.into_body(), MAX_BODY).await {
        Ok(body) => body,
        Err(error) => return plain(&Refusal::of_status(413, error.to_string())),
    };
    let incoming = Incoming { target, headers, body };
    let taken = model.faults.at_model(&incoming.target);
    let fault = taken.map(|taken| taken.fault);
    let delay = taken.map(|Taken { delay, .. }| delay).unwrap_or_default();
    let answer = match fault {
        Some(HttpFault::Status { code, retry_after }) => faulty(code, retry_after),
        Some(HttpFault::CloseBefore) => Answer::withheld(),
        _ => model.answer(&incoming),
    };
    let is_cut =
        matches!(fault, Some(HttpFault::CloseBefore | HttpFault::CloseAfter | HttpFault::CutBody { .. }));
    let answer = match record(&model, &incoming, answer, !is_cut) {
        Ok(answer) => answer,
        Err(refusal) => return plain(&refusal),
    };
    tokio::time::sleep(delay + answer.delay).await;
    match fault {
        Some(HttpFault::CloseBefore | HttpFault::CloseAfter) => match cut.now().await {},
        Some(HttpFault::CutBody { after_bytes }) => respond(answer, cut, Some(after_bytes)),
        _ => respond(answer, cut, None),
    }
}

fn faulty(code: u16, retry_after: Option<u32>) -> Answer {
    let mut answer = Answer::refused(Refusal::of_status(code, "scripted fault"));
    if let Some(seconds) = retry_after {
        answer.headers.insert("retry-after".to_owned(), seconds.to_string());
    }
    answer
}

/// Numbers the call and writes it down; the completion's id is its number.
fn record(model: &Model, incoming: &Incoming, answer: Answer, is_answered: bool) -> Result<Answer, Refusal> {
    let mut answer = answer;
    let recorded = model.ledger.decide(|books| {
        let number = books.model_calls.len() as u64 + 1;
        answer.number(number);
        Entry::ModelCall(ModelCall {
            number,
            at_ms: now_ms(),
            target: incoming.target.clone(),
            headers: kept_headers(&incoming.headers),
            request: kept_body(&incoming.body),
            rule: answer.rule.clone(),
            is_corrupted: answer.is_corrupted,
            status: answer.status,
            response: answer.body(),
            is_answered,
        })
    });
    match recorded {
        Ok(_) => Ok(answer),
        Err(error) => {
            tracing::error!(%error, "ledger failed");
            Err(Refusal::of_status(500, error.to_string()))
        }
    }
}

/// Headers for the ledger: what authorises is named, never kept.
fn kept_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let secret = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE];
    let kept = headers.iter().map(|(name, value)| {
        let value =
            if secret.contains(name) { "***".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        (name.to_string(), value.into_owned())
    });
    kept.collect()
}

fn kept_body(body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into())
}

fn respond(answer: Answer, cut: Cut, limit: Option<usize>) -> Response {
    let is_stream = answer.is_stream();
    let pieces: VecDeque<Bytes> = match &answer.completion {
        Some(completion) if is_stream => completion.events(),
        _ => VecDeque::from([Bytes::from(answer.body().to_string())]),
    };
    let mut response = head(answer.status);
    let kind = if is_stream { "text/event-stream; charset=utf-8" } else { "application/json" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    add_headers(response.headers_mut(), &answer.headers);
    *response.body_mut() = match (limit, is_stream) {
        (None, false) => pieces.into_iter().next().unwrap_or_default().into(),
        _ => Pieces { pieces, pause: answer.pause, limit }.into_body(cut),
    };
    response
}

fn plain(refusal: &Refusal) -> Response {
    let mut response = head(refusal.status);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.body_mut() = refusal.body().to_string().into();
    response
}

fn head(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = status.into_response();
    let label = HeaderValue::from_static("adjutant double (model)");
    response.headers_mut().insert(header::SERVER, label);
    response
}

fn add_headers(to: &mut HeaderMap, headers: &BTreeMap<String, String>) {
    for (name, value) in headers {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(to.insert(name, value)),
            _ => tracing::error!(%name, "a fixture's header is not a header"),
        }
    }
}
