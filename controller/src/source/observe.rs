//! One look at a source, per mode: what is desired now, or why it cannot be told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use adjutant_spec::files::FileSet;

use super::{
    checkout::Checkout,
    company::Company,
    error::Error,
    git::Git,
    mirror::Mirror,
    revision::{Committed, Observed, Revision},
    scan::Identity,
    stderr::GitCode,
    walk::Limits,
    watch::Wanted,
    worktree::WorkTree,
};

/// The place that one look reads, for each mode.
pub(super) enum Lookout {
    Worktree(Box<WorktreeLookout>),
    Commit { folder: PathBuf },
    Remote { url: String, reference: String },
    Push { company: Company },
}

/// A work tree, with the last commit that it was compared with.
pub(super) struct WorktreeLookout {
    pub(super) folder: PathBuf,
    pub(super) tree: WorkTree,
    last: Option<LastLook>,
}

/// What the last complete look at a work tree gave, and the head that it was compared with.
struct LastLook {
    head: Option<String>,
    reading: Reading,
}

/// A revision with its files, and which of them are not committed.
#[derive(Clone)]
struct Reading {
    revision: Revision,
    files: Arc<FileSet>,
    uncommitted: Vec<String>,
    remark: Option<String>,
}

impl From<Committed> for Reading {
    fn from(committed: Committed) -> Self {
        let Committed { revision, files } = committed;
        Self { revision, files, uncommitted: Vec::new(), remark: None }
    }
}

/// Looks at one place and remembers what is needed to see rewritten history.
pub(super) struct Observer {
    pub(super) place: Lookout,
    git: Git,
    mirror: Mirror,
    previous: Option<String>,
}

impl Observer {
    pub(super) fn new(place: Lookout, git: Git, mirror: Mirror, previous: Option<String>) -> Self {
        Self { place, git, mirror, previous }
    }

    pub(super) fn worktree(folder: PathBuf, git: Git, limits: Limits) -> Lookout {
        let tree = WorkTree::new(folder.clone(), git, limits);
        Lookout::Worktree(Box::new(WorktreeLookout { folder, tree, last: None }))
    }

    /// Reads the source once, completely.
    pub(super) fn look(&mut self) -> Result<Observed, Error> {
        let (git, mirror) = (&self.git, &self.mirror);
        let Reading { revision, files, uncommitted, remark } = match &mut self.place {
            Lookout::Worktree(place) => place.look(git, mirror)?,
            Lookout::Commit { folder } => look_at_head(folder, git, mirror)?.into(),
            Lookout::Remote { url, reference } => look_at_remote(url, reference, mirror)?.into(),
            Lookout::Push { company } => company.read_main()?.into(),
        };
        let rewound_from = self.rewound_from(revision.commit.as_deref())?;
        if revision.commit.is_some() {
            self.previous.clone_from(&revision.commit);
        }
        Ok(Observed { revision, files, uncommitted, rewound_from, remark })
    }

    /// Returns the commit observed before if `commit` does not contain it.
    fn rewound_from(&self, commit: Option<&str>) -> Result<Option<String>, Error> {
        let (Some(commit), Some(previous)) = (commit, &self.previous) else { return Ok(None) };
        let contains = match &self.place {
            Lookout::Push { company } => company.contains(commit, previous)?,
            _ => self.mirror.contains(commit, previous)?,
        };
        Ok((!contains).then(|| previous.clone()))
    }

    /// Returns the directories whose events are hints; none for sources without a folder.
    pub(super) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::new();
        let folder = match &self.place {
            Lookout::Worktree(place) => {
                wanted = place.tree.directories();
                &place.folder
            }
            Lookout::Commit { folder } => folder,
            Lookout::Remote { .. } | Lookout::Push { .. } => return wanted,
        };
        for directory in [folder.parent(), Some(folder.as_path())].into_iter().flatten() {
            want(&mut wanted, directory);
        }
        if let Ok(Some(checkout)) = Checkout::discover(&self.git, folder) {
            want(&mut wanted, &checkout.told_by());
        }
        wanted
    }
}

fn want(wanted: &mut BTreeMap<PathBuf, Identity>, directory: &Path) {
    if let Ok(metadata) = fs::metadata(directory) {
        wanted.insert(directory.to_owned(), Identity::of(&metadata));
    }
}

impl WorktreeLookout {
    fn look(&mut self, git: &Git, mirror: &Mirror) -> Result<Reading, Error> {
        let files = match self.tree.settle() {
            Err(Error::NoCompany { folder }) => return Err(self.no_company(git, folder)?),
            other => other?,
        };
        let checkout = Checkout::discover(git, &self.folder)?;
        if let Some(checkout) = &checkout {
            checkout.refuse_unmerged(git, &self.folder)?;
        }
        let named = checkout.as_ref().map(|checkout| checkout.commit(git, "HEAD")).transpose();
        let (head, unread) = match named {
            Ok(head) => (head.flatten(), None),
            Err(error @ Error::Git { code: GitCode::ObjectFormat, .. }) => (None, Some(error)),
            Err(error) => return Err(error),
        };
        if let Some(known) = &self.last
            && known.head == head
            && Arc::ptr_eq(&known.reading.files, &files)
        {
            return Ok(known.reading.clone());
        }
        let base = match (&checkout, &head, unread) {
            (_, _, Some(error)) => Err(error),
            (Some(checkout), Some(head), None) => read_from(mirror, checkout, head).map(Some),
            _ => Ok(None),
        };
        // What is saved counts even if history cannot be had (a broken or partial clone, a folder not yet committed).
        let (base, remark) = match base {
            Ok(base) => (base, None),
            Err(Error::NoCompany { .. }) => (None, None),
            Err(error @ Error::Git { .. }) => {
                tracing::debug!(%error, "history unreadable, the work tree counts as uncommitted");
                (None, Some(error.to_string()))
            }
            Err(error) => return Err(error),
        };
        let is_certain = remark.is_none();
        let reading = match base {
            Some(committed) if *committed.files == *files => Committed { files, ..committed }.into(),
            base => {
                let tree = mirror.repaired(|mirror| mirror.keep_tree(&files))?;
                let (revision, committed) = base.map(|base| (base.revision, base.files)).unzip();
                let uncommitted = differing(&committed.unwrap_or_default(), &files);
                Reading { revision: revision_of_tree(tree, revision), files, uncommitted, remark }
            }
        };
        self.last = is_certain.then(|| LastLook { head, reading: reading.clone() });
        Ok(reading)
    }

    /// Says why there is no company: a merge may have taken its file away, and a bare repository has no files at all.
    fn no_company(&self, git: &Git, folder: PathBuf) -> Result<Error, Error> {
        let Some(checkout) = Checkout::discover(git, &self.folder)? else {
            return Ok(Error::NoCompany { folder });
        };
        if checkout.is_bare {
            return Ok(checkout.failed(GitCode::Bare, format!("\"{}\"", folder.display())));
        }
        checkout.refuse_unmerged(git, &self.folder)?;
        Ok(Error::NoCompany { folder })
    }
}

/// Lists the paths whose content differs between two sets.
fn differing(one: &FileSet, other: &FileSet) -> Vec<String> {
    let paths: BTreeSet<&str> = one.iter().chain(other.iter()).map(|(path, _)| path).collect();
    paths.into_iter().filter(|path| one.get(path) != other.get(path)).map(str::to_owned).collect()
}

fn revision_of_tree(tree: String, base: Option<Revision>) -> Revision {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let title = base.as_ref().map_or_else(
        || "files without a commit".to_owned(),
        |base| format!("uncommitted changes on \"{}\"", base.title),
    );
    Revision {
        id: tree.clone(),
        tree,
        commit: base.and_then(|base| base.commit),
        author: "work tree".to_owned(),
        title,
        time: i64::try_from(now).unwrap_or(i64::MAX),
        dirty: true,
    }
}

/// Reads a commit of a local repository, fetching it only if the mirror does not have it.
fn read_from(mirror: &Mirror, checkout: &Checkout, commit: &str) -> Result<Committed, Error> {
    mirror.repaired(|mirror| {
        if !mirror.has(commit) {
            mirror.fetch(&checkout.git_dir, commit, "head")?;
        }
        mirror.read_commit(commit, &checkout.prefix)
    })
}

fn look_at_head(folder: &Path, git: &Git, mirror: &Mirror) -> Result<Committed, Error> {
    let gone = |code| Error::Git {
        command: "rev-parse".to_owned(),
        code,
        message: format!("\"{}\"", folder.display()),
    };
    fs::read_dir(folder).map_err(|error| Error::file("read the folder", folder, error))?;
    let checkout = Checkout::discover(git, folder)?.ok_or_else(|| gone(GitCode::NotARepository))?;
    let head = checkout.commit(git, "HEAD")?.ok_or_else(|| gone(GitCode::NoCommit))?;
    read_from(mirror, &checkout, &head)
}

fn look_at_remote(url: &str, reference: &str, mirror: &Mirror) -> Result<Committed, Error> {
    mirror.repaired(|mirror| {
        let commit = mirror.fetch(url, reference, "remote")?;
        mirror.read_commit(&commit, "")
    })
}
