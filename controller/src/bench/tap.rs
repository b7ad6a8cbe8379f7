//! A store that is listened to: what passes is counted, and kept where a sample of it is wanted.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use adjutant_machine::{
    id::InstanceId,
    journal::{
        Batch, ChainReport, Content, Done, GroupCount, Journal, JournalError, Row, Scan, Stored, Table,
    },
};
use tokio::sync::Semaphore;

use crate::journal::RocksJournal;

/// The store, and what passed.
pub(super) struct Tap {
    pub(super) store: RocksJournal,
    pub(super) passed: Arc<Passed>,
    sample: Mutex<Option<Vec<Batch>>>,
}

/// What became durable.
pub(super) struct Passed {
    pub(super) entries: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) runs: AtomicU64,
    /// One place for each run that may begin; a run's last entry gives its place back.
    pub(super) places: Semaphore,
    /// The number of a run's last entry; nothing is the last one until it is known.
    pub(super) last: AtomicU64,
}

impl Tap {
    pub(super) fn new(store: RocksJournal) -> Self {
        let passed = Passed {
            entries: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            places: Semaphore::new(0),
            last: AtomicU64::new(u64::MAX),
        };
        Self { store, passed: Arc::new(passed), sample: Mutex::default() }
    }

    /// Keeps a copy of what passes from now on.
    pub(super) fn keep(&self) {
        *self.sample.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// Returns what was kept, and keeps nothing any more.
    pub(super) fn kept(&self) -> Vec<Batch> {
        self.sample.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}

impl Passed {
    fn durable(&self, (entries, ended): (u64, usize)) {
        self.entries.fetch_add(entries, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.runs.fetch_add(ended as u64, Ordering::Relaxed);
        self.places.add_permits(ended);
    }

    fn weigh(&self, batch: &Batch) -> (u64, usize) {
        let last = self.last.load(Ordering::Relaxed);
        let entries = batch.appends.iter().map(|append| append.entries.len() as u64).sum();
        let ends =
            batch.appends.iter().filter(|append| append.expected + append.entries.len() as u64 >= last);
        (entries, ends.count())
    }
}

impl Journal for Tap {
    fn submit(&self, batch: Batch, done: Done) {
        if let Some(sample) = &mut *self.sample.lock().unwrap_or_else(PoisonError::into_inner) {
            sample.push(batch.clone());
        }
        let (weight, passed) = (self.passed.weigh(&batch), Arc::clone(&self.passed));
        let told = move |answer: Result<_, _>| {
            let is_durable = answer.is_ok();
            done(answer);
            if is_durable {
                passed.durable(weight);
            }
        };
        self.store.submit(batch, Box::new(told));
    }

    fn load(&self, instance: &InstanceId) -> Result<Option<Stored>, JournalError> {
        self.store.load(instance)
    }

    fn last(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        self.store.last(instance)
    }

    fn entries(
        &self,
        instance: &InstanceId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Content)>, JournalError> {
        self.store.entries(instance, from, limit)
    }

    fn instances(&self, after: Option<&InstanceId>, limit: usize) -> Result<Vec<InstanceId>, JournalError> {
        self.store.instances(after, limit)
    }

    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Row>, JournalError> {
        self.store.row(table, key)
    }

    fn scan(&self, table: Table, scan: &Scan) -> Result<Vec<Row>, JournalError> {
        self.store.scan(table, scan)
    }

    fn counts(&self, prefix: &[u8]) -> Result<Vec<GroupCount>, JournalError> {
        self.store.counts(prefix)
    }

    fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.store.blob(digest)
    }

    fn verify(&self) -> Result<ChainReport, JournalError> {
        self.store.verify()
    }
}
