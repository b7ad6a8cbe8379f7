//! Data folders for tests: opened, copied, cut, changed by hand.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use adjutant::journal::{Error, Options, RocksJournal};
use rocksdb::{ColumnFamilyDescriptor, DB};
use tempfile::TempDir;

/// Returns an empty folder.
pub(crate) fn empty() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Opens a store without the reserve, which most tests do not need.
pub(crate) fn open(folder: &Path) -> Result<RocksJournal, Error> {
    RocksJournal::open(folder, Options { reserve: 0, ..Options::default() })
}

/// Returns a copy of a data folder that nobody has open.
pub(crate) fn copy(from: &Path) -> TempDir {
    let to = empty();
    copy_into(from, to.path());
    to
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Returns the write-ahead log that is written now.
pub(crate) fn log_file(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder.join("store")).unwrap().map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.max().expect("an open store has a log")
}

/// Returns how much of it is written.
pub(crate) fn log_length(folder: &Path) -> u64 {
    fs::metadata(log_file(folder)).unwrap().len()
}

/// Cuts it.
pub(crate) fn cut_log(folder: &Path, length: u64) {
    OpenOptions::new().write(true).open(log_file(folder)).unwrap().set_len(length).unwrap();
}

/// Changes one byte of it.
pub(crate) fn flip_log(folder: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(log_file(folder)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
}

/// Opens RocksDB itself, as a hand on the disk would.
pub(crate) fn raw(folder: &Path) -> DB {
    let store = folder.join("store");
    let options = rocksdb::Options::default();
    let names = DB::list_cf(&options, &store).unwrap();
    let families =
        names.into_iter().map(|name| ColumnFamilyDescriptor::new(name, rocksdb::Options::default()));
    DB::open_cf_descriptors(&options, &store, families).unwrap()
}
