//! The control endpoint: a script, or a person with curl, reads the ledger and scripts faults.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | what this is |
//! | `GET /ledger` | the books of all doubles |
//! | `GET /counts` | the numbers a script compares: mails, invoices, calls |
//! | `GET /mails`, `GET /mails/{n}` | all messages; one as it arrived (`message/rfc822`) |
//! | `GET`, `POST`, `DELETE /faults` | the queue; one script or a list of them; an empty queue |
//! | `PUT /fixtures` | other answers of the model |
//! | `PUT /adversary` `{"on": true}` | a model that obeys what it reads |
//!
//! It asks for no password: it listens on loopback, and what it governs is not real.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::books::Books;
use crate::entry::InvoiceStatus;
use crate::faults::{Faults, Script};
use crate::fixtures::Fixtures;
use crate::ledger::Ledger;
use crate::model::Model;

const LABEL: &str = "adjutant doubles: SMTP, billing and model servers that are not real\n\
    GET /ledger /counts /mails /mails/{n} /faults, POST /faults, DELETE /faults, PUT /fixtures /adversary\n";

/// What the control endpoint governs.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) model: Arc<Model>,
}

/// Returns the routes of the control endpoint.
pub(crate) fn router(control: Control) -> Router {
    Router::new()
        .route("/", get(|| async { LABEL }))
        .route("/ledger", get(ledger))
        .route("/counts", get(counts))
        .route("/mails", get(mails))
        .route("/mails/{number}", get(mail))
        .route("/faults", get(waiting).post(script).delete(clear))
        .route("/fixtures", put(fixtures))
        .route("/adversary", put(adversary))
        .with_state(Arc::new(control))
}

async fn ledger(State(control): State<Arc<Control>>) -> Json<Value> {
    Json(control.ledger.read(|books| json!(books)))
}

async fn counts(State(control): State<Arc<Control>>) -> Json<Value> {
    Json(control.ledger.read(count))
}

fn count(books: &Books) -> Value {
    let open = books.invoices.iter().filter(|invoice| invoice.status == InvoiceStatus::Open).count();
    json!({
        "mails": books.mails.len(),
        "refusals": books.refusals.len(),
        "customers": books.customers.len(),
        "invoices": books.invoices.len(),
        "open_invoices": open,
        "billing_calls": books.billing_calls.len(),
        "model_calls": books.model_calls.len(),
    })
}

async fn mails(State(control): State<Arc<Control>>) -> Json<Value> {
    Json(control.ledger.read(|books| json!(books.mails)))
}

async fn mail(State(control): State<Arc<Control>>, Path(number): Path<u64>) -> Response {
    let raw = control
        .ledger
        .read(|books| books.mails.iter().find(|mail| mail.number == number).map(|mail| mail.raw.clone()));
    match raw {
        Some(raw) => ([(header::CONTENT_TYPE, "message/rfc822")], raw).into_response(),
        None => refused(StatusCode::NOT_FOUND, &format!("there is no mail {number}")),
    }
}

async fn waiting(State(control): State<Arc<Control>>) -> Json<Vec<Script>> {
    Json(control.faults.waiting())
}

async fn clear(State(control): State<Arc<Control>>) -> Json<Vec<Script>> {
    control.faults.clear();
    Json(control.faults.waiting())
}

/// Takes one script or a list; a list with a mistake scripts nothing.
async fn script(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    let is_list = body.trim_ascii_start().starts_with(b"[");
    let scripts: Result<Vec<Script>, Response> =
        if is_list { read(&body) } else { read(&body).map(|script| vec![script]) };
    match scripts {
        Err(refused) => refused,
        Ok(scripts) => {
            scripts.into_iter().for_each(|script| control.faults.script(script));
            Json(control.faults.waiting()).into_response()
        }
    }
}

async fn fixtures(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    let fixtures = match Fixtures::parse(&String::from_utf8_lossy(&body)) {
        Ok(fixtures) => fixtures,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            return refused(StatusCode::BAD_REQUEST, &format!("{error}: {cause}"));
        }
    };
    let rules = fixtures.rules.len();
    control.model.load(fixtures);
    Json(json!({ "rules": rules })).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

async fn adversary(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    match read::<Switch>(&body) {
        Err(refused) => refused,
        Ok(Switch { on }) => {
            control.model.set_adversary(on);
            Json(json!({ "on": on })).into_response()
        }
    }
}

/// Reads a body whatever its content type says: curl says "form" unless told.
#[expect(clippy::result_large_err, reason = "the error is the response itself")]
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|error| refused(StatusCode::BAD_REQUEST, &error.to_string()))
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}
