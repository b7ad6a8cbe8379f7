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
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let is_used_up = loaded.keys.remove(key) && loaded.keys.is_empty() && loaded.horizon.is_some();
        drop(loaded);
        if is_used_up {
            self.changed.notify_one();
        }
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

    /// Returns the moment of the earliest timer; one long past where memory is used up and the store holds more.
    pub(super) fn next(&self) -> Option<Stamp> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.keys.is_empty() && loaded.horizon.is_some() {
            return Some(Stamp(i64::MIN));
        }
        loaded.keys.first().and_then(|key| timer::read(key)).map(|timer| timer.at)
    }

    /// Wakes whoever waits for the next timer: something else may come before it.
    pub(super) fn look_again(&self) {
        self.changed.notify_one();
    }

    /// Returns when an earlier timer than the first was taken up, or memory is used up, or somebody says so.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use adjutant_machine::{
        event::TimerId,
        id::InstanceId,
        journal::{Batch, RowWrite},
        memory::MemoryJournal,
    };

    use super::*;

    fn key(at: i64, run: &str) -> Vec<u8> {
        timer::of(Stamp(at), &InstanceId::run(run), Some(&TimerId::Deadline))
    }

    fn stored(journal: &MemoryJournal, count: i64) {
        let row = |at| RowWrite { table: Table::Timer, key: key(at, "r"), value: Some(Vec::new()) };
        let writes = (0..count).map(row).collect();
        journal.append(Batch { writes, ..Batch::default() }).unwrap();
    }

    #[test]
    fn every_stored_timer_fires_once_however_many_there_are() {
        let (journal, wheel) = (MemoryJournal::new(), Wheel::default());
        stored(&journal, 3_500);
        wheel.open(&journal).unwrap();
        let early = wheel.due(&journal, Stamp(10)).unwrap();
        assert_eq!(early.len(), 11);
        assert_eq!(wheel.next(), Some(Stamp(11)));
        let rest = wheel.due(&journal, Stamp(9_999)).unwrap();
        assert_eq!(rest.len(), 3_500 - 11);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn timers_beyond_memory_are_found_when_those_before_them_are_cleared() {
        let (journal, wheel) = (MemoryJournal::new(), Wheel::default());
        stored(&journal, 1_500);
        wheel.open(&journal).unwrap();
        for at in 0..1_000 {
            wheel.remove(&key(at, "r"));
        }
        assert!(wheel.next().is_some_and(|at| at <= Stamp(0)), "the store is asked again");
        assert_eq!(wheel.due(&journal, Stamp(0)).unwrap(), []);
        assert_eq!(wheel.next(), Some(Stamp(1_000)));
    }

    #[test]
    fn a_timer_that_was_cleared_does_not_fire() {
        let (journal, wheel) = (MemoryJournal::new(), Wheel::default());
        wheel.open(&journal).unwrap();
        wheel.insert(key(5, "a"));
        wheel.insert(key(5, "b"));
        wheel.remove(&key(5, "a"));
        let due = wheel.due(&journal, Stamp(5)).unwrap();
        assert_eq!(due.iter().map(|timer| timer.instance.name.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
