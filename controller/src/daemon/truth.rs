//! Where the truth lives: one source for each daemon.

use std::path::{Path, PathBuf};

use crate::reconcile;

/// The one source of truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Truth {
    /// What is saved in a folder.
    Worktree(PathBuf),
    /// A folder's `HEAD`.
    Commit(PathBuf),
    /// A branch of a repository elsewhere.
    Remote { url: String, branch: String },
    /// The daemon's own repository; a folder fills it once.
    Push { seed: Option<PathBuf> },
}

impl Truth {
    /// Returns the folder that is followed, where one is.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Worktree(folder) | Self::Commit(folder) => Some(folder),
            Self::Remote { .. } | Self::Push { .. } => None,
        }
    }

    /// Returns the mode as reconcile names it.
    pub(crate) fn mode(&self) -> reconcile::Mode {
        match self {
            Self::Worktree(_) => reconcile::Mode::Worktree,
            Self::Commit(_) => reconcile::Mode::Commit,
            Self::Remote { .. } => reconcile::Mode::Remote,
            Self::Push { .. } => reconcile::Mode::Push,
        }
    }

    /// Returns the mode's word.
    pub(crate) fn word(&self) -> &'static str {
        self.mode().word()
    }

    /// Returns what is followed, for people.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Worktree(folder) | Self::Commit(folder) => folder.display().to_string(),
            Self::Remote { url, branch } => format!("{url} {branch}"),
            Self::Push { .. } => "its own repository".to_owned(),
        }
    }

    /// Returns how a change goes live, in one line.
    pub(crate) fn how(&self, data: &Path) -> String {
        match self {
            Self::Worktree(_) => "change     save a file: it is live, or the log says why not".to_owned(),
            Self::Commit(_) => "change     commit: HEAD is live, or the log says why not".to_owned(),
            Self::Remote { branch, .. } => format!("change     push to `{branch}` there"),
            Self::Push { .. } => {
                format!("change     git push {} HEAD:main", data.join("company.git").display())
            }
        }
    }
}
