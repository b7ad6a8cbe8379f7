//! The timers that come next, in memory: the ends of leases, which only this process knows, and all others, which are rows in the
//! store.
//!
//! Of the rows only the earliest part is loaded, so a million waiting runs cost no memory: `horizon` is the last key up to which memory is
//! complete. A fired timer leaves memory; its row goes in the batch that records the firing, or fires again after a crash.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use adjutant_machine::{
    id::Stamp,
    journal::{Journal, JournalError, RowWrite, Scan, Table},
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
    /// The ends of leases: all of them, however far off, since no store holds them. There are as many as calls under way.
    leases: BTreeSet<Vec<u8>>,
}

impl Loaded {
    /// Returns the key of the earliest timer in memory.
    fn first(&self) -> Option<&Vec<u8>> {
        self.keys.first().into_iter().chain(self.leases.first()).min()
    }
}

/// What a durable batch changed about the timers.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Rows that were put or deleted.
    pub(super) stored: Vec<RowWrite>,
    /// Ends of leases that are known now.
    pub(super) leased: Vec<Vec<u8>>,
    /// Ends of leases that do not matter any more.
    pub(super) released: Vec<Vec<u8>>,
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

    /// Takes up what a durable batch changed.
    pub(super) fn turn(&self, turns: Turns) {
        for write in turns.stored {
            match write.value {
                Some(_) => self.insert(write.key),
                None => self.remove(&write.key),
            }
        }
        if turns.leased.is_empty() && turns.released.is_empty() {
            return;
        }
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let before = loaded.first().cloned();
        for key in &turns.released {
            loaded.leases.remove(key);
        }
        loaded.leases.extend(turns.leased);
        let is_earlier = loaded.first().is_some_and(|first| before.is_none_or(|before| *first < before));
        drop(loaded);
        if is_earlier {
            self.changed.notify_one();
        }
    }

    /// Takes up a timer whose row is durable.
    fn insert(&self, key: Vec<u8>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.horizon.as_ref().is_some_and(|horizon| key > *horizon) {
            return;
        }
        let is_first = loaded.first().is_none_or(|first| key < *first);
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
    fn remove(&self, key: &[u8]) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let is_used_up = loaded.keys.remove(key) && loaded.keys.is_empty() && loaded.horizon.is_some();
        drop(loaded);
        if is_used_up {
            self.changed.notify_one();
        }
    }

    /// Takes out what is due.
    pub(super) fn due(&self, journal: &dyn Journal, now: Stamp) -> Result<Vec<Timer>, JournalError> {
        let mut fired = self.leases_over(now);
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

    /// Takes out the leases that are over.
    fn leases_over(&self, now: Stamp) -> Vec<Timer> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let mut over = Vec::new();
        while let Some(found) = loaded.leases.first().map(|key| timer::read(key)) {
            if found.as_ref().is_some_and(|found| found.at > now) {
                break;
            }
            loaded.leases.pop_first();
            over.extend(found);
        }
        over
    }

    /// Returns the moment of the earliest timer; one long past where memory is used up and the store holds more.
    pub(super) fn next(&self) -> Option<Stamp> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.keys.is_empty() && loaded.horizon.is_some() {
            return Some(Stamp(i64::MIN));
        }
        loaded.first().and_then(|key| timer::read(key)).map(|timer| timer.at)
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
    use adjutant_machine::{event::TimerId, id::InstanceId, journal::Batch, memory::MemoryJournal};

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

    fn leased(leased: Vec<Vec<u8>>) -> Turns {
        Turns { leased, ..Turns::default() }
    }

    /// No store holds the end of a lease, so it must not be left out for being far off, nor forgotten for being one of many.
    #[test]
    fn the_end_of_a_lease_fires_behind_however_many_stored_timers() {
        for others in [0, 500, 1_500, 9_000] {
            let (journal, wheel) = (MemoryJournal::new(), Wheel::default());
            stored(&journal, others);
            wheel.open(&journal).unwrap();
            wheel.turn(leased(vec![key(20_000, "leased")]));
            for at in 0..others {
                wheel.insert(key(at, "again"));
            }
            let before = wheel.due(&journal, Stamp(19_999)).unwrap();
            assert!(before.iter().all(|timer| timer.instance.name != "leased"), "{others}");
            assert_eq!(wheel.next(), Some(Stamp(20_000)), "{others}");
            let due = wheel.due(&journal, Stamp(20_000)).unwrap();
            assert_eq!(due.iter().map(|timer| timer.instance.name.as_str()).collect::<Vec<_>>(), ["leased"]);
            assert_eq!(wheel.due(&journal, Stamp(30_000)).unwrap(), []);
        }
    }

    #[test]
    fn the_end_of_a_lease_that_was_answered_does_not_fire() {
        let (journal, wheel) = (MemoryJournal::new(), Wheel::default());
        wheel.open(&journal).unwrap();
        wheel.turn(leased(vec![key(5, "a"), key(6, "b"), key(1, "c")]));
        assert_eq!(wheel.next(), Some(Stamp(1)));
        wheel.turn(Turns { released: vec![key(1, "c"), key(5, "a")], ..Turns::default() });
        assert_eq!(wheel.next(), Some(Stamp(6)));
        assert_eq!(wheel.due(&journal, Stamp(9)).unwrap().len(), 1);
    }
}
