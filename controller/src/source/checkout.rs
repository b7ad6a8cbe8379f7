//! The operator's own repository, as far as it is asked: where it is, what it has committed, and whether it is at rest.
//!
//! It is only read, and by the `git` program alone: every layout that git knows (linked work trees, submodules, other
//! formats of references) is git's business.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    error::Error,
    git::{Git, Invocation},
    stderr::GitCode,
};

/// So many files in conflict are named.
const NAMED: usize = 5;

/// So long git may take between two files that belong together.
const BETWEEN_WRITES: Duration = Duration::from_millis(50);

/// What can be under way in a work tree, by the file that git keeps meanwhile.
const UNDER_WAY: &[(&str, &str)] = &[
    ("MERGE_HEAD", "a merge"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase or `git am`"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
];

/// A git repository that a folder belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkout {
    /// The git directory of this work tree.
    pub(super) git_dir: PathBuf,
    /// The folder inside the repository, empty for its root.
    pub(super) prefix: String,
    /// Whether it has no work tree.
    pub(super) is_bare: bool,
    /// Whether its objects have names that we can read.
    is_readable: bool,
}

impl Checkout {
    /// Finds the repository of a folder, or `None` if it is in none.
    pub(super) fn discover(git: &Git, folder: &Path) -> Result<Option<Self>, Error> {
        let question = Invocation::reading(folder, "rev-parse").args([
            "--absolute-git-dir",
            "--is-bare-repository",
            "--show-object-format",
            "--show-prefix",
        ]);
        let text = match git.run(&question) {
            Ok(output) => output.text(),
            Err(Error::Git { code: GitCode::NotARepository, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut lines = text.lines();
        let mut next = || lines.next().unwrap_or_default();
        let git_dir = PathBuf::from(next());
        let (is_bare, is_readable) = (next() == "true", next() == "sha1");
        let prefix = next().trim_end_matches('/').to_owned();
        Ok(Some(Self { git_dir, prefix, is_bare, is_readable }))
    }

    /// Returns the commit that a revision names, or `None` if there is none, as in a repository without commits.
    ///
    /// # Errors
    /// [`Error::Git`], with `object-format` for a commit that we cannot read.
    pub(super) fn commit(&self, git: &Git, revision: &str) -> Result<Option<String>, Error> {
        let question = Invocation::bare(&self.git_dir, "rev-parse")
            .args(["--verify", "--end-of-options"])
            .arg(format!("{revision}^{{commit}}"));
        match git.run(&question) {
            Ok(_) if !self.is_readable => {
                Err(self.failed(GitCode::ObjectFormat, format!("\"{}\"", self.git_dir.display())))
            }
            Ok(output) => Ok(Some(output.text())),
            Err(Error::Git { code: GitCode::RefGone, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Refuses a work tree in which a merge or the like has left files that are not settled.
    ///
    /// # Errors
    /// [`Error::Unmerged`].
    pub(super) fn refuse_unmerged(&self, git: &Git, folder: &Path) -> Result<(), Error> {
        let question = Invocation::reading(folder, "ls-files").args(["--unmerged", "-z"]);
        let answer = git.run(&question)?.stdout;
        // `<mode> <object> <stage>\t<path>`, once for each side.
        let path =
            |row: &[u8]| String::from_utf8_lossy(row).split_once('\t').map(|(_, path)| path.to_owned());
        let mut paths: Vec<String> = answer.split(|byte| *byte == 0).filter_map(path).collect();
        paths.dedup();
        if paths.is_empty() {
            return Ok(());
        }
        let under_way = || UNDER_WAY.iter().find(|(file, _)| self.git_dir.join(file).exists());
        // Git writes what is in conflict first, and then what it is doing: who looks in between looks once more.
        let known = under_way().or_else(|| {
            std::thread::sleep(BETWEEN_WRITES);
            under_way()
        });
        let more = paths.len().saturating_sub(NAMED);
        paths.truncate(NAMED);
        if more > 0 {
            paths.push(format!("and {more} more"));
        }
        Err(Error::Unmerged { doing: known.map_or("a merge or the like", |(_, doing)| doing), paths })
    }

    /// Returns the folder whose changes tell of new commits.
    pub(super) fn told_by(&self) -> PathBuf {
        // Every commit, checkout and reset appends to `logs/HEAD`, or to the tables of references; before the first one only
        // `HEAD` itself changes.
        let known = ["reftable", "logs"].map(|name| self.git_dir.join(name));
        known.into_iter().find(|folder| folder.is_dir()).unwrap_or_else(|| self.git_dir.clone())
    }

    /// Returns a failure of reading this repository.
    pub(super) fn failed(&self, code: GitCode, message: impl Into<String>) -> Error {
        Error::Git { command: "rev-parse".to_owned(), code, message: message.into() }
    }
}
