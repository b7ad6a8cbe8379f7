//! `<data>/company.git`: the daemon's own bare repository. It takes pushes and proposals, and it is precious.
//!
//! References move through the `git` program alone, with the value they must have now: its lock files are what
//! `receive-pack` respects too, and it syncs what it writes. Objects written here by libgit2 are synced through a
//! configuration file that only libgit2 is shown, because git warns about that key.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use adjutant_spec::files::FileSet;
use git2::{ConfigLevel, Reference, Repository};

use super::{
    checkout::Checkout,
    error::{Error, store},
    git::{Git, Invocation},
    history::{self, Change},
    mirror::{Mirror, init_bare},
    review::{self, Extent, Review, Side},
    revision::Committed,
    stderr::GitCode,
    tree::{self, Cache},
    walk::Limits,
};

/// The branch that is the truth.
pub(super) const MAIN: &str = "refs/heads/main";
/// "No object" in the language of references.
const NOTHING: &str = "0000000000000000000000000000000000000000";
const HOOKS: &[&str] = &["pre-receive", "post-receive", "proc-receive"];
const LIBGIT2_CONFIG: &str = "config.libgit2";
/// A lock that is older was left behind: no git of ours holds one for as long.
const STALE: Duration = Duration::from_secs(600);

/// The settings of the repository, written at every start.
const CONFIG: &[(&str, &str)] = &[
    ("receive.advertisePushOptions", "true"),
    ("receive.procReceiveRefs", "refs/for"),
    ("receive.denyNonFastForwards", "false"),
    ("receive.denyDeleteCurrent", "refuse"),
    ("receive.fsckObjects", "true"),
    ("receive.maxInputSize", "268435456"),
    ("receive.autogc", "false"),
    ("receive.unpackLimit", "10000"),
    ("core.fsync", "all"),
    ("core.fsyncMethod", "fsync"),
    ("core.logAllRefUpdates", "true"),
    // Two writers of one reference wait for each other instead of failing at once.
    ("core.filesRefLockTimeout", "2000"),
    ("core.packedRefsTimeout", "2000"),
    ("gc.auto", "0"),
    ("gc.pruneExpire", "never"),
    ("maintenance.auto", "false"),
];

/// What the hook scripts call: the binary, and the data directory that it is told.
#[derive(Debug, Clone)]
pub struct HookSetup {
    /// The `adjutant` binary that the hooks call.
    pub binary: PathBuf,
    /// The data directory, handed on as `ADJUTANT_DATA`.
    pub data: PathBuf,
}

/// How the repository came to its first commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seeded {
    /// It had a `main` already, at this commit.
    Already(String),
    /// `HEAD` of the folder's repository, with its history.
    Commit(String),
    /// A first commit of the folder's files, which had no history of their own.
    Files(String),
}

/// A handle on the repository; clones share what was read.
#[derive(Debug, Clone)]
pub struct Company {
    path: PathBuf,
    git: Git,
    limits: Limits,
    cache: Arc<Cache>,
    /// Further objects to read: those of a push in quarantine.
    objects: Option<PathBuf>,
}

impl Company {
    /// Opens the repository under a data directory, or makes it.
    ///
    /// # Errors
    /// If it cannot be opened or configured. It is never made anew in place of a damaged one.
    pub fn open(data: &Path, git: Git, limits: Limits) -> Result<Self, Error> {
        let path = data.join("company.git");
        let repository = if path.exists() {
            Repository::open_bare(&path).map_err(store("open the company's repository", &path))?
        } else {
            init_bare(&path)?
        };
        configure(&repository, &path)?;
        Ok(Self { path, git, limits, cache: Arc::default(), objects: None })
    }

    /// Returns the folder of the bare repository.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the hook scripts, each of which hands over to the binary.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn install_hooks(&self, setup: &HookSetup) -> Result<(), Error> {
        let hooks = self.path.join("hooks");
        fs::create_dir_all(&hooks).map_err(|error| Error::file("make", &hooks, error))?;
        for name in HOOKS {
            write_hook(&hooks.join(name), &script(setup, name))?;
        }
        Ok(())
    }

    /// Returns the commit of a reference, or `None` if there is no such reference.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn reference(&self, name: &str) -> Result<Option<String>, Error> {
        match self.repository()?.refname_to_id(name) {
            Ok(id) => Ok(Some(id.to_string())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(store("read a reference", &self.path)(error)),
        }
    }

    /// Returns the commit of `main`, or `None` before the first one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn main(&self) -> Result<Option<String>, Error> {
        self.reference(MAIN)
    }

    /// Reads `main` with all files of the language.
    ///
    /// # Errors
    /// [`Error::Git`] with `ref-gone` before the first commit; else as [`Company::read_commit`].
    pub fn read_main(&self) -> Result<Committed, Error> {
        let commit = self.main()?.ok_or_else(|| Error::Git {
            command: "rev-parse".to_owned(),
            code: GitCode::RefGone,
            message: format!("\"{}\" has no `main` yet", self.path.display()),
        })?;
        self.read_commit(&commit)
    }

    /// Reads a commit with all files of the language.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::OverLimit`].
    pub fn read_commit(&self, commit: &str) -> Result<Committed, Error> {
        let repository = self.repository()?;
        let revision = history::describe(&repository, history::oid(commit)?)?;
        tree::measure(&repository, history::oid(&revision.tree)?, self.limits)?;
        let files = self.read_oid(&repository, &revision.tree)?;
        Ok(Committed { revision, files })
    }

    /// Reads a tree, for example a merge result.
    ///
    /// # Errors
    /// As [`Company::read_commit`].
    pub fn read_tree(&self, tree: &str) -> Result<Arc<FileSet>, Error> {
        self.read_oid(&self.repository()?, tree)
    }

    fn read_oid(&self, repository: &Repository, tree: &str) -> Result<Arc<FileSet>, Error> {
        tree::read(repository, history::oid(tree)?, self.limits, &self.cache)
    }

    /// Returns whether `commit` contains `ancestor`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn contains(&self, commit: &str, ancestor: &str) -> Result<bool, Error> {
        history::contains(&self.repository()?, history::oid(commit)?, history::oid(ancestor)?)
    }

    /// Lists the files that differ between two commits or trees; `None` is the empty tree.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn changes(&self, old: Option<&str>, new: Option<&str>) -> Result<Vec<Change>, Error> {
        history::changes(&self.repository()?, [old, new])
    }

    /// Shows what differs between two commits or trees, for whoever has to approve it.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::OverLimit`] where the change is more than can be read.
    pub fn review(&self, old: &str, new: &str, extent: Extent) -> Result<Review, Error> {
        let repository = self.repository()?;
        let side = |id: &str| -> Result<Side, Error> {
            let tree = history::peel(&repository, id)?;
            Ok(Side { tree, files: tree::read(&repository, tree, self.limits, &self.cache)? })
        };
        review::review(&repository, [&side(old)?, &side(new)?], extent)
    }

    /// Moves a reference if it points where the caller believes; `None` stands for "does not exist".
    ///
    /// # Errors
    /// [`Error::Moved`] if it points elsewhere; nothing has changed then.
    pub fn move_reference(&self, name: &str, from: Option<&str>, to: Option<&str>) -> Result<(), Error> {
        if !name.starts_with("refs/") || !Reference::is_valid_name(name) {
            return Err(Error::Malformed { expected: "a full reference name", text: name.to_owned() });
        }
        for id in [from, to].into_iter().flatten() {
            history::oid(id)?;
        }
        let from_id = from.unwrap_or(NOTHING);
        let order = match to {
            Some(to) => format!("update {name} {to} {from_id}\n"),
            None => format!("delete {name} {from_id}\n"),
        };
        let update = Invocation::bare(&self.path, "update-ref").arg("--stdin").stdin(order.into_bytes());
        self.git.run(&update).map(drop).or_else(|error| {
            let found = self.reference(name)?;
            if found.as_deref() == from {
                return Err(self.with_lock_age(name, error));
            }
            let shown = |id: Option<&str>| id.unwrap_or("nothing").to_owned();
            Err(Error::Moved {
                reference: name.to_owned(),
                expected: shown(from),
                found: shown(found.as_deref()),
            })
        })
    }

    /// Says how old the lock is that stands in the way: one of yesterday belongs to nobody any more.
    fn with_lock_age(&self, name: &str, error: Error) -> Error {
        let Error::Git { command, code: GitCode::Locked, message } = error else { return error };
        let lock = self.path.join(format!("{name}.lock"));
        let age =
            fs::metadata(&lock).and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        let message = match age.filter(|age| *age > STALE) {
            Some(age) => format!(
                "{message}\n\"{}\" is {} minutes old: a git that was killed left it, and it may be removed",
                lock.display(),
                age.as_secs() / 60
            ),
            None => message,
        };
        Error::Git { command, code: GitCode::Locked, message }
    }

    /// Gives an empty repository its first commit from a folder: the history of its `HEAD`, else its files.
    ///
    /// # Errors
    /// [`Error::Git`], or whatever reading the folder fails with.
    pub fn seed(&self, folder: &Path) -> Result<Seeded, Error> {
        if let Some(commit) = self.main()? {
            return Ok(Seeded::Already(commit));
        }
        let checkout = Checkout::discover(&self.git, folder)?.filter(|checkout| checkout.prefix.is_empty());
        let head = match &checkout {
            Some(checkout) => checkout.commit(&self.git, "HEAD")?.map(|head| (checkout, head)),
            None => None,
        };
        if let Some((checkout, head)) = head {
            self.bring(&checkout.git_dir, &head)?;
            self.move_reference(MAIN, None, Some(&head))?;
            return Ok(Seeded::Commit(head));
        }
        let files = super::snapshot::of_folder(folder, &self.git, self.limits)?;
        let commit = self.commit_files(&files, "Seed from the folder")?;
        self.move_reference(MAIN, None, Some(&commit))?;
        Ok(Seeded::Files(commit))
    }

    /// Makes `main` mirror a commit of the source, in the modes where the truth lives elsewhere.
    ///
    /// # Errors
    /// [`Error::Moved`] if somebody else moved `main` meanwhile.
    pub fn follow(&self, mirror: &Mirror, commit: &str) -> Result<(), Error> {
        let main = self.main()?;
        if main.as_deref() == Some(commit) {
            return Ok(());
        }
        self.bring(mirror.path(), commit)?;
        self.move_reference(MAIN, main.as_deref(), Some(commit))
    }

    /// Publishes a commit as the branch `approved/<id>`, to be pulled home.
    ///
    /// # Errors
    /// [`Error::Moved`], [`Error::Malformed`] if the id cannot be part of a reference.
    pub fn publish_approved(&self, id: &str, commit: &str) -> Result<(), Error> {
        let name = format!("refs/heads/approved/{id}");
        let now = self.reference(&name)?;
        self.move_reference(&name, now.as_deref(), Some(commit))
    }

    /// Returns the same repository with a further folder of objects.
    pub(super) fn with_objects(&self, folder: PathBuf) -> Self {
        Self { objects: Some(folder), ..self.clone() }
    }

    pub(super) fn git(&self) -> &Git {
        &self.git
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn bring(&self, from: &Path, commit: &str) -> Result<(), Error> {
        let fetch = Invocation::bare(&self.path, "fetch")
            .args([
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--update-shallow",
            ])
            .arg("--end-of-options")
            .arg(from)
            .arg(commit);
        self.git.run(&fetch).map(drop)
    }

    fn commit_files(&self, files: &FileSet, message: &str) -> Result<String, Error> {
        let repository = self.repository()?;
        let failed = || store("write a commit", &self.path);
        let tree = tree::write(&repository, files, &Cache::default()).map_err(failed())?;
        let tree = repository.find_tree(tree).map_err(failed())?;
        let author = git2::Signature::now("Adjutant", "adjutant@localhost").map_err(failed())?;
        let commit = repository.commit(None, &author, &author, message, &tree, &[]).map_err(failed())?;
        Ok(commit.to_string())
    }

    /// Opens the repository so that libgit2 syncs the objects that it writes.
    pub(super) fn repository(&self) -> Result<Repository, Error> {
        let failed = || store("open the company's repository", &self.path);
        let repository = Repository::open_bare(&self.path).map_err(failed())?;
        let mut config = repository.config().map_err(failed())?;
        config.add_file(&self.path.join(LIBGIT2_CONFIG), ConfigLevel::App, true).map_err(failed())?;
        repository.set_config(&config).map_err(failed())?;
        if let Some(folder) = &self.objects {
            add_objects(&repository, folder).map_err(failed())?;
        }
        Ok(repository)
    }
}

/// Makes the objects of another folder readable, for as long as the repository is open.
fn add_objects(repository: &Repository, folder: &Path) -> Result<(), git2::Error> {
    repository.odb()?.add_disk_alternate(&folder.to_string_lossy())
}

fn configure(repository: &Repository, path: &Path) -> Result<(), Error> {
    let failed = || store("configure the company's repository", path);
    let mut config =
        repository.config().map_err(failed())?.open_level(ConfigLevel::Local).map_err(failed())?;
    for (key, value) in CONFIG {
        config.set_str(key, value).map_err(failed())?;
    }
    // A hooks path in the pusher's own configuration must not switch the checks off.
    let hooks =
        std::path::absolute(path.join("hooks")).map_err(|error| Error::file("resolve", path, error))?;
    config.set_str("core.hooksPath", &hooks.to_string_lossy()).map_err(failed())?;
    let durable = path.join(LIBGIT2_CONFIG);
    fs::write(&durable, "[core]\n\tfsyncObjectFiles = true\n")
        .map_err(|error| Error::file("write", &durable, error))
}

fn script(setup: &HookSetup, name: &str) -> String {
    let data = quoted(&setup.data);
    let binary = quoted(&setup.binary);
    format!("#!/bin/sh\nADJUTANT_DATA={data}\nexport ADJUTANT_DATA\nexec {binary} hook {name}\n")
}

/// Quotes a path for the shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

/// Replaces a script in one step: a push may be running it. It is not synced: every start writes it anew.
fn write_hook(path: &Path, text: &str) -> Result<(), Error> {
    let fresh = path.with_extension("new");
    let written = fs::write(&fresh, text)
        .and_then(|()| fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&fresh, path));
    written.map_err(|error: io::Error| Error::file("write", path, error))
}
