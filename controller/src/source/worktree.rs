//! The files of a work tree as they are when they hold still.
//!
//! [`WorkTree::settle`] lists, reads what changed, and lists and reads again; only if both agree is it a candidate. Content
//! is remembered by stamp (size, times, inode), except for files so young that another write could hide in the same tick.
//!
//! A directory that held files, now lies on another file system and is empty, is a mount that is gone: an error, not a
//! deletion.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use adjutant_spec::files::{FileProblemKind, FileSet};

use super::{
    checkout::Checkout,
    error::Error,
    git::{Git, Invocation},
    scan::{self, FileTime, Fingerprint, Listed, Listing, Mount},
    tree::{is_lfs_pointer, report_case_collisions},
    walk::{Budget, Limits},
};

/// A file modified this short a time before it was read is read again: its stamp may not tell two writes apart.
const YOUNG: Duration = Duration::from_secs(2);
/// Between the two readings, so that a writer in the middle of a save gets a chance to be seen.
const BETWEEN_READINGS: Duration = Duration::from_millis(15);

/// Content remembered by stamp.
#[derive(Debug, Clone)]
struct Remembered {
    stamp: Fingerprint,
    bytes: Arc<[u8]>,
    is_certain: bool,
}

/// What two readings agreed on.
#[derive(Debug)]
struct Settled {
    listing: Listing,
    files: Arc<FileSet>,
}

/// A folder of the operator, with what was read of it so far.
#[derive(Debug)]
pub(super) struct WorkTree {
    folder: PathBuf,
    git: Git,
    limits: Limits,
    remembered: BTreeMap<String, Remembered>,
    mounts: BTreeMap<String, Mount>,
    settled: Option<Settled>,
}

impl WorkTree {
    pub(super) fn new(folder: PathBuf, git: Git, limits: Limits) -> Self {
        Self { folder, git, limits, remembered: BTreeMap::new(), mounts: BTreeMap::new(), settled: None }
    }

    /// Returns the directories of the last complete look.
    pub(super) fn directories(&self) -> BTreeMap<PathBuf, scan::Identity> {
        self.settled.as_ref().map(|settled| settled.listing.directories.clone()).unwrap_or_default()
    }

    /// Returns the files, once two readings agree on them.
    ///
    /// # Errors
    /// [`Error::Unsettled`] if they do not agree; look again after a pause. Every other error is about the folder.
    pub(super) fn settle(&mut self) -> Result<Arc<FileSet>, Error> {
        let first = scan::list(&self.folder, self.limits)?;
        self.refuse_lost_mounts(&first)?;
        if let Some(Settled { listing, files }) = &self.settled
            && *listing == first
            && self.remembered.values().all(|file| file.is_certain)
        {
            return Ok(files.clone());
        }
        self.read(&first)?;
        std::thread::sleep(BETWEEN_READINGS);
        let second = scan::list(&self.folder, self.limits)?;
        if let Some(path) = difference(&first, &second) {
            return Err(Error::Unsettled { path });
        }
        if let Some(path) = self.read(&second)? {
            return Err(Error::Unsettled { path });
        }
        let files = Arc::new(self.assemble(&second)?);
        self.mounts.clone_from(&second.mounts);
        self.settled = Some(Settled { listing: second, files: files.clone() });
        Ok(files)
    }

    fn refuse_lost_mounts(&self, listing: &Listing) -> Result<(), Error> {
        let lost = listing.mounts.iter().find(|(path, now)| {
            let before = self.mounts.get(*path);
            now.is_empty && before.is_some_and(|before| before.device != now.device && !before.is_empty)
        });
        lost.map_or(Ok(()), |(path, _)| Err(Error::MountGone { directory: path.clone() }))
    }

    /// Reads every file whose remembered content is not certain; returns one whose content differs from what was remembered.
    fn read(&mut self, listing: &Listing) -> Result<Option<String>, Error> {
        self.remembered.retain(|path, _| listing.files.contains_key(path));
        let (mut budget, mut differs) = (Budget::new(self.limits), None);
        for (path, listed) in &listing.files {
            if !budget.bytes(listed.stamp.size)? {
                self.remembered.remove(path);
                continue;
            }
            let known = self.remembered.get(path);
            if known.is_some_and(|known| known.is_certain && known.stamp == listed.stamp) {
                continue;
            }
            let fresh = read_file(path, listed)?;
            if known.is_none_or(|known| known.bytes != fresh.bytes) {
                differs = Some(path.clone());
            }
            self.remembered.insert(path.clone(), fresh);
        }
        Ok(differs)
    }

    fn assemble(&self, listing: &Listing) -> Result<FileSet, Error> {
        let ignored = self.ignored(listing)?;
        let mut files = FileSet::new();
        for (path, listed) in listing.files.iter().filter(|(path, _)| !ignored.contains(*path)) {
            match self.remembered.get(path) {
                None => files.problem(path.clone(), FileProblemKind::TooLarge(listed.stamp.size)),
                Some(file) if is_lfs_pointer(&file.bytes) => {
                    files.problem(path.clone(), FileProblemKind::LfsPointer);
                }
                Some(file) => files.insert(path.clone(), file.bytes.clone()),
            }
        }
        for problem in &listing.problems {
            files.problem(problem.path.clone(), problem.kind.clone());
        }
        report_case_collisions(&mut files);
        Ok(files)
    }

    /// Asks git which of the files are ignored. Without a repository none are.
    fn ignored(&self, listing: &Listing) -> Result<BTreeSet<String>, Error> {
        if Checkout::discover(&self.git, &self.folder)?.is_none() {
            return Ok(BTreeSet::new());
        }
        // Git does not look behind links to directories.
        let asked =
            listing.files.iter().filter(|(_, listed)| !listed.is_linked).map(|(path, _)| path.as_str());
        let paths: Vec<&str> = asked.collect();
        let question = Invocation::reading(&self.folder, "check-ignore")
            .args(["--stdin", "-z"])
            .stdin(paths.join("\0").into_bytes())
            .accept_status(1);
        let answer = self.git.run(&question)?.stdout;
        let names = answer.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }
}

/// Returns a path that differs between two listings of the same folder.
fn difference(first: &Listing, second: &Listing) -> Option<String> {
    let differs = |one: &Listing, other: &Listing| {
        one.files
            .iter()
            .find(|(path, listed)| other.files.get(*path) != Some(listed))
            .map(|(path, _)| path.clone())
    };
    differs(first, second).or_else(|| differs(second, first))
}

fn read_file(path: &str, listed: &Listed) -> Result<Remembered, Error> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Unsettled { path: path.to_owned() },
        _ => Error::file("read", &listed.place, error),
    };
    // Between the listing and now a pipe can lie here, and a file can have grown: neither may hold the look, or fill memory.
    let wait_for_nobody = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    let options =
        fs::OpenOptions::new().read(true).custom_flags(wait_for_nobody.bits().cast_signed()).clone();
    let file = options.open(&listed.place).map_err(failed)?;
    let mut bytes = Vec::new();
    (&file).take(listed.stamp.size + 1).read_to_end(&mut bytes).map_err(failed)?;
    let after = Fingerprint::of(&file.metadata().map_err(failed)?);
    if after != listed.stamp || bytes.len() as u64 != after.size {
        return Err(Error::Unsettled { path: path.to_owned() });
    }
    Ok(Remembered { stamp: after, bytes: bytes.into(), is_certain: !is_young(after) })
}

fn is_young(stamp: Fingerprint) -> bool {
    let FileTime { seconds, nanos } = stamp.modified;
    let modified = u64::try_from(seconds).ok().zip(u32::try_from(nanos).ok());
    let Some((seconds, nanos)) = modified else { return true };
    let modified = UNIX_EPOCH + Duration::new(seconds, nanos);
    // A time in the future is never old enough.
    SystemTime::now().duration_since(modified).is_ok_and(|age| age < YOUNG) || modified > SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_a_mount_left_empty_is_no_deletion() {
        let root = tempfile::tempdir().expect("a scratch folder");
        fs::write(root.path().join("adjutant.toml"), "").expect("a file");
        fs::create_dir(root.path().join("playbooks")).expect("a folder");
        let mut tree = WorkTree::new(root.path().to_owned(), Git::default(), Limits::default());
        tree.settle().expect("readable");
        let mount = tree.mounts["playbooks"];
        tree.mounts.insert("playbooks".to_owned(), Mount { device: mount.device + 1, is_empty: false });
        let lost = tree.settle();
        assert!(matches!(lost, Err(Error::MountGone { .. })), "{lost:?}");
        fs::write(root.path().join("playbooks/lead.toml"), "").expect("a file");
        assert_eq!(tree.settle().expect("mounted again").len(), 2);
    }
}
