//! Files as they were read: one that is the same, and that looked into nothing that is another, is not read again.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use crate::{diag::Report, draft::Draft, files::FileSet, plan::Id, value::Currency};

/// So many files more than twice those of a company are kept in all: what is in force and what is saved differ in few.
const SPARE: usize = 256;
/// How many versions of one file are kept: the one in force, and the one that is saved.
const VERSIONS: usize = 2;

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

/// One file, read.
#[derive(Debug)]
pub(super) struct Parsed {
    bytes: Arc<[u8]>,
    surroundings: Surroundings,
    /// The files that it names, as they were.
    looked: BTreeMap<String, Option<Arc<[u8]>>>,
    /// What it holds.
    pub(super) draft: Draft,
    pub(super) report: Report,
}

/// A file that is to be read.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) path: &'a str,
    pub(super) bytes: &'a Arc<[u8]>,
    pub(super) set: &'a FileSet,
}

/// Files that were read, by path. There are never more than twice as many as the last company had, and a few.
#[derive(Debug, Default)]
pub(crate) struct Shelved {
    files: BTreeMap<String, Vec<Kept>>,
    count: usize,
    round: u64,
    /// How many were read since somebody asked last.
    pub(crate) fresh: usize,
}

#[derive(Debug, Clone)]
struct Kept {
    parsed: Arc<Parsed>,
    round: u64,
}

impl Shelved {
    /// Returns a file as it was read, or reads it.
    pub(super) fn get(
        &mut self,
        wanted: Wanted<'_>,
        surroundings: Surroundings,
        read: impl FnOnce(&Files<'_>, &Surroundings) -> (Draft, Report),
    ) -> Arc<Parsed> {
        let versions = self.files.entry(wanted.path.to_owned()).or_default();
        let known = versions.iter_mut().find(|kept| kept.parsed.is_of(wanted, &surroundings));
        if let Some(kept) = known {
            kept.round = self.round;
            return Arc::clone(&kept.parsed);
        }
        let files = Files::new(wanted.set);
        let (draft, report) = read(&files, &surroundings);
        let bytes = Arc::clone(wanted.bytes);
        let parsed = Arc::new(Parsed { bytes, surroundings, looked: files.looked(), draft, report });
        if versions.len() == VERSIONS {
            let oldest = versions.iter().enumerate().min_by_key(|(_, kept)| kept.round).map_or(0, |at| at.0);
            versions.remove(oldest);
            self.count -= 1;
        }
        versions.push(Kept { parsed: Arc::clone(&parsed), round: self.round });
        self.count += 1;
        self.fresh += 1;
        parsed
    }

    /// Ends a round over so many files: what is too much goes, all that was not used in this round.
    pub(super) fn end(&mut self, files: usize) {
        if self.count > 2 * files + SPARE {
            let round = self.round;
            self.files.retain(|_, versions| {
                versions.retain(|kept| kept.round == round);
                !versions.is_empty()
            });
            self.count = self.files.values().map(Vec::len).sum();
        }
        self.round += 1;
    }
}

impl Parsed {
    fn is_of(&self, wanted: Wanted<'_>, surroundings: &Surroundings) -> bool {
        let is_same = |path: &String, then: &Option<Arc<[u8]>>| wanted.set.get(path) == then.as_ref();
        is_equal(&self.bytes, wanted.bytes)
            && self.surroundings == *surroundings
            && self.looked.iter().all(|(path, then)| is_same(path, then))
    }
}

fn is_equal(one: &Arc<[u8]>, other: &Arc<[u8]>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}
