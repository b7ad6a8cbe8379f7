//! A folder or a revision of it read once, for commands that need no daemon.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use adjutant_spec::files::FileSet;

use super::{
    checkout::Checkout, error::Error, git::Git, mirror::Mirror, revision::Committed, stderr::GitCode,
    walk::Limits, worktree::WorkTree,
};

/// How long a single look waits for files that are being written.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads the files of a folder as they are saved now.
///
/// # Errors
/// [`Error::NoCompany`], [`Error::File`], [`Error::OverLimit`], or [`Error::Unsettled`] if a file does not hold still.
pub fn of_folder(folder: &Path, git: &Git, limits: Limits) -> Result<Arc<FileSet>, Error> {
    let mut tree = WorkTree::new(folder.to_owned(), git.clone(), limits);
    let started = Instant::now();
    loop {
        match tree.settle() {
            Err(Error::Unsettled { .. }) if started.elapsed() < PATIENCE => {}
            other => return other,
        }
    }
}

/// Reads a revision of a folder's repository through a temporary mirror.
///
/// # Errors
/// [`Error::Git`] with `ref-gone` if there is no such commit, `not-a-repository` if there is no repository.
pub fn of_revision(folder: &Path, revision: &str, git: &Git) -> Result<Committed, Error> {
    let absent = |code, message: String| Error::Git { command: "rev-parse".to_owned(), code, message };
    let checkout = Checkout::discover(git, folder)?
        .ok_or_else(|| absent(GitCode::NotARepository, folder.display().to_string()))?;
    let commit = checkout
        .commit(git, revision)?
        .ok_or_else(|| absent(GitCode::RefGone, format!("no commit \"{revision}\"")))?;
    let scratch = tempfile::tempdir().map_err(|error| Error::file("make", &std::env::temp_dir(), error))?;
    let mirror = Mirror::open(scratch.path(), git.clone(), Limits::default())?;
    mirror.fetch(&checkout.git_dir, &commit, "once")?;
    mirror.read_commit(&commit, &checkout.prefix)
}
