//! The folder of models: one folder for each, by name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    catalogue::{self, KnownFile, KnownModel},
    digest::{Hashed, IDENTITY, model_digest},
    error::Error,
};

/// The folder in which models lie, each in a folder of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

/// What lies in a model's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelReport {
    /// The model.
    pub name: String,
    /// The folder of the model.
    pub folder: PathBuf,
    /// The digest of what lies there; absent where a file of its identity is.
    pub digest: Option<String>,
    /// Whether the catalogue knows its files.
    pub is_known: bool,
    /// Each file that belongs to it.
    pub files: Vec<FileReport>,
}

/// One file of a model's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its path in the folder.
    pub path: String,
    /// What it should be, where that is known.
    pub expected: Option<Hashed>,
    /// What it is; absent where it is not there.
    pub found: Option<Hashed>,
    /// What is wrong with it.
    pub fault: Option<Flaw>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The file is not there.
    Missing,
    /// The file has another length than the catalogue says.
    Length,
    /// The file has the right length and another content.
    Digest,
}

impl ModelReport {
    /// Returns whether every file is there and is what it should be.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.files.iter().all(|file| file.fault.is_none())
    }

    /// Returns whether there is nothing of it at all.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.files.iter().all(|file| file.found.is_none())
    }

    /// Returns how many bytes lie there.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.found.as_ref()).map(|found| found.bytes).sum()
    }
}

impl Store {
    /// Returns the folder that `$ADJUTANT_MODELS` names, else `adjutant/models` in the user's cache folder.
    ///
    /// # Errors
    /// [`Error::NoPlace`] where the environment names no folder at all.
    pub fn locate() -> Result<Self, Error> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        let root = set("ADJUTANT_MODELS").or_else(|| cache().map(|cache| cache.join("adjutant/models")));
        root.map(Self::at).ok_or(Error::NoPlace)
    }

    /// Returns the store at a folder, which need not exist.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the folder of all models.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder of a model, whether it is there or not.
    ///
    /// # Errors
    /// [`Error::Name`]: the name would leave the store.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(Error::Name(name.to_owned()));
        }
        Ok(self.root.join(name))
    }

    /// Returns the names of the catalogue and of what else lies here.
    ///
    /// # Errors
    /// [`Error::File`] where the folder cannot be listed.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = catalogue::all().into_iter().map(|known| known.name).collect();
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
            Err(error) => return Err(Error::file("list", &self.root)(error)),
        };
        let mut others = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::file("list", &self.root))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && self.folder(&name).is_ok() && !names.contains(&name) {
                others.push(name);
            }
        }
        others.sort();
        names.extend(others);
        Ok(names)
    }

    /// Reads every file of a model and compares it with the catalogue.
    ///
    /// # Errors
    /// [`Error::Name`], and [`Error::File`] where a file that is there cannot be read.
    pub fn look(&self, name: &str) -> Result<ModelReport, Error> {
        let folder = self.folder(name)?;
        match catalogue::find(name) {
            Some(known) => look_for(&folder, &known),
            None => look_at(&folder, name),
        }
    }
}

/// Compares a folder with what a known model should be.
pub(super) fn look_for(folder: &Path, known: &KnownModel) -> Result<ModelReport, Error> {
    let files = known.files.iter().map(|file| compare(folder, file)).collect::<Result<Vec<_>, _>>()?;
    Ok(report(folder, &known.name, true, files))
}

/// Reads a folder that nobody knows the digests of.
fn look_at(folder: &Path, name: &str) -> Result<ModelReport, Error> {
    let mut files = Vec::new();
    for path in IDENTITY {
        let found = hashed(&folder.join(path))?;
        let fault = found.is_none().then_some(Flaw::Missing);
        files.push(FileReport { path: path.to_owned(), expected: None, found, fault });
    }
    Ok(report(folder, name, false, files))
}

fn report(folder: &Path, name: &str, is_known: bool, files: Vec<FileReport>) -> ModelReport {
    let digest = model_digest(|name| {
        let file = files.iter().find(|file| file.path == name)?;
        file.found.as_ref().map(|found| found.sha256.clone())
    });
    ModelReport { name: name.to_owned(), folder: folder.to_owned(), digest, is_known, files }
}

fn compare(folder: &Path, file: &KnownFile) -> Result<FileReport, Error> {
    let found = hashed(&folder.join(&file.path))?;
    let fault = match &found {
        None => Some(Flaw::Missing),
        Some(found) if found.bytes != file.is.bytes => Some(Flaw::Length),
        Some(found) if found.sha256 != file.is.sha256 => Some(Flaw::Digest),
        Some(_) => None,
    };
    Ok(FileReport { path: file.path.clone(), expected: Some(file.is.clone()), found, fault })
}

fn hashed(path: &Path) -> Result<Option<Hashed>, Error> {
    match Hashed::of(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leaves_the_store() {
        let store = Store::at("/models");
        for name in ["", "..", ".", "a/b", "/etc", ".hidden", "ä"] {
            assert!(matches!(store.folder(name), Err(Error::Name(_))), "{name}");
        }
        assert_eq!(store.folder("all-MiniLM-L6-v2").unwrap(), Path::new("/models/all-MiniLM-L6-v2"));
    }

    #[test]
    fn each_file_is_told_apart_as_missing_short_or_other() {
        let folder = tempfile::tempdir().unwrap();
        let sum = |bytes, digit: &str| Hashed { bytes, sha256: digit.repeat(64) };
        let file = |path: &str, is| KnownFile { path: path.to_owned(), is };
        std::fs::write(folder.path().join("short"), "x").unwrap();
        std::fs::write(folder.path().join("other"), "xy").unwrap();
        let files = vec![file("none", sum(1, "0")), file("short", sum(9, "0")), file("other", sum(2, "0"))];
        let known = KnownModel { name: "m".to_owned(), hub: None, wheel: None, files };
        let report = look_for(folder.path(), &known).unwrap();
        let faults: Vec<_> = report.files.iter().map(|file| file.fault.unwrap()).collect();
        assert_eq!(faults, [Flaw::Missing, Flaw::Length, Flaw::Digest]);
        assert!(!report.is_whole() && !report.is_absent() && report.digest.is_none());
    }

    #[test]
    fn an_empty_store_names_the_catalogue_and_finds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("none"));
        assert_eq!(store.names().unwrap(), [catalogue::MINILM]);
        assert!(store.look(catalogue::MINILM).unwrap().is_absent());
    }
}
