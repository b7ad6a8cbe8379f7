//! The two disks: one in memory that can lose what is not synced, and the real one in a folder of its own.

use std::sync::Arc;

use adjutant_machine::{
    journal::{Batch, Journal, RowWrite, Table},
    memory::{Fault, MemoryJournal},
};
use adjutant_sim::Dice;
use tempfile::TempDir;

use crate::{
    journal::{Options, RocksJournal},
    runtime::rows,
};

/// Where a process keeps what is durable.
pub(super) enum Disk {
    Memory(Arc<MemoryJournal>),
    Rocks { journal: Option<Arc<RocksJournal>>, folder: Folder },
}

impl Disk {
    /// Returns an empty disk in memory.
    pub(super) fn memory() -> Self {
        Self::Memory(Arc::new(MemoryJournal::new()))
    }

    /// Returns an empty store in a folder that stays where a test fails.
    pub(super) fn rocks(seed: u64) -> Self {
        let path = tempfile::Builder::new().prefix("adjutant-chaos-").tempdir().expect("a folder");
        let mut disk = Self::Rocks { journal: None, folder: Folder { path: Some(path), seed } };
        disk.find();
        disk
    }

    /// Writes the seed of all pauses, as a store's first process draws it.
    pub(super) fn plant(&self, seed: u64) {
        let (key, value) = (rows::host::SEED.to_vec(), Some(seed.to_be_bytes().to_vec()));
        let writes = vec![RowWrite { table: Table::Host, key, value }];
        self.journal().append(Batch { writes, ..Batch::default() }).expect("the store takes a row");
    }

    /// Returns the store as the process sees it.
    pub(super) fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::Memory(journal) => Arc::clone(journal) as Arc<dyn Journal>,
            Self::Rocks { journal, .. } => {
                Arc::clone(journal.as_ref().expect("it is open")) as Arc<dyn Journal>
            }
        }
    }

    /// Prepares the end: what is written from now on is torn somewhere. Tells whether anybody will be answered.
    pub(super) fn will_tear(&self, dice: &mut Dice) -> bool {
        let Self::Memory(journal) = self else { return true };
        if dice.chance(50) {
            journal.hold();
            return false;
        }
        let fault = if dice.chance(50) { Fault::Disk } else { Fault::DiskAfterWrite };
        journal.inject(dice.below(6), fault);
        true
    }

    /// Cuts the power: of what is unsynced a part is found again.
    pub(super) fn cut(&mut self, dice: &mut Dice) {
        let Self::Memory(journal) = self else { return };
        let unsynced = journal.unsynced() as u64;
        let keep = usize::try_from(dice.below(unsynced + 1)).expect("few batches");
        *journal = Arc::new(journal.crash(keep));
    }

    /// Finds what the last process left, once nothing of it holds the store any more.
    pub(super) fn find(&mut self) {
        let Self::Rocks { journal, folder } = self else { return };
        if let Some(last) = journal.take() {
            while Arc::strong_count(&last) > 1 {
                std::thread::yield_now();
            }
        }
        let path = folder.path.as_ref().expect("it is there until the end").path();
        let options = Options { reserve: 0, ..Options::default() };
        *journal = Some(Arc::new(RocksJournal::open(path, options).expect("the store opens")));
    }
}

/// A folder that goes with the test that passes.
pub(super) struct Folder {
    path: Option<TempDir>,
    seed: u64,
}

impl Drop for Folder {
    #[expect(clippy::print_stderr, reason = "shown only when the test fails")]
    fn drop(&mut self) {
        if let Some(path) = self.path.take().filter(|_| std::thread::panicking()) {
            eprintln!("seed {}: its store is kept in {}", self.seed, path.keep().display());
        }
    }
}
