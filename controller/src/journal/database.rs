//! RocksDB with our families open: get, walk a range, write synced. It knows keys and bytes, not what they mean.

use std::path::Path;

use adjutant_machine::journal::JournalError;
use rocksdb::{
    BottommostLevelCompaction, ColumnFamily, CompactOptions, DB, DBPinnableSlice, ErrorKind, ReadOptions,
    SnapshotWithThreadMode, WriteBatch, WriteOptions,
};

use super::{
    error::{Error, damage, refusal},
    folder::DataFolder,
    keys::Family,
    options::{Options, families, settings},
};

/// Which share of the blob files a compaction cleans, the oldest first.
const CLEANED_BLOBS: &str = "blob_garbage_collection_age_cutoff";
/// That share in the course of work: RocksDB's own.
const CLEANED_AT_WORK: &str = "0.25";

/// The open database.
pub(super) struct Db {
    inner: DB,
    synced: WriteOptions,
}

/// A way to read: at one moment, or at each moment anew.
pub(super) struct View<'a> {
    db: &'a Db,
    snapshot: Option<SnapshotWithThreadMode<'a, DB>>,
}

/// Which keys to walk, in a family.
pub(super) struct Range {
    /// The family whose keys are walked.
    pub(super) family: Family,
    /// The first key of the range.
    pub(super) lower: Vec<u8>,
    /// The key after the last.
    pub(super) upper: Vec<u8>,
    /// At most so many.
    pub(super) limit: usize,
    /// From the last to the first.
    pub(super) backwards: bool,
}

/// Takes a key with its value.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), JournalError>;

impl Db {
    /// Opens the store, and makes it where it is absent and `create` says so.
    pub(super) fn open(folder: &DataFolder, options: &Options, create: bool) -> Result<Self, Error> {
        let mut store = settings(options);
        store.create_if_missing(create);
        store.create_missing_column_families(create);
        match DB::open_cf_descriptors(&store, &folder.store, families(options)) {
            Ok(inner) => Ok(Self::of(inner)),
            Err(error) if is_lock(&error) => {
                Err(Error::Locked { data: folder.data.clone(), pid: folder.read_pid() })
            }
            Err(error) => Err(unopened(&folder.store, &error).into()),
        }
    }

    /// Opens a copy that nobody writes.
    pub(super) fn open_read_only(store: &Path, options: &Options) -> Result<Self, Error> {
        let opened = DB::open_cf_descriptors_read_only(&settings(options), store, families(options), false);
        opened.map(Self::of).map_err(|error| unopened(store, &error).into())
    }

    fn of(inner: DB) -> Self {
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Self { inner, synced }
    }

    /// Returns RocksDB itself, for copies and figures.
    pub(super) fn raw(&self) -> &DB {
        &self.inner
    }

    /// Returns a family's handle.
    pub(super) fn family(&self, of: Family) -> &ColumnFamily {
        self.inner.cf_handle(of.name()).expect("every family is opened with the store")
    }

    /// Reads each thing as it is when it is read.
    pub(super) fn now(&self) -> View<'_> {
        View { db: self, snapshot: None }
    }

    /// Reads everything as it is at this moment.
    pub(super) fn moment(&self) -> View<'_> {
        View { db: self, snapshot: Some(self.inner.snapshot()) }
    }

    /// Writes atomically and syncs.
    pub(super) fn write(&self, batch: WriteBatch) -> Result<(), JournalError> {
        // Every failed write is the disk's: whatever RocksDB calls it, the process must stop.
        self.inner.write_opt(batch, &self.synced).map_err(|error| JournalError::Disk(error.to_string()))
    }

    /// Compacts every family down to its last level, so that what was deleted is off the disk, large values too.
    pub(super) fn tidy(&self) -> Result<(), JournalError> {
        let mut options = CompactOptions::default();
        options.set_exclusive_manual_compaction(false);
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for of in Family::ALL {
            let family = self.family(of);
            // In the course of work only the oldest blob files are cleaned, which is cheaper; here all of them are.
            let is_large = of == Family::Blobs;
            if is_large {
                self.set(family, CLEANED_BLOBS, "1.0")?;
            }
            self.inner.compact_range_cf_opt(family, None::<&[u8]>, None::<&[u8]>, &options);
            if is_large {
                self.set(family, CLEANED_BLOBS, CLEANED_AT_WORK)?;
            }
        }
        Ok(())
    }

    fn set(&self, family: &ColumnFamily, option: &str, value: &str) -> Result<(), JournalError> {
        self.inner.set_options_cf(family, &[(option, value)]).map_err(|error| refusal(&error))
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        // Compactions that still run while RocksDB is torn down have crashed processes at exit.
        self.inner.cancel_all_background_work(true);
    }
}

impl View<'_> {
    /// Reads a value.
    pub(super) fn get(&self, of: Family, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, JournalError> {
        let family = self.db.family(of);
        let found = match &self.snapshot {
            Some(snapshot) => snapshot.get_pinned_cf(family, key),
            None => self.db.inner.get_pinned_cf(family, key),
        };
        found.map_err(|error| refusal(&error))
    }

    /// Visits the keys of a range in order. The iterator ends with the call.
    pub(super) fn walk(&self, range: &Range, visit: Visit<'_>) -> Result<(), JournalError> {
        if range.lower >= range.upper {
            return Ok(());
        }
        let mut keys = self.db.inner.raw_iterator_cf_opt(self.db.family(range.family), self.bounds(range));
        if range.backwards {
            keys.seek_to_last();
        } else {
            keys.seek(&range.lower);
        }
        let mut left = range.limit;
        while left > 0
            && let Some((key, value)) = keys.item()
        {
            visit(key, value)?;
            left -= 1;
            if range.backwards {
                keys.prev();
            } else {
                keys.next();
            }
        }
        keys.status().map_err(|error| refusal(&error))
    }

    fn bounds(&self, range: &Range) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(range.lower.as_slice());
        options.set_iterate_upper_bound(range.upper.as_slice());
        // The prefix bloom may hide keys of other prefixes: only a walk inside one instance's entries may use it.
        options.set_total_order_seek(!within_one_instance(range));
        if let Some(snapshot) = &self.snapshot {
            options.set_snapshot(snapshot);
        }
        options
    }
}

fn within_one_instance(range: &Range) -> bool {
    use super::keys::{entry_prefix, is_entry};
    range.family == Family::Log
        && !range.backwards
        && is_entry(&range.lower)
        && is_entry(&range.upper)
        && entry_prefix(&range.lower) == entry_prefix(&range.upper)
}

fn is_lock(error: &rocksdb::Error) -> bool {
    let text = error.to_string();
    error.kind() == ErrorKind::IOError && (text.contains("LOCK") || text.contains("lock hold by"))
}

fn unopened(store: &Path, error: &rocksdb::Error) -> JournalError {
    match error.kind() {
        // A missing store or an unknown family is reported as a wrong argument: both mean that the folder is not ours.
        ErrorKind::Corruption | ErrorKind::InvalidArgument | ErrorKind::NotFound => {
            damage(store.display().to_string(), error.to_string())
        }
        _ => JournalError::Disk(error.to_string()),
    }
}
