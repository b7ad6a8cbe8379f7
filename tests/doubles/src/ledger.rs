//! The ledger: entries appended to a file, each synced before anyone is answered, and the books they add up to.
//!
//! The file is one JSON line per entry. A process that dies while it writes leaves a torn last line, which nobody was
//! answered for; opening cuts it off. A whole line that is no entry is damage and refuses to open. Only one process
//! writes (an advisory lock says so); any process may read.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::books::Books;
use crate::entry::Entry;
use crate::error::Error;

/// The one writer of entries.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    /// The number of entries; moves after the books did.
    count: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    books: Books,
    sink: Sink,
}

/// The place that entries are written to.
#[derive(Debug)]
enum Sink {
    Memory,
    File(File),
    /// After a failed write nobody knows what the file holds: nothing more is accepted.
    Broken,
}

impl Ledger {
    /// Opens the ledger and folds what it holds; without a path it lives in memory alone.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let (books, sink, count) = match path {
            None => (Books::default(), Sink::Memory, 0),
            Some(path) => {
                let Opened { file, loaded } = open_file(path)?;
                (loaded.books, Sink::File(file), loaded.count)
            }
        };
        let state = Mutex::new(State { books, sink });
        Ok(Self { state, count: watch::Sender::new(count) })
    }

    /// Decides an entry from the books and records it, with nothing in between; returns it once it is synced.
    ///
    /// The lock is held over the sync on purpose: the order of the file is the order of the decisions.
    pub(crate) fn decide(&self, decide: impl FnOnce(&Books) -> Entry) -> Result<Entry, Error> {
        let mut state = self.lock();
        let entry = decide(&state.books);
        state.sink.append(&entry)?;
        state.books.apply(&entry);
        drop(state);
        self.count.send_modify(|count| *count += 1);
        Ok(entry)
    }

    /// Reads the books.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Books) -> T) -> T {
        read(&self.lock().books)
    }

    /// Waits until the books satisfy a condition; the caller bounds the wait.
    pub(crate) async fn wait(&self, mut is_reached: impl FnMut(&Books) -> bool) {
        let mut count = self.count.subscribe();
        while !self.read(&mut is_reached) {
            if count.changed().await.is_err() {
                return;
            }
        }
    }

    /// A panic elsewhere does not make the books wrong: they change only after a completed append.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    fn append(&mut self, entry: &Entry) -> Result<(), Error> {
        let file = match self {
            Self::Memory => return Ok(()),
            Self::Broken => return Err(Error::Write { source: None }),
            Self::File(file) => file,
        };
        let written = write_line(file, entry);
        if written.is_err() {
            *self = Self::Broken;
        }
        written.map_err(|source| Error::Write { source: Some(source) })
    }
}

impl Books {
    /// Reads the ledger of doubles that run, or ran, in any process; a torn last line is left out.
    ///
    /// # Errors
    /// The file cannot be read, or a whole line of it is no entry.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::Open { path: path.into(), source })?;
        Ok(load(path, &bytes)?.books)
    }
}

/// What a ledger file holds.
struct Loaded {
    books: Books,
    count: u64,
    /// The bytes up to the end of the last whole line.
    whole: usize,
}

/// A ledger file that is ours alone, and what it holds.
struct Opened {
    file: File,
    loaded: Loaded,
}

fn open_file(path: &Path) -> Result<Opened, Error> {
    let failed = |source| Error::Open { path: path.into(), source };
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: path.into() }),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let loaded = load(path, &bytes)?;
    if loaded.whole < bytes.len() {
        cut_back(&mut file, loaded.whole).map_err(failed)?;
    }
    if is_new {
        sync_folder(path).map_err(failed)?;
    }
    Ok(Opened { file, loaded })
}

fn load(path: &Path, bytes: &[u8]) -> Result<Loaded, Error> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let mut loaded = Loaded { books: Books::default(), count: 0, whole };
    for (index, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let entry: Entry = serde_json::from_slice(line).map_err(|source| Error::Corrupt {
            path: path.into(),
            line: index + 1,
            source,
        })?;
        loaded.books.apply(&entry);
        loaded.count += 1;
    }
    Ok(loaded)
}

fn cut_back(file: &mut File, length: usize) -> io::Result<()> {
    file.set_len(length as u64)?;
    file.seek(SeekFrom::End(0))?;
    file.sync_all()
}

/// A new file exists after a power cut only once its folder is synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Appends an entry and syncs it: what a double has done is in its ledger before anybody is answered.
fn write_line(file: &mut File, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::MailRefusal;

    fn refusal(at_ms: u64) -> Entry {
        Entry::MailRefused(MailRefusal { at_ms, envelope_to: vec!["a@b.example".into()], code: Some(550) })
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let ledger = Ledger::open(Some(&path)).unwrap();
        ledger.decide(|_| refusal(1)).unwrap();
        drop(ledger);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"entry":"mail_refused","at_m"#).unwrap();

        assert_eq!(Books::read(&path).unwrap().refusals.len(), 1, "a reader leaves the torn line out");
        let ledger = Ledger::open(Some(&path)).unwrap();
        ledger.decide(|_| refusal(2)).unwrap();
        drop(ledger);
        let times: Vec<u64> = Books::read(&path).unwrap().refusals.iter().map(|one| one.at_ms).collect();
        assert_eq!(times, [1, 2]);
    }

    #[test]
    fn a_damaged_whole_line_refuses_to_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        std::fs::write(&path, "{\"entry\":\"nothing\"}\n").unwrap();
        let refused = Ledger::open(Some(&path)).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { line: 1, .. }), "{refused}");
    }

    #[test]
    fn two_writers_of_one_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let _first = Ledger::open(Some(&path)).unwrap();
        let refused = Ledger::open(Some(&path)).unwrap_err();
        assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    }

    #[test]
    fn after_a_failed_write_nothing_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        std::fs::write(&path, "").unwrap();
        let read_only = File::open(&path).unwrap();
        let mut sink = Sink::File(read_only);
        assert!(matches!(sink.append(&refusal(1)), Err(Error::Write { source: Some(_) })));
        assert!(matches!(sink.append(&refusal(2)), Err(Error::Write { source: None })));
    }
}
