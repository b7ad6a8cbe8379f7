//! Reads of the billing API: lists with Stripe's cursor, one invoice, and the probe by idempotency key.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::exchange::{Call, read};
use super::refusal::Refusal;
use super::shared::Billing;
use crate::books::Books;
use crate::entry::Invoice;
use crate::wire::Cut;

type Filters = BTreeMap<String, String>;

/// An object of a list.
struct Row {
    id: String,
    object: Value,
}

const MAX_LIMIT: usize = 100;

pub(super) async fn customers(
    State(billing): State<Arc<Billing>>,
    Extension(cut): Extension<Cut>,
    Query(filters): Query<Filters>,
) -> Response {
    let call = Call::get("/v1/customers", filters.get("key").cloned());
    read(&billing, &cut, call, |books| {
        check_known(&filters, &["email", "key", "limit", "starting_after"])?;
        page("/v1/customers", customer_rows(books, &filters), &filters)
    })
    .await
}

pub(super) async fn invoices(
    State(billing): State<Arc<Billing>>,
    Extension(cut): Extension<Cut>,
    Query(filters): Query<Filters>,
) -> Response {
    let call = Call::get("/v1/invoices", filters.get("key").cloned());
    read(&billing, &cut, call, |books| {
        check_known(&filters, &["key", "customer", "status", "limit", "starting_after"])?;
        page("/v1/invoices", invoice_rows(books, &filters), &filters)
    })
    .await
}

pub(super) async fn invoice(
    State(billing): State<Arc<Billing>>,
    Extension(cut): Extension<Cut>,
    Path(id): Path<String>,
) -> Response {
    let call = Call::get(&format!("/v1/invoices/{id}"), None);
    read(&billing, &cut, call, |books| {
        let invoice = books.invoice(&id).ok_or_else(|| Refusal::missing("id", &format!("invoice: {id}")))?;
        Ok(json!(invoice))
    })
    .await
}

/// A filter that would be ignored makes a probe lie; it is refused.
fn check_known(filters: &Filters, known: &[&str]) -> Result<(), Refusal> {
    match filters.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Refusal::invalid("query", format!("received unknown parameter: {name}"))),
        None => Ok(()),
    }
}

fn customer_rows(books: &Books, filters: &Filters) -> Vec<Row> {
    let rows = books.customers.iter().filter(|customer| {
        let email = customer.fields.get("email").and_then(Value::as_str);
        is_wanted(filters, "email", email) && is_wanted(filters, "key", customer.idempotency_key.as_deref())
    });
    rows.map(|customer| Row { id: customer.id.clone(), object: json!(customer) }).collect()
}

fn invoice_rows(books: &Books, filters: &Filters) -> Vec<Row> {
    let rows = books.invoices.iter().filter(|invoice| is_wanted_invoice(filters, invoice));
    rows.map(|invoice| Row { id: invoice.id.clone(), object: json!(invoice) }).collect()
}

fn is_wanted_invoice(filters: &Filters, invoice: &Invoice) -> bool {
    let customer = invoice.fields.get("customer").and_then(Value::as_str);
    let status = json!(invoice.status);
    is_wanted(filters, "key", invoice.idempotency_key.as_deref())
        && is_wanted(filters, "customer", customer)
        && is_wanted(filters, "status", status.as_str())
}

fn is_wanted(filters: &Filters, name: &str, found: Option<&str>) -> bool {
    filters.get(name).is_none_or(|wanted| Some(wanted.as_str()) == found)
}

/// Returns one page, newest first, after the object that `starting_after` names.
fn page(url: &str, rows: Vec<Row>, filters: &Filters) -> Result<Value, Refusal> {
    let limit = limit(filters)?;
    let mut rows: Vec<Row> = rows.into_iter().rev().collect();
    if let Some(after) = filters.get("starting_after") {
        let place = rows.iter().position(|row| row.id == *after);
        let place = place.ok_or_else(|| Refusal::missing("starting_after", &format!("object: {after}")))?;
        rows.drain(..=place);
    }
    let has_more = rows.len() > limit;
    let data: Vec<Value> = rows.into_iter().take(limit).map(|row| row.object).collect();
    Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
}

fn limit(filters: &Filters) -> Result<usize, Refusal> {
    let Some(text) = filters.get("limit") else { return Ok(10) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| Refusal::invalid("limit", format!("`limit` is a number from 1 to {MAX_LIMIT}")))
}
