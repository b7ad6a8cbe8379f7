//! Rows that many instances share (money, rates, breakers): read, decided on and submitted under one lock.
//!
//! Batches reach the store in the order in which they were built, so a decision reads what the batch before it wrote, durable
//! or not yet; the first of a chain carries the version that was read as a guard. A refused batch of such a chain stops the
//! runtime: what came after it was decided on rows that never were.

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
pub(super) struct Shared {
    rows: Mutex<BTreeMap<Key, Cached>>,
}

/// The lock, with what was changed under it; dropping it without [`Held::submitted`] takes the changes back.
pub(super) struct Held<'a> {
    rows: MutexGuard<'a, BTreeMap<Key, Cached>>,
    before: BTreeMap<Key, Cached>,
}

impl Shared {
    /// Takes the lock. It is held until the batch is submitted.
    pub(super) fn hold(&self) -> Held<'_> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        Held { rows, before: BTreeMap::new() }
    }

    /// Notes that a batch is durable.
    pub(super) fn committed(&self, keys: &[Key], batch: u64) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
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

impl Held<'_> {
    /// Reads a row as the last submitted batch left it.
    fn get(
        &mut self,
        journal: &dyn Journal,
        table: Table,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, JournalError> {
        let place = (table, key.to_vec());
        if let Some(row) = self.rows.get(&place) {
            return Ok(row.value.clone());
        }
        let found = journal.row(table, key)?;
        let row = found.map_or_else(Cached::default, |row| Cached {
            value: Some(row.value),
            version: row.version,
            pending: 0,
        });
        let value = row.value.clone();
        self.rows.insert(place, row);
        Ok(value)
    }

    /// Reads a row as what it says.
    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        journal: &dyn Journal,
        (table, key): (Table, &[u8]),
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
        let row = self.rows.entry(place.clone()).or_default();
        self.before.entry(place).or_insert_with(|| row.clone());
        row.value = value;
    }

    /// Returns whether anything was changed.
    pub(super) fn is_changed(&self) -> bool {
        !self.before.is_empty()
    }

    /// Returns what the batch must carry for the changes, and the keys to tell [`Shared::committed`] about.
    pub(super) fn seal(&mut self) -> (Vec<RowWrite>, Vec<Guard>, Vec<Key>) {
        let (mut writes, mut guards) = (Vec::new(), Vec::new());
        for ((table, key), before) in &self.before {
            let Some(row) = self.rows.get_mut(&(*table, key.clone())) else { continue };
            if before.pending == 0 {
                guards.push(Guard { table: *table, key: key.clone(), version: before.version });
            }
            row.pending = before.pending + 1;
            writes.push(RowWrite { table: *table, key: key.clone(), value: row.value.clone() });
        }
        (writes, guards, self.before.keys().cloned().collect())
    }

    /// Lets the changes stand: their batch is in the store's queue.
    pub(super) fn submitted(mut self) {
        self.before.clear();
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        for (key, row) in std::mem::take(&mut self.before) {
            self.rows.insert(key, row);
        }
    }
}
