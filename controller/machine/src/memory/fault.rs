//! What can go wrong with a store: with a batch, and with what is stored.

use crate::{id::InstanceId, journal::Table};

/// What goes wrong with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk refuses, nothing is written, and the store takes no more until a crash.
    Disk,
    /// As [`Fault::Disk`], but the batch is found after the crash.
    DiskAfterWrite,
    /// Another writer seems to have come first.
    Conflict,
    /// The store takes no more work now.
    Busy,
    /// The batch is written and nobody is told: the process died in between.
    LostAnswer,
}

/// A place of the store that a hand on the disk has spoilt: its checksum does not follow from it any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoilt {
    /// An instance's snapshot.
    Snapshot(InstanceId),
    /// One of its entries.
    Entry(InstanceId, u64),
    /// A row, by its table and key.
    Row(Table, Vec<u8>),
    /// The count of a group, by its name.
    Count(Vec<u8>),
}
