//! Files that were in force, kept in the journal by content: reverts and slices that are held need no Git.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_machine::journal::Journal;
use adjutant_spec::files::FileSet;

use super::Error;

/// The files of a revision by the digest of their content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Manifest(BTreeMap<String, String>);

impl Manifest {
    pub(super) fn of(files: &FileSet) -> Self {
        Self(files.iter().map(|(path, bytes)| (path.to_owned(), digest(bytes))).collect())
    }

    /// Returns the digest of the whole: the same files have the same one, whatever commit they came in.
    pub(super) fn digest(&self) -> String {
        digest(&self.bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        let rows: Vec<String> = self.0.iter().map(|(path, digest)| format!("{digest} {path}\n")).collect();
        rows.concat().into_bytes()
    }

    /// Returns what has to be stored so that the files can be read again, without what the known one holds.
    pub(super) fn blobs(&self, files: &FileSet, known: &Self) -> Vec<(String, Vec<u8>)> {
        let known: BTreeSet<&String> = known.0.values().collect();
        let fresh = self.0.iter().filter(|(_, digest)| !known.contains(digest));
        let mut blobs: BTreeMap<String, Vec<u8>> =
            fresh.filter_map(|(path, digest)| Some((digest.clone(), files.get(path)?.to_vec()))).collect();
        blobs.insert(self.digest(), self.bytes());
        blobs.into_iter().collect()
    }
}

/// Reads the files that a manifest's digest stands for.
pub(super) fn load(journal: &dyn Journal, manifest: &str) -> Result<FileSet, Error> {
    let damaged = |what: &str| {
        let problem = format!("{what} is missing");
        let place = format!("the files of revision {manifest}");
        Error::from(adjutant_machine::journal::JournalError::Corrupt { place, problem })
    };
    let bytes = journal.blob(manifest)?.ok_or_else(|| damaged("the list"))?;
    let text = String::from_utf8(bytes).map_err(|_| damaged("readable text"))?;
    let mut files = FileSet::new();
    for line in text.lines() {
        let (digest, path) = line.split_once(' ').ok_or_else(|| damaged("a digest"))?;
        files.insert(path, journal.blob(digest)?.ok_or_else(|| damaged(path))?);
    }
    Ok(files)
}

pub(super) fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
