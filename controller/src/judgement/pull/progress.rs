//! Writing what a source has, and telling somebody how far it is.

use std::{fs::File, io::Read, path::Path};

use crate::judgement::error::Error;

/// Somebody who is told how far a pull is.
pub trait Progress {
    /// A file begins, of which so many of its bytes are there already.
    fn begins(&self, file: &str, already: u64, bytes: u64);
    /// So many more bytes came.
    fn came(&self, bytes: u64);
    /// Tells that a file is there, whole.
    fn ends(&self, file: &str);
    /// Something happened that people want to know.
    fn tells(&self, what: &str);
}

/// Writes everything that a reader has into a new file.
pub(super) fn pour(source: &mut dyn Read, part: &Path, progress: &dyn Progress) -> Result<(), Error> {
    use std::io::Write as _;
    let mut target = File::create(part).map_err(Error::file("write", part))?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = source.read(&mut buffer).map_err(Error::file("read what goes into", part))?;
        if read == 0 {
            return target.sync_all().map_err(Error::file("write", part));
        }
        target.write_all(&buffer[..read]).map_err(Error::file("write", part))?;
        progress.came(read as u64);
    }
}
