//! The files of the data folder beside RocksDB's own.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::error::Error;

/// The paths of a data folder: what the store keeps, and where.
#[derive(Debug, Clone)]
pub(super) struct DataFolder {
    /// The folder that all of it lies in.
    pub(super) data: PathBuf,
    /// The folder that RocksDB keeps its files in.
    pub(super) store: PathBuf,
    /// The file that says which batch was acknowledged last.
    pub(super) mark: PathBuf,
    /// A file whose space is freed when the disk is full.
    pub(super) reserve: PathBuf,
    /// The file that names the process that has the store open.
    pub(super) pid: PathBuf,
}

impl DataFolder {
    /// Returns the places in a data folder.
    pub(super) fn of(data: &Path) -> Self {
        let at = |name: &str| data.join(name);
        Self {
            data: data.to_owned(),
            store: at("store"),
            mark: at("watermark"),
            reserve: at("reserve"),
            pid: at("pid"),
        }
    }

    /// Makes the folder, for its owner alone.
    pub(super) fn create(&self) -> Result<(), Error> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data);
        made.map_err(Error::file(&self.data))
    }

    /// Notes that this process has the store open.
    pub(super) fn write_pid(&self) -> Result<(), Error> {
        let written = fs::write(&self.pid, format!("{}\n", std::process::id()));
        written.map_err(Error::file(&self.pid))
    }

    /// Returns the process that noted itself last.
    pub(super) fn read_pid(&self) -> Option<u32> {
        fs::read_to_string(&self.pid).ok()?.trim().parse().ok()
    }

    /// Takes space for bad days; answers whether there was enough.
    pub(super) fn take_reserve(&self, bytes: u64) -> bool {
        if fs::metadata(&self.reserve).is_ok_and(|file| file.len() == bytes) {
            return true;
        }
        let taken = fill(&self.reserve, bytes);
        if taken.is_err() {
            // A part of a reserve would only make a full disk fuller.
            self.release_reserve();
        }
        taken.is_ok()
    }

    /// Frees that space, so that the next process can recover.
    pub(super) fn release_reserve(&self) {
        fs::remove_file(&self.reserve).unwrap_or_default();
    }
}

/// Real blocks, not a hole: a sparse file reserves nothing.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    let block = [0xAD_u8; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(block.len() as u64);
        file.write_all(&block[..usize::try_from(part).unwrap_or(block.len())])?;
        left -= part;
    }
    file.sync_all()
}

/// Makes a new file's name durable.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_taken_and_freed() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::of(folder.path());
        assert!(data.take_reserve(100_000));
        assert_eq!(fs::metadata(&data.reserve).unwrap().len(), 100_000);
        data.release_reserve();
        assert!(!data.reserve.exists());
    }

    #[test]
    fn a_reserve_that_does_not_fit_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::of(&folder.path().join("absent"));
        assert!(!data.take_reserve(10));
    }
}
