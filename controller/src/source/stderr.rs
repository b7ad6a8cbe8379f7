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
    /// The repository exists and nothing was committed to it.
    NoCommit,
    /// The repository names its objects by SHA-256.
    ObjectFormat,
    /// The repository is a partial clone that lacks what is asked for.
    Partial,
    /// The repository is bare: there are no saved files.
    Bare,
    /// Git failed in a way that its words do not tell.
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
            Self::NoCommit => "no-commit",
            Self::ObjectFormat => "object-format",
            Self::Partial => "partial-clone",
            Self::Bare => "bare",
            Self::Unknown => "unknown",
        }
    }

    /// Returns what is the matter, in plain words; nothing for what git says and nobody knows.
    #[must_use]
    pub fn plain(self) -> Option<&'static str> {
        Some(match self {
            Self::Auth => "the other side does not accept who we are",
            Self::HostKey => "the key of the SSH host is unknown, or another one than before",
            Self::NotFound => "there is no repository at that place",
            Self::RefGone => "there is no such branch or commit",
            Self::Disk => "the disk is full, read-only or failing",
            Self::Timeout => "git took too long and was ended",
            Self::Network => "the other side cannot be reached",
            Self::Locked => "another git holds the lock",
            Self::Corrupt => "objects of the repository are missing or damaged",
            Self::Ownership => "the folder belongs to another user, and git refuses to work in it",
            Self::Refused => "the other side refused it",
            Self::NotARepository => "the folder is no git repository",
            Self::NoProgram => "git cannot be started",
            Self::TooMuchOutput => "git wrote more than is taken",
            Self::TooOld => "git is too old for this",
            Self::NoCommit => "nothing is committed yet",
            Self::ObjectFormat => {
                "the repository names its objects by SHA-256 (`extensions.objectFormat`), and only SHA-1 is read"
            }
            Self::Partial => {
                "the repository is a partial clone, and content of the commit is not on this machine"
            }
            Self::Bare => "the repository is bare: it has no saved files to follow",
            Self::Unknown => return None,
        })
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
            Self::RefGone => {
                "check the name (`--branch` for a remote); the last good revision stays in force"
            }
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
            Self::NoCommit => {
                "`git add . && git commit` there; or `--mode worktree`, which follows what is saved"
            }
            Self::ObjectFormat => {
                "`--mode worktree` follows its files all the same; `git init` makes a repository that is read"
            }
            Self::Partial => "there: `git fetch --refetch --no-filter`, or clone it again without `--filter`",
            Self::Bare => "`--mode commit` follows its HEAD",
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
    ("mismatched algorithms", GitCode::ObjectFormat),
    ("does not support this repository's hash algorithm", GitCode::ObjectFormat),
    ("lazy fetching disabled", GitCode::Partial),
    ("from promisor remote", GitCode::Partial),
    ("unknown repository extension", GitCode::TooOld),
    ("unknown ref storage format", GitCode::TooOld),
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

/// Returns the line in which git says why, of all that it wrote.
pub(super) fn reason(stderr: &str) -> &str {
    let mut lines = stderr.lines().map(str::trim);
    let told = lines.find(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
    told.map_or(stderr, |line| line.split_once(": ").map_or(line, |(_, reason)| reason))
}

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
            ("fatal: mismatched algorithms: client sha1; server sha256", GitCode::ObjectFormat),
            (
                "remote: warning: lazy fetching disabled; some objects may not be available\nremote: fatal: could not \
                 fetch 587be6b from promisor remote\nremote: aborting due to possible repository corruption",
                GitCode::Partial,
            ),
            ("fatal: unknown repository extension found:\n\trefstorage", GitCode::TooOld),
            ("fatal: something new", GitCode::Unknown),
        ];
        for (text, code) in cases {
            assert_eq!(classify(text), code, "{text}");
        }
    }
}
