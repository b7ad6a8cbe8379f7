//! The one writer: takes what is ready, writes it as one synced group, answers.
//!
//! There is no linger: the sync itself is the time in which the next group gathers. The queue is bounded, so whoever
//! submits too much waits. After a failed write everything is refused until the process ends.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use adjutant_machine::journal::{Batch, JournalError, Receipt};

use super::{
    database::Db,
    folder::DataFolder,
    group::{Group, GroupWrite, Lately},
    mark::{MarkFile, Tip},
    shared::{Request, StoreState, ToWriter, Waiter},
};

/// The most batches in one group.
const GROUP_BATCHES: usize = 512;
/// The most payload in one group: what RocksDB itself takes as one.
const GROUP_BYTES: usize = 1 << 20;
/// The longest that a written watermark stays unsynced.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// The writer's thread.
pub(super) struct Writer {
    /// The store that the batches go to.
    pub(super) db: Arc<Db>,
    /// What the owners of the store see of its state.
    pub(super) shared: Arc<StoreState>,
    /// The file that the last acknowledged batch is noted in.
    pub(super) mark: MarkFile,
    /// The data folder, whose reserve is freed when the disk is full.
    pub(super) folder: DataFolder,
}

/// What the queue gave.
enum FromQueue {
    Group(Vec<Request>),
    Last(Vec<Request>),
    Nothing,
}

/// A batch that was judged, with who hears of it when its group is written.
struct Judged {
    waiter: Waiter,
    result: Result<Receipt, JournalError>,
}

/// What the thread keeps between groups.
struct Progress {
    lately: Lately,
    tip: Tip,
    unsynced_mark: Option<Instant>,
}

/// Says that the store is gone when the thread ends by a panic.
struct Obituary(Arc<StoreState>);

impl Drop for Obituary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer's thread panicked");
        }
    }
}

impl Writer {
    /// Works until it is told to stop or nobody can submit any more.
    pub(super) fn run(mut self, inbox: &Receiver<ToWriter>) {
        let obituary = Obituary(Arc::clone(&self.shared));
        let mut progress =
            Progress { lately: Lately::default(), tip: self.shared.tip(), unsynced_mark: None };
        loop {
            match take(inbox, progress.unsynced_mark) {
                FromQueue::Group(group) => self.commit(group, &mut progress),
                FromQueue::Nothing => self.sync_mark(&mut progress),
                FromQueue::Last(group) => {
                    self.commit(group, &mut progress);
                    break;
                }
            }
        }
        self.sync_mark(&mut progress);
        drop(obituary);
    }

    fn commit(&mut self, requests: Vec<Request>, progress: &mut Progress) {
        let mut group = Group::new(&self.db, &progress.lately, progress.tip);
        let mut judged = Vec::with_capacity(requests.len());
        for Request { batch, waiter } in requests {
            let result =
                if self.shared.failure().is_some() { Err(self.refusal()) } else { group.stage(&batch) };
            judged.push(Judged { waiter, result });
        }
        let GroupWrite { write, tip } = group.finish();
        if tip.batch > progress.tip.batch {
            let bytes = write.size_in_bytes();
            match self.db.write(write) {
                Ok(()) => self.written(tip, bytes, progress),
                Err(error) => self.stop(&error),
            }
        }
        self.answer(judged, progress.tip);
        self.mark_in_time(progress);
    }

    /// The batches are durable whatever happens to the note, so their writers are told so; a failed note stops the rest.
    fn written(&mut self, tip: Tip, bytes: usize, progress: &mut Progress) {
        progress.tip = tip;
        self.shared.advance(tip, bytes);
        if let Err(error) = self.mark.note(tip) {
            self.stop(&JournalError::Disk(error.to_string()));
        }
        progress.unsynced_mark.get_or_insert_with(Instant::now);
    }

    fn answer(&self, judged: Vec<Judged>, tip: Tip) {
        for Judged { waiter, result } in judged {
            match result {
                Ok(receipt) if receipt.batch > tip.batch => waiter.tell(Err(self.refusal())),
                Err(JournalError::Disk(reason)) => {
                    self.shared.fail(&reason);
                    waiter.tell(Err(JournalError::Disk(reason)));
                }
                other => waiter.tell(other),
            }
        }
    }

    fn mark_in_time(&mut self, progress: &mut Progress) {
        if progress.unsynced_mark.is_some_and(|since| since.elapsed() >= MARK_EVERY) {
            self.sync_mark(progress);
        }
    }

    fn sync_mark(&mut self, progress: &mut Progress) {
        if progress.unsynced_mark.take().is_none() {
            return;
        }
        if let Err(error) = self.mark.sync() {
            self.stop(&JournalError::Disk(error.to_string()));
        }
    }

    fn stop(&self, error: &JournalError) {
        let reason = error.to_string();
        if is_full(&reason) {
            self.folder.release_reserve();
        }
        self.shared.fail(&reason);
    }

    fn refusal(&self) -> JournalError {
        JournalError::Disk(self.shared.failure().unwrap_or("the store stopped").to_owned())
    }
}

/// RocksDB keeps only the text of the system's error.
fn is_full(reason: &str) -> bool {
    reason.contains("No space left") || reason.contains("quota exceeded")
}

/// Waits for the first request (with an unsynced watermark no longer than it may stay so) and takes what is ready.
fn take(inbox: &Receiver<ToWriter>, unsynced: Option<Instant>) -> FromQueue {
    let first = match unsynced {
        Some(since) => inbox.recv_timeout(MARK_EVERY.saturating_sub(since.elapsed())),
        None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    let first = match first {
        Ok(ToWriter::Write(request)) => request,
        Ok(ToWriter::Stop) | Err(RecvTimeoutError::Disconnected) => return FromQueue::Last(Vec::new()),
        Err(RecvTimeoutError::Timeout) => return FromQueue::Nothing,
    };
    let mut bytes = weight(&first.batch);
    let mut group = vec![first];
    while group.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
        match inbox.try_recv() {
            Ok(ToWriter::Write(request)) => {
                bytes += weight(&request.batch);
                group.push(request);
            }
            Ok(ToWriter::Stop) => return FromQueue::Last(group),
            Err(_) => break,
        }
    }
    FromQueue::Group(group)
}

fn weight(batch: &Batch) -> usize {
    let appends = batch.appends.iter().map(|append| {
        let entries = append.entries.iter().map(|entry| entry.skeleton.len() + entry.payload.len());
        append.snapshot.as_ref().map_or(0, Vec::len) + entries.sum::<usize>()
    });
    let rows = batch.writes.iter().map(|write| write.key.len() + write.value.as_ref().map_or(0, Vec::len));
    appends.chain(rows).chain(batch.blobs.iter().map(|(_, bytes)| bytes.len())).sum()
}
