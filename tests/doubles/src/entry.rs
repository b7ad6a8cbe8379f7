//! What the doubles write down: one entry per accepted message, refused recipient, billing call or model call.
//!
//! Entries are facts. They are serialised as one JSON line each and never changed; what is known is their fold (`books`).

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Address, MessageParser};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A message was accepted for delivery.
    Mail(Mail),
    /// A recipient, or a whole message, was refused or dropped.
    MailRefused(MailRefusal),
    /// The billing double was called.
    BillingCall(BillingCall),
    /// The model double was called.
    ModelCall(ModelCall),
}

/// A name and an address from a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// The display name, where there is one.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// A message that the SMTP double accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Its place among the accepted messages, counted from 1.
    pub number: u64,
    /// When, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The reverse path of the envelope; empty for a bounce.
    pub envelope_from: String,
    /// The forward paths of the envelope.
    pub envelope_to: Vec<String>,
    /// The Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// The subject, decoded.
    pub subject: Option<String>,
    /// The `From` header.
    pub from: Vec<Mailbox>,
    /// The `To` header.
    pub to: Vec<Mailbox>,
    /// The first text body, decoded.
    pub text: Option<String>,
    /// Whether the client was told: false when a fault cut the connection after acceptance.
    pub is_answered: bool,
    /// The message as it arrived, dots unstuffed.
    #[serde(with = "as_base64")]
    pub raw: Vec<u8>,
}

/// The envelope and bytes of a message that is about to be accepted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    pub(crate) envelope_from: String,
    pub(crate) envelope_to: Vec<String>,
    pub(crate) raw: Vec<u8>,
    pub(crate) is_answered: bool,
}

impl Mail {
    /// Parses what clients are judged by; a message that is no mail at all keeps only its bytes.
    pub(crate) fn accepted(number: u64, delivery: Delivery) -> Self {
        let parsed = MessageParser::default().parse(&delivery.raw);
        let parsed = parsed.as_ref();
        Self {
            number,
            at_ms: now_ms(),
            message_id: parsed.and_then(|mail| mail.message_id()).map(str::to_owned),
            subject: parsed.and_then(|mail| mail.subject()).map(str::to_owned),
            from: parsed.and_then(|mail| mail.from()).map(mailboxes).unwrap_or_default(),
            to: parsed.and_then(|mail| mail.to()).map(mailboxes).unwrap_or_default(),
            text: parsed.and_then(|mail| mail.body_text(0)).map(|text| text.into_owned()),
            envelope_from: delivery.envelope_from,
            envelope_to: delivery.envelope_to,
            is_answered: delivery.is_answered,
            raw: delivery.raw,
        }
    }
}

/// Something the SMTP double did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRefusal {
    /// When, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The recipients concerned.
    pub envelope_to: Vec<String>,
    /// The reply code; absent when the connection was cut instead.
    pub code: Option<u16>,
}

/// A call of the billing API, with what it changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BillingCall {
    /// When, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The method: `GET` or `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The `Idempotency-Key`, where one was sent.
    pub key: Option<String>,
    /// The body, where one was sent.
    pub body: Value,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer; null for reads.
    pub response: Value,
    /// Whether the answer was kept from an earlier call with the same key.
    pub is_replayed: bool,
    /// Whether the client was told: false when a fault cut the connection.
    pub is_answered: bool,
    /// What this call changed; in the same line, so that neither exists without the other.
    pub change: Option<Change>,
}

/// What a billing call changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A customer was created.
    CustomerCreated {
        /// The customer.
        customer: Customer,
    },
    /// An invoice was created.
    InvoiceCreated {
        /// The invoice.
        invoice: Invoice,
    },
    /// An invoice was voided.
    InvoiceVoided {
        /// The id of the invoice.
        id: String,
    },
}

/// A customer of the billing API; the serialised form is the wire form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// Its id, such as `cus_000001`.
    pub id: String,
    /// Always `customer`.
    pub object: String,
    /// When, in seconds of Unix time.
    pub created: u64,
    /// The key it was created with.
    pub idempotency_key: Option<String>,
    /// Every field that was posted: name, email and others.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// An invoice of the billing API; the serialised form is the wire form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its id, such as `in_000001`.
    pub id: String,
    /// Always `invoice`.
    pub object: String,
    /// The number a customer would see.
    pub number: String,
    /// How the invoice stands: open or void.
    pub status: InvoiceStatus,
    /// When, in seconds of Unix time.
    pub created: u64,
    /// The key it was created with.
    pub idempotency_key: Option<String>,
    /// Every field that was posted: customer, amount, currency and others.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Created, to be paid.
    Open,
    /// Taken back.
    Void,
}

/// A call of the model endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCall {
    /// Its place among the calls, counted from 1.
    pub number: u64,
    /// When, in milliseconds of Unix time.
    pub at_ms: u64,
    /// The method and the path of the call, as `METHOD /path`.
    pub target: String,
    /// The request's headers; the value of `authorization` is never kept.
    pub headers: BTreeMap<String, String>,
    /// The request's body; a string where it was no JSON.
    pub request: Value,
    /// The fixture rule that answered.
    pub rule: Option<String>,
    /// Whether the adversary changed the answer.
    pub is_corrupted: bool,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer, whole even where it was streamed or cut.
    pub response: Value,
    /// Whether the client was told: false when a fault cut the connection.
    pub is_answered: bool,
}

/// Unix time in milliseconds; a clock before 1970 reads as 0.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn mailboxes(address: &Address<'_>) -> Vec<Mailbox> {
    let with_address = address.iter().filter_map(|one| {
        let address = one.address()?.to_owned();
        Some(Mailbox { name: one.name().map(str::to_owned), address })
    });
    with_address.collect()
}

mod as_base64 {
    use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}
