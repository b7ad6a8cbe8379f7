//! `<data>/mirror.git`: a private bare copy of what the source holds.
//!
//! It is a cache. Whatever is wrong with it (a stale lock, a damaged object, a strange configuration) is repaired by making
//! a new one and swapping; the source is then fetched again. It has no index and no work tree, so the locks that stop
//! other tools after a crash cannot exist, and no background maintenance, so nothing is packed away under a reader.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use adjutant_spec::files::FileSet;
use git2::{Oid, Repository};

use super::{
    error::{Error, store},
    git::{Git, Invocation},
    history,
    revision::Committed,
    tree::{self, Cache},
    walk::Limits,
};

/// Trees of uncommitted work that stay readable.
const KEPT_TREES: usize = 200;
const TREE_REFS: &str = "refs/adjutant/trees";
/// A mirror is not made anew more often: damage that comes back at once is the source's own.
const BETWEEN_REBUILDS: Duration = Duration::from_secs(600);

/// A handle on the private mirror; clones share it.
#[derive(Debug, Clone)]
pub struct Mirror {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    git: Git,
    limits: Limits,
    cache: Cache,
    /// One writer of kept trees at a time: the source and reconcile keep the same tree at the same moment.
    keeping: Mutex<()>,
    rebuilt: Mutex<Option<Instant>>,
}

impl Mirror {
    /// Opens the mirror under a data directory, or makes it; locks that a crash left behind are removed.
    ///
    /// # Errors
    /// If it can neither be opened nor made anew.
    pub fn open(data: &Path, git: Git, limits: Limits) -> Result<Self, Error> {
        let path = data.join("mirror.git");
        let (cache, keeping, rebuilt) = (Cache::default(), Mutex::default(), Mutex::default());
        let mirror = Self { inner: Arc::new(Inner { path, git, limits, cache, keeping, rebuilt }) };
        remove_locks(&mirror.inner.path).ok();
        if Repository::open_bare(&mirror.inner.path).is_err() {
            mirror.rebuild()?;
        }
        Ok(mirror)
    }

    /// Returns the folder of the bare repository.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Throws the mirror away and puts an empty one in its place.
    ///
    /// # Errors
    /// If the data directory cannot be written.
    pub fn rebuild(&self) -> Result<(), Error> {
        let _alone = self.keeping();
        let path = &self.inner.path;
        let (fresh, old) = (path.with_extension("git.new"), path.with_extension("git.old"));
        for leftover in [&fresh, &old] {
            remove_all(leftover)?;
        }
        init_bare(&fresh)?;
        // Before the repository changes its place: what was read or written of the old one must not be taken for the new one's.
        // A crash between the two moves leaves no mirror, and the next start makes one: all in it can be fetched again.
        self.inner.cache.clear();
        match fs::rename(path, &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file("replace", path, error));
            }
            _ => fs::rename(&fresh, path).map_err(|error| Error::file("replace", path, error))?,
        }
        remove_all(&old)
    }

    /// Brings an object and all that it needs from a folder or address, under `refs/adjutant/src/<name>`, and returns its id.
    ///
    /// `what` is a fully qualified reference or an object id.
    ///
    /// # Errors
    /// [`Error::Git`]; a damaged mirror has been rebuilt and the fetch tried again before that.
    pub fn fetch(&self, from: impl AsRef<std::ffi::OsStr>, what: &str, name: &str) -> Result<String, Error> {
        let reference = format!("refs/adjutant/src/{name}");
        let fetch = Invocation::bare(self.path(), "fetch")
            .args([
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--force",
                "--update-shallow",
            ])
            .arg("--end-of-options")
            .arg(from.as_ref())
            .arg(format!("+{what}:{reference}"));
        self.repaired(|mirror| {
            drop(mirror.inner.git.run(&fetch)?);
            let repository = mirror.repository()?;
            let id =
                repository.refname_to_id(&reference).map_err(store("read a reference", mirror.path()))?;
            Ok(id.to_string())
        })
    }

    /// Runs an operation; if it finds the mirror damaged, makes a new mirror and runs it once more.
    ///
    /// # Errors
    /// What the operation fails with, the second time.
    pub fn repaired<T>(&self, operation: impl Fn(&Self) -> Result<T, Error>) -> Result<T, Error> {
        match operation(self) {
            Err(error) if error.is_mirror_damage() && self.may_rebuild() => {
                tracing::warn!(%error, "mirror damaged, making a new one");
                self.rebuild()?;
                operation(self)
            }
            other => other,
        }
    }

    /// Asks and notes under one lock: of many readers that meet the same damage one makes the mirror anew.
    fn may_rebuild(&self) -> bool {
        let mut last = self.inner.rebuilt.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() > BETWEEN_REBUILDS);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }

    /// Returns whether an object is here.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        let found = history::oid(id).and_then(|oid| Ok(self.repository()?.find_object(oid, None).is_ok()));
        found.unwrap_or(false)
    }

    /// Reads a commit, or the folder `prefix` of it, with all files of the language.
    ///
    /// # Errors
    /// [`Error::Store`] if it is not here or damaged, [`Error::NoCompany`] if it has no such folder, [`Error::OverLimit`].
    pub fn read_commit(&self, commit: &str, prefix: &str) -> Result<Committed, Error> {
        let repository = self.repository()?;
        let mut revision = history::describe(&repository, history::oid(commit)?)?;
        if !prefix.is_empty() {
            let failed = || store("find the company's folder", self.path());
            let root = repository.find_tree(history::oid(&revision.tree)?).map_err(failed())?;
            revision.tree = match root.get_path(Path::new(prefix)) {
                Ok(entry) => entry.id().to_string(),
                Err(error) if error.code() == git2::ErrorCode::NotFound => {
                    return Err(Error::NoCompany { folder: prefix.into() });
                }
                Err(error) => return Err(failed()(error)),
            };
        }
        let files = self.read_oid(&repository, history::oid(&revision.tree)?)?;
        Ok(Committed { revision, files })
    }

    /// Reads a tree, for example one of uncommitted work.
    ///
    /// # Errors
    /// As [`Mirror::read_commit`].
    pub fn read_tree(&self, tree: &str) -> Result<Arc<FileSet>, Error> {
        self.read_oid(&self.repository()?, history::oid(tree)?)
    }

    fn read_oid(&self, repository: &Repository, tree: Oid) -> Result<Arc<FileSet>, Error> {
        tree::read(repository, tree, self.inner.limits, &self.inner.cache)
    }

    /// Returns whether `commit` contains `ancestor`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn contains(&self, commit: &str, ancestor: &str) -> Result<bool, Error> {
        history::contains(&self.repository()?, history::oid(commit)?, history::oid(ancestor)?)
    }

    /// Writes files as a tree and keeps it under `refs/adjutant/trees/<id>`, with the last two hundred.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::File`].
    pub fn keep_tree(&self, files: &FileSet) -> Result<String, Error> {
        let _alone = self.keeping();
        let repository = self.repository()?;
        let failed = || store("write a tree", self.path());
        let id = tree::write(&repository, files, &self.inner.cache).map_err(failed())?;
        let name = format!("{TREE_REFS}/{id}");
        repository.reference(&name, id, true, "work tree").map_err(failed())?;
        self.forget_old_trees(&self.path().join(&name))?;
        Ok(id.to_string())
    }

    /// Drops the references of trees beyond the limit, oldest first; the newest is the one just written.
    fn forget_old_trees(&self, newest: &Path) -> Result<(), Error> {
        let failed = |error| Error::file("tidy", newest, error);
        // Writing a reference that exists already does not touch it, and its age decides.
        fs::File::options()
            .append(true)
            .open(newest)
            .map_err(failed)?
            .set_modified(SystemTime::now())
            .map_err(failed)?;
        let mut ages = Vec::new();
        for entry in fs::read_dir(self.path().join(TREE_REFS)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.path().extension().is_some_and(|ending| ending == "lock") {
                continue;
            }
            ages.push((entry.metadata().and_then(|meta| meta.modified()).map_err(failed)?, entry.path()));
        }
        ages.sort();
        let excess = ages.len().saturating_sub(KEPT_TREES);
        let old = ages.iter().map(|(_, path)| path).filter(|path| *path != newest).take(excess);
        old.into_iter().try_for_each(|path| fs::remove_file(path).map_err(failed))
    }

    pub(super) fn repository(&self) -> Result<Repository, Error> {
        Repository::open_bare(self.path()).map_err(store("open the mirror", self.path()))
    }

    /// Waits until nobody else keeps a tree: a reference has one lock file, and who finds it taken fails.
    fn keeping(&self) -> MutexGuard<'_, ()> {
        self.inner.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a bare repository without templates whose first branch is `main`.
pub(super) fn init_bare(path: &Path) -> Result<Repository, Error> {
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).external_template(false).initial_head("main").mkpath(true);
    Repository::init_opts(path, &options).map_err(store("make a repository", path))
}

fn remove_all(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path, error)),
        _ => Ok(()),
    }
}

/// Removes lock files. Only the daemon writes here and it has just started, so nobody holds them.
fn remove_locks(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_locks(&entry.path())?;
        } else if entry.path().extension().is_some_and(|ending| ending == "lock") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
