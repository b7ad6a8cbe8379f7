//! What git's complaints mean: a dozen codes, each with what to do.
//!
//! Git has no machine-readable errors; `LC_ALL=C` keeps its words stable. The table is read from the top and the first
//! fragment that occurs wins, so specific texts stand before general ones. A text that nobody knows stays `Unknown` and is
//! shown as it is.

use std::fmt;

/// The class of a failed `git` command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GitCode {
    /// The other side does not accept who we are.
    Auth,
    /// The key of an SSH host is unknown or changed.
    HostKey,
    /// There is no repository at that place.
    NotFound,
    /// The repository exists, the reference does not.
    RefGone,
    /// The disk is full, read-only or failing.
    Disk,
    /// The command ran past its deadline and was ended.
    Timeout,
    /// The other side cannot be reached, or the connection broke.
    Network,
    /// A lock file or a reference stands in the way.
    Locked,
    /// Objects are missing or damaged.
    Corrupt,
    /// The folder belongs to another user and git refuses it.
    Ownership,
    /// The other side, or a hook, refused the update.
    Refused,
    /// The folder is not a git repository.
    NotARepository,
    /// The `git` program is missing or cannot be started.
    NoProgram,
    /// The command wrote more than the limit.
    TooMuchOutput,
    /// Git is too old for an option that is needed.
    TooOld,
    /// None of the above.
    Unknown,
}

impl GitCode {
    /// Returns the code as one word, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::HostKey => "host-key",
            Self::NotFound => "not-found",
            Self::RefGone => "ref-gone",
            Self::Disk => "disk",
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::Locked => "locked",
            Self::Corrupt => "corrupt",
            Self::Ownership => "ownership",
            Self::Refused => "refused",
            Self::NotARepository => "not-a-repository",
            Self::NoProgram => "no-program",
            Self::TooMuchOutput => "too-much-output",
            Self::TooOld => "too-old",
            Self::Unknown => "unknown",
        }
    }

    /// Returns what to type or look at.
    #[must_use]
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::Auth => {
                "check the key or token: `git ls-remote URL` as the daemon's user must work without a prompt"
            }
            Self::HostKey => "compare the key and add it: `ssh-keyscan HOST >> ~/.ssh/known_hosts`",
            Self::NotFound => "check the address; a private repository without access looks the same",
            Self::RefGone => "check the branch name; the last good revision stays in force",
            Self::Disk => "free space or repair the disk of the data directory",
            Self::Timeout => "check the network; it is tried again with growing pauses",
            Self::Network => "check the network and the host name; it is tried again with growing pauses",
            Self::Locked => {
                "another git program holds the lock; if none runs, remove the `.lock` file it names"
            }
            Self::Corrupt => "run `git fsck` in the repository that it names",
            Self::Ownership => "as the daemon's user: `git config --global --add safe.directory DIR`",
            Self::Refused => "read the other side's reason above",
            Self::NotARepository => "run `git init` there, or use `--mode worktree`",
            Self::NoProgram => "install git 2.38 or newer and put it on the PATH",
            Self::TooMuchOutput => "the repository is larger than the limits allow",
            Self::TooOld => "install git 2.38 or newer",
            Self::Unknown => return None,
        })
    }
}

impl fmt::Display for GitCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// Fragments of git's stderr, specific before general.
const TABLE: &[(&str, GitCode)] = &[
    ("dubious ownership", GitCode::Ownership),
    ("Host key verification failed", GitCode::HostKey),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", GitCode::HostKey),
    ("Permission denied (publickey", GitCode::Auth),
    ("Authentication failed", GitCode::Auth),
    ("could not read Username", GitCode::Auth),
    ("could not read Password", GitCode::Auth),
    ("terminal prompts disabled", GitCode::Auth),
    ("Invalid username or", GitCode::Auth),
    ("returned error: 401", GitCode::Auth),
    ("returned error: 403", GitCode::Auth),
    ("couldn't find remote ref", GitCode::RefGone),
    ("unknown revision", GitCode::RefGone),
    ("ambiguous argument", GitCode::RefGone),
    ("Needed a single revision", GitCode::RefGone),
    ("not our ref", GitCode::RefGone),
    ("No space left on device", GitCode::Disk),
    ("Disk quota exceeded", GitCode::Disk),
    ("Read-only file system", GitCode::Disk),
    ("Input/output error", GitCode::Disk),
    ("cannot lock ref", GitCode::Locked),
    ("unable to lock", GitCode::Locked),
    (".lock': File exists", GitCode::Locked),
    ("Unable to create", GitCode::Locked),
    ("Could not resolve host", GitCode::Network),
    ("Could not resolve hostname", GitCode::Network),
    ("Connection refused", GitCode::Network),
    ("Connection timed out", GitCode::Network),
    ("Connection reset", GitCode::Network),
    ("Failed to connect", GitCode::Network),
    ("Network is unreachable", GitCode::Network),
    ("Operation too slow", GitCode::Network),
    ("early EOF", GitCode::Network),
    ("hung up unexpectedly", GitCode::Network),
    ("returned error: 5", GitCode::Network),
    ("Repository not found", GitCode::NotFound),
    ("does not appear to be a git repository", GitCode::NotFound),
    ("returned error: 404", GitCode::NotFound),
    ("not found", GitCode::NotFound),
    ("not a git repository", GitCode::NotARepository),
    ("bad object", GitCode::Corrupt),
    ("object file", GitCode::Corrupt),
    ("is corrupt", GitCode::Corrupt),
    ("missing blob", GitCode::Corrupt),
    ("missing tree", GitCode::Corrupt),
    ("unable to read", GitCode::Corrupt),
    ("inflate:", GitCode::Corrupt),
    ("index-pack failed", GitCode::Corrupt),
    ("did not send all necessary objects", GitCode::Corrupt),
    ("bad config", GitCode::Corrupt),
    ("unknown option", GitCode::TooOld),
    ("[rejected]", GitCode::Refused),
    ("[remote rejected]", GitCode::Refused),
    ("hook declined", GitCode::Refused),
    ("does not exist", GitCode::NotFound),
    ("No such file or directory", GitCode::NotFound),
];

/// Returns the class of a failure by what git wrote.
pub(super) fn classify(stderr: &str) -> GitCode {
    TABLE.iter().find(|(fragment, _)| stderr.contains(fragment)).map_or(GitCode::Unknown, |(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_complaints_have_their_code() {
        let cases = [
            ("fatal: detected dubious ownership in repository at '/srv/x'", GitCode::Ownership),
            (
                "git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                GitCode::Auth,
            ),
            ("fatal: could not read Username for 'https://h': terminal prompts disabled", GitCode::Auth),
            (
                "Host key verification failed.\nfatal: Could not read from remote repository.",
                GitCode::HostKey,
            ),
            ("fatal: couldn't find remote ref refs/heads/main", GitCode::RefGone),
            ("fatal: '/srv/x' does not appear to be a git repository", GitCode::NotFound),
            ("fatal: write error: No space left on device", GitCode::Disk),
            (
                "error: cannot lock ref 'refs/x': Unable to create '/m/refs/x.lock': File exists.",
                GitCode::Locked,
            ),
            ("fatal: unable to access 'https://h/': Could not resolve host: h", GitCode::Network),
            ("fatal: the remote end hung up unexpectedly", GitCode::Network),
            ("error: object file ./objects/ab/cd is empty", GitCode::Corrupt),
            ("fatal: not a git repository (or any of the parent directories): .git", GitCode::NotARepository),
            (" ! [remote rejected] main -> main (pre-receive hook declined)", GitCode::Refused),
            ("fatal: something new", GitCode::Unknown),
        ];
        for (text, code) in cases {
            assert_eq!(classify(text), code, "{text}");
        }
    }
}
