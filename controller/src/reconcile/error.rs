//! Why the room refuses, split by what the caller can do.

use adjutant_machine::journal::JournalError;

use super::repository::{RepositoryError, Trouble};
use crate::runtime;

/// Why reconcile refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing: exit code 4.
    #[error("there is no {what} \"{id}\"")]
    NotFound {
        /// The kind of thing: `revision`, `proposal`, `commit`.
        what: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// What was given is wrong: exit code 1.
    #[error("{reason}")]
    Invalid {
        /// What is wrong with what was asked for.
        reason: String,
        /// What to do instead.
        help: Option<String>,
    },
    /// A rule forbids it: exit code 3.
    #[error("{reason}")]
    Forbidden {
        /// The rule that forbids it.
        reason: String,
        /// What may be done instead.
        help: Option<String>,
    },
    /// It does not fit what is there now: exit code 5.
    #[error("{reason}")]
    Conflict {
        /// What stands in the way now.
        reason: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// Git refused, or failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The runtime refused, or the store did.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// A promise of our own code is broken: exit code 70.
    #[error("our own mistake: {0}")]
    Bug(String),
}

impl Error {
    /// Returns what to do about it, where there is something to do.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Invalid { help, .. } | Self::Forbidden { help, .. } | Self::Conflict { help, .. } => {
                help.clone()
            }
            Self::Repository(error) => error.hint.clone(),
            Self::NotFound { what: "proposal", .. } => {
                Some("`adjutant proposals` shows those that there are".to_owned())
            }
            Self::NotFound { .. } | Self::Runtime(_) | Self::Bug(_) => None,
        }
    }

    /// Returns whether somebody else came first, so that deciding again can help.
    #[must_use]
    pub fn has_moved(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Runtime(runtime::Error::Conflict { .. }) => true,
            Self::Repository(error) => error.trouble == Trouble::Moved,
            Self::NotFound { .. }
            | Self::Invalid { .. }
            | Self::Forbidden { .. }
            | Self::Runtime(_)
            | Self::Bug(_) => false,
        }
    }

    pub(super) fn conflict(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Conflict { reason: reason.into(), help: Some(help.into()) }
    }

    pub(super) fn forbidden(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Forbidden { reason: reason.into(), help: Some(help.into()) }
    }

    pub(super) fn invalid(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into(), help: Some(help.into()) }
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match error {
            // Whoever meets this reads what is there and decides again: it must never stand in the way for good.
            JournalError::Conflict { .. } | JournalError::Moved { .. } => {
                Self::conflict(format!("something else changed it at the same time: {error}"), "try again")
            }
            other => Self::Runtime(other.into()),
        }
    }
}
