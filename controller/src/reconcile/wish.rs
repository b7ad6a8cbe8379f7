//! What the source wishes, as the composition root hands it in.

use std::sync::Arc;

use adjutant_spec::files::FileSet;
use serde::{Deserialize, Serialize};

/// The place whose word counts: what it says is what is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What is saved in a folder.
    #[default]
    Worktree,
    /// The commit that a folder's `HEAD` names; uncommitted work does not count.
    Commit,
    /// A branch of a remote.
    Remote,
    /// `main` of the daemon's own repository.
    Push,
}

impl Mode {
    /// Returns the word for people and programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Worktree => "worktree",
            Self::Commit => "commit",
            Self::Remote => "remote",
            Self::Push => "push",
        }
    }
}

/// A complete reading of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The revision: a commit, or the tree of uncommitted work.
    pub revision: String,
    /// The commit that it is, or is based on.
    pub commit: Option<String>,
    /// The first line of the commit's message, or what uncommitted work is.
    pub title: String,
    /// Its files of the language.
    pub files: Arc<FileSet>,
    /// The paths that differ from the commit that it is based on.
    pub uncommitted: Vec<String>,
    /// What of the source could not be read although these files could, such as its history.
    pub remark: Option<String>,
}

/// A reading that failed; it says nothing about which files exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The kind of failure as one word that never changes.
    pub code: String,
    /// What failed, in words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What the latest look at the source found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A complete revision.
    Candidate(Candidate),
    /// A failure: what is in force stays in force.
    Unreadable(Unreadable),
}
