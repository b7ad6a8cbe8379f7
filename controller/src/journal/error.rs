//! Why the store does not open, and how RocksDB's errors read at the seam.

use std::path::{Path, PathBuf};

use adjutant_machine::journal::JournalError;
use rocksdb::ErrorKind;

/// Why the store cannot be opened, copied or measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it open.
    #[error("\"{}\" is in use by {}", data.display(), holder(*pid))]
    Locked {
        /// The data folder.
        data: PathBuf,
        /// The other process, where it is known.
        pid: Option<u32>,
    },
    /// A file beside the store cannot be used.
    #[error("cannot use \"{}\"", path.display())]
    File {
        /// The file or folder that could not be used.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] JournalError),
}

impl Error {
    /// Names the file that an operation failed on.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// Returns what a read or write of the store failed with.
pub(super) fn refusal(error: &rocksdb::Error) -> JournalError {
    match error.kind() {
        ErrorKind::Corruption => damage("the store", error.to_string()),
        _ => JournalError::Disk(error.to_string()),
    }
}

/// Returns the error of a damaged place.
pub(super) fn damage(place: impl Into<String>, problem: impl Into<String>) -> JournalError {
    JournalError::Corrupt { place: place.into(), problem: problem.into() }
}
