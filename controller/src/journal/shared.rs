//! What the writer's thread and the store's owners both see.

use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use adjutant_machine::journal::{Batch, Done, JournalError, Receipt};

use super::{mark::Tip, options::OnFailure};

/// The state of the store beside its content.
pub(super) struct StoreState {
    tip: Mutex<Tip>,
    groups: AtomicU64,
    written: AtomicU64,
    failure: OnceLock<String>,
    on_failure: Option<OnFailure>,
}

/// Something for the writer.
pub(super) enum ToWriter {
    /// A batch with who waits for it.
    Write(Request),
    /// Finish what is queued and end.
    Stop,
}

/// A batch with who waits for it.
pub(super) struct Request {
    /// What to write, all of it or nothing.
    pub(super) batch: Batch,
    /// Who hears whether it is durable.
    pub(super) waiter: Waiter,
}

/// Who waits for a batch. They are told exactly once: where the request is dropped before, that the store takes no more work.
pub(super) struct Waiter(Option<Done>);

impl Waiter {
    /// Wraps a callback.
    pub(super) fn new(done: Done) -> Self {
        Self(Some(done))
    }

    /// Tells them what became of their batch.
    pub(super) fn tell(mut self, outcome: Result<Receipt, JournalError>) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(JournalError::Busy));
        }
    }
}

impl StoreState {
    /// Returns the state of a store that was opened at this tip.
    pub(super) fn new(tip: Tip, on_failure: Option<OnFailure>) -> Self {
        let (groups, written) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { tip: Mutex::new(tip), groups, written, failure: OnceLock::new(), on_failure }
    }

    /// Returns the end of the chain as last acknowledged.
    pub(super) fn tip(&self) -> Tip {
        *self.lock()
    }

    /// Notes that a group of so many bytes is durable.
    pub(super) fn advance(&self, tip: Tip, bytes: usize) {
        *self.lock() = tip;
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns how many bytes were handed to RocksDB since the start.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Returns how many groups were written since the start.
    pub(super) fn groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }

    /// Returns why the store stopped for good, where it did.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Stops the store for good; the first reason stays.
    pub(super) fn fail(&self, reason: &str) {
        if self.failure.set(reason.to_owned()).is_err() {
            return;
        }
        tracing::error!(reason, "store stopped");
        if let Some(tell) = &self.on_failure {
            tell(&JournalError::Disk(reason.to_owned()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tip> {
        self.tip.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
