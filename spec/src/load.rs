//! From files to a plan: read, check, compile.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    check::{self, Children},
    compile::{
        self, Known,
        resolve::{self, Resolved},
    },
    diag::{Diagnostic, Report},
    draft::{Draft, Look, Looks, Moved, Part, Rows},
    files::FileSet,
    plan::{Id, Plan},
    read::{self, parsed::Shelved},
};

/// What loading a revision gives.
#[derive(Debug)]
pub struct Loaded {
    /// The plan; absent while the report has errors.
    pub plan: Option<Plan>,
    /// Every mistake.
    pub report: Report,
    /// What was read.
    pub draft: Arc<Draft>,
}

/// As [`load`], for somebody who knows what time it is: what was written for a time that is over is told too.
#[must_use]
pub fn load_at(files: &FileSet, now: Timestamp) -> Loaded {
    let mut loaded = load(files);
    check::times::check_at(&loaded.draft, now).into_iter().for_each(|found| loaded.report.push(found));
    loaded
}

/// Reads, checks and compiles a company repository, and reports all mistakes at once.
#[must_use]
pub fn load(files: &FileSet) -> Loaded {
    Memo::default().load(files)
}

/// What was learnt of the company that was loaded last. Loading it again after a change does the work of the change; the answer is
/// always the one that [`load`] gives.
///
/// ```text
/// a file with other bytes ──► is read ──► what is another in the draft ──► answers that looked at it are found anew
/// ```
/// It holds no more than two versions of each file of the last company, and one answer for each of its playbooks.
#[derive(Debug, Default)]
pub struct Memo {
    files: Shelved,
    draft: Option<Arc<Draft>>,
    resolved: Rows<Resolved>,
    /// What was looked at for each resolved playbook.
    looks: BTreeMap<Id, Looks>,
    checked: BTreeMap<Id, (Arc<[Diagnostic]>, Looks)>,
    bundles: Known,
    work: Work,
}

/// What was not in memory when a company was loaded last, and had to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Files that were read.
    pub read: usize,
    /// Playbooks that were checked.
    pub checked: usize,
    /// Bundles that were built.
    pub built: usize,
}

impl Memo {
    /// As [`load`](crate::load()); what does not follow from a change is taken from memory.
    pub fn load(&mut self, files: &FileSet) -> Loaded {
        let mut report = Report::new();
        let draft = Arc::new(read::read_with(&mut self.files, files, &mut report));
        let moved = self.draft.as_ref().map(|before| draft.moved_since(before)).unwrap_or_default();
        self.resolve(&draft, moved);
        let found = self.checked.values().flat_map(|(found, _)| found.iter().cloned());
        found.for_each(|found| report.push(found));
        check::company(&draft, &self.resolved).into_iter().for_each(|found| report.push(found));
        let plan = if report.has_errors() {
            None
        } else {
            compile::compile(&draft, &self.resolved, &mut self.bundles)
        };
        self.draft = Some(Arc::clone(&draft));
        self.work.read = std::mem::take(&mut self.files.fresh);
        self.work.built = std::mem::take(&mut self.bundles.fresh);
        Loaded { plan, report, draft }
    }

    /// Returns what the last load had to do.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }

    /// Resolves and checks the playbooks that may be others now, and forgets what was known of them.
    fn resolve(&mut self, draft: &Arc<Draft>, mut moved: Moved) {
        let mut resolved = Rows::new();
        for id in draft.playbooks.rows().keys() {
            let known = self
                .resolved
                .get(id)
                .filter(|_| self.looks.get(id).is_some_and(|looks| !moved.concerns(looks)));
            let row = known.cloned().or_else(|| {
                let (row, looks) = draft
                    .watcher
                    .watch(|| draft.playbooks.row(id).map(|at| Arc::new(resolve::playbook(draft, at))));
                self.looks.insert(id.clone(), looks);
                row
            });
            resolved.extend(row.map(|row| (id.clone(), row)));
        }
        moved.compare(Part::Resolved, (&self.resolved, &resolved));
        self.resolved = resolved;
        self.looks.retain(|id, _| self.resolved.contains_key(id));
        self.bundles.forget(&moved);
        self.check(draft, &moved);
    }

    fn check(&mut self, draft: &Draft, moved: &Moved) {
        self.checked.retain(|id, (_, looks)| self.resolved.contains_key(id) && !moved.concerns(looks));
        self.work.checked = self.resolved.len() - self.checked.len();
        let children = Children { resolved: &self.resolved, watcher: &draft.watcher };
        for (id, row) in &self.resolved {
            if self.checked.contains_key(id) {
                continue;
            }
            let (found, looks) = draft.watcher.watch(|| {
                draft.watcher.note(Part::Resolved, Look::One(id));
                check::playbook(draft, row, &children)
            });
            self.checked.insert(id.clone(), (found.into(), looks));
        }
    }
}
