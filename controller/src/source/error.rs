//! What can go wrong while reading or writing revisions, split by what the caller can do about it.

use std::path::{Path, PathBuf};

use super::stderr::{GitCode, classify, reason};

/// A failure of the source room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The `git` program ran and failed; `code` says in which way.
    #[error("{}", told(command, *code, message))]
    Git {
        /// The subcommand, without its arguments.
        command: String,
        /// The class of the failure.
        code: GitCode,
        /// The last lines that git wrote to stderr.
        message: String,
    },
    /// libgit2 could not read or write one of the private repositories.
    #[error("cannot {doing} in \"{}\"", repository.display())]
    Store {
        /// What was attempted, as a verb phrase.
        doing: &'static str,
        /// The path of the private repository.
        repository: PathBuf,
        /// What libgit2 says.
        #[source]
        source: git2::Error,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {doing} \"{}\"", path.display())]
    File {
        /// What was attempted, as a verb.
        doing: &'static str,
        /// The path that failed.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The folder exists but is not a company repository; it may be a mount that is gone.
    #[error("there is no `adjutant.toml` in \"{}\"", folder.display())]
    NoCompany {
        /// The folder that was looked at.
        folder: PathBuf,
    },
    /// A directory that held files is now empty on another file system: a mount that is gone, not a deletion.
    #[error("\"{directory}\" is empty and on another file system than before")]
    MountGone {
        /// The directory, from the root of the company.
        directory: String,
    },
    /// The work tree is in the middle of a merge, rebase or the like, with files that are not settled.
    #[error("{doing} is under way, with conflicts in {}", paths.join(", "))]
    Unmerged {
        /// What is under way, with its article.
        doing: &'static str,
        /// The files, from the root of the company.
        paths: Vec<String>,
    },
    /// A file kept changing between two reads.
    #[error("\"{path}\" changes while it is read")]
    Unsettled {
        /// The file, from the root of the company.
        path: String,
    },
    /// The tree as a whole is over a limit; nothing of it was taken.
    #[error("the tree has {found} {unit}, more than the limit of {limit}")]
    OverLimit {
        /// What was counted, such as `files` or `bytes`.
        unit: &'static str,
        /// The most that is read.
        limit: u64,
        /// How much was found before reading stopped.
        found: u64,
    },
    /// The tree could not be walked in the time that a walk has; nothing of it was taken.
    #[error("the tree could not be read within {seconds} s")]
    TooSlow {
        /// The most seconds that a look may take.
        seconds: u64,
    },
    /// A reference moved while it was being updated; look again and decide again.
    #[error("\"{reference}\" moved: expected {expected}, found {found}")]
    Moved {
        /// The full name of the reference.
        reference: String,
        /// The object it had to point at, or `nothing`.
        expected: String,
        /// The object it points at, or `nothing`.
        found: String,
    },
    /// The merge result is not the one that was approved.
    #[error("the merge result is {found}, not the approved {expected}")]
    OtherResult {
        /// The tree that was approved.
        expected: String,
        /// What merging gives now: a tree, or the files in conflict.
        found: String,
    },
    /// A peer did not keep to the protocol of hooks.
    #[error("git sent {found} where the protocol asks for {expected}")]
    Protocol {
        /// What the protocol asks for.
        expected: &'static str,
        /// What git sent instead.
        found: String,
    },
    /// A text that must be an object id or a reference name is not one.
    #[error("\"{text}\" is not {expected}")]
    Malformed {
        /// What it must be, with its article.
        expected: &'static str,
        /// The id as it was given.
        text: String,
    },
}

impl Error {
    /// Returns the class of the failure as a short stable word for conditions and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Git { code, .. } => code.word(),
            Self::Store { .. } => "store",
            Self::File { .. } => "unreadable",
            Self::NoCompany { .. } => "no-company",
            Self::MountGone { .. } => "mount-gone",
            Self::Unmerged { .. } => "unmerged",
            Self::Unsettled { .. } => "unsettled",
            Self::OverLimit { .. } => "over-limit",
            Self::TooSlow { .. } => "too-slow",
            Self::Moved { .. } => "moved",
            Self::OtherResult { .. } => "other-result",
            Self::Protocol { .. } => "protocol",
            Self::Malformed { .. } => "malformed",
        }
    }

    /// Returns what to do about it, where there is something to do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Git { code, .. } => code.hint(),
            Self::Store { source, .. } if is_disk(source) => GitCode::Disk.hint(),
            Self::Store { .. } => {
                Some("run `adjutant doctor`; the mirror is rebuilt by itself, company.git is not")
            }
            Self::File { .. } => Some("check that the folder exists and that its files may be read"),
            Self::NoCompany { .. } => Some("is the folder mounted, and is it the root of the company?"),
            Self::MountGone { .. } => {
                Some("mount it again; if it is meant to be empty, remove the directory itself")
            }
            Self::Unmerged { .. } => {
                Some("settle the conflicts and `git add` the files, or give it up with `--abort`")
            }
            Self::Unsettled { .. } => {
                Some("a program keeps writing to it; move the file out of the company's folders")
            }
            Self::OverLimit { .. } | Self::TooSlow { .. } => {
                Some("keep large and generated files out of the company's folders")
            }
            Self::Moved { .. } | Self::OtherResult { .. } => {
                Some("show it again and decide on what it shows now")
            }
            Self::Protocol { .. } => Some("this needs git 2.29 or newer on the machine of the daemon"),
            Self::Malformed { .. } => None,
        }
    }

    /// Returns whether making the mirror anew can repair it.
    pub(super) fn is_mirror_damage(&self) -> bool {
        match self {
            Self::Git { code, .. } => matches!(code, GitCode::Corrupt | GitCode::Locked),
            // A new mirror does not make room on a full disk.
            Self::Store { source, .. } => !is_disk(source),
            _ => false,
        }
    }

    pub(super) fn file(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source }
    }
}

/// Says what is the matter in plain words, then what git said; only what nobody knows is told as git told it.
fn told(command: &str, code: GitCode, message: &str) -> String {
    match code.plain() {
        Some(plain) => format!("{plain}: {}", reason(message)),
        None => format!("`git {command}` failed: {message}"),
    }
}

/// Returns whether libgit2 failed because the disk did.
fn is_disk(error: &git2::Error) -> bool {
    classify(error.message()) == GitCode::Disk
}

/// Returns a converter for errors of libgit2 that says what was being done, and where.
pub(super) fn store(doing: &'static str, repository: &Path) -> impl FnOnce(git2::Error) -> Error {
    let repository = repository.to_owned();
    move |source| Error::Store { doing, repository, source }
}
