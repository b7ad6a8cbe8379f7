//! Which attempts this process performs right now: each of them ends its own lease, so that no timer comes before an answer.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use adjutant_machine::event::TimerId;

/// The leases whose attempts are under way here.
#[derive(Debug, Default, Clone)]
pub(super) struct Leases(Arc<Mutex<BTreeSet<TimerId>>>);

/// A lease is its attempt's own affair as long as this lives.
#[derive(Debug)]
pub(super) struct Owned {
    leases: Leases,
    lease: TimerId,
}

impl Leases {
    /// Takes a lease over from the clock.
    pub(super) fn own(&self, lease: TimerId) -> Owned {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(lease.clone());
        Owned { leases: self.clone(), lease }
    }

    /// Returns whether a timer is the lease of an attempt that is under way here.
    pub(super) fn is_owned(&self, timer: &TimerId) -> bool {
        matches!(timer, TimerId::Lease(..))
            && self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(timer)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.leases.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.lease);
    }
}
