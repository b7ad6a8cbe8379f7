//! One exchange with the billing API: fault, key, change, ledger, delay, answer, in this order.
//!
//! ```text
//!   fault? ─► key claimed? ─► kept answer? ─► change ─► ledger synced ─► delay ─► answer, or the end of the connection
//!    429..      409 in use      replayed        400..                              (unknown outcome)
//! ```
//! The semantics of a key follow Stripe: the first request that changes something keeps its answer for ever; the same
//! request again gets that answer with `Idempotent-Replayed: true`; another body or path under the key is refused
//! with 400; a key whose first request still runs is refused with 409. A refused request keeps nothing.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::objects::{self, Order};
use super::refusal::{Refusal, answer};
use super::shared::Billing;
use crate::books::{Books, Kept};
use crate::entry::{BillingCall, Change, Entry, now_ms};
use crate::error::Error;
use crate::faults::{HttpFault, Taken};
use crate::wire::{Cut, Pieces};

/// A request, as far as the ledger keeps it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: &'static str,
    path: String,
    key: Option<String>,
    body: Value,
}

impl Call {
    /// Returns a read; `key` is what it probes for.
    pub(super) fn get(path: &str, key: Option<String>) -> Self {
        // A probe is no use of the key: it is kept as the body of the read.
        let body = key.map_or(Value::Null, |key| json!({ "key": key }));
        Self { method: "GET", path: path.to_owned(), key: None, body }
    }

    fn post(path: &str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let key = headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default());
        if key.is_some_and(|key| key.is_empty() || key.len() > 255) {
            return Err(Refusal::invalid("Idempotency-Key", "a key has 1 to 255 visible ASCII characters"));
        }
        let (key, path) = (key.map(str::to_owned), path.to_owned());
        Ok(Self { method: "POST", path, key, body: Value::Null })
    }

    fn target(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn entry(&self, outcome: &Outcome, is_answered: bool) -> Entry {
        Entry::BillingCall(BillingCall {
            at_ms: now_ms(),
            method: self.method.to_owned(),
            path: self.path.clone(),
            key: self.key.clone(),
            body: self.body.clone(),
            status: outcome.status,
            response: if self.method == "GET" { Value::Null } else { outcome.response.clone() },
            is_replayed: outcome.is_replayed,
            is_answered,
            change: outcome.change.clone(),
        })
    }
}

/// What a request comes to.
#[derive(Debug, Clone)]
struct Outcome {
    status: u16,
    response: Value,
    is_replayed: bool,
    change: Option<Change>,
}

impl Outcome {
    fn success(response: Value, change: Option<Change>) -> Self {
        Self { status: 200, response, is_replayed: false, change }
    }

    fn replay(kept: &Kept) -> Self {
        let response = kept.response.clone();
        Self { status: kept.status, response, is_replayed: true, change: None }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status, response: refusal.body(), is_replayed: false, change: None }
    }
}

/// A request as it was posted.
struct Posted<'a> {
    path: &'a str,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

pub(super) async fn create_customer(
    State(billing): State<Arc<Billing>>,
    Extension(cut): Extension<Cut>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    post(&billing, &cut, Posted { path: "/v1/customers", headers: &headers, body: &body }, objects::customer)
        .await
}

pub(super) async fn create_invoice(
    State(billing): State<Arc<Billing>>,
    Extension(cut): Extension<Cut>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    post(&billing, &cut, Posted { path: "/v1/invoices", headers: &headers, body: &body }, objects::invoice)
        .await
}

// Extractors have no names of their own: two of them are one argument, as there are five.
pub(super) async fn void_invoice(
    (State(billing), Extension(cut)): (State<Arc<Billing>>, Extension<Cut>),
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = format!("/v1/invoices/{id}/void");
    let posted = Posted { path: &path, headers: &headers, body: &body };
    post(&billing, &cut, posted, |books, _| objects::void(books, &id)).await
}

/// Answers a read.
pub(super) async fn read(
    billing: &Billing,
    cut: &Cut,
    call: Call,
    find: impl FnOnce(&Books) -> Result<Value, Refusal>,
) -> Response {
    exchange(billing, cut, &call, |books| match find(books) {
        Ok(found) => Outcome::success(found, None),
        Err(refusal) => refusal.into(),
    })
    .await
}

/// Answers a request that may change something.
async fn post(
    billing: &Billing,
    cut: &Cut,
    posted: Posted<'_>,
    change: impl FnOnce(&Books, &Order) -> Result<Change, Refusal>,
) -> Response {
    let Posted { path, headers, body } = posted;
    let mut call = match Call::post(path, headers) {
        Ok(call) => call,
        Err(refusal) => return refusal.response(),
    };
    let fields = match fields(headers, body) {
        Ok(fields) => fields,
        Err(refusal) => return exchange(billing, cut, &call, |_| refusal.into()).await,
    };
    call.body = Value::Object(fields.clone());
    let order = Order { key: call.key.clone(), fields };
    exchange(billing, cut, &call, |books| settle(books, &call, |books| change(books, &order))).await
}

/// Decides from the books what a keyed request comes to.
fn settle(books: &Books, call: &Call, change: impl FnOnce(&Books) -> Result<Change, Refusal>) -> Outcome {
    if let Some(kept) = call.key.as_deref().and_then(|key| books.kept(key)) {
        let is_same = kept.target == call.target() && kept.body == call.body;
        return if is_same { Outcome::replay(kept) } else { key_reused().into() };
    }
    match change(books) {
        Ok(change) => Outcome::success(wire_form(books, &change), Some(change)),
        Err(refusal) => refusal.into(),
    }
}

async fn exchange(
    billing: &Billing,
    cut: &Cut,
    call: &Call,
    decide: impl FnOnce(&Books) -> Outcome,
) -> Response {
    let taken = billing.faults.at_billing(&call.target());
    if let Some(Taken { fault: fault @ (HttpFault::Status { .. } | HttpFault::CloseBefore), delay }) = taken {
        tokio::time::sleep(delay).await;
        return unprocessed(billing, cut, call, fault).await;
    }
    let claim = match claim(billing, call.key.as_ref()) {
        Ok(claim) => claim,
        Err(refusal) => return recorded(billing, call, refusal.into()),
    };
    let fault = taken.map(|taken| taken.fault);
    let is_answered = !matches!(fault, Some(HttpFault::CloseAfter | HttpFault::CutBody { .. }));
    let outcome = match process(billing, call, is_answered, decide) {
        Ok(outcome) => outcome,
        Err(error) => return ledger_failed(&error),
    };
    tokio::time::sleep(taken.map(|taken| taken.delay).unwrap_or_default()).await;
    drop(claim);
    match fault {
        Some(HttpFault::CloseAfter) => match cut.now().await {},
        Some(HttpFault::CutBody { after_bytes }) => cut_response(&outcome, cut, after_bytes),
        _ => response(&outcome),
    }
}

/// Decides and records in one step, so that two requests never decide from the same books.
fn process(
    billing: &Billing,
    call: &Call,
    is_answered: bool,
    decide: impl FnOnce(&Books) -> Outcome,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome::success(Value::Null, None);
    billing.ledger.decide(|books| {
        outcome = decide(books);
        call.entry(&outcome, is_answered)
    })?;
    Ok(outcome)
}

fn recorded(billing: &Billing, call: &Call, outcome: Outcome) -> Response {
    match process(billing, call, true, |_| outcome) {
        Ok(outcome) => response(&outcome),
        Err(error) => ledger_failed(&error),
    }
}

/// Answers, or cuts, a request that a fault keeps from being processed.
async fn unprocessed(billing: &Billing, cut: &Cut, call: &Call, fault: HttpFault) -> Response {
    let HttpFault::Status { code, retry_after } = fault else {
        let unseen = Outcome { status: 0, ..Outcome::success(Value::Null, None) };
        if let Err(error) = process(billing, call, false, |_| unseen) {
            tracing::error!(%error, "ledger failed");
        }
        match cut.now().await {}
    };
    let (kind, message) = match code {
        429 => ("rate_limit_error", "scripted fault: too many requests"),
        400..500 => ("invalid_request_error", "scripted fault: refused"),
        _ => ("api_error", "scripted fault: the service is down"),
    };
    let refusal = Refusal { status: code, kind, code: None, message: message.to_owned(), param: None };
    let mut response = recorded(billing, call, refusal.into());
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Holds a key while its request runs; dropping it, with the request or with the connection, frees the key.
struct Claim<'b> {
    keys: &'b Mutex<BTreeSet<String>>,
    key: String,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

fn claim<'b>(billing: &'b Billing, key: Option<&String>) -> Result<Option<Claim<'b>>, Refusal> {
    let Some(key) = key else { return Ok(None) };
    let keys = &billing.in_progress;
    // Asking and taking are one step under the lock: of two requests with one key, one is refused.
    let is_free = keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
    if is_free {
        return Ok(Some(Claim { keys, key: key.clone() }));
    }
    Err(Refusal {
        status: 409,
        kind: "idempotency_error",
        code: Some("idempotency_key_in_use"),
        message: "another request with this Idempotency-Key is in progress".to_owned(),
        param: None,
    })
}

fn key_reused() -> Refusal {
    let message =
        "keys for idempotent requests can only be used with the same parameters they were first used with";
    Refusal { status: 400, kind: "idempotency_error", code: None, message: message.to_owned(), param: None }
}

/// Reads the body: a JSON object, or nothing at all.
fn fields(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        let refusal = Refusal::invalid("Content-Type", "the double takes application/json");
        return Err(Refusal { status: 415, ..refusal });
    }
    serde_json::from_slice(body).map_err(|error| Refusal::invalid("body", format!("no JSON object: {error}")))
}

/// Returns what the API answers to a change.
fn wire_form(books: &Books, change: &Change) -> Value {
    match change {
        Change::CustomerCreated { customer } => json!(customer),
        Change::InvoiceCreated { invoice } => json!(invoice),
        Change::InvoiceVoided { id } => {
            let mut invoice = json!(books.invoice(id));
            invoice["status"] = "void".into();
            invoice
        }
    }
}

fn response(outcome: &Outcome) -> Response {
    let mut response = answer(outcome.status, &outcome.response);
    if outcome.is_replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

fn cut_response(outcome: &Outcome, cut: &Cut, after_bytes: usize) -> Response {
    let body = Bytes::from(outcome.response.to_string());
    let pieces = Pieces { pieces: VecDeque::from([body]), limit: Some(after_bytes), ..Pieces::default() };
    let mut response = response(outcome);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = pieces.into_body(cut.clone());
    response
}

fn ledger_failed(error: &Error) -> Response {
    tracing::error!(%error, "ledger failed");
    let message = error.to_string();
    Refusal { status: 500, kind: "api_error", code: None, message, param: None }.response()
}
