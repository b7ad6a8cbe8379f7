//! A state of the company that has a name, and what a look at the source found.

use std::sync::Arc;

use adjutant_spec::files::FileSet;
use serde::{Deserialize, Serialize};

use super::error::Error;

/// One immutable state of the company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit, or for uncommitted work the tree; 40 hex digits.
    pub id: String,
    /// The commit that this is, or that uncommitted work is based on.
    pub commit: Option<String>,
    /// The tree that holds exactly these files.
    pub tree: String,
    /// `Name <mail>` of the commit's author.
    pub author: String,
    /// The first line of the commit message.
    pub title: String,
    /// When it was made, in seconds since 1970.
    pub time: i64,
    /// Whether the files differ from every commit.
    pub dirty: bool,
}

/// A commit that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// What it says of itself.
    pub revision: Revision,
    /// All of its files that belong to the language.
    pub files: Arc<FileSet>,
}

/// A complete reading of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// What the revision says of itself.
    pub revision: Revision,
    /// All of its files that belong to the language.
    pub files: Arc<FileSet>,
    /// The paths that differ from the commit that uncommitted work is based on, in order.
    pub uncommitted: Vec<String>,
    /// The commit observed before, if this one does not contain it: history was rewritten.
    pub rewound_from: Option<String>,
    /// What of the source could not be read although its files could, such as its history.
    pub remark: Option<String>,
}

/// A reading that failed; it says nothing about which files exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The class of the failure, one stable word.
    pub code: &'static str,
    /// What failed, and why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// What the latest look at the source found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A complete revision.
    Observed(Observed),
    /// A failure; the last good revision stays in force.
    Unreadable(Unreadable),
}

impl Observation {
    /// Returns the revision that was read, if one was.
    #[must_use]
    pub fn observed(&self) -> Option<&Observed> {
        match self {
            Self::Observed(observed) => Some(observed),
            Self::Unreadable(_) => None,
        }
    }
}

impl From<&Error> for Unreadable {
    fn from(error: &Error) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            cause = inner.source();
        }
        Self { code: error.code(), message, hint: error.hint() }
    }
}
