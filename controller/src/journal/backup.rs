//! A copy of the store, taken while it works and checked before it is trusted.

use std::{fs, path::Path};

use adjutant_machine::journal::{ChainReport, JournalError};
use rocksdb::checkpoint::Checkpoint;

use super::{
    database::Db,
    error::{Error, damage, refusal},
    folder::DataFolder,
    mark::{Mark, MarkFile, this_version},
    open::{FORMAT, RocksJournal},
    options::Options,
    verify::verify,
};

/// A finished copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// What the check of the copy's chain found.
    pub chain: ChainReport,
    /// The copy's size.
    pub bytes: u64,
}

impl RocksJournal {
    /// Copies the store into a new folder, which is then a data folder that [`RocksJournal::open`] takes: restoring is
    /// putting it in place. The copy holds at least what was acknowledged before the call.
    ///
    /// # Errors
    /// [`Error::File`] where the folder cannot be made or is there already; [`JournalError::Corrupt`] where the copy does
    /// not verify; [`JournalError::Disk`].
    pub fn backup(&self, folder: &Path) -> Result<Copied, Error> {
        let due = self.shared.tip();
        let copy = DataFolder::of(folder);
        if copy.store.exists() {
            return Err(Error::file(&copy.store)(std::io::ErrorKind::AlreadyExists.into()));
        }
        copy.create()?;
        let checkpoint = Checkpoint::new(self.db.raw()).map_err(|error| refusal(&error))?;
        checkpoint.create_checkpoint(&copy.store).map_err(|error| refusal(&error))?;
        let Checked { chain, mark } = checked(&copy, due.batch)?;
        // The watermark comes last: a copy without one does not open.
        MarkFile::create(&copy.mark, mark).map_err(Error::file(&copy.mark))?;
        Ok(Copied { chain, bytes: size(&copy.store)?.bytes })
    }
}

/// A copy that agrees with itself, and the watermark that it gets.
struct Checked {
    chain: ChainReport,
    mark: Mark,
}

fn checked(copy: &DataFolder, due: u64) -> Result<Checked, Error> {
    let db = Db::open_read_only(&copy.store, &Options::default())?;
    let now = db.now();
    let tip = now.tip()?;
    let chain = verify(&now)?;
    let damaged = |problem: String| -> Error {
        let error: JournalError = damage(copy.store.display().to_string(), problem);
        error.into()
    };
    if let Some(batch) = chain.broken_at {
        return Err(damaged(format!("the copy's chain is broken at batch {batch}")));
    }
    if tip.batch < due {
        return Err(damaged(format!(
            "the copy ends at batch {}, but batch {due} was acknowledged",
            tip.batch
        )));
    }
    Ok(Checked { chain, mark: Mark { format: FORMAT, version: this_version(), tip } })
}

/// What the files of a folder take together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FolderSize {
    /// How many bytes they have.
    pub(super) bytes: u64,
    /// How many files there are.
    pub(super) files: u64,
}

/// Measures the files that lie in a folder itself, not those of folders below it.
pub(super) fn size(folder: &Path) -> Result<FolderSize, Error> {
    let mut sum = FolderSize::default();
    for file in fs::read_dir(folder).map_err(Error::file(folder))? {
        // RocksDB deletes files while we look: an absent one has no size.
        if let Ok(known) = file.and_then(|file| file.metadata())
            && known.is_file()
        {
            sum = FolderSize { bytes: sum.bytes + known.len(), files: sum.files + 1 };
        }
    }
    Ok(sum)
}
