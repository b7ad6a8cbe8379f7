//! A store that can be pulled out: whoever still holds it after that is the process that has ended.

use std::sync::{Arc, Mutex};

use adjutant_machine::{
    id::InstanceId,
    journal::{
        Batch, ChainReport, Content, Done, GroupCount, Journal, JournalError, Row, Scan, Stored, Table,
    },
};

use crate::journal::RocksJournal;

pub(super) struct Plug(Mutex<Option<Arc<RocksJournal>>>);

type Read<T> = Result<T, JournalError>;

impl Plug {
    pub(super) fn new(journal: RocksJournal) -> Self {
        Self(Mutex::new(Some(Arc::new(journal))))
    }

    /// Takes the store away; the files are free once this returns.
    pub(super) fn pull(&self) {
        let mut journal = self.0.lock().expect("no panic").take();
        // A reader may hold it for a moment.
        while let Some(held) = journal.take() {
            match Arc::try_unwrap(held) {
                Ok(alone) => alone.close(),
                Err(shared) => {
                    std::thread::yield_now();
                    journal = Some(shared);
                }
            }
        }
    }

    fn now(&self) -> Read<Arc<RocksJournal>> {
        self.0.lock().expect("no panic").clone().ok_or(JournalError::Busy)
    }
}

impl Journal for Plug {
    fn submit(&self, batch: Batch, done: Done) {
        match self.now() {
            Ok(journal) => journal.submit(batch, done),
            Err(error) => done(Err(error)),
        }
    }

    fn load(&self, instance: &InstanceId) -> Read<Option<Stored>> {
        self.now()?.load(instance)
    }

    fn last(&self, instance: &InstanceId) -> Read<u64> {
        self.now()?.last(instance)
    }

    fn entries(&self, instance: &InstanceId, from: u64, limit: usize) -> Read<Vec<(u64, Content)>> {
        self.now()?.entries(instance, from, limit)
    }

    fn instances(&self, after: Option<&InstanceId>, limit: usize) -> Read<Vec<InstanceId>> {
        self.now()?.instances(after, limit)
    }

    fn row(&self, table: Table, key: &[u8]) -> Read<Option<Row>> {
        self.now()?.row(table, key)
    }

    fn scan(&self, table: Table, scan: &Scan) -> Read<Vec<Row>> {
        self.now()?.scan(table, scan)
    }

    fn counts(&self, prefix: &[u8]) -> Read<Vec<GroupCount>> {
        self.now()?.counts(prefix)
    }

    fn blob(&self, digest: &str) -> Read<Option<Vec<u8>>> {
        self.now()?.blob(digest)
    }

    fn verify(&self) -> Read<ChainReport> {
        self.now()?.verify()
    }
}
