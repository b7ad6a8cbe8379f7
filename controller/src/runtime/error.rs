//! Why the runtime refuses, split by what the caller can do.

use adjutant_machine::journal::JournalError;

/// Why the runtime refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing: exit code 4.
    #[error("there is no {what} \"{id}\"")]
    NotFound {
        /// `run`, `gate`, `effect`, `playbook`, …
        what: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// There was such a thing, and retention removed it: exit code 4.
    #[error("{reason}")]
    Gone {
        /// What it was, and when it was removed.
        reason: String,
    },
    /// What was given is wrong; every mistake at once: exit code 1.
    #[error("{}", problems.join("; "))]
    Invalid {
        /// What is wrong, one sentence each.
        problems: Vec<String>,
    },
    /// It does not fit what is there now: exit code 5.
    #[error("{reason}")]
    Conflict {
        /// What is there now.
        reason: String,
    },
    /// A rule forbids it: exit code 3.
    #[error("{reason}")]
    Forbidden {
        /// The rule and its facts.
        reason: String,
    },
    /// Nothing is activated yet, the runtime is closing, or its queues are full: exit code 75.
    #[error("{reason}")]
    Unavailable {
        /// Why nothing can be done now, for people.
        reason: String,
    },
    /// The instance is set aside; everything else goes on: exit code 65.
    #[error(
        "\"{id}\" was set aside: {reason}; type `adjutant kill {id}` to end it, or `adjutant release {id}` once it is repaired"
    )]
    Quarantined {
        /// The id of the instance that is set aside.
        id: String,
        /// Why it is set aside, for people.
        reason: String,
    },
    /// The store refuses: exit code 74 for the disk, 65 for damage.
    #[error("the store refuses")]
    Journal(#[source] JournalError),
    /// A promise of our own code is broken: exit code 70.
    #[error("our own mistake: {0}")]
    Bug(String),
}

impl Error {
    /// Returns the exit code that the command line answers with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid { .. } => 1,
            Self::Forbidden { .. } => 3,
            Self::NotFound { .. } | Self::Gone { .. } => 4,
            Self::Conflict { .. } => 5,
            Self::Quarantined { .. }
            | Self::Journal(
                JournalError::Corrupt { .. } | JournalError::Newer { .. } | JournalError::Older { .. },
            ) => 65,
            Self::Unavailable { .. } | Self::Journal(JournalError::Busy) => 75,
            Self::Journal(JournalError::Disk(_)) => 74,
            Self::Journal(_) | Self::Bug(_) => 70,
        }
    }

    /// Returns a stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Gone { .. } => "gone",
            Self::Invalid { .. } => "invalid",
            Self::Conflict { .. } => "conflict",
            Self::Forbidden { .. } => "forbidden",
            Self::Unavailable { .. } => "unavailable",
            Self::Quarantined { .. } => "quarantined",
            Self::Journal(_) => "journal",
            Self::Bug(_) => "bug",
        }
    }

    pub(crate) fn invalid(problem: impl Into<String>) -> Self {
        Self::Invalid { problems: vec![problem.into()] }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Busy => Self::unavailable("the store takes no more work now"),
            other => Self::Journal(other),
        }
    }
}
