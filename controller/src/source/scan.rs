//! One complete look at a folder: names and stamps first, content where a stamp changed.
//!
//! A listing answers "what is there" and is compared before and after reading, so a file that changes in between is seen.
//! A directory that cannot be listed is an error of the whole look. A name that vanishes between listing and looking is
//! [`Error::Unsettled`]: somebody is at work, look again. Symbolic links are followed inside the folder only.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use adjutant_spec::files::{FileProblem, FileProblemKind};

use super::{
    error::Error,
    layout::{COMPANY_FILE, is_language_directory, is_language_path},
    walk::{Budget, Limits},
};

const LINK_HOPS: u32 = 8;

/// What tells one version of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) size: u64,
    pub(super) modified: FileTime,
    changed: FileTime,
    identity: Identity,
}

/// A time as the file system keeps it, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileTime {
    pub(super) seconds: i64,
    pub(super) nanos: i64,
}

/// Which file or directory this is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

impl Fingerprint {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified: FileTime { seconds: metadata.mtime(), nanos: metadata.mtime_nsec() },
            changed: FileTime { seconds: metadata.ctime(), nanos: metadata.ctime_nsec() },
            identity: Identity::of(metadata),
        }
    }
}

/// A file of the language as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Where its bytes are, with links resolved.
    pub(super) place: PathBuf,
    pub(super) stamp: Fingerprint,
    /// Whether a directory on the way is a symbolic link.
    pub(super) is_linked: bool,
}

/// What tells a directory from the empty one that a lost mount leaves in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: u64,
    pub(super) is_empty: bool,
}

/// Everything that a folder holds for the language, without content.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) files: BTreeMap<String, Listed>,
    /// Rules of ignored files, which change what counts.
    pub(super) ignore_rules: BTreeMap<PathBuf, Fingerprint>,
    /// The directories that were listed, for the watch; by their real place.
    pub(super) directories: BTreeMap<PathBuf, Identity>,
    /// Directories by path in the company, to see one that was unmounted.
    pub(super) mounts: BTreeMap<String, Mount>,
    pub(super) problems: Vec<FileProblem>,
}

/// Lists a folder.
///
/// # Errors
/// [`Error::File`] if anything cannot be looked at, [`Error::NoCompany`], [`Error::Unsettled`], [`Error::OverLimit`].
pub(super) fn list(folder: &Path, limits: Limits) -> Result<Listing, Error> {
    let root = fs::canonicalize(folder).map_err(|error| Error::file("read the folder", folder, error))?;
    let mut walk = Walk { root: &root, budget: Budget::new(limits), listing: Listing::default() };
    walk.enter(&Position { path: "", real: &root, hops: 0, above: None })?;
    if !walk.listing.files.contains_key(COMPANY_FILE) {
        return Err(Error::NoCompany { folder: folder.to_owned() });
    }
    Ok(walk.listing)
}

struct Walk<'a> {
    root: &'a Path,
    budget: Budget,
    listing: Listing,
}

/// Where the walk stands: the path in the company, the directory on disk, how many links led there, and where it came from.
struct Position<'a> {
    path: &'a str,
    real: &'a Path,
    hops: u32,
    above: Option<&'a Position<'a>>,
}

impl Position<'_> {
    /// Returns whether a directory holds a place that the walk came through: following a link to it would never end.
    fn came_through(&self, directory: &Path) -> bool {
        self.real.starts_with(directory) || self.above.is_some_and(|above| above.came_through(directory))
    }
}

impl Walk<'_> {
    fn enter(&mut self, place: &Position<'_>) -> Result<(), Error> {
        self.budget.enter(place.path)?;
        let failed = |error| missing_is_unsettled("list", place.real, place.path, error);
        let metadata = fs::metadata(place.real).map_err(failed)?;
        let mut entries = Vec::new();
        for entry in fs::read_dir(place.real).map_err(failed)? {
            self.budget.name()?;
            entries.push(entry.map_err(failed)?);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        self.listing.directories.insert(place.real.to_owned(), Identity::of(&metadata));
        self.listing
            .mounts
            .insert(place.path.to_owned(), Mount { device: metadata.dev(), is_empty: entries.is_empty() });
        let is_repository = entries.iter().any(|entry| entry.file_name() == ".git");
        if is_repository && !place.path.is_empty() {
            self.problem(place.path.to_owned(), FileProblemKind::Gitlink);
            return Ok(());
        }
        entries.iter().try_for_each(|entry| self.take(entry, place))
    }

    fn take(&mut self, entry: &fs::DirEntry, place: &Position<'_>) -> Result<(), Error> {
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        let path = if place.path.is_empty() { shown.into_owned() } else { format!("{}/{shown}", place.path) };
        if name == ".gitignore" {
            return self.note_ignore_rules(&entry.path(), &path);
        }
        if !is_language_path(&path) && !is_language_directory(&path) {
            return Ok(());
        }
        if name.to_str().is_none() {
            self.problem(path, FileProblemKind::NameNotUtf8);
            return Ok(());
        }
        let found = Found { real: entry.path(), path, hops: place.hops };
        let metadata = fs::symlink_metadata(&found.real).map_err(|error| found.failed(error))?;
        if metadata.is_symlink() { self.follow(found, place) } else { self.add(found, &metadata, place) }
    }

    fn add(&mut self, found: Found, metadata: &Metadata, above: &Position<'_>) -> Result<(), Error> {
        if metadata.is_dir() && is_language_directory(&found.path) {
            let Found { path, real, hops } = &found;
            return self.enter(&Position { path, real, hops: *hops, above: Some(above) });
        }
        // Pipes and devices are no files of the language, and opening one could wait for ever.
        if metadata.is_file() && is_language_path(&found.path) {
            let listed =
                Listed { place: found.real, stamp: Fingerprint::of(metadata), is_linked: found.hops > 0 };
            self.listing.files.insert(found.path, listed);
            return self.budget.file();
        }
        Ok(())
    }

    fn follow(&mut self, link: Found, place: &Position<'_>) -> Result<(), Error> {
        let target = match fs::canonicalize(&link.real) {
            Ok(target) => target,
            Err(error) if leads_nowhere(&error) => return self.refuse(link.path),
            Err(error) => return Err(link.failed(error)),
        };
        let inside = target.strip_prefix(self.root).ok();
        let is_hidden = inside.is_none_or(|path| path.components().any(|part| part.as_os_str() == ".git"));
        let is_loop = place.came_through(&target) || link.hops >= LINK_HOPS;
        if is_hidden || is_loop {
            return self.refuse(link.path);
        }
        let metadata = fs::metadata(&target).map_err(|error| link.failed(error))?;
        let mut hops = link.hops;
        if metadata.is_dir() {
            self.budget.link()?;
            hops += 1;
        }
        self.add(Found { real: target, hops, ..link }, &metadata, place)
    }

    fn refuse(&mut self, path: String) -> Result<(), Error> {
        self.problem(path, FileProblemKind::SymlinkLeavesTree);
        Ok(())
    }

    fn note_ignore_rules(&mut self, real: &Path, path: &str) -> Result<(), Error> {
        let failed = |error| missing_is_unsettled("look at", real, path, error);
        let metadata = fs::symlink_metadata(real).map_err(failed)?;
        self.listing.ignore_rules.insert(real.to_owned(), Fingerprint::of(&metadata));
        Ok(())
    }

    fn problem(&mut self, path: String, kind: FileProblemKind) {
        self.listing.problems.push(FileProblem { path, kind });
    }
}

/// A directory entry on its way into the listing.
struct Found {
    real: PathBuf,
    path: String,
    hops: u32,
}

impl Found {
    fn failed(&self, error: io::Error) -> Error {
        missing_is_unsettled("look at", &self.real, &self.path, error)
    }
}

/// A name that was listed a moment ago and is gone now is work in progress, not an error of the disk.
fn missing_is_unsettled(doing: &'static str, real: &Path, path: &str, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound && !path.is_empty() {
        return Error::Unsettled { path: path.to_owned() };
    }
    Error::file(doing, real, error)
}

fn leads_nowhere(error: &io::Error) -> bool {
    const TOO_MANY_LINKS: i32 = 40;
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(TOO_MANY_LINKS)
}
