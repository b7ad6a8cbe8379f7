//! Bytes of entries and states: `version | JSON`; an entry has a skeleton beside it ([`crate::skeleton`]).
//!
//! The version byte comes first, so that every released version keeps a reader; a newer one is refused. Torn and flipped bytes
//! are found by the store, whose checksums cover what it keeps. JSON is chosen over a denser form because a record must be
//! readable without this program (`log`, `export`); the store makes it dense with a dictionary of its words.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    evolve::apply,
    fact::Entry,
    id::Stamp,
    journal::{Content, Stored},
    run::Run,
    skeleton::{self, HostEvent},
};

/// The version that this build writes. Version 1 was never released and has no reader.
pub const VERSION: u8 = 2;

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a newer build, or before the first release.
    #[error("the record has version {found}, this build reads version {VERSION}")]
    Version {
        /// The version byte that the record begins with.
        found: u8,
    },
    /// There are no bytes.
    #[error("the record is empty")]
    Empty,
    /// The bytes are no record of this version.
    #[error("the record is not readable")]
    Form(#[source] serde_json::Error),
    /// A log that does not begin with the run's opening, or has a hole.
    #[error("entry {found} stands where entry {expected} should")]
    Hole {
        /// The entry that is due.
        expected: u64,
        /// The one that is there.
        found: u64,
    },
    /// What is left does not tell where the run stands.
    #[error("its entries do not begin with its opening")]
    Headless,
    /// The state and the log are at different entries.
    #[error("its state is at {state}, its log at {log}")]
    Apart {
        /// Where the state stands.
        state: u64,
        /// Where the log ends.
        log: u64,
    },
}

/// Returns an entry as it is stored.
#[must_use]
pub fn encode_entry(entry: &Entry) -> Content {
    Content { skeleton: skeleton::of(entry), payload: frame(entry) }
}

/// Returns an entry of an instance that is no run as it is stored: its payload is plain JSON.
///
/// # Errors
/// What has no JSON form.
pub fn encode_host(
    at: Stamp,
    event: HostEvent,
    entry: &impl Serialize,
) -> Result<Content, serde_json::Error> {
    Ok(Content { skeleton: skeleton::of_host(at, event), payload: serde_json::to_vec(entry)? })
}

/// Reads an entry.
///
/// # Errors
/// [`CodecError`] for bytes that no version wrote.
pub fn decode_entry(content: &Content) -> Result<Entry, CodecError> {
    open(&content.payload)
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

/// Reads a run as it is stored: its last snapshot, and the entries behind it folded upon it. Where the snapshot cannot be read
/// the store gives all entries, and the fold begins with the opening.
///
/// # Errors
/// [`CodecError`] for bytes that no version wrote, and for a log with a hole.
pub fn read_run(stored: &Stored) -> Result<Run, CodecError> {
    let mut run = stored.snapshot.as_ref().map(|snapshot| decode_run(&snapshot.state)).transpose()?;
    let first = stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.seq) + 1;
    for (expected, (found, content)) in (first..).zip(&stored.tail) {
        if *found != expected {
            return Err(CodecError::Hole { expected, found: *found });
        }
        apply(&mut run, &decode_entry(content)?);
    }
    let run = run.ok_or(CodecError::Headless)?;
    if run.seq != stored.seq {
        return Err(CodecError::Apart { state: run.seq, log: stored.seq });
    }
    Ok(run)
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
    let mut bytes = Vec::with_capacity(1 << 10);
    bytes.push(VERSION);
    serde_json::to_writer(&mut bytes, value)
        .expect("the machine's types have JSON forms with texts as keys, and memory takes all bytes");
    bytes
}

fn open<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (&found, body) = bytes.split_first().ok_or(CodecError::Empty)?;
    if found != VERSION {
        return Err(CodecError::Version { found });
    }
    serde_json::from_slice(body).map_err(CodecError::Form)
}
