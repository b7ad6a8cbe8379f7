//! Bytes of entries and states: `version | length | checksum | canonical JSON`.
//!
//! The version byte comes first, so that every released version keeps a reader; a newer one is refused. The checksum finds
//! torn and flipped bytes before the JSON reader is asked. JSON is chosen over a denser form because a record must be
//! readable without this program (`log`, `export`), and its size is dominated by the payloads.

use serde::{Serialize, de::DeserializeOwned};

use crate::{fact::Entry, run::Run};

/// The version that this build writes.
pub const VERSION: u8 = 1;
const HEAD: usize = 1 + 4 + 4;

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a newer build.
    #[error("the record has version {found}, this build reads up to {VERSION}")]
    Newer {
        /// Its version.
        found: u8,
    },
    /// Cut off.
    #[error("the record is cut off at {found} of {expected} bytes")]
    Short {
        /// How long it should be.
        expected: usize,
        /// How long it is.
        found: usize,
    },
    /// Damaged.
    #[error("the record's checksum does not match")]
    Checksum,
    /// No such record.
    #[error("the record is not readable")]
    Form(#[source] serde_json::Error),
}

/// Returns the bytes of an entry.
#[must_use]
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    frame(entry)
}

/// Reads an entry.
///
/// # Errors
/// [`CodecError`] for bytes that no version wrote.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, CodecError> {
    open(bytes)
}

/// Returns the bytes of a run's state.
#[must_use]
pub fn encode_run(run: &Run) -> Vec<u8> {
    frame(run)
}

/// Reads a run's state.
///
/// # Errors
/// [`CodecError`] for bytes that no version wrote.
pub fn decode_run(bytes: &[u8]) -> Result<Run, CodecError> {
    open(bytes)
}

/// Returns the canonical JSON of a value: sorted tables, no spaces.
///
/// # Panics
/// Never: the types of this crate have JSON forms, with texts as keys.
#[must_use]
pub fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    let mut json =
        serde_json::to_value(value).expect("the machine's types have JSON forms with texts as keys");
    json.sort_all_objects();
    json.to_string().into_bytes()
}

fn frame<T: Serialize>(value: &T) -> Vec<u8> {
    let body = serde_json::to_vec(value).expect("the machine's types have JSON forms with texts as keys");
    let mut bytes = Vec::with_capacity(HEAD + body.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(&checksum(&body));
    bytes.extend_from_slice(&body);
    bytes
}

fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let short = |expected| CodecError::Short { expected, found: bytes.len() };
    let (&version, _) = bytes.split_first().ok_or_else(|| short(HEAD))?;
    if version != VERSION {
        return Err(CodecError::Newer { found: version });
    }
    let (head, body) = bytes.split_at_checked(HEAD).ok_or_else(|| short(HEAD))?;
    let length =
        usize::try_from(u32::from_be_bytes([head[1], head[2], head[3], head[4]])).unwrap_or(usize::MAX);
    if body.len() != length {
        return Err(short(HEAD.saturating_add(length)));
    }
    if checksum(body) != head[5..HEAD] {
        return Err(CodecError::Checksum);
    }
    serde_json::from_slice(body).map_err(CodecError::Form)
}

/// The first four bytes of blake3: as good as a CRC for flipped bits, and the crate is here already.
fn checksum(body: &[u8]) -> [u8; 4] {
    let hash = blake3::hash(body);
    let bytes = hash.as_bytes();
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}
