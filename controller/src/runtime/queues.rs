//! What memory holds of the queues: of a playbook with `overlap = "queue"` one run works, and the others stand until their turn comes.
//!
//! It holds no places: those are rows ([`super::places`]). Here is what orders the turns ([`super::turns`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use adjutant_spec::plan::OldestId;

/// The most runs that stand in one queue.
pub(super) const MOST: usize = 1_000;

/// What memory holds of the queues.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// One turn at a time in each.
    locks: Mutex<BTreeMap<OldestId, Arc<tokio::sync::Mutex<()>>>>,
    /// Those that were full when a delivery came: it waits for room.
    full: Mutex<BTreeSet<OldestId>>,
}

impl Queues {
    pub(super) fn lock_of(&self, oldest: &OldestId) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(oldest.clone()).or_default())
    }

    pub(super) fn was_full(&self, oldest: &OldestId) {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).insert(oldest.clone());
    }

    /// Returns whether deliveries wait for room in a queue, and forgets it.
    pub(super) fn has_room_again(&self, oldest: &OldestId) -> bool {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).remove(oldest)
    }
}
