//! Composition: a candidate tree activates slice by slice, and a mistake holds only what it must.
//!
//! A held slice keeps the files of its last good revision; the others move. A mistake in a shared file holds `company`, and then
//! what refers to what `company` does not have yet. The result always checks clean, or is the last good tree itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Loaded, Memo,
    diag::{Diagnostic, Report, Severity},
    files::{FileSet, slice_of},
    plan::Id,
};

/// What of a candidate can be in force.
#[derive(Debug)]
pub struct Composite {
    /// The files in force: of each slice those of the candidate, or those of its last good revision.
    pub files: FileSet,
    /// The slices that do not move, each with the mistakes that its move would make.
    pub held: BTreeMap<Id, Vec<Diagnostic>>,
    /// The files in force, loaded.
    pub loaded: Loaded,
    /// Every mistake of the candidate as a whole, with its texts.
    pub attempted: Report,
}

/// Composes the largest part of a candidate that checks clean with the last good files; each of the loads takes what it can from a memo.
pub fn compose(memo: &mut Memo, last_good: &FileSet, candidate: &FileSet) -> Composite {
    let loaded = memo.load(candidate);
    let attempted = loaded.report.clone();
    if !attempted.has_errors() {
        return Composite { files: candidate.clone(), held: BTreeMap::new(), loaded, attempted };
    }
    let mut composing = Composing { memo, last_good, candidate, moving: moving(last_good, candidate) };
    let mut held = BTreeSet::new();
    composing.hold(&attempted, &mut held);
    composing.release(held, attempted)
}

struct Composing<'a> {
    memo: &'a mut Memo,
    last_good: &'a FileSet,
    candidate: &'a FileSet,
    moving: BTreeSet<Id>,
}

impl Composing<'_> {
    /// Holds slices until nothing is wrong, or nothing moves any more.
    fn hold(&mut self, attempted: &Report, held: &mut BTreeSet<Id>) {
        let mut report = attempted.clone();
        while report.has_errors() && held.len() < self.moving.len() {
            let wrong: BTreeSet<Id> = errors(&report).map(|found| slice_of(&found.file).to_owned()).collect();
            let to_hold: Vec<Id> = wrong
                .into_iter()
                .filter(|slice| self.moving.contains(slice) && !held.contains(slice))
                .collect();
            if to_hold.is_empty() {
                // The mistake shows in a slice that stays; what moves under it made it.
                held.insert(self.best_to_hold(held));
            }
            held.extend(to_hold);
            report = self.memo.load(&self.mix(held)).report;
        }
    }

    /// Returns the slice whose hold leaves the fewest mistakes, the first by name among equals.
    fn best_to_hold(&mut self, held: &BTreeSet<Id>) -> Id {
        let free: Vec<Id> = self.moving.difference(held).cloned().collect();
        let counted = free.into_iter().map(|slice| {
            let mut more = held.clone();
            more.insert(slice.clone());
            (errors(&self.memo.load(&self.mix(&more)).report).count(), slice)
        });
        counted.min().map(|(_, slice)| slice).unwrap_or_default()
    }

    /// Lets each held slice move after all where that is clean: it may have been held for another's mistake.
    fn release(self, mut held: BTreeSet<Id>, attempted: Report) -> Composite {
        let mut reasons = BTreeMap::new();
        for slice in held.clone() {
            let mut fewer = held.clone();
            fewer.remove(&slice);
            let report = self.memo.load(&self.mix(&fewer)).report;
            if report.has_errors() {
                reasons.insert(slice, errors(&report).cloned().collect());
            } else {
                held = fewer;
            }
        }
        let files = self.mix(&held);
        let loaded = self.memo.load(&files);
        Composite { files, held: reasons, loaded, attempted }
    }

    fn mix(&self, held: &BTreeSet<Id>) -> FileSet {
        let mut files = FileSet::new();
        let sides = [(self.candidate, false), (self.last_good, true)];
        for (side, of_held) in sides {
            let mine = |path: &str| held.contains(slice_of(path)) == of_held;
            for (path, bytes) in side.iter().filter(|(path, _)| mine(path)) {
                files.insert(path, bytes.clone());
            }
            for problem in side.problems().iter().filter(|problem| mine(&problem.path)) {
                files.problem(problem.path.clone(), problem.kind.clone());
            }
        }
        files
    }
}

fn errors(report: &Report) -> impl Iterator<Item = &Diagnostic> {
    report.diagnostics().iter().filter(|found| found.severity() == Severity::Error)
}

/// Returns the slices in which the two trees differ.
fn moving(last_good: &FileSet, candidate: &FileSet) -> BTreeSet<Id> {
    let moved = last_good.differing(candidate).into_iter().map(slice_of);
    let problems = last_good.problems().iter().chain(candidate.problems());
    let odd = problems.map(|problem| slice_of(&problem.path));
    moved.chain(odd).map(str::to_owned).collect()
}
