//! Files that were in force, kept in the journal by content: reverts and slices that are held need no Git.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use adjutant_machine::journal::Journal;
use adjutant_spec::files::FileSet;

use super::Error;

/// The files of a revision by the digest of their content.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    rows: Arc<BTreeMap<String, String>>,
    /// Of the whole: the same files have the same one, whatever commit they came in.
    digest: String,
}

impl Default for Manifest {
    fn default() -> Self {
        Self::of_rows(BTreeMap::new())
    }
}

impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Manifest {
    pub(super) fn of(files: &FileSet) -> Self {
        Self::after(files, &FileSet::new(), &Self::default())
    }

    /// As [`Manifest::of`]; files that are the same as known ones have the digest that `manifest` gives those.
    pub(super) fn after(files: &FileSet, known: &FileSet, manifest: &Self) -> Self {
        if files == known {
            return manifest.clone();
        }
        let digested = |path: &str, bytes: &Arc<[u8]>| {
            let same = known.get(path).filter(|old| Arc::ptr_eq(old, bytes) || *old == bytes);
            same.and_then(|_| manifest.rows.get(path).cloned()).unwrap_or_else(|| digest(bytes))
        };
        Self::of_rows(files.iter().map(|(path, bytes)| (path.to_owned(), digested(path, bytes))).collect())
    }

    fn of_rows(rows: BTreeMap<String, String>) -> Self {
        let digest = digest(&bytes(&rows));
        Self { rows: Arc::new(rows), digest }
    }

    /// Returns the digest of the whole.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns what has to be stored so that the files can be read again, without what the known one holds.
    pub(super) fn blobs(&self, files: &FileSet, known: &Self) -> Vec<(String, Vec<u8>)> {
        let known: BTreeSet<&String> = known.rows.values().collect();
        let fresh = self.rows.iter().filter(|(_, digest)| !known.contains(digest));
        let mut blobs: BTreeMap<String, Vec<u8>> =
            fresh.filter_map(|(path, digest)| Some((digest.clone(), files.get(path)?.to_vec()))).collect();
        blobs.insert(self.digest.clone(), bytes(&self.rows));
        blobs.into_iter().collect()
    }
}

fn bytes(rows: &BTreeMap<String, String>) -> Vec<u8> {
    let mut text = String::new();
    for (path, digest) in rows {
        text.extend([digest.as_str(), " ", path.as_str(), "\n"]);
    }
    text.into_bytes()
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
