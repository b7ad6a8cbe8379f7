//! From files to a plan: read, check, compile.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use crate::{
    check::{self, Children},
    compile::{
        self, Known,
        resolve::{self, Resolved},
    },
    diag::{Diagnostic, Report},
    draft::{Answers, Draft, Look, Moved, Part, Rows, Watched},
    files::FileSet,
    plan::{Id, Plan},
    read::{Gathered, Reading},
};

/// What loading a revision gives. A copy of it costs little.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The plan; absent while the report has errors. It is the very same in memory while nothing that it says is another.
    pub plan: Option<Arc<Plan>>,
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
/// It holds no more than two versions of each file of the last company and a few that are gone, and one answer for each of its
/// playbooks.
#[derive(Debug, Default)]
pub struct Memo {
    reading: Reading,
    last: Option<Loaded>,
    resolved: Arc<Rows<Resolved>>,
    /// What was looked at for each resolved playbook.
    resolutions: Answers<()>,
    checked: Answers<Arc<[Diagnostic]>>,
    /// What is wrong with each scenario, by its path.
    scenarios: Answers<Arc<[Diagnostic]>>,
    /// What concerns more than one object.
    company: Option<Watched<Arc<[Diagnostic]>>>,
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
        self.work = Work::default();
        if let Some(last) = self.last.as_ref().filter(|_| self.reading.is_of(files)) {
            return last.clone();
        }
        let Gathered { before, draft, mut report, fresh } = self.reading.read(files);
        self.work.read = fresh;
        let mut moved = draft.moved_since(&before);
        self.resolve(&draft, &mut moved);
        self.check(&draft, &moved);
        self.check_scenarios(&draft, &moved);
        let found = self.checked.values().chain(self.scenarios.values());
        for found in found.chain(self.company.iter().map(|row| &row.answer)) {
            found.iter().for_each(|found| report.push(found.clone()));
        }
        let plan = if report.has_errors() { None } else { self.plan(&draft, &moved) };
        let loaded = Loaded { plan, report, draft };
        self.last = Some(loaded.clone());
        loaded
    }

    /// Returns what the last load had to do.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }

    /// Resolves the playbooks that may be others now.
    fn resolve(&mut self, draft: &Draft, moved: &mut Moved) {
        let mut stale = self.resolutions.forget(moved);
        stale.extend(moved.of(Part::Playbooks).cloned());
        let before = Arc::clone(&self.resolved);
        for id in &stale {
            let Watched { answer, looks } = draft
                .watcher
                .watch(|| draft.playbooks.row(id).map(|at| Arc::new(resolve::playbook(draft, at))));
            let rows = Arc::make_mut(&mut self.resolved);
            match answer {
                Some(row) => {
                    rows.insert(id.clone(), row);
                    self.resolutions.put(id, Watched { answer: (), looks });
                }
                None => drop(rows.remove(id)),
            }
        }
        moved.compare(Part::Resolved, &before, &self.resolved);
        self.bundles.forget(moved);
    }

    /// Checks the playbooks that may be judged otherwise now, and the company.
    fn check(&mut self, draft: &Draft, moved: &Moved) {
        let mut stale: BTreeSet<Id> = self.checked.forget(moved);
        stale.extend(moved.of(Part::Resolved).cloned());
        let children = Children { resolved: &self.resolved, watcher: &draft.watcher };
        for id in &stale {
            let Some(row) = self.resolved.get(id) else { continue };
            let found = draft.watcher.watch(|| {
                draft.watcher.note(Part::Resolved, Look::One(id));
                check::playbook(draft, row, &children).into()
            });
            self.checked.put(id, found);
            self.work.checked += 1;
        }
        if self.company.as_ref().is_none_or(|row| moved.concerns(&row.looks)) {
            self.company = Some(draft.watcher.watch(|| {
                draft.watcher.note(Part::Resolved, Look::All);
                check::company(draft, &self.resolved).into()
            }));
        }
    }

    /// Checks the scenarios that may be judged otherwise now.
    fn check_scenarios(&mut self, draft: &Draft, moved: &Moved) {
        let mut stale: BTreeSet<Id> = self.scenarios.forget(moved);
        stale.extend(moved.of(Part::Scenarios).cloned());
        let children = Children { resolved: &self.resolved, watcher: &draft.watcher };
        for path in &stale {
            let found = draft.watcher.watch(|| {
                let scenario = draft.scenarios.get(path)?;
                Some(check::scenario(draft, scenario, &children).into())
            });
            if let Watched { answer: Some(answer), looks } = found {
                self.scenarios.put(path, Watched { answer, looks });
            }
        }
    }

    /// Returns the plan of what has no mistake.
    fn plan(&mut self, draft: &Draft, moved: &Moved) -> Option<Arc<Plan>> {
        let last = self.last.as_ref().and_then(|last| last.plan.as_ref());
        if let Some(plan) = last.filter(|_| moved.is_within(&[Part::Places, Part::Scenarios])) {
            return Some(Arc::clone(plan));
        }
        let plan = compile::compile(draft, &self.resolved, &mut self.bundles);
        self.work.built = std::mem::take(&mut self.bundles.fresh);
        plan.map(Arc::new)
    }
}
