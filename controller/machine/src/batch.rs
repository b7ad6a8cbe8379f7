//! What is written in one go: entries of instances, rows, payloads, and what changes in counts.

use serde::{Deserialize, Serialize};

use crate::{count::CountChanges, id::InstanceId};

/// A table of rows beside the instances' entries and states. The words are on disk: only added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Effects and messages that wait for the world, by their ids.
    Outbox,
    /// Timers, by due moment (big-endian) first.
    Timer,
    /// Lists for people, such as runs by status.
    Index,
    /// Business records, by kind and key.
    Record,
    /// Money: reserved and settled, by scope and window.
    Ledger,
    /// What has been seen: run keys, webhook deliveries.
    Dedupe,
    /// Rates, pools and breakers.
    Admission,
    /// The host's own rows: applied revision, holds, tokens.
    Host,
}

/// One atomic write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Entries of instances, with snapshots where they are due.
    pub appends: Vec<Append>,
    /// Rows to put (`Some`) or delete (`None`).
    pub writes: Vec<RowWrite>,
    /// What changes in the counts of groups.
    pub counts: CountChanges,
    /// Rows that must still be as they were read.
    pub guards: Vec<Guard>,
    /// Payloads by digest; storing one twice is one: the first stays.
    pub blobs: Vec<(String, Vec<u8>)>,
    /// Old entries that retention lets go; their links in the chain stay.
    pub trims: Vec<Trim>,
    /// Instances that retention lets go whole; their links in the chain stay, and their names are not given again.
    pub removals: Vec<Removal>,
}

/// Entries to let go. They lie before the snapshot, which does not need them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The instance whose entries go.
    pub instance: InstanceId,
    /// The last entry that goes; all before it go too.
    pub through: u64,
}

/// An instance to let go: its entries, its state, its large payloads. The texts that a run shares with its branches go with the run,
/// so its branches go first, in batches of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The instance that goes.
    pub instance: InstanceId,
    /// The sequence number of its last entry: one that has another since stays, and the batch is refused.
    pub last: u64,
}

/// New entries of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The instance whose log they are added to.
    pub instance: InstanceId,
    /// The sequence number of its last entry so far; 0 where it has none.
    pub expected: u64,
    /// The entries, numbered from `expected + 1`.
    pub entries: Vec<Content>,
    /// The state after them, where it is to be kept: a reader begins there and folds what comes later.
    pub snapshot: Option<Vec<u8>>,
}

/// What an entry holds: a skeleton that stays, and a payload that can be forgotten.
///
/// The chain covers the skeleton and a salted digest of the payload, so that it holds when the payload is gone, and nobody can
/// confirm a guess at a short text from what is left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// What may stay for good: moments, kinds, numbers; no text and no value from outside.
    pub skeleton: Vec<u8>,
    /// All that the entry says; what forgetting takes away.
    pub payload: Vec<u8>,
}

/// A row to put or delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWrite {
    /// The table that the row is in.
    pub table: Table,
    /// Its key, ordered as bytes.
    pub key: Vec<u8>,
    /// Its value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

/// A row that must still be as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The table that the row is in.
    pub table: Table,
    /// The key of the row, as bytes.
    pub key: Vec<u8>,
    /// The version that was read; 0 where there was no row.
    pub version: u64,
}
