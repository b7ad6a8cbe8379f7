//! The billing double: customers and invoices over HTTP, with idempotency keys that mean what Stripe's mean.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/customers` `{name?, email, ...}` | 200, the customer |
//! | `GET /v1/customers` `?email=&limit=&starting_after=` | a list |
//! | `POST /v1/invoices` `{customer or customer_email, amount, currency, ...}` | 200, the invoice |
//! | `GET /v1/invoices` `?key=&customer=&limit=&starting_after=` | a list; `key` is the probe after an unknown outcome |
//! | `GET /v1/invoices/{id}` | the invoice, or 404 |
//! | `POST /v1/invoices/{id}/void` | the invoice, `status: "void"` |
//!
//! Bodies are JSON; every posted field comes back. `amount` is a positive number or a decimal string, `currency` three
//! letters; a `customer` that looks like an id (`cus_...`) must exist. Errors have Stripe's form.

mod exchange;
mod objects;
mod reads;
mod refusal;
mod shared;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use refusal::Refusal;
pub(crate) use shared::Billing;

/// Returns the routes of the billing API.
pub(crate) fn router(billing: Billing) -> Router {
    let billing = Arc::new(billing);
    Router::new()
        .route("/v1/customers", post(exchange::create_customer).get(reads::customers))
        .route("/v1/invoices", post(exchange::create_invoice).get(reads::invoices))
        .route("/v1/invoices/{id}", get(reads::invoice))
        .route("/v1/invoices/{id}/void", post(exchange::void_invoice))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&billing), authorised))
        .layer(middleware::map_response(labelled))
        .with_state(billing)
}

async fn authorised(State(billing): State<Arc<Billing>>, request: Request, next: Next) -> Response {
    if bearer(request.headers()) == Some(billing.token.as_str()) {
        return next.run(request).await;
    }
    let refusal = Refusal {
        status: 401,
        kind: "invalid_request_error",
        code: None,
        message: "the double does not know this API key".to_owned(),
        param: None,
    };
    refusal.response()
}

async fn labelled(mut response: Response<Body>) -> Response<Body> {
    let label = header::HeaderValue::from_static("adjutant double (billing)");
    response.headers_mut().insert(header::SERVER, label);
    response
}

async fn unknown_route(method: Method, uri: axum::http::Uri) -> Response {
    let message = format!("unrecognized request URL ({method}: {})", uri.path());
    Refusal { status: 404, param: None, ..Refusal::invalid("", message) }.response()
}

async fn wrong_method(method: Method, uri: axum::http::Uri) -> Response {
    let message = format!("the double does not take {method} at {}", uri.path());
    Refusal { status: 405, param: None, ..Refusal::invalid("", message) }.response()
}

/// Returns the bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
