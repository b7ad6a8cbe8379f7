//! The seam to the store: plain bytes and ids, one atomic synced batch for each transition.
//!
//! *Flow*: the host builds a [`Batch`], submits it, and acts on what its rows show after the receipt.
//! *Guarantees*: a batch is applied whole or not at all; a receipt means that it survives a crash; batches are numbered
//! without holes and chained by hash. *Assumptions*: one writer process; each instance has one writer at a time.
//! *Errors*: [`JournalError`] tells what the caller can do.

mod walk;

use serde::{Deserialize, Serialize};

pub use walk::{Instances, Rows, instances, rows, rows_of};

use crate::{
    count::{Count, CountChanges},
    id::InstanceId,
};

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
}

/// Entries to let go. They lie before the snapshot, which does not need them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The instance whose entries go.
    pub instance: InstanceId,
    /// The last entry that goes; all before it go too.
    pub through: u64,
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

/// What a committed batch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The batch's number: the version of each row that it wrote.
    pub batch: u64,
    /// How many bytes of entries lie behind the snapshot of the last instance that it appended to.
    pub tail: u64,
}

/// An instance as it is stored: the last snapshot, and the entries behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The last entry's sequence number.
    pub seq: u64,
    /// The last snapshot; absent where there is none yet, or it cannot be read: then the tail begins with the first entry.
    pub snapshot: Option<Snapshot>,
    /// The entries behind the snapshot.
    pub tail: Vec<(u64, Content)>,
    /// How many bytes the tail takes in the store.
    pub bytes: u64,
    /// What is wrong with the snapshot, where it cannot be read.
    pub flaw: Option<String>,
}

/// A state as it was after an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of that entry.
    pub seq: u64,
    /// The state in its stored form.
    pub state: Vec<u8>,
}

impl Stored {
    /// Returns the state of an instance whose every append carries its state.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] where it cannot be read: such an instance is not folded.
    pub fn state(self, instance: &InstanceId) -> Result<Vec<u8>, JournalError> {
        let Self { seq, snapshot, flaw, .. } = self;
        let problem = flaw.unwrap_or_else(|| "its state is not there".to_owned());
        let corrupt = || JournalError::Corrupt { place: format!("the state of \"{instance}\""), problem };
        snapshot.filter(|snapshot| snapshot.seq == seq).map(|snapshot| snapshot.state).ok_or_else(corrupt)
    }
}

/// The smallest tail that is worth a snapshot, in stored bytes.
pub const SMALLEST_TAIL: u64 = 4 << 10;

/// Returns whether a snapshot is due: the tail outweighs the last one, so that what is written grows with what changed and not
/// with what is there. Never with the first append: most runs are short, and a reader folds them in no time.
#[must_use]
pub fn is_snapshot_due(tail: u64, last_snapshot: u64) -> bool {
    tail > last_snapshot.max(SMALLEST_TAIL)
}

/// A row as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key of the row, ordered as bytes.
    pub key: Vec<u8>,
    /// The number of the batch that wrote it.
    pub version: u64,
    /// The value as bytes; empty where there is a flaw.
    pub value: Vec<u8>,
    /// What is wrong with it, where its value cannot be trusted: the key still says whose it is, the value is empty. One bad
    /// row must not hide the others.
    pub flaw: Option<String>,
}

/// The count of a group, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCount {
    /// The name of the group.
    pub group: Vec<u8>,
    /// How many members it has, and a digest of who they are; absent where that cannot be read: then its rows are counted.
    pub count: Option<Count>,
}

/// Which rows to read, in key order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// Only keys that begin so.
    pub prefix: Vec<u8>,
    /// Only keys after this one.
    pub after: Option<Vec<u8>>,
    /// Only keys before this one.
    pub before: Option<Vec<u8>>,
    /// At most so many, as [`page`] reads it: 0 is the largest page.
    pub limit: usize,
    /// From the last to the first.
    pub backwards: bool,
}

/// What a check of the hash chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainReport {
    /// How many batches there are.
    pub batches: u64,
    /// How many entries the batches hold together.
    pub entries: u64,
    /// The hash of the last batch, as hex.
    pub head: String,
    /// The first batch whose hash does not follow from its content.
    pub broken_at: Option<u64>,
}

/// Why the store refused. The caller can: decide again (`Conflict`, `Moved`), give up (`Disk`, `Corrupt`, `Newer`, `Older`), or wait (`Busy`).
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The instance has other entries than the writer believed.
    #[error("instance \"{instance}\" is at {found}, not at {expected}")]
    Conflict {
        /// The instance that both wrote to.
        instance: InstanceId,
        /// What the writer believed.
        expected: u64,
        /// The number of the last entry that is there.
        found: u64,
    },
    /// A guarded row moved.
    #[error("a row of table {table:?} is at version {found}, not at {expected}")]
    Moved {
        /// The table that the row is in.
        table: Table,
        /// The version that the writer had read.
        expected: u64,
        /// The version that is there.
        found: u64,
    },
    /// The disk refused: the process must stop.
    #[error("the disk refused: {0}")]
    Disk(String),
    /// What is stored is damaged, with its place.
    #[error("stored data is damaged, {place}: {problem}")]
    Corrupt {
        /// The place in the store, for people: a row, an entry, a snapshot.
        place: String,
        /// What is wrong there, for people.
        problem: String,
    },
    /// The store was written by a newer build.
    #[error("the store has format {found}, this build writes {known}: it needs Adjutant {needs} or newer")]
    Newer {
        /// The format that the store has.
        found: u32,
        /// The format that this build writes.
        known: u32,
        /// The version that wrote it first in that format.
        needs: String,
    },
    /// The store was written before the first released format: it is neither read nor changed.
    #[error(
        "the store has format {found}, which no release wrote; this build reads formats from {oldest} on"
    )]
    Older {
        /// The format that the store has.
        found: u32,
        /// The oldest format that this build reads.
        oldest: u32,
    },
    /// The store is closing, or its queue is full.
    #[error("the store is closing and takes no more work")]
    Busy,
}

/// The most that one read returns: a reader that wants more asks again after the last key.
pub const PAGE: usize = 1_000;

/// Returns how much a read with this limit may return: at most [`PAGE`], which 0 also means.
#[must_use]
pub fn page(limit: usize) -> usize {
    if limit == 0 { PAGE } else { limit.min(PAGE) }
}

/// Called once when a batch is durable or refused; from the writer's thread, so it must not block.
pub type Done = Box<dyn FnOnce(Result<Receipt, JournalError>) + Send>;

/// The store: an atomic, synced, chained batch for each transition, and reads of what is durable.
pub trait Journal: Send + Sync + 'static {
    /// Queues a batch; blocks while the queue is full.
    fn submit(&self, batch: Batch, done: Done);

    /// Reads an instance. Where its snapshot is damaged, the entries from the first on stand for it.
    ///
    /// # Errors
    /// [`JournalError::Disk`], [`JournalError::Corrupt`].
    fn load(&self, instance: &InstanceId) -> Result<Option<Stored>, JournalError>;

    /// Returns the number of an instance's last entry; 0 where it has none. It is told by keys where the state cannot be read, so
    /// that a damaged instance can still be ended.
    ///
    /// # Errors
    /// [`JournalError::Disk`].
    fn last(&self, instance: &InstanceId) -> Result<u64, JournalError>;

    /// Reads entries from a sequence number on, at most [`page`] of `limit`.
    ///
    /// # Errors
    /// As [`Journal::load`].
    fn entries(
        &self,
        instance: &InstanceId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Content)>, JournalError>;

    /// Reads the ids of instances after one, in order, at most [`page`] of `limit`.
    ///
    /// # Errors
    /// As [`Journal::load`].
    fn instances(&self, after: Option<&InstanceId>, limit: usize) -> Result<Vec<InstanceId>, JournalError>;

    /// Reads one row.
    ///
    /// # Errors
    /// As [`Journal::load`].
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Row>, JournalError>;

    /// Reads a page of rows. A damaged one is there with its flaw.
    ///
    /// # Errors
    /// As [`Journal::load`].
    fn scan(&self, table: Table, scan: &Scan) -> Result<Vec<Row>, JournalError>;

    /// Reads the counts of the groups whose names begin so, in order; a group without members is not among them.
    ///
    /// # Errors
    /// [`JournalError::Disk`].
    fn counts(&self, prefix: &[u8]) -> Result<Vec<GroupCount>, JournalError>;

    /// Reads a payload by its digest.
    ///
    /// # Errors
    /// As [`Journal::load`].
    fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError>;

    /// Walks the hash chain from the first batch.
    ///
    /// # Errors
    /// As [`Journal::load`]; a broken chain is no error but a finding.
    fn verify(&self) -> Result<ChainReport, JournalError>;

    /// Writes a batch and waits until it is durable.
    ///
    /// # Errors
    /// Every [`JournalError`].
    fn append(&self, batch: Batch) -> Result<Receipt, JournalError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.submit(batch, Box::new(move |answer| sender.send(answer).unwrap_or_default()));
        receiver.recv().map_err(|_| JournalError::Busy)?
    }
}
