//! Rows that many instances share (money, rates, breakers): peeked at without a lock, changed and submitted under one.
//!
//! Most decisions change none of them: they look, and go on. The lock is taken at the first change; what the decision saw until
//! then is read again under it, and where a row moved meanwhile, all of it is decided again. Batches that change shared rows
//! reach the store in the order in which they were built, so a decision reads what the batch before it wrote, durable or not yet;
//! the first of a chain carries the version that was read as a guard. A refused batch of such a chain stops the runtime: what
//! came after it was decided on rows that never were.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adjutant_machine::journal::{Guard, Journal, JournalError, RowWrite, Table};
use serde::{Serialize, de::DeserializeOwned};

/// The place of a row.
pub(super) type Key = (Table, Vec<u8>);

/// The most settled rows that are kept in memory.
const KEPT: usize = 4_096;

#[derive(Debug, Clone, Default)]
struct Cached {
    value: Option<Vec<u8>>,
    version: u64,
    pending: u32,
}

/// The rows in memory.
#[derive(Debug, Default)]
pub(super) struct SharedRows {
    rows: Mutex<BTreeMap<Key, Cached>>,
}

/// What one decision sees of the rows, and what it changes; dropping it without [`SharedView::submitted`] takes the changes back.
pub(super) struct SharedView<'a> {
    shared: &'a SharedRows,
    /// The lock, from the first change on until the batch is submitted.
    held: Option<MutexGuard<'a, BTreeMap<Key, Cached>>>,
    /// What was seen before the lock was taken.
    seen: BTreeMap<Key, Option<Vec<u8>>>,
    /// The rows that are changed, as memory held them before; one that it did not hold goes again with the change.
    before: BTreeMap<Key, Option<Cached>>,
    has_moved: bool,
}

/// What a batch carries for the shared rows that it changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The rows as they will be.
    pub(super) writes: Vec<RowWrite>,
    /// The versions that the decision rests on.
    pub(super) guards: Vec<Guard>,
    /// The keys to tell [`SharedRows::committed`] about once the batch is durable.
    pub(super) keys: Vec<Key>,
}

impl SharedRows {
    /// Looks at the rows without a lock.
    pub(super) fn look(&self) -> SharedView<'_> {
        self.view(None)
    }

    /// Looks at the rows under the lock from the first look on: nothing moves while this one decides.
    pub(super) fn hold(&self) -> SharedView<'_> {
        self.view(Some(self.lock()))
    }

    fn view<'a>(&'a self, held: Option<MutexGuard<'a, BTreeMap<Key, Cached>>>) -> SharedView<'a> {
        SharedView { shared: self, held, seen: BTreeMap::new(), before: BTreeMap::new(), has_moved: false }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Cached>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a batch is durable.
    pub(super) fn committed(&self, keys: &[Key], batch: u64) {
        if keys.is_empty() {
            return;
        }
        let mut rows = self.lock();
        for key in keys {
            if let Some(row) = rows.get_mut(key) {
                row.pending = row.pending.saturating_sub(1);
                row.version = row.version.max(batch);
            }
        }
        if rows.len() > KEPT {
            rows.retain(|_, row| row.pending > 0);
        }
    }
}

impl<'a> SharedView<'a> {
    /// Reads a row as the last submitted batch left it.
    fn get(
        &mut self,
        journal: &dyn Journal,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, JournalError> {
        let place = (table, key.to_vec());
        if let Some(rows) = &mut self.held {
            return known(rows, journal, place);
        }
        if let Some(seen) = self.seen.get(&place) {
            return Ok(seen.clone());
        }
        let value = known(&mut self.shared.lock(), journal, place.clone())?;
        self.seen.insert(place, value.clone());
        Ok(value)
    }

    /// Takes the lock, and finds out whether what was seen still holds.
    fn locked(&mut self) -> &mut MutexGuard<'a, BTreeMap<Key, Cached>> {
        let (shared, seen) = (self.shared, &mut self.seen);
        let has_moved = &mut self.has_moved;
        self.held.get_or_insert_with(|| {
            let rows = shared.lock();
            // A row that is not in memory was forgotten there, and can have moved meanwhile.
            *has_moved |= std::mem::take(seen)
                .into_iter()
                .any(|(key, value)| rows.get(&key).is_none_or(|row| row.value != value));
            rows
        })
    }

    /// Returns whether something that was seen had moved when the lock was taken: then all of it is decided again.
    pub(super) fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Reads a row as what it says.
    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        journal: &dyn Journal,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, JournalError> {
        let Some(bytes) = self.get(journal, table, key)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| JournalError::Corrupt {
            place: format!("row \"{}\" of {table:?}", String::from_utf8_lossy(key).replace('\0', " ")),
            problem: error.to_string(),
        })
    }

    /// Writes what a row says, or takes it away.
    pub(super) fn write<T: Serialize>(&mut self, table: Table, key: &[u8], value: Option<&T>) {
        let bytes = value.map(|value| serde_json::to_vec(value).expect("a shared row has a JSON form"));
        self.put(table, key, bytes);
    }

    /// Changes a row that was read before.
    fn put(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) {
        let place = (table, key.to_vec());
        let rows = self.locked();
        let old = rows.get(&place).cloned();
        rows.entry(place.clone()).or_default().value = value;
        self.before.entry(place).or_insert(old);
    }

    /// Returns whether anything was changed.
    pub(super) fn is_changed(&self) -> bool {
        !self.before.is_empty()
    }

    /// Returns what the batch must carry for the changes.
    pub(super) fn seal(&mut self) -> Changes {
        let mut changes = Changes::default();
        let Some(rows) = &mut self.held else { return changes };
        for ((table, key), before) in &self.before {
            let Some(row) = rows.get_mut(&(*table, key.clone())) else { continue };
            // What nobody had read must not be there: then the batch is refused, and nothing rests on it.
            let (version, pending) = before.as_ref().map_or((0, 0), |row| (row.version, row.pending));
            if pending == 0 {
                changes.guards.push(Guard { table: *table, key: key.clone(), version });
            }
            row.pending = pending + 1;
            changes.writes.push(RowWrite { table: *table, key: key.clone(), value: row.value.clone() });
        }
        changes.keys = self.before.keys().cloned().collect();
        changes
    }

    /// Lets the changes stand: their batch is in the store's queue.
    pub(super) fn submitted(mut self) {
        self.before.clear();
    }
}

/// Returns a row, from memory or the store.
fn known(
    rows: &mut BTreeMap<Key, Cached>,
    journal: &dyn Journal,
    place: Key,
) -> Result<Option<Vec<u8>>, JournalError> {
    if let Some(row) = rows.get(&place) {
        return Ok(row.value.clone());
    }
    let found = journal.row(place.0, &place.1)?;
    let row = found.map_or_else(Cached::default, |row| Cached {
        value: Some(row.value),
        version: row.version,
        pending: 0,
    });
    let value = row.value.clone();
    rows.insert(place, row);
    Ok(value)
}

impl Drop for SharedView<'_> {
    fn drop(&mut self) {
        let Some(rows) = &mut self.held else { return };
        for (key, row) in std::mem::take(&mut self.before) {
            match row {
                Some(row) => drop(rows.insert(key, row)),
                None => drop(rows.remove(&key)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use adjutant_machine::{journal::Batch, memory::MemoryJournal};

    use super::*;

    const SPENT: (Table, &[u8]) = (Table::Ledger, b"spent");
    const OTHER: (Table, &[u8]) = (Table::Ledger, b"other");

    fn store(rows: &[((Table, &[u8]), u64)]) -> MemoryJournal {
        let journal = MemoryJournal::new();
        let write = |((table, key), value): &((Table, &[u8]), u64)| RowWrite {
            table: *table,
            key: key.to_vec(),
            value: Some(value.to_string().into_bytes()),
        };
        journal.append(Batch { writes: rows.iter().map(write).collect(), ..Batch::default() }).unwrap();
        journal
    }

    fn seen(view: &mut SharedView<'_>, journal: &MemoryJournal, place: (Table, &[u8])) -> Option<u64> {
        view.read(journal, place.0, place.1).unwrap()
    }

    /// Puts a value as a batch of its own.
    fn change(shared: &SharedRows, journal: &MemoryJournal, (table, key): (Table, &[u8]), value: u64) {
        let mut view = shared.hold();
        seen(&mut view, journal, (table, key));
        view.write(table, key, Some(&value));
        let Changes { writes, guards, keys } = view.seal();
        let receipt = journal.append(Batch { writes, guards, ..Batch::default() }).unwrap();
        view.submitted();
        shared.committed(&keys, receipt.batch);
    }

    #[test]
    fn looking_holds_nobody_up_and_sees_one_moment() {
        let (shared, journal) = (SharedRows::default(), store(&[(SPENT, 1)]));
        let mut view = shared.look();
        assert_eq!(seen(&mut view, &journal, SPENT), Some(1));
        change(&shared, &journal, SPENT, 2);
        assert_eq!(seen(&mut view, &journal, SPENT), Some(1), "a decision sees a row once");
        assert!(!view.is_changed() && !view.has_moved());
        assert_eq!(seen(&mut shared.look(), &journal, SPENT), Some(2));
    }

    #[test]
    fn what_moved_between_the_look_and_the_change_is_found() {
        for moved in [SPENT, OTHER] {
            let (shared, journal) = (SharedRows::default(), store(&[(SPENT, 1), (OTHER, 1)]));
            let mut view = shared.look();
            let before = (seen(&mut view, &journal, SPENT), seen(&mut view, &journal, OTHER));
            assert_eq!(before, (Some(1), Some(1)));
            change(&shared, &journal, moved, 2);
            view.write(SPENT.0, SPENT.1, Some(&7_u64));
            assert!(view.has_moved(), "{moved:?}: what was read counts, not only what is written");
        }
    }

    #[test]
    fn what_is_dropped_was_never_changed() {
        for is_known in [true, false] {
            let (shared, journal) = (SharedRows::default(), store(&[(SPENT, 5)]));
            let mut view = shared.look();
            if is_known {
                seen(&mut view, &journal, SPENT);
            }
            view.write(SPENT.0, SPENT.1, Some(&9_u64));
            drop(view);
            assert_eq!(seen(&mut shared.look(), &journal, SPENT), Some(5), "known before: {is_known}");
            change(&shared, &journal, SPENT, 6);
            assert_eq!(seen(&mut shared.look(), &journal, SPENT), Some(6), "known before: {is_known}");
        }
    }

    /// Memory keeps few rows: one that it let go between the look and the change may have moved, and is not taken for absent.
    #[test]
    fn a_row_that_memory_let_go_is_read_again() {
        let (shared, journal) = (SharedRows::default(), store(&[(SPENT, 5)]));
        let mut view = shared.look();
        seen(&mut view, &journal, SPENT);
        shared.lock().clear();
        view.write(SPENT.0, SPENT.1, Some(&9_u64));
        assert!(view.has_moved());
        drop(view);
        assert_eq!(seen(&mut shared.look(), &journal, SPENT), Some(5));
    }
}
