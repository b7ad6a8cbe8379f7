//! Customers and invoices from what was posted: the only place that knows which fields are needed.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::books::Books;
use crate::entry::{Change, Customer, Invoice, InvoiceStatus, now_ms};

/// A request that may change something.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) key: Option<String>,
    pub(super) fields: Map<String, Value>,
}

/// Fields that the API sets; posting one is a mistake.
const RESERVED: [&str; 5] = ["id", "object", "created", "status", "idempotency_key"];

pub(super) fn customer(books: &Books, order: &Order) -> Result<Change, Refusal> {
    check_reserved(&order.fields, &RESERVED)?;
    address(&order.fields, "email")?.ok_or_else(|| Refusal::invalid("email", "`email` is needed"))?;
    let customer = Customer {
        id: format!("cus_{:06}", books.customers.len() + 1),
        object: "customer".to_owned(),
        created: now_ms() / 1000,
        idempotency_key: order.key.clone(),
        fields: order.fields.clone(),
    };
    Ok(Change::CustomerCreated { customer })
}

pub(super) fn invoice(books: &Books, order: &Order) -> Result<Change, Refusal> {
    check_reserved(&order.fields, &RESERVED)?;
    check_reserved(&order.fields, &["number"])?;
    check_payer(books, &order.fields)?;
    check_amount(&order.fields)?;
    check_currency(&order.fields)?;
    let count = books.invoices.len() + 1;
    let invoice = Invoice {
        id: format!("in_{count:06}"),
        object: "invoice".to_owned(),
        number: format!("DOUBLE-{count:04}"),
        status: InvoiceStatus::Open,
        created: now_ms() / 1000,
        idempotency_key: order.key.clone(),
        fields: order.fields.clone(),
    };
    Ok(Change::InvoiceCreated { invoice })
}

pub(super) fn void(books: &Books, id: &str) -> Result<Change, Refusal> {
    let invoice = books.invoice(id).ok_or_else(|| Refusal::missing("id", &format!("invoice: {id}")))?;
    match invoice.status {
        InvoiceStatus::Open => Ok(Change::InvoiceVoided { id: id.to_owned() }),
        InvoiceStatus::Void => {
            let refusal = Refusal::invalid("id", format!("invoice {id} is void already"));
            Err(Refusal { code: Some("invoice_not_editable"), ..refusal })
        }
    }
}

fn check_reserved(fields: &Map<String, Value>, reserved: &[&'static str]) -> Result<(), Refusal> {
    match reserved.iter().find(|name| fields.contains_key(**name)) {
        Some(name) => Err(Refusal::invalid(name, format!("`{name}` is set by the API"))),
        None => Ok(()),
    }
}

fn check_payer(books: &Books, fields: &Map<String, Value>) -> Result<(), Refusal> {
    if address(fields, "customer_email")?.is_some() {
        return Ok(());
    }
    let customer = fields.get("customer").and_then(Value::as_str).filter(|id| !id.is_empty());
    let id = customer
        .ok_or_else(|| Refusal::invalid("customer", "`customer` or `customer_email` is needed, a string"))?;
    if id.starts_with("cus_") && books.customer(id).is_none() {
        return Err(Refusal::missing("customer", &format!("customer: {id}")));
    }
    Ok(())
}

fn check_amount(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let amount = match fields.get("amount") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) if is_decimal(text) => text.parse().ok(),
        _ => None,
    };
    match amount {
        Some(amount) if amount > 0.0 => Ok(()),
        _ => Err(Refusal::invalid("amount", "`amount` is needed: a positive number, or one in a string")),
    }
}

/// Digits with at most one point: `f64` would also read "inf" and "1e9".
fn is_decimal(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(part)
}

fn check_currency(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let currency = fields.get("currency").and_then(Value::as_str).unwrap_or_default();
    if currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(());
    }
    Err(Refusal::invalid("currency", "`currency` is needed: three letters"))
}

/// Returns an address field; one that is there and is no address is refused.
fn address<'f>(fields: &'f Map<String, Value>, name: &'static str) -> Result<Option<&'f str>, Refusal> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains('@') => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(name, format!("`{name}` is no mail address"))),
    }
}
