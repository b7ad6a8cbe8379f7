//! Whether a batch may be written: the one rule that every store asks, so that all stores answer alike.
//!
//! It does not write. A batch is judged against what the store holds and what was accepted before it in the same group.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    id::InstanceId,
    journal::{Batch, Guard, JournalError, Removal, Table},
};

/// What a batch is judged against.
pub trait Heads {
    /// Returns the sequence number of an instance's last entry; 0 where it has none.
    ///
    /// # Errors
    /// What the store answers when it cannot be read.
    fn last(&self, instance: &InstanceId) -> Result<u64, JournalError>;

    /// Returns the sequence number of the entry that an instance's last snapshot stands after; 0 where it has none.
    ///
    /// # Errors
    /// As [`Heads::last`].
    fn snapshot(&self, instance: &InstanceId) -> Result<u64, JournalError>;

    /// Returns whether an instance was let go.
    ///
    /// # Errors
    /// As [`Heads::last`].
    fn is_gone(&self, instance: &InstanceId) -> Result<bool, JournalError>;

    /// Returns whether a run has branches that were not let go: they share its texts.
    ///
    /// # Errors
    /// As [`Heads::last`].
    fn has_branches(&self, run: &InstanceId) -> Result<bool, JournalError>;

    /// Returns the version of a row; 0 where there is none.
    ///
    /// # Errors
    /// As [`Heads::last`].
    fn version(&self, table: Table, key: &[u8]) -> Result<u64, JournalError>;
}

/// Returns the last entry of every instance that the batch appends to, as it will be after the batch.
///
/// # Errors
/// [`JournalError::Moved`] where a guarded row moved, [`JournalError::Conflict`] where an instance has other entries than
/// the writer believed (or was let go, or a trim wants what the last snapshot does not cover), and what the store answers when it
/// cannot be read.
pub fn accept<'a>(
    batch: &'a Batch,
    heads: &impl Heads,
) -> Result<BTreeMap<&'a InstanceId, u64>, JournalError> {
    batch.guards.iter().try_for_each(|guard| unmoved(guard, heads))?;
    let mut ends = BTreeMap::new();
    for append in &batch.appends {
        let found = match ends.get(&append.instance) {
            Some(end) => *end,
            None => heads.last(&append.instance)?,
        };
        if found != append.expected || heads.is_gone(&append.instance)? {
            return Err(conflict(&append.instance, append.expected, found));
        }
        ends.insert(&append.instance, found + append.entries.len() as u64);
    }
    for trim in &batch.trims {
        // What lies behind the snapshot is the only home of what it says.
        let found = heads.snapshot(&trim.instance)?;
        if trim.through > found {
            return Err(conflict(&trim.instance, trim.through, found));
        }
    }
    let mut going = BTreeSet::new();
    for Removal { instance, last } in &batch.removals {
        let found = heads.last(instance)?;
        // What is there no more cannot go, and what grows in this very batch is wanted.
        let is_wanted = ends.contains_key(instance) || heads.has_branches(instance)?;
        if found != *last || *last == 0 || is_wanted || !going.insert(instance) || heads.is_gone(instance)? {
            return Err(conflict(instance, *last, found));
        }
    }
    Ok(ends)
}

fn unmoved(guard: &Guard, heads: &impl Heads) -> Result<(), JournalError> {
    let found = heads.version(guard.table, &guard.key)?;
    if found == guard.version {
        return Ok(());
    }
    Err(JournalError::Moved { table: guard.table, expected: guard.version, found })
}

fn conflict(instance: &InstanceId, expected: u64, found: u64) -> JournalError {
    JournalError::Conflict { instance: instance.clone(), expected, found }
}
