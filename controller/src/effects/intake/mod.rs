//! What comes in: signed webhooks and dropped mails become deliveries, checked against the connector's own schema.
//!
//! *Guarantees*: a delivery has an id that the same message always has; nothing unsigned, stale or oversized becomes one.
//! *Assumptions*: whoever takes a delivery records it durably before the sender is told, and drops repeated ids.

pub(super) mod letter;
mod standing;
mod strength;

use adjutant_machine::id::Stamp;
use adjutant_spec::plan::Connector;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{schema, secrets::Secret};

pub use standing::DropStanding;
pub(super) use standing::Standings;
pub use strength::weakness;

/// A message from outside, verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The connector that it came through.
    pub connector: String,
    /// The event's name, as the connector declares it.
    pub event: String,
    /// Its id, unique in the connector; the same for every repetition.
    pub id: String,
    /// Its fields, as the connector's schema has them.
    pub fields: Value,
    /// Who brought it: `connector:<id>`.
    pub by: String,
    /// Where the sender gives no id: for how many milliseconds equal contents count as one delivery.
    pub within: Option<u64>,
}

/// What a sender proved to have sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A delivery of a declared event.
    Delivery(Delivery),
    /// An item that cannot be read as an event: it is kept and shown.
    Unread(Unread),
    /// An event that the connector does not declare: it is answered and counted, and starts nothing.
    Undeclared {
        /// Its name, or why there is none.
        event: String,
        /// What the sender wants to read in the answer, where it only asks who we are.
        challenge: Option<String>,
    },
}

/// An item that came in and cannot be read as an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    /// The connector that it came through.
    pub connector: String,
    /// The event's name, where it is known; else empty.
    pub event: String,
    /// Its id, else the digest of its bytes.
    pub id: String,
    /// Who brought it: `connector:<id>`.
    pub by: String,
    /// What can be shown of it.
    pub content: Value,
    /// Why it cannot be read.
    pub reason: String,
}

/// What somebody put where we look for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A mail that could be read.
    Mail(Delivery),
    /// Something that is no mail, or that could not be read.
    Bad(Unread),
}

/// Why an item was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The store is not there now: the file stays where it is.
    Later(String),
    /// It will never be taken.
    Never(String),
}

/// A request as it came.
#[derive(Debug, Clone, Copy)]
pub struct Webhook<'a> {
    /// The connector that its path names.
    pub connector: &'a str,
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// Its body, byte for byte.
    pub body: &'a [u8],
    /// When it came: what is signed must not be much older.
    pub now: Stamp,
}

/// A request with what verifies it.
pub(super) struct Signed<'a> {
    pub(super) connector: &'a Connector,
    pub(super) secrets: &'a [Secret],
    pub(super) received: &'a Webhook<'a>,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No connector of this name receives webhooks.
    #[error("no webhook connector \"{0}\"")]
    NoConnector(String),
    /// The connector cannot verify anything: its secret is missing or cannot be opened.
    #[error("connector \"{connector}\" cannot verify signatures: {reason}")]
    NoSecret {
        /// The connector.
        connector: String,
        /// Why no secret can be used.
        reason: String,
    },
    /// The body is larger than the connector takes.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes that the connector takes.
        limit: usize,
    },
    /// A header that the signature needs is missing.
    #[error("header \"{0}\" is missing or unreadable")]
    MissingHeader(String),
    /// The signature is not ours.
    #[error("the signature does not fit the body")]
    BadSignature,
    /// The message is from another time: a replay, or a wrong clock.
    #[error("the message is {seconds} s away from now, more than the {tolerance} s allowed")]
    Stale {
        /// How many seconds the message is away from now.
        seconds: u64,
        /// How far it may be.
        tolerance: u64,
    },
    /// The message has no id, and the connector says that it has one.
    #[error("the delivery has no id at `{place}`")]
    NoId {
        /// Where it should be: a field or a header.
        place: String,
    },
    /// The event is none that the connector declares.
    #[error("connector \"{connector}\" declares no event \"{event}\"")]
    UnknownEvent {
        /// The connector.
        connector: String,
        /// What the body, or the settings, name.
        event: String,
    },
    /// The fields break the event's schema.
    #[error("the fields break the schema of \"{event}\": {}", complaints.join("; "))]
    Fields {
        /// The event's name, as the sender has it.
        event: String,
        /// What is wrong, place first.
        complaints: Vec<String>,
    },
}

impl IntakeError {
    /// Returns the HTTP status that tells the sender: 404, 413, 401, 422, or 503 where it shall come again.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NoConnector(_) => 404,
            Self::NoSecret { .. } => 503,
            Self::TooLarge { .. } => 413,
            Self::MissingHeader(_) | Self::BadSignature | Self::Stale { .. } => 401,
            Self::NoId { .. } | Self::UnknownEvent { .. } | Self::Fields { .. } => 422,
        }
    }
}

/// Makes a delivery of fields that fit the event's schema.
pub(super) fn delivery(
    connector: &Connector,
    event: &str,
    id: String,
    fields: Value,
) -> Result<Delivery, IntakeError> {
    let schema = connector.events.get(event).ok_or_else(|| IntakeError::UnknownEvent {
        connector: connector.id.clone(),
        event: event.to_owned(),
    })?;
    schema::check(schema, &fields)
        .map_err(|complaints| IntakeError::Fields { event: event.to_owned(), complaints })?;
    let by = format!("connector:{}", connector.id);
    Ok(Delivery { connector: connector.id.clone(), event: event.to_owned(), id, fields, by, within: None })
}

/// Returns a setting that is a text.
pub(super) fn setting<'a>(connector: &'a Connector, name: &str) -> Option<&'a str> {
    connector.settings.get(name).and_then(Value::as_str)
}

/// Returns the most bytes of one message.
pub(super) fn limit(connector: &Connector, default: usize) -> usize {
    let set = connector.settings.get("max_body").and_then(Value::as_u64);
    set.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(default)
}
