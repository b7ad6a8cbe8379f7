//! Git trees as file sets and back, without a checkout.
//!
//! Reading has two passes: the first lists entries and asks for sizes only, so that the limits hold before any content is
//! loaded; the second loads blobs, from the cache where the id is known. Symbolic links are resolved inside the tree.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::Arc,
};

use adjutant_spec::files::{FileProblemKind, FileSet};
use git2::{ObjectType, Oid, Repository, Tree, TreeEntry};

use super::{
    error::{Error, store},
    layout::{is_language_directory, is_language_path},
};

const LINK_MODE: i32 = 0o120_000;
const LINK_HOPS: u32 = 8;
const LINK_BYTES: usize = 4096;

/// How much one revision may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files of the language.
    pub files: u64,
    /// Bytes of one file; a larger one is a problem of that file alone.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { files: 20_000, file_bytes: 1024 * 1024, total_bytes: 64 * 1024 * 1024 }
    }
}

impl Limits {
    pub(super) fn admit(&self, files: u64, total_bytes: u64) -> Result<(), Error> {
        if files > self.files {
            return Err(Error::OverLimit { unit: "files", limit: self.files, found: files });
        }
        if total_bytes > self.total_bytes {
            return Err(Error::OverLimit { unit: "bytes", limit: self.total_bytes, found: total_bytes });
        }
        Ok(())
    }
}

/// Blobs and the file set of the tree that was read last, and the blobs of the tree that was written last: an unchanged tree
/// costs nothing, an unchanged blob neither a read nor a write.
#[derive(Debug, Default)]
pub(super) struct Cache {
    blobs: BTreeMap<Oid, Arc<[u8]>>,
    last: Option<(Oid, Arc<FileSet>)>,
    written: BTreeMap<String, (Arc<[u8]>, Oid)>,
}

/// Reads a tree into a file set.
pub(super) fn read(
    repository: &Repository,
    tree: Oid,
    limits: Limits,
    cache: &mut Cache,
) -> Result<Arc<FileSet>, Error> {
    if let Some((known, files)) = &cache.last
        && *known == tree
    {
        return Ok(files.clone());
    }
    let failed = || store("read a tree", repository.path());
    let root = repository.find_tree(tree).map_err(failed())?;
    let mut listing =
        Listing { repository, root: &root, limits, files: BTreeMap::new(), set: FileSet::new() };
    listing.enter(&root, &Place { path: "", real: "", hops: 0 }).map_err(failed())??;
    let files = Arc::new(listing.load(cache)?);
    cache.last = Some((tree, files.clone()));
    Ok(files)
}

/// Writes a file set as a tree of blobs and returns its id.
///
/// Content that is the very same in memory as at the last write is in the repository: asking git for it again costs a digest
/// and two file operations each. The cache is as old as the repository: who makes a new one begins with an empty one.
pub(super) fn write(repository: &Repository, files: &FileSet, cache: &mut Cache) -> Result<Oid, git2::Error> {
    let mut index = git2::Index::new()?;
    let mut written = BTreeMap::new();
    for (path, bytes) in files.iter() {
        let known = cache.written.get(path).filter(|(known, _)| Arc::ptr_eq(known, bytes));
        let id = known.map_or_else(|| repository.blob(bytes), |(_, id)| Ok(*id))?;
        index.add(&entry(path, id))?;
        written.insert(path.to_owned(), (Arc::clone(bytes), id));
    }
    let tree = index.write_tree_to(repository)?;
    cache.written = written;
    Ok(tree)
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
    limits: Limits,
    files: BTreeMap<String, Oid>,
    set: FileSet,
}

type Step<T> = Result<Result<T, Error>, git2::Error>;

/// Where the walk stands: the path that the company sees, the path in the tree, and how many links lie between.
struct Place<'a> {
    path: &'a str,
    real: &'a str,
    hops: u32,
}

fn joined(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

impl Listing<'_> {
    fn enter(&mut self, tree: &Tree<'_>, place: &Place<'_>) -> Step<()> {
        for entry in tree {
            if let Err(over) = self.take(&entry, place)? {
                return Ok(Err(over));
            }
        }
        Ok(Ok(()))
    }

    fn take(&mut self, entry: &TreeEntry<'_>, place: &Place<'_>) -> Step<()> {
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
        match entry.kind() {
            Some(ObjectType::Tree) => {
                let tree = self.repository.find_tree(entry.id())?;
                self.enter(&tree, &Place { path: &path, real: &real, hops: place.hops })
            }
            Some(ObjectType::Commit) => {
                self.set.problem(path, FileProblemKind::Gitlink);
                Ok(Ok(()))
            }
            _ if entry.filemode_raw() == LINK_MODE => {
                self.follow(entry, &Place { path: &path, real: &real, hops: place.hops })
            }
            _ if counts => Ok(self.count(path, entry.id())),
            _ => Ok(Ok(())),
        }
    }

    fn count(&mut self, path: String, blob: Oid) -> Result<(), Error> {
        self.files.insert(path, blob);
        self.limits.admit(self.files.len() as u64, 0)
    }

    fn follow(&mut self, link: &TreeEntry<'_>, at: &Place<'_>) -> Step<()> {
        let path = at.path;
        let target = if at.hops < LINK_HOPS { self.resolve(link, at.real)? } else { None };
        match target {
            Some((_, entry)) if entry.kind() == Some(ObjectType::Blob) && is_language_path(path) => {
                Ok(self.count(path.to_owned(), entry.id()))
            }
            Some((_, entry)) if entry.kind() == Some(ObjectType::Blob) => Ok(Ok(())),
            // A link to a directory that contains the link would never end.
            Some((real, entry)) if !is_within(at.real, &real) && is_language_directory(path) => {
                let tree = self.repository.find_tree(entry.id())?;
                self.enter(&tree, &Place { path, real: &real, hops: at.hops + 1 })
            }
            _ => {
                self.set.problem(path, FileProblemKind::SymlinkLeavesTree);
                Ok(Ok(()))
            }
        }
    }

    /// Returns the path and the entry that a link leads to, or `None` if it leaves the tree or leads nowhere.
    fn resolve(
        &self,
        link: &TreeEntry<'_>,
        real: &str,
    ) -> Result<Option<(String, TreeEntry<'static>)>, git2::Error> {
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
        Ok(known.map(|entry| (place, entry)))
    }

    /// Returns the parts of a link's target, or `None` if it is absolute, too long or not UTF-8.
    fn target(&self, link: Oid) -> Result<Option<VecDeque<String>>, git2::Error> {
        let blob = self.repository.find_blob(link)?;
        let text = std::str::from_utf8(blob.content()).ok();
        let inside = text.filter(|text| text.len() <= LINK_BYTES && !text.starts_with('/'));
        Ok(inside.map(|text| text.split('/').map(str::to_owned).collect()))
    }

    /// The second pass: sizes first, then content.
    fn load(mut self, cache: &mut Cache) -> Result<FileSet, Error> {
        let failed = || store("read a file of a tree", self.repository.path());
        let objects = self.repository.odb().map_err(failed())?;
        let mut total = 0;
        let mut wanted = Vec::new();
        for (path, blob) in std::mem::take(&mut self.files) {
            let (size, _) = objects.read_header(blob).map_err(failed())?;
            if size as u64 > self.limits.file_bytes {
                self.set.problem(path, FileProblemKind::TooLarge(size as u64));
                continue;
            }
            total += size as u64;
            self.limits.admit(0, total)?;
            wanted.push((path, blob));
        }
        let mut kept = BTreeMap::new();
        for (path, blob) in wanted {
            let bytes = match cache.blobs.get(&blob) {
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
        cache.blobs = kept;
        report_case_collisions(&mut self.set);
        Ok(self.set)
    }
}

/// Returns whether `path` lies in `directory` or is it; the empty directory is the root.
fn is_within(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path == directory
        || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}
