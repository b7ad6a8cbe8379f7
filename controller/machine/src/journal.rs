//! The seam to the store: plain bytes and ids, one atomic synced batch for each transition.
//!
//! *Flow*: the host builds a [`Batch`], submits it, and acts on what its rows show after the receipt.
//! *Guarantees*: a batch is applied whole or not at all; a receipt means that it survives a crash; batches are numbered
//! without holes and chained by hash. *Assumptions*: one writer process; each instance has one writer at a time.
//! *Errors*: [`JournalError`] tells what the caller can do.

use serde::{Deserialize, Serialize};

pub use crate::batch::{Append, Batch, Content, Guard, Removal, RowWrite, Table, Trim};
use crate::{count::Count, id::InstanceId};

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
    /// that a damaged instance can still be ended. One that was let go still has it: its name is not given again.
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
    /// [`JournalError::Disk`] where the store can't be read.
    fn counts(&self, prefix: &[u8]) -> Result<Vec<GroupCount>, JournalError>;

    /// Reads a payload by its digest.
    ///
    /// # Errors
    /// As [`Journal::load`].
    fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError>;

    /// Gives the disk back what was let go. It may take long, and everything else goes on; a store without a disk has nothing to do.
    ///
    /// # Errors
    /// [`JournalError::Disk`].
    fn tidy(&self) -> Result<(), JournalError> {
        Ok(())
    }

    /// Returns how many bytes it takes on the disk; 0 where there is none.
    ///
    /// # Errors
    /// [`JournalError::Disk`].
    fn size(&self) -> Result<u64, JournalError> {
        Ok(0)
    }

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

/// Every row under a prefix, page behind page: what is read so can never be taken for everything when it is a page.
///
/// A read that wants one page only, for a list with a cursor, calls [`Journal::scan`] and says so.
#[derive(Debug)]
pub struct Rows<'a, J: ?Sized> {
    journal: &'a J,
    table: Table,
    scan: Scan,
    page: std::vec::IntoIter<Row>,
    is_last: bool,
}

/// Returns every row of a table whose key begins so, in key order.
pub fn rows<'a, J: Journal + ?Sized>(journal: &'a J, table: Table, prefix: &[u8]) -> Rows<'a, J> {
    rows_of(journal, table, Scan { prefix: prefix.to_vec(), ..Scan::default() })
}

/// Returns every row that a scan means, whatever its limit says.
pub fn rows_of<J: Journal + ?Sized>(journal: &J, table: Table, scan: Scan) -> Rows<'_, J> {
    Rows { journal, table, scan: Scan { limit: PAGE, ..scan }, page: Vec::new().into_iter(), is_last: false }
}

impl<J: Journal + ?Sized> Iterator for Rows<'_, J> {
    type Item = Result<Row, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.page.next() {
            return Some(Ok(row));
        }
        if self.is_last {
            return None;
        }
        let page = match self.journal.scan(self.table, &self.scan) {
            Ok(page) => page,
            Err(error) => {
                // Nobody shall take what came before for everything: after the error there is nothing.
                self.is_last = true;
                return Some(Err(error));
            }
        };
        self.is_last = page.len() < PAGE;
        if let Some(last) = page.last() {
            // The next page begins after this key, or ends before it.
            let edge = Some(last.key.clone());
            if self.scan.backwards { self.scan.before = edge } else { self.scan.after = edge }
        }
        self.page = page.into_iter();
        self.page.next().map(Ok)
    }
}

/// Every instance after one, page behind page.
#[derive(Debug)]
pub struct Instances<'a, J: ?Sized> {
    journal: &'a J,
    after: Option<InstanceId>,
    page: std::vec::IntoIter<InstanceId>,
    is_last: bool,
}

/// Returns the ids of all instances after one, in order.
pub fn instances<J: Journal + ?Sized>(journal: &J, after: Option<InstanceId>) -> Instances<'_, J> {
    Instances { journal, after, page: Vec::new().into_iter(), is_last: false }
}

impl<J: Journal + ?Sized> Iterator for Instances<'_, J> {
    type Item = Result<InstanceId, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(id) = self.page.next() {
            return Some(Ok(id));
        }
        if self.is_last {
            return None;
        }
        let page = match self.journal.instances(self.after.as_ref(), PAGE) {
            Ok(page) => page,
            Err(error) => {
                self.is_last = true;
                return Some(Err(error));
            }
        };
        self.is_last = page.len() < PAGE;
        self.after = page.last().cloned().or(self.after.take());
        self.page = page.into_iter();
        self.page.next().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::InstanceKind, memory::MemoryJournal};

    const MANY: usize = 2 * PAGE + 345;

    fn key(number: usize) -> Vec<u8> {
        format!("a{number:06}").into_bytes()
    }

    fn stored(count: usize) -> MemoryJournal {
        let journal = MemoryJournal::new();
        let row = |key| RowWrite { table: Table::Host, key, value: Some(Vec::new()) };
        let mut writes: Vec<RowWrite> = (0..count).map(|number| row(key(number))).collect();
        writes.push(row(b"b".to_vec()));
        journal.append(Batch { writes, ..Batch::default() }).expect("it is stored");
        journal
    }

    fn keys(rows: Rows<'_, MemoryJournal>) -> Vec<Vec<u8>> {
        rows.map(|row| row.expect("it is read").key).collect()
    }

    #[test]
    fn everything_is_read_however_many_pages_that_are() {
        for count in [0, 1, PAGE - 1, PAGE, PAGE + 1, MANY] {
            let wanted: Vec<Vec<u8>> = (0..count).map(key).collect();
            assert_eq!(keys(rows(&stored(count), Table::Host, b"a")), wanted, "{count}");
        }
    }

    #[test]
    fn a_limit_and_a_direction_take_nothing_away() {
        let scan = Scan { prefix: b"a".to_vec(), limit: 3, backwards: true, ..Scan::default() };
        let wanted: Vec<Vec<u8>> = (0..MANY).rev().map(key).collect();
        assert_eq!(keys(rows_of(&stored(MANY), Table::Host, scan)), wanted);
    }

    #[test]
    fn every_instance_is_met_once() {
        let journal = MemoryJournal::new();
        let id = |number: usize| InstanceId { kind: InstanceKind::Switch, name: format!("s{number:06}") };
        let append = |number| Append {
            instance: id(number),
            expected: 0,
            entries: vec![Content { skeleton: Vec::new(), payload: vec![1] }],
            snapshot: None,
        };
        let appends = (0..MANY).map(append).collect();
        journal.append(Batch { appends, ..Batch::default() }).expect("it is stored");
        let all: Vec<InstanceId> = instances(&journal, None).map(|id| id.expect("it is read")).collect();
        assert_eq!(all, (0..MANY).map(id).collect::<Vec<_>>());
        assert_eq!(instances(&journal, Some(id(MANY - 2))).count(), 1);
    }
}
