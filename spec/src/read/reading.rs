//! Reading again: a company after a change is read at the cost of the change.
//!
//! ```text
//! paths that differ ──► and those that looked at one of them, or share an id with one ──► are read ──► replaced in the draft before
//! ```
//! A company that is read for the first time differs from none in all its paths; so there is one way for both.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    frame::Frame,
    layout::{PathKind, classify},
    parsed::{Files, Now, Parsed, Surroundings, Versions, Wanted},
    reader::Reader,
    text,
};
use crate::{
    diag::{Code, Diagnostic, Report, Spot},
    draft::{Draft, Kind},
    files::FileSet,
    plan::Id,
};

/// So many files that are gone, besides as many as the company has, are kept: what is in force and what is saved differ in few.
const GONE: usize = 256;

/// The company that was read last.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    set: FileSet,
    /// What is wrong with the tree itself.
    tree: Vec<Diagnostic>,
    /// Company and slices; absent until something is read.
    frame: Option<Frame>,
    files: BTreeMap<String, Versions>,
    /// Those of them that looked at others, and those of which there is something to tell.
    lookers: BTreeSet<String>,
    tellers: BTreeSet<String>,
    /// The files that define an object, by its id: the first one of them counts.
    claims: BTreeMap<Claim, BTreeSet<String>>,
    /// The texts of all files, for reports.
    texts: Report,
    draft: Arc<Draft>,
}

/// The id of an object: in a company there is one of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    kind: Kind,
    id: Id,
}

/// What was read.
pub(crate) struct Gathered {
    /// The draft that was read before.
    pub(crate) before: Arc<Draft>,
    pub(crate) draft: Arc<Draft>,
    /// The mistakes of form.
    pub(crate) report: Report,
    /// How many files were read anew.
    pub(crate) fresh: usize,
}

/// A file that is replaced in a draft.
struct Swap {
    old: Option<Arc<Parsed>>,
    new: Option<Arc<Parsed>>,
}

impl Reading {
    /// Returns whether these very files were read last.
    pub(crate) fn is_of(&self, set: &FileSet) -> bool {
        self.frame.is_some() && self.set == *set
    }

    /// Reads a company.
    pub(crate) fn read(&mut self, set: &FileSet) -> Gathered {
        let last = std::mem::replace(&mut self.set, set.clone());
        let differing = last.differing(set);
        let have_paths_moved =
            differing.iter().any(|path| last.get(path).is_some() != set.get(path).is_some());
        if have_paths_moved || last.problems() != set.problems() {
            self.tree = text::tree_problems(set);
        }
        let mut draft = self.draft.next();
        let mut touched: BTreeSet<String> = differing.iter().map(|path| (*path).to_owned()).collect();
        if have_paths_moved || self.frame.is_none() || differing.iter().any(|path| Frame::is_read_from(path))
        {
            touched.extend(self.read_frame(&mut draft));
        }
        let claimed = differing.iter().flat_map(|path| self.claim(path));
        touched.extend(claimed.collect::<Vec<_>>());
        touched.extend(self.lookers(&differing));
        let fresh = self.replace(&touched, &mut draft);
        let before = std::mem::replace(&mut self.draft, Arc::new(draft));
        Gathered { before, draft: Arc::clone(&self.draft), report: self.report(), fresh }
    }

    /// Reads company and slices, and returns the files that are read otherwise for it.
    fn read_frame(&mut self, draft: &mut Draft) -> Vec<String> {
        let frame = Frame::read(&self.set);
        let old = self.frame.replace(frame.clone());
        if let Some(old) = &old {
            draft.release(&old.draft);
            self.texts.release_texts(&old.report);
        }
        draft.begin_as(&frame.draft);
        draft.absorb(&frame.draft);
        self.texts.absorb_texts(&frame.report);
        let Some(old) = old.filter(|old| !old.surrounds_as(&frame)) else { return Vec::new() };
        let paths = self.set.iter().map(|(path, _)| path);
        let is_moved = |path: &&str| old.surroundings(path) != frame.surroundings(path);
        paths.filter(is_moved).map(str::to_owned).collect()
    }

    /// Notes that a file that defines an object came or went, and returns those that define it too.
    fn claim(&mut self, path: &str) -> Vec<String> {
        let PathKind::Object(kind, id) = classify(path) else { return Vec::new() };
        let claim = Claim { kind, id };
        let is_there = self.set.get(path).is_some();
        let files = self.claims.entry(claim.clone()).or_default();
        let is_moved = if is_there { files.insert(path.to_owned()) } else { files.remove(path) };
        let others = if is_moved { files.iter().cloned().collect() } else { Vec::new() };
        if files.is_empty() {
            self.claims.remove(&claim);
        }
        others
    }

    /// Returns the files that looked at one of these.
    fn lookers(&self, paths: &BTreeSet<&str>) -> Vec<String> {
        let read = |path: &String| self.files.get(path).and_then(Versions::read);
        let looks = |path: &&String| read(path).is_some_and(|parsed| parsed.has_looked_at(paths));
        self.lookers.iter().filter(looks).cloned().collect()
    }

    /// Reads files and puts them in the place of what they were before; returns how many were not known.
    fn replace(&mut self, touched: &BTreeSet<String>, draft: &mut Draft) -> usize {
        let (mut swaps, mut fresh) = (Vec::new(), 0);
        for path in touched {
            let now = self.now(path, &mut fresh);
            let versions = self.files.entry(path.clone()).or_default();
            let old = versions.read().cloned();
            versions.put(now);
            let new = versions.read().cloned();
            belongs(&mut self.lookers, path, new.as_ref().is_some_and(|file| !file.looked.is_empty()));
            belongs(&mut self.tellers, path, versions.has_to_tell());
            let is_same = matches!((&old, &new), (Some(old), Some(new)) if Arc::ptr_eq(old, new));
            if !is_same {
                swaps.push(Swap { old, new });
            }
        }
        // All go before one comes: an object may have moved from one file to another.
        for old in swaps.iter().filter_map(|swap| swap.old.as_ref()) {
            draft.release(&old.draft);
            self.texts.release_texts(&old.report);
        }
        for new in swaps.iter().filter_map(|swap| swap.new.as_ref()) {
            draft.absorb(&new.draft);
            self.texts.absorb_texts(&new.report);
        }
        if swaps.iter().flat_map(|swap| swap.old.iter().chain(&swap.new)).any(|file| file.draft.has_joined())
        {
            draft.join(self.files.values().filter_map(|versions| Some(&versions.read()?.draft)));
        }
        if self.files.len() > 2 * self.set.len() + GONE {
            self.files.retain(|_, versions| versions.is_there());
        }
        fresh
    }

    /// Returns what stands at a path now, and counts what had to be read for it.
    fn now(&self, path: &str, fresh: &mut usize) -> Now {
        let Some(bytes) = self.set.get(path) else { return Now::Absent };
        if let Some(refusal) = self.refusal(path) {
            return Now::Refused(refusal);
        }
        let wanted = Wanted { path, bytes, set: &self.set };
        let surroundings = self.frame.as_ref().map(|frame| frame.surroundings(path)).unwrap_or_default();
        if let Some(known) = self.files.get(path).and_then(|versions| versions.find(wanted, &surroundings)) {
            return Now::Read(Arc::clone(known));
        }
        *fresh += 1;
        Now::Read(Arc::new(read_file(wanted, surroundings)))
    }

    /// Refuses a file that defines an object which an earlier one defines.
    fn refusal(&self, path: &str) -> Option<Diagnostic> {
        let PathKind::Object(kind, id) = classify(path) else { return None };
        let claim = Claim { kind, id };
        let first = self.claims.get(&claim)?.first().filter(|first| *first != path)?;
        let message = format!("{} \"{}\" is also defined in {first}", kind.word(), claim.id);
        let help = "ids are unique in a company, across slices: rename one of the two files";
        Some(Diagnostic::new(Code::E0016, Spot::file(path), message).help(help))
    }

    /// Returns every mistake of form.
    fn report(&self) -> Report {
        let mut report = self.texts.clone();
        self.tree.iter().for_each(|found| report.push(found.clone()));
        if let Some(frame) = &self.frame {
            report.absorb(&frame.report);
        }
        let tellers = self.tellers.iter().filter_map(|path| self.files.get(path));
        tellers.for_each(|versions| versions.tell(&mut report));
        report
    }
}

/// Puts a path into a set, or takes it out.
fn belongs(paths: &mut BTreeSet<String>, path: &String, is_in: bool) {
    if is_in {
        paths.insert(path.clone());
    } else {
        paths.remove(path);
    }
}

/// Reads one file by itself.
fn read_file(wanted: Wanted<'_>, surroundings: Surroundings) -> Parsed {
    let files = Files::new(wanted.set);
    let mut report = Report::new();
    let mut reader = Reader::new(&files, &mut report, surroundings.clone());
    reader.file(wanted.path, wanted.bytes);
    let draft = reader.draft;
    Parsed { bytes: Arc::clone(wanted.bytes), surroundings, looked: files.looked(), draft, report }
}
