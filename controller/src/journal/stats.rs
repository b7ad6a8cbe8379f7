//! Figures of the store, for `status`, `doctor` and metrics.

use serde::Serialize;

use super::{
    backup::{FolderSize, size},
    error::Error,
    keys::Family,
    open::RocksJournal,
};

/// How the store is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// How many batches there are.
    pub batches: u64,
    /// The hash of the last one, as hex.
    pub head: String,
    /// How many groups were written since the start.
    pub groups: u64,
    /// Bytes handed to RocksDB since the start.
    pub written: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Files on disk.
    pub files: u64,
    /// Bytes of recent writes and cached blocks in memory.
    pub memory: u64,
    /// Bytes that are free on the disk.
    pub free: u64,
    /// Whether space is kept for recovery on a full disk.
    pub reserve: bool,
    /// Why the store stopped for good.
    pub failed: Option<String>,
}

impl RocksJournal {
    /// Returns the figures; it looks at the folder, so not in a hot path.
    ///
    /// # Errors
    /// [`Error::File`] where the folder cannot be read.
    pub fn stats(&self) -> Result<Stats, Error> {
        let tip = self.shared.tip();
        let FolderSize { bytes, files } = size(&self.folder.store)?;
        let disk = rustix::fs::statvfs(&self.folder.data);
        let disk = disk.map_err(|error| Error::file(&self.folder.data)(error.into()))?;
        Ok(Stats {
            batches: tip.batch,
            head: tip.hash.hex(),
            groups: self.shared.groups(),
            written: self.shared.written(),
            bytes,
            files,
            memory: self.memory(),
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            reserve: self.folder.reserve.exists(),
            failed: self.failed().map(str::to_owned),
        })
    }

    fn memory(&self) -> u64 {
        let figure = |of: Family, name: &str| {
            let value = self.db.raw().property_int_value_cf(self.db.family(of), name);
            value.ok().flatten().unwrap_or_default()
        };
        let recent: u64 = Family::ALL.iter().map(|of| figure(*of, "rocksdb.cur-size-all-mem-tables")).sum();
        // The cache is one for all families, so it is counted once.
        recent + figure(Family::Log, "rocksdb.block-cache-usage")
    }
}
