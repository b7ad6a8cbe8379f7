//! Files as they were read: one that is the same, and that looked into nothing that is another, is not read again.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    diag::{Diagnostic, Report},
    draft::Draft,
    files::FileSet,
    plan::Id,
    value::Currency,
};

/// The files of a company, which tell what a file that is read has looked up among them.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(super) set: &'a FileSet,
    looked: RefCell<BTreeMap<String, Option<Arc<[u8]>>>>,
}

impl<'a> Files<'a> {
    pub(super) fn new(set: &'a FileSet) -> Self {
        Self { set, looked: RefCell::default() }
    }

    /// Returns another file that a file names.
    pub(super) fn look(&self, path: &str) -> Option<&'a Arc<[u8]>> {
        let found = self.set.get(path);
        self.looked.borrow_mut().insert(path.to_owned(), found.cloned());
        found
    }

    pub(super) fn looked(self) -> BTreeMap<String, Option<Arc<[u8]>>> {
        self.looked.into_inner()
    }
}

/// What reading a file depends on besides the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Surroundings {
    pub(super) currency: Currency,
    /// Who owns its slice.
    pub(super) owner: Id,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { currency: Currency::euro(), owner: "operator".to_owned() }
    }
}

/// A file that is to be read.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) path: &'a str,
    pub(super) bytes: &'a Arc<[u8]>,
    pub(super) set: &'a FileSet,
}

/// One file, read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) bytes: Arc<[u8]>,
    pub(super) surroundings: Surroundings,
    /// The files that it names, as they were.
    pub(super) looked: BTreeMap<String, Option<Arc<[u8]>>>,
    /// What it holds.
    pub(super) draft: Draft,
    pub(super) report: Report,
}

impl Parsed {
    fn is_of(&self, wanted: Wanted<'_>, surroundings: &Surroundings) -> bool {
        let is_same = |path: &String, then: &Option<Arc<[u8]>>| wanted.set.get(path) == then.as_ref();
        self.bytes == *wanted.bytes
            && self.surroundings == *surroundings
            && self.looked.iter().all(|(path, then)| is_same(path, then))
    }

    pub(super) fn has_looked_at(&self, paths: &BTreeSet<&str>) -> bool {
        self.looked.keys().any(|path| paths.contains(path.as_str()))
    }
}

/// What stands at a path.
#[derive(Debug, Default)]
pub(super) enum Now {
    /// Nothing, or nothing any more.
    #[default]
    Absent,
    /// A file that is not read, and why.
    Refused(Diagnostic),
    /// A file, read.
    Read(Arc<Parsed>),
}

/// What stands at a path, and what stood there before: what is in force and what is saved are looked at in turns.
#[derive(Debug, Default)]
pub(super) struct Versions {
    now: Now,
    before: Option<Arc<Parsed>>,
}

impl Versions {
    /// Returns whether a file stands there.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.now, Now::Absent)
    }

    /// Returns the file as it was read.
    pub(super) fn read(&self) -> Option<&Arc<Parsed>> {
        match &self.now {
            Now::Read(parsed) => Some(parsed),
            Now::Absent | Now::Refused(_) => None,
        }
    }

    /// Returns the version that reading the file would give, where it is known.
    pub(super) fn find(&self, wanted: Wanted<'_>, surroundings: &Surroundings) -> Option<&Arc<Parsed>> {
        self.read().into_iter().chain(&self.before).find(|parsed| parsed.is_of(wanted, surroundings))
    }

    /// Takes in what stands there now.
    pub(super) fn put(&mut self, now: Now) {
        let old = std::mem::replace(&mut self.now, now);
        let is_other = |old: &Arc<Parsed>| self.read().is_none_or(|new| !Arc::ptr_eq(old, new));
        if let Now::Read(old) = old
            && is_other(&old)
        {
            self.before = Some(old);
        }
    }

    /// Returns whether something is wrong there.
    pub(super) fn has_to_tell(&self) -> bool {
        match &self.now {
            Now::Absent => false,
            Now::Refused(_) => true,
            Now::Read(parsed) => !parsed.report.is_empty(),
        }
    }

    /// Adds what is wrong there to a report.
    pub(super) fn tell(&self, report: &mut Report) {
        match &self.now {
            Now::Absent => {}
            Now::Refused(found) => report.push(found.clone()),
            Now::Read(parsed) => report.absorb(&parsed.report),
        }
    }
}
