//! The folder that a model grows in, beside the models: one pull at a time, gone on with after a kill.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::judgement::{catalogue::KnownFile, digest::Hashed, error::Error, store::Store};

/// The folder that holds what is not whole yet; its dot keeps it out of the names of models.
const PULLING: &str = ".pulling";

/// A model that is not whole yet. Its lock ends with the process, whatever ends it.
pub(super) struct Staging {
    folder: PathBuf,
    lock: File,
}

impl Staging {
    pub(super) fn open(store: &Store, name: &str) -> Result<Self, Error> {
        let all = store.root().join(PULLING);
        let folder = all.join(name);
        fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        let path = all.join(format!("{name}.lock"));
        let lock = File::create(&path).map_err(Error::file("write", &path))?;
        // The system lets go of the lock with the process, so a pull that was killed keeps nobody out; the file itself stays, as
        // two pulls could each lock one of the same name if it were removed.
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder, lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::Busy(name.to_owned())),
            Err(fs::TryLockError::Error(error)) => Err(Error::file("lock", path)(error)),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns whether a file is here and is what it should be.
    pub(super) fn has(&self, file: &KnownFile) -> Result<bool, Error> {
        let path = self.folder.join(&file.path);
        match Hashed::of(&path) {
            Ok(found) => Ok(found == file.is),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::file("read", path)(error)),
        }
    }

    /// Returns where a file grows.
    pub(super) fn part(&self, file: &KnownFile) -> Result<PathBuf, Error> {
        let part = self.folder.join(format!("{}.part", file.path));
        let parent = part.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent).map_err(Error::file("make", parent))?;
        Ok(part)
    }

    /// Takes what has grown, if it is what it should be.
    pub(super) fn accept(&self, file: &KnownFile) -> Result<(), Error> {
        let part = self.part(file)?;
        let found = Hashed::of(&part).map_err(Error::file("read", &part))?;
        if found.bytes != file.is.bytes {
            let (expected, found) = (file.is.bytes, found.bytes);
            return Err(Error::Length { file: file.path.clone(), expected, found });
        }
        if found.sha256 != file.is.sha256 {
            let (expected, found) = (file.is.sha256.clone(), found.sha256);
            return Err(Error::Digest { file: file.path.clone(), expected, found });
        }
        let path = self.folder.join(&file.path);
        // A file has its name only once it is whole and synced: after a crash a pull goes on behind the last whole one.
        fs::rename(&part, &path).map_err(Error::file("write", path))
    }

    /// Puts the whole model into its place; what was damaged there goes.
    pub(super) fn land(self, place: &Path) -> Result<(), Error> {
        self.sweep()?;
        let old = self.folder.with_extension("old");
        remove(&old)?;
        match fs::rename(place, &old) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file("move away", place)(error)),
        }
        // A crash before this leaves no model in its place, and the next pull finds all of it here; one after it finds the model.
        fs::rename(&self.folder, place).map_err(Error::file("write", place))?;
        let parent = place.parent().unwrap_or(place);
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", parent))?;
        remove(&old)
    }

    /// Removes everything that has grown.
    pub(super) fn discard(self) -> Result<(), Error> {
        remove(&self.folder)
    }

    /// Removes what belongs to no model: parts that are left over, the wheel that pip brought.
    fn sweep(&self) -> Result<(), Error> {
        let entries = fs::read_dir(&self.folder).map_err(Error::file("list", &self.folder))?;
        for entry in entries {
            let path = entry.map_err(Error::file("list", &self.folder))?.path();
            if path.extension().is_some_and(|extension| extension == "part" || extension == "whl") {
                fs::remove_file(&path).map_err(Error::file("remove", path))?;
            }
        }
        self.lock.sync_all().map_err(Error::file("sync", &self.folder))
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", folder)(error))
        }
        _ => Ok(()),
    }
}
