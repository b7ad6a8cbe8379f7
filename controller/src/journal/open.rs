//! Opening, closing and the [`Journal`] face of the store.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use adjutant_machine::{
    chain::{Digest, Link},
    id::InstanceId,
    journal::{
        Batch, ChainReport, Content, Done, GroupCount, Journal, JournalError, Row, Scan, Stored, Table,
    },
};
use rocksdb::WriteBatch;

use super::{
    database::Db,
    error::{Error, damage},
    folder::DataFolder,
    keys::{self, Family},
    mark::{Mark, MarkFile, Tip, this_version},
    options::Options,
    shared::{Request, StoreState, ToWriter, Waiter},
    value::{ValueHead, split},
    writer::Writer,
};

/// The format of the store that this build writes. The third has counts of groups; whoever opens one of the second adds them. The
/// fourth lets instances go.
pub(super) const FORMAT: u32 = 4;
/// The oldest format that this build reads: the first was never released, and went without a reader.
const OLDEST: u32 = 2;

/// The store on disk. One process at a time has it open; its calls block.
pub struct RocksJournal {
    pub(super) db: Arc<Db>,
    pub(super) shared: Arc<StoreState>,
    pub(super) folder: DataFolder,
    inbox: SyncSender<ToWriter>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl RocksJournal {
    /// Opens the store of a data folder, and makes both where they are absent.
    ///
    /// # Errors
    /// [`Error::Locked`] where another process has it open; [`JournalError::Newer`] where a newer build wrote it,
    /// [`JournalError::Older`] where one before the first release did;
    /// [`JournalError::Corrupt`] where it ends before an acknowledged batch or cannot be read; [`JournalError::Disk`] and
    /// [`Error::File`] where the disk refuses.
    pub fn open(data: &Path, options: Options) -> Result<Self, Error> {
        let folder = DataFolder::of(data);
        folder.create()?;
        let mark = Mark::read(&folder.mark).map_err(Error::file(&folder.mark))?;
        mark.map_or(Ok(()), |mark| known_format(mark.format, || mark.needs()))?;
        let db = Db::open(&folder, &options, mark.is_none())?;
        folder.write_pid()?;
        let tip = recovered(&db, &folder, mark)?;
        let written = Mark { format: FORMAT, version: this_version(), tip };
        let file = MarkFile::create(&folder.mark, written).map_err(Error::file(&folder.mark))?;
        if options.reserve > 0 && !folder.take_reserve(options.reserve) {
            tracing::warn!(bytes = options.reserve, "disk too full for the reserve");
        }
        let shared = Arc::new(StoreState::new(tip, options.on_failure));
        Self::start(Writer { db: Arc::new(db), shared, mark: file, folder }, options.queue)
    }

    /// Starts the thread of a writer, whose queue holds so many batches.
    fn start(writer: Writer, queue: usize) -> Result<Self, Error> {
        let (db, shared, folder) =
            (Arc::clone(&writer.db), Arc::clone(&writer.shared), writer.folder.clone());
        let (inbox, outbox) = sync_channel(queue);
        let thread = std::thread::Builder::new().name("journal".to_owned());
        let thread = thread.spawn(move || writer.run(&outbox)).map_err(Error::file(&folder.data))?;
        Ok(Self { db, shared, folder, inbox, writer: Mutex::new(Some(thread)) })
    }

    /// Returns why the store stopped for good, where it did. The process must end then, with the exit code for the disk.
    #[must_use]
    pub fn failed(&self) -> Option<&str> {
        self.shared.failure()
    }

    /// Finishes what is queued, syncs the watermark and takes no more; what is submitted later is answered `Busy`.
    /// Dropping the store does the same.
    pub fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return };
        // The last owner may be a callback on the writer's own thread, which cannot wait for itself: it ends when the
        // queue's sender goes with this store.
        if writer.thread().id() != std::thread::current().id() {
            // An error means that the writer has ended already.
            self.inbox.send(ToWriter::Stop).unwrap_or_default();
            if writer.join().is_err() {
                tracing::error!("the writer's thread panicked");
            }
        }
        if self.folder.read_pid() == Some(std::process::id()) {
            std::fs::remove_file(&self.folder.pid).unwrap_or_default();
        }
    }
}

impl Drop for RocksJournal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Journal for RocksJournal {
    fn submit(&self, batch: Batch, done: Done) {
        let request = Request { batch, waiter: Waiter::new(done) };
        // A closed queue gives the request back; dropping it answers `Busy`.
        drop(self.inbox.send(ToWriter::Write(request)));
    }

    fn load(&self, instance: &InstanceId) -> Result<Option<Stored>, JournalError> {
        let read = self.db.now().load(instance);
        match &read {
            // The head, the snapshot and the tail may move on between their reads; one moment settles it.
            Err(JournalError::Corrupt { .. }) => self.db.moment().load(instance),
            Ok(Some(stored)) if stored.flaw.is_some() || !is_whole(stored) => self.db.moment().load(instance),
            _ => read,
        }
    }

    fn last(&self, instance: &InstanceId) -> Result<u64, JournalError> {
        self.db.now().last(instance)
    }

    fn entries(
        &self,
        instance: &InstanceId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Content)>, JournalError> {
        self.db.now().entries(instance, from, limit)
    }

    fn instances(&self, after: Option<&InstanceId>, limit: usize) -> Result<Vec<InstanceId>, JournalError> {
        self.db.now().instances(after, limit)
    }

    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Row>, JournalError> {
        self.db.now().row(table, key)
    }

    fn scan(&self, table: Table, scan: &Scan) -> Result<Vec<Row>, JournalError> {
        self.db.now().scan(table, scan)
    }

    fn counts(&self, prefix: &[u8]) -> Result<Vec<GroupCount>, JournalError> {
        self.db.now().counts(prefix)
    }

    fn blob(&self, digest: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.db.now().blob(digest)
    }

    fn size(&self) -> Result<u64, JournalError> {
        let size = self.stats().map_err(|error| JournalError::Disk(error.to_string()))?;
        Ok(size.bytes)
    }

    fn tidy(&self) -> Result<(), JournalError> {
        let stats = self.stats().map_err(|error| JournalError::Disk(error.to_string()))?;
        // What is there is written anew before the old is deleted: on a full disk that would end the store that it was to help.
        if stats.free < stats.bytes {
            let (free, bytes) = (stats.free, stats.bytes);
            tracing::warn!(
                free,
                bytes,
                "the disk has no room to compact the store: its own compaction finds what was removed"
            );
            return Ok(());
        }
        self.db.tidy()
    }

    fn verify(&self) -> Result<ChainReport, JournalError> {
        super::verify::verify(&self.db.moment())
    }
}

/// Returns whether the tail leads from the snapshot to the head without a hole.
fn is_whole(stored: &Stored) -> bool {
    let first = stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.seq) + 1;
    stored.tail.iter().map(|(seq, _)| *seq).eq(first..=stored.seq)
}

fn known_format(found: u32, needs: impl FnOnce() -> String) -> Result<(), JournalError> {
    match found {
        newer if newer > FORMAT => Err(JournalError::Newer { found, known: FORMAT, needs: needs() }),
        older if older < OLDEST => Err(JournalError::Older { found, oldest: OLDEST }),
        _ => Ok(()),
    }
}

/// Checks what RocksDB recovered against what was acknowledged, and returns where the chain ends.
fn recovered(db: &Db, folder: &DataFolder, mark: Option<Mark>) -> Result<Tip, JournalError> {
    let format = stored_format(db)?;
    let needs = || mark.map_or_else(|| "of its format".to_owned(), |mark| mark.needs());
    known_format(format.unwrap_or(FORMAT), needs)?;
    let tip = db.now().tip()?;
    let store = || folder.store.display().to_string();
    match (format, mark) {
        (None, None) if tip.batch == 0 => write_format(db)?,
        (None, _) => return Err(damage(store(), "it has no format version")),
        (Some(_), None) if tip.batch > 0 => {
            let problem = format!("it is missing or unreadable, but the store has {} batches", tip.batch);
            return Err(damage(folder.mark.display().to_string(), problem));
        }
        (Some(_), None) => {}
        (Some(_), Some(mark)) => {
            not_shorter(db, mark.tip, tip).map_err(|problem| damage(store(), problem))?;
        }
    }
    if format.is_some_and(|format| format < FORMAT) {
        // From here on an older build must not write: it would not keep the counts.
        write_format(db)?;
    }
    Ok(tip)
}

/// Says what is wrong where the store does not hold the acknowledged batch.
fn not_shorter(db: &Db, acknowledged: Tip, found: Tip) -> Result<(), String> {
    if found.batch < acknowledged.batch {
        let (end, due) = (found.batch, acknowledged.batch);
        return Err(format!(
            "it ends at batch {end}, but batch {due} was acknowledged: work is lost, restore a backup"
        ));
    }
    if acknowledged.batch == 0 {
        return Ok(());
    }
    let link = db.now().link(acknowledged.batch).map_err(|error| error.to_string())?;
    let hash = link.as_deref().and_then(Link::open).map(|opened| opened.hash);
    if hash != Some(acknowledged.hash) {
        return Err(format!("batch {} is not the one that was acknowledged", acknowledged.batch));
    }
    Ok(())
}

fn stored_format(db: &Db) -> Result<Option<u32>, JournalError> {
    let now = db.now();
    let Some(value) = now.get(Family::Meta, keys::FORMAT)? else { return Ok(None) };
    let content = split(&value).map_err(|flaw| damage("the format version", flaw.text()))?.content;
    let number = content.try_into().map_err(|_| damage("the format version", "it is no number"))?;
    Ok(Some(u32::from_be_bytes(number)))
}

fn write_format(db: &Db) -> Result<(), JournalError> {
    let content = FORMAT.to_be_bytes();
    let value = ValueHead::of(0, 0, &Digest::of(&content)).with(&[&content]);
    let mut batch = WriteBatch::default();
    batch.put_cf(db.family(Family::Meta), keys::FORMAT, value);
    db.write(batch)
}
