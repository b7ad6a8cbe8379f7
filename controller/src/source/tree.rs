//! Git trees as file sets and back, without a checkout.
//!
//! Reading has two passes: the first lists entries and asks for sizes only, so that the limits hold before any content is
//! loaded; the second loads blobs, from the cache where the id is known. Symbolic links are resolved inside the tree.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use adjutant_spec::files::{FileProblemKind, FileSet};
use git2::{FileMode, ObjectType, Oid, Repository, Tree, TreeEntry, build::TreeUpdateBuilder};

use super::{
    error::{Error, store},
    layout::{is_language_directory, is_language_path},
    walk::{Budget, Limits},
};

const LINK_MODE: i32 = 0o120_000;
const LINK_HOPS: u32 = 8;
const LINK_BYTES: usize = 4096;

/// Blobs and the file set of the tree that was read last, and the blobs of the tree that was written last: an unchanged tree
/// costs nothing, an unchanged blob neither a read nor a write.
///
/// Its lock is held to look something up and to put something down, never while a tree is walked: whoever reads a tree of
/// somebody else's making keeps nobody waiting.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Held>);

type Blobs = BTreeMap<Oid, Arc<[u8]>>;

/// A tree that was written, with all of its files.
#[derive(Debug, Default)]
struct Written {
    /// Absent before the first one.
    tree: Option<Oid>,
    blobs: BTreeMap<String, WrittenBlob>,
}

impl Written {
    /// Returns the tree, if the files are the very same in memory as those that it was written from.
    fn tree_of(&self, files: &FileSet) -> Option<Oid> {
        let mut known = self.blobs.iter();
        let is_same = |(path, bytes): (&str, &Arc<[u8]>)| {
            known.next().is_some_and(|(known, blob)| path == known && Arc::ptr_eq(bytes, &blob.bytes))
        };
        let is_whole = self.blobs.len() == files.len() && files.iter().all(is_same);
        self.tree.filter(|_| is_whole)
    }
}

/// Content that was written, and the blob that it is.
#[derive(Debug)]
struct WrittenBlob {
    bytes: Arc<[u8]>,
    id: Oid,
}

/// A tree that was read.
#[derive(Debug)]
struct ReadTree {
    id: Oid,
    files: Arc<FileSet>,
}

#[derive(Debug, Default)]
struct Held {
    blobs: Arc<Blobs>,
    last: Option<ReadTree>,
    written: Arc<Written>,
    /// Raised with every new repository: what was read or written before that is not put down after it.
    age: u64,
}

impl Cache {
    /// Forgets everything, for a repository that was made anew.
    pub(super) fn clear(&self) {
        let mut held = self.held();
        *held = Held { age: held.age + 1, ..Held::default() };
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something down, unless the repository is another one by now.
    fn put(&self, age: u64, put: impl FnOnce(&mut Held)) {
        let mut held = self.held();
        if held.age == age {
            put(&mut held);
        }
    }
}

/// Reads a tree into a file set.
pub(super) fn read(
    repository: &Repository,
    tree: Oid,
    limits: Limits,
    cache: &Cache,
) -> Result<Arc<FileSet>, Error> {
    let (known, age) = {
        let held = cache.held();
        if let Some(last) = &held.last
            && last.id == tree
        {
            return Ok(last.files.clone());
        }
        (Arc::clone(&held.blobs), held.age)
    };
    let failed = || store("read a tree", repository.path());
    let root = repository.find_tree(tree).map_err(failed())?;
    let mut listing = Listing {
        repository,
        root: &root,
        budget: Budget::new(limits),
        files: BTreeMap::new(),
        set: FileSet::new(),
    };
    listing.enter(&root, &Position { path: "", real: "", hops: 0, above: None }).map_err(failed())??;
    let Contents { files, blobs } = listing.load(&known)?;
    let files = Arc::new(files);
    cache.put(age, |held| {
        held.blobs = Arc::new(blobs);
        held.last = Some(ReadTree { id: tree, files: files.clone() });
    });
    Ok(files)
}

/// Refuses a tree that is too large or too deep once all of it is laid out, whatever its paths.
///
/// Merging and comparing walk whole trees, and a few objects can stand for more names than anybody has time for: each
/// different tree is looked at once here.
pub(super) fn measure(repository: &Repository, tree: Oid, limits: Limits) -> Result<(), Error> {
    let mut measuring = Measuring { repository, budget: Budget::new(limits), known: BTreeMap::new() };
    measuring.size(tree, 0).map(drop)
}

struct Measuring<'a> {
    repository: &'a Repository,
    budget: Budget,
    known: BTreeMap<Oid, Size>,
}

/// How many names a tree holds in all, and how many folders lie inside each other in it.
#[derive(Clone, Copy)]
struct Size {
    names: u64,
    height: u64,
}

impl Measuring<'_> {
    /// The depth is checked on the way down, so the recursion is as deep as the limit at most.
    fn size(&mut self, tree: Oid, depth: u64) -> Result<Size, Error> {
        if let Some(known) = self.known.get(&tree) {
            self.budget.depth(depth + known.height)?;
            return Ok(*known);
        }
        self.budget.depth(depth)?;
        let found = self.repository.find_tree(tree).map_err(store("read a tree", self.repository.path()))?;
        let mut size = Size { names: found.len() as u64, height: 0 };
        self.budget.all_names(size.names)?;
        for entry in &found {
            self.budget.name()?;
            if entry.kind() == Some(ObjectType::Tree) {
                let inner = self.size(entry.id(), depth + 1)?;
                size.names = size.names.saturating_add(inner.names);
                size.height = size.height.max(inner.height + 1);
                self.budget.all_names(size.names)?;
            }
        }
        self.known.insert(tree, size);
        Ok(size)
    }
}

/// Writes a file set as a tree of blobs and returns its id.
///
/// Content that is the very same in memory as at the last write is in the repository: asking git for it again costs a digest
/// and two file operations each. Only folders with a change in them are written again. The cache is as old as the repository: who makes a new one clears it.
pub(super) fn write(repository: &Repository, files: &FileSet, cache: &Cache) -> Result<Oid, git2::Error> {
    let (known, age) = {
        let held = cache.held();
        (Arc::clone(&held.written), held.age)
    };
    if let Some(tree) = known.tree_of(files) {
        return Ok(tree);
    }
    let mut blobs = BTreeMap::new();
    let mut changes = TreeUpdateBuilder::new();
    for (path, bytes) in files.iter() {
        let before = known.blobs.get(path).filter(|before| Arc::ptr_eq(&before.bytes, bytes));
        let id = before.map_or_else(|| repository.blob(bytes), |before| Ok(before.id))?;
        if known.blobs.get(path).is_none_or(|before| before.id != id) {
            changes.upsert(path, id, FileMode::Blob);
        }
        blobs.insert(path.to_owned(), WrittenBlob { bytes: Arc::clone(bytes), id });
    }
    // A file that went may have become a folder: then the tree is put together anew.
    let has_all = known.blobs.keys().all(|path| blobs.contains_key(path));
    let tree = match known.tree.filter(|_| has_all) {
        Some(tree) => changes.create_updated(repository, &repository.find_tree(tree)?)?,
        None => whole(repository, &blobs)?,
    };
    cache.put(age, |held| held.written = Arc::new(Written { tree: Some(tree), blobs }));
    Ok(tree)
}

/// Writes a tree of which nothing is there yet.
fn whole(repository: &Repository, blobs: &BTreeMap<String, WrittenBlob>) -> Result<Oid, git2::Error> {
    let mut index = git2::Index::new()?;
    for (path, blob) in blobs {
        index.add(&entry(path, blob.id))?;
    }
    index.write_tree_to(repository)
}

fn entry(path: &str, id: Oid) -> git2::IndexEntry {
    git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

/// Returns whether the content is a pointer of Git LFS.
pub(super) fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.len() < 1024 && bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}

/// Records paths that differ by case only: they are one file on some systems and two on others.
pub(super) fn report_case_collisions(files: &mut FileSet) {
    let mut seen = BTreeMap::<String, String>::new();
    let mut collisions = Vec::new();
    for (path, _) in files.iter() {
        if let Some(other) = seen.insert(path.to_lowercase(), path.to_owned()) {
            collisions.push((path.to_owned(), other));
        }
    }
    for (path, other) in collisions {
        files.problem(path, FileProblemKind::CaseCollision(other));
    }
}

/// The first pass: what is there, by name and size.
struct Listing<'a> {
    repository: &'a Repository,
    root: &'a Tree<'a>,
    budget: Budget,
    files: BTreeMap<String, Oid>,
    set: FileSet,
}

/// The content that was read for a listing.
struct Contents {
    files: FileSet,
    blobs: Blobs,
}

/// What a link leads to.
struct LinkTarget {
    /// The path in the tree.
    real: String,
    entry: TreeEntry<'static>,
}

type Step<T> = Result<Result<T, Error>, git2::Error>;

/// Where the walk stands: the path that the company sees, the path in the tree, how many links lie between, and where it
/// came from.
struct Position<'a> {
    path: &'a str,
    real: &'a str,
    hops: u32,
    above: Option<&'a Position<'a>>,
}

impl Position<'_> {
    /// Returns whether a folder holds a place that the walk came through: following a link to it would never end.
    fn came_through(&self, folder: &str) -> bool {
        is_within(self.real, folder) || self.above.is_some_and(|above| above.came_through(folder))
    }
}

fn joined(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

impl Listing<'_> {
    fn enter(&mut self, tree: &Tree<'_>, place: &Position<'_>) -> Step<()> {
        let room = self.budget.enter(place.path).and_then(|()| self.budget.all_names(tree.len() as u64));
        if let Err(over) = room {
            return Ok(Err(over));
        }
        for entry in tree {
            if let Err(over) = self.take(&entry, place)? {
                return Ok(Err(over));
            }
        }
        Ok(Ok(()))
    }

    fn take(&mut self, entry: &TreeEntry<'_>, place: &Position<'_>) -> Step<()> {
        if let Err(over) = self.budget.name() {
            return Ok(Err(over));
        }
        let name = String::from_utf8_lossy(entry.name_bytes());
        let (path, real) = (joined(place.path, &name), joined(place.real, &name));
        let counts = is_language_path(&path);
        if !counts && !is_language_directory(&path) {
            return Ok(Ok(()));
        }
        if std::str::from_utf8(entry.name_bytes()).is_err() {
            self.set.problem(path, FileProblemKind::NameNotUtf8);
            return Ok(Ok(()));
        }
        let here = Position { path: &path, real: &real, hops: place.hops, above: Some(place) };
        match entry.kind() {
            Some(ObjectType::Tree) => {
                let tree = self.repository.find_tree(entry.id())?;
                self.enter(&tree, &here)
            }
            Some(ObjectType::Commit) => {
                self.set.problem(path, FileProblemKind::Gitlink);
                Ok(Ok(()))
            }
            _ if entry.filemode_raw() == LINK_MODE => self.follow(entry, &here),
            _ if counts => Ok(self.count(path, entry.id())),
            _ => Ok(Ok(())),
        }
    }

    fn count(&mut self, path: String, blob: Oid) -> Result<(), Error> {
        self.files.insert(path, blob);
        self.budget.file()
    }

    fn follow(&mut self, link: &TreeEntry<'_>, at: &Position<'_>) -> Step<()> {
        let path = at.path;
        let target = if at.hops < LINK_HOPS { self.resolve(link, at.real)? } else { None };
        match target {
            Some(LinkTarget { entry, .. })
                if entry.kind() == Some(ObjectType::Blob) && is_language_path(path) =>
            {
                Ok(self.count(path.to_owned(), entry.id()))
            }
            Some(LinkTarget { entry, .. }) if entry.kind() == Some(ObjectType::Blob) => Ok(Ok(())),
            Some(LinkTarget { real, entry }) if !at.came_through(&real) && is_language_directory(path) => {
                if let Err(over) = self.budget.link() {
                    return Ok(Err(over));
                }
                let tree = self.repository.find_tree(entry.id())?;
                self.enter(&tree, &Position { path, real: &real, hops: at.hops + 1, above: Some(at) })
            }
            _ => {
                self.set.problem(path, FileProblemKind::SymlinkLeavesTree);
                Ok(Ok(()))
            }
        }
    }

    /// Returns what a link leads to, or `None` if it leaves the tree or leads nowhere.
    fn resolve(&self, link: &TreeEntry<'_>, real: &str) -> Result<Option<LinkTarget>, git2::Error> {
        let mut place: Vec<String> = real.split('/').map(str::to_owned).collect();
        place.pop();
        let Some(mut pending) = self.target(link.id())? else { return Ok(None) };
        let mut hops = 0;
        while let Some(part) = pending.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                ".." if place.pop().is_some() => continue,
                ".." | ".git" => return Ok(None),
                _ => place.push(part),
            }
            let Ok(entry) = self.root.get_path(Path::new(&place.join("/"))) else { return Ok(None) };
            if entry.filemode_raw() != LINK_MODE {
                continue;
            }
            hops += 1;
            place.pop();
            let Some(mut onward) = self.target(entry.id())? else { return Ok(None) };
            if hops > LINK_HOPS {
                return Ok(None);
            }
            onward.append(&mut pending);
            pending = onward;
        }
        let place = place.join("/");
        let end = self.root.get_path(Path::new(&place)).ok();
        let known = end.filter(|entry| matches!(entry.kind(), Some(ObjectType::Blob | ObjectType::Tree)));
        Ok(known.map(|entry| LinkTarget { real: place, entry }))
    }

    /// Returns the parts of a link's target, or `None` if it is absolute, too long or not UTF-8.
    fn target(&self, link: Oid) -> Result<Option<VecDeque<String>>, git2::Error> {
        // What claims to be a link can be of any size; its length is known without its content.
        if self.repository.odb()?.read_header(link)?.0 > LINK_BYTES {
            return Ok(None);
        }
        let blob = self.repository.find_blob(link)?;
        let text = std::str::from_utf8(blob.content()).ok();
        let inside = text.filter(|text| !text.starts_with('/'));
        Ok(inside.map(|text| text.split('/').map(str::to_owned).collect()))
    }

    /// The second pass: sizes first, then content.
    fn load(mut self, known: &Blobs) -> Result<Contents, Error> {
        let failed = || store("read a file of a tree", self.repository.path());
        let objects = self.repository.odb().map_err(failed())?;
        let mut wanted = Vec::new();
        for (path, blob) in std::mem::take(&mut self.files) {
            let size = match known.get(&blob) {
                Some(bytes) => bytes.len(),
                None => objects.read_header(blob).map_err(failed())?.0,
            } as u64;
            if self.budget.bytes(size)? {
                wanted.push((path, blob));
            } else {
                self.set.problem(path, FileProblemKind::TooLarge(size));
            }
        }
        let mut kept = Blobs::new();
        for (path, blob) in wanted {
            let bytes = match known.get(&blob).or_else(|| kept.get(&blob)) {
                Some(bytes) => bytes.clone(),
                None => Arc::from(objects.read(blob).map_err(failed())?.data()),
            };
            kept.insert(blob, bytes.clone());
            if is_lfs_pointer(&bytes) {
                self.set.problem(path, FileProblemKind::LfsPointer);
            } else {
                self.set.insert(path, bytes);
            }
        }
        report_case_collisions(&mut self.set);
        Ok(Contents { files: self.set, blobs: kept })
    }
}

/// Returns whether `path` lies in `directory` or is it; the empty directory is the root.
fn is_within(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path == directory
        || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}
