//! The timers that come next, in memory; all of them are rows in the store.
//!
//! Only the earliest part is loaded, so a million waiting runs cost no memory: `horizon` is the last key up to which memory is
//! complete. A fired timer leaves memory; its row goes in the batch that records the firing, or fires again after a crash.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use adjutant_machine::{
    id::Stamp,
    journal::{Journal, JournalError, Scan, Table},
};
use tokio::sync::Notify;

use super::rows::timer::{self, Timer};

/// How many timers are loaded at once.
const PAGE: usize = 1_000;
/// More than this are forgotten again.
const MOST: usize = 4 * PAGE;

#[derive(Debug, Default)]
struct Loaded {
    keys: BTreeSet<Vec<u8>>,
    /// The last key up to which `keys` is complete; `None` when it is all there is.
    horizon: Option<Vec<u8>>,
}

/// The timers that come next.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    loaded: Mutex<Loaded>,
    changed: Notify,
}

impl Wheel {
    /// Loads the first page.
    pub(super) fn open(&self, journal: &dyn Journal) -> Result<(), JournalError> {
        self.load(journal, None)
    }

    fn load(&self, journal: &dyn Journal, after: Option<Vec<u8>>) -> Result<(), JournalError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let page = journal.scan(Table::Timer, &Scan { after, limit: PAGE, ..Scan::default() })?;
        loaded.horizon = if page.len() < PAGE { None } else { page.last().map(|row| row.key.clone()) };
        loaded.keys.extend(page.into_iter().map(|row| row.key));
        Ok(())
    }

    /// Takes up a timer whose row is durable.
    pub(super) fn insert(&self, key: Vec<u8>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.horizon.as_ref().is_some_and(|horizon| key > *horizon) {
            return;
        }
        let is_first = loaded.keys.first().is_none_or(|first| key < *first);
        loaded.keys.insert(key);
        if loaded.keys.len() > MOST {
            while loaded.keys.len() > PAGE {
                loaded.keys.pop_last();
            }
            loaded.horizon = loaded.keys.last().cloned();
        }
        drop(loaded);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// Forgets a timer whose row is gone.
    pub(super) fn remove(&self, key: &[u8]) {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).keys.remove(key);
    }

    /// Takes out what is due.
    pub(super) fn due(&self, journal: &dyn Journal, now: Stamp) -> Result<Vec<Timer>, JournalError> {
        let mut fired = Vec::new();
        loop {
            let after = {
                let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
                while let Some(first) = loaded.keys.first() {
                    let Some(found) = timer::read(first) else {
                        loaded.keys.pop_first();
                        continue;
                    };
                    if found.at > now {
                        return Ok(fired);
                    }
                    loaded.keys.pop_first();
                    fired.push(found);
                }
                loaded.horizon.clone()
            };
            match after {
                None => return Ok(fired),
                after => self.load(journal, after)?,
            }
        }
    }

    /// Returns the moment of the earliest timer in memory.
    pub(super) fn next(&self) -> Option<Stamp> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.keys.first().and_then(|key| timer::read(key)).map(|timer| timer.at)
    }

    /// Returns when an earlier timer than the first was taken up.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
