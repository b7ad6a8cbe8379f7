//! What a walk over a tree may cost, whatever holds the tree: a folder, a commit, or a push that is not yet taken.
//!
//! Trees come from outside. A few objects can stand for millions of names (the same folder inside itself, links to folders
//! that hold links), so every walk counts what it looks at and ends with a reason: names, folders inside each other,
//! links to folders, files, bytes and time. There is one [`Budget`] for all of them.

use std::time::{Duration, Instant};

use super::error::Error;

/// A clock is asked once in so many names.
const NAMES_BETWEEN_CLOCKS: u64 = 256;

/// How much one revision may hold, and how much may be looked at to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most files of the language.
    pub files: u64,
    /// Bytes of one file; a larger one is a problem of that file alone.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// Names that are looked at, each as often as a link leads to it.
    pub names: u64,
    /// The most folders inside each other.
    pub depth: u64,
    /// Links to folders that are followed.
    pub links: u64,
    /// How long one walk may take.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files: 20_000,
            file_bytes: 1024 * 1024,
            total_bytes: 64 * 1024 * 1024,
            names: 200_000,
            depth: 64,
            links: 500,
            time: Duration::from_secs(30),
        }
    }
}

/// What one walk has left.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    names: u64,
    links: u64,
    files: u64,
    bytes: u64,
    begun: Instant,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, names: 0, links: 0, files: 0, bytes: 0, begun: Instant::now() }
    }

    /// Counts one name that is looked at.
    pub(super) fn name(&mut self) -> Result<(), Error> {
        self.names += 1;
        within("names", self.limits.names, self.names)?;
        if self.names.is_multiple_of(NAMES_BETWEEN_CLOCKS) { self.in_time() } else { Ok(()) }
    }

    /// Counts one link to a folder that is followed.
    pub(super) fn link(&mut self) -> Result<(), Error> {
        self.links += 1;
        within("links to folders", self.limits.links, self.links)?;
        self.in_time()
    }

    /// Counts one file of the language.
    pub(super) fn file(&mut self) -> Result<(), Error> {
        self.files += 1;
        within("files", self.limits.files, self.files)
    }

    /// Counts the bytes of one file; returns false for a file that is over its own limit and is not counted.
    pub(super) fn bytes(&mut self, size: u64) -> Result<bool, Error> {
        if size > self.limits.file_bytes {
            return Ok(false);
        }
        self.bytes += size;
        within("bytes", self.limits.total_bytes, self.bytes)?;
        self.in_time().map(|()| true)
    }

    /// Refuses a folder that lies deeper than folders may.
    pub(super) fn enter(&self, path: &str) -> Result<(), Error> {
        let depth = if path.is_empty() { 0 } else { path.split('/').count() as u64 };
        self.depth(depth)
    }

    /// As [`Budget::enter`], by the number of folders above.
    pub(super) fn depth(&self, depth: u64) -> Result<(), Error> {
        within("folders inside each other", self.limits.depth, depth)
    }

    /// Refuses more names than a walk may look at, before any of them is.
    pub(super) fn all_names(&self, count: u64) -> Result<(), Error> {
        within("names", self.limits.names, count)
    }

    fn in_time(&self) -> Result<(), Error> {
        let limit = self.limits.time;
        if self.begun.elapsed() > limit { Err(Error::TooSlow { seconds: limit.as_secs() }) } else { Ok(()) }
    }
}

fn within(unit: &'static str, limit: u64, found: u64) -> Result<(), Error> {
    if found > limit { Err(Error::OverLimit { unit, limit, found }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_ends_a_walk_with_its_own_reason() {
        let limits = Limits { names: 2, depth: 1, links: 1, files: 1, total_bytes: 5, ..Limits::default() };
        let budget = || Budget::new(limits);
        let mut names = budget();
        assert!(names.name().is_ok() && names.name().is_ok());
        assert_eq!(names.name().expect_err("three names").to_string(), over(3, "names", 2));
        assert_eq!(
            budget().enter("a/b").expect_err("deep").to_string(),
            over(2, "folders inside each other", 1)
        );
        let mut links = budget();
        assert!(links.link().is_ok());
        assert_eq!(links.link().expect_err("two").to_string(), over(2, "links to folders", 1));
        let mut bytes = budget();
        assert!(bytes.bytes(5).expect("within"));
        assert_eq!(bytes.bytes(1).expect_err("six").to_string(), over(6, "bytes", 5));
    }

    #[test]
    fn a_walk_that_takes_too_long_is_ended() {
        let mut budget = Budget::new(Limits { time: Duration::ZERO, ..Limits::default() });
        let ended = (0..=NAMES_BETWEEN_CLOCKS).find_map(|_| budget.name().err());
        assert!(matches!(ended, Some(Error::TooSlow { .. })), "{ended:?}");
    }

    fn over(found: u64, unit: &str, limit: u64) -> String {
        format!("the tree has {found} {unit}, more than the limit of {limit}")
    }
}
