//! What of a candidate can be in force: all of it or nothing after a push, slice by slice elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use adjutant_spec::{
    Loaded, Memo,
    compose::compose,
    diag::{Report, Severity},
    files::{FileSet, slice_of},
    load,
    plan::{Id, Plan},
};

use super::{files::Manifest, in_force::InForce, mistake::MistakeView, wish::Mode};

/// How many judgements are known: that of what is in force, of what is pushed, and of the parts that are tried of it.
const KNOWN: usize = 16;

/// What of a candidate can be in force, and what is wrong with the rest.
pub(super) struct Judged {
    /// The files that would be in force.
    pub(super) files: Arc<FileSet>,
    /// What they are, by content.
    pub(super) manifest: Manifest,
    /// What they say; absent if nothing can move and nothing was in force.
    pub(super) plan: Option<Arc<Plan>>,
    /// The slices that stay as they are, with the mistakes that their move would make.
    pub(super) held: BTreeMap<Id, Vec<MistakeView>>,
    /// The mistakes of the candidate as a whole, in the form of `check`.
    pub(super) diagnostics: Vec<MistakeView>,
    /// The same as text with carets.
    pub(super) text: String,
    /// How many of them are errors.
    pub(super) errors: usize,
    /// The digest of the candidate's files, with those that stay behind.
    pub(super) attempted: String,
    /// What was loaded, of a candidate that is pushed: its scenarios are played.
    pub(super) loaded: Option<Loaded>,
}

impl Judged {
    /// Says in one line why nothing moves.
    pub(super) fn reason(&self) -> String {
        let first = self.diagnostics.iter().find(|found| found.is_error());
        let shown = first.map_or_else(String::new, |MistakeView { file, line, message, .. }| {
            format!(": {file}:{line}: {message}")
        });
        let word = if self.errors == 1 { "mistake" } else { "mistakes" };
        format!("{} {word}{shown}", self.errors)
    }

    /// Says in one line for each held slice why it stays.
    pub(super) fn held_lines(&self) -> BTreeMap<String, String> {
        let line = |rows: &Vec<MistakeView>| {
            let first = rows.first();
            let first = first.map_or_else(String::new, |MistakeView { file, line, message, .. }| {
                format!("{file}:{line}: {message}")
            });
            if rows.len() > 1 { format!("{first} (and {} more)", rows.len() - 1) } else { first }
        };
        self.held.iter().map(|(slice, rows)| (slice.clone(), line(rows))).collect()
    }
}

/// What judges candidates, and knows what it has judged: a push that was admitted is not checked again when it is to go live, and a
/// revision that differs in one file is the work of one.
#[derive(Default)]
pub(super) struct Judge {
    memo: Mutex<Memo>,
    known: Mutex<VecDeque<(Key, Arc<Judged>)>>,
    /// How many candidates were not known.
    #[cfg(test)]
    pub(super) checks: std::sync::atomic::AtomicUsize,
}

/// All that a judgement depends on: where this is the same, so is the judgement.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    /// What is in force, where slices may stay as they are there.
    base: Option<String>,
    candidate: String,
    /// What is wrong with the trees themselves.
    problems: String,
}

impl Judge {
    /// Judges a candidate over what is in force.
    pub(super) fn judge(&self, mode: Mode, base: &InForce, candidate: &Arc<FileSet>) -> Arc<Judged> {
        let manifest = Manifest::after(candidate, &base.files, &base.manifest);
        let listed = Listed { files: Arc::clone(candidate), manifest };
        let key = Key::of(mode, base, &listed);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.iter().find(|(known, _)| *known == key) {
            return Arc::clone(&found.1);
        }
        // Let go while it is judged: a check takes long, and who asks for something that is known need not wait.
        drop(known);
        #[cfg(test)]
        self.checks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        // Whoever comes while another candidate is judged waits for nobody, and begins from nothing.
        let judged = match self.memo.try_lock() {
            Ok(mut memo) => judged_with(&mut memo, mode, base, listed),
            Err(_) => judged_with(&mut Memo::default(), mode, base, listed),
        };
        let judged = Arc::new(judged);
        known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.truncate(KNOWN - 1);
        known.push_front((key, Arc::clone(&judged)));
        judged
    }
}

impl Key {
    fn of(mode: Mode, base: &InForce, candidate: &Listed) -> Self {
        let stays = mode != Mode::Push;
        let of_base = if stays { base.files.problems() } else { &[] };
        Self {
            base: stays.then(|| base.manifest.digest().to_owned()),
            candidate: candidate.manifest.digest().to_owned(),
            problems: format!("{:?}{of_base:?}", candidate.files.problems()),
        }
    }
}

/// Files with what they are by content.
struct Listed {
    files: Arc<FileSet>,
    manifest: Manifest,
}

fn judged_with(memo: &mut Memo, mode: Mode, base: &InForce, candidate: Listed) -> Judged {
    match mode {
        Mode::Push => whole_of(memo.load(&candidate.files), candidate),
        Mode::Worktree | Mode::Commit | Mode::Remote => by_slice(memo, &base.files, candidate),
    }
}

/// Judges a candidate as a whole.
pub(super) fn whole(candidate: &Arc<FileSet>) -> Judged {
    let listed = Listed { files: Arc::clone(candidate), manifest: Manifest::of(candidate) };
    Judged { loaded: None, ..whole_of(load(candidate), listed) }
}

fn whole_of(loaded: Loaded, candidate: Listed) -> Judged {
    let attempted = candidate.manifest.digest().to_owned();
    let held = BTreeMap::new();
    let found =
        Found { plan: loaded.plan.clone(), held, report: &loaded.report, attempted }.judged(candidate);
    Judged { loaded: Some(loaded), ..found }
}

/// Judges a candidate slice by slice over what is in force.
fn by_slice(memo: &mut Memo, last_good: &FileSet, candidate: Listed) -> Judged {
    let attempted = candidate.manifest.digest().to_owned();
    let composite = compose(memo, last_good, &candidate.files);
    let report = &composite.attempted;
    let held = composite.held.iter().map(|(slice, found)| {
        let rows = found.iter().map(|diagnostic| MistakeView::of(report, diagnostic)).collect();
        (slice.clone(), rows)
    });
    let held: BTreeMap<Id, Vec<MistakeView>> = held.collect();
    let part = if held.is_empty() {
        candidate
    } else {
        let manifest = Manifest::after(&composite.files, &candidate.files, &candidate.manifest);
        Listed { files: Arc::new(composite.files), manifest }
    };
    Found { plan: composite.loaded.plan, held, report, attempted }.judged(part)
}

/// What a check found, before it is said what can be in force.
struct Found<'a> {
    plan: Option<Arc<Plan>>,
    held: BTreeMap<Id, Vec<MistakeView>>,
    report: &'a Report,
    attempted: String,
}

impl Found<'_> {
    /// Returns the judgement that lets these files be in force.
    fn judged(self, Listed { files, manifest }: Listed) -> Judged {
        let Self { plan, held, report, attempted } = self;
        let diagnostics = report.diagnostics();
        Judged {
            files,
            manifest,
            plan,
            held,
            diagnostics: diagnostics.iter().map(|diagnostic| MistakeView::of(report, diagnostic)).collect(),
            text: report.render(),
            errors: diagnostics.iter().filter(|found| found.severity() == Severity::Error).count(),
            attempted,
            loaded: None,
        }
    }
}

/// Returns the slices in which two sets of files differ.
pub(super) fn moved(old: &FileSet, new: &FileSet) -> BTreeSet<Id> {
    old.differing(new).into_iter().map(|path| slice_of(path).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use adjutant_company::{DONE, company};
    use adjutant_spec::files::FileProblemKind;

    use super::*;

    fn files(rows: &[(&str, &str)]) -> Arc<FileSet> {
        Arc::new(company(rows))
    }

    fn in_force(files: &Arc<FileSet>) -> InForce {
        InForce { files: Arc::clone(files), manifest: Manifest::of(files), tree: Some("t".to_owned()) }
    }

    #[test]
    fn what_was_judged_is_known_until_what_decides_is_another() {
        let judge = Judge::default();
        let checks = || judge.checks.load(Ordering::SeqCst);
        let (old, new) = (files(&[("playbooks/a.toml", DONE)]), files(&[("playbooks/b.toml", DONE)]));
        let first = judge.judge(Mode::Worktree, &in_force(&old), &new);
        assert!(Arc::ptr_eq(
            &first,
            &judge.judge(Mode::Worktree, &in_force(&old), &files(&[("playbooks/b.toml", DONE)]))
        ));
        assert_eq!(checks(), 1);
        // Another base may keep another slice.
        judge.judge(Mode::Worktree, &in_force(&new), &new);
        assert_eq!(checks(), 2);
        // A push is judged by itself, whatever is in force.
        let pushed = judge.judge(Mode::Push, &in_force(&old), &new);
        assert!(Arc::ptr_eq(&pushed, &judge.judge(Mode::Push, &in_force(&new), &new)));
        assert_eq!(checks(), 3);
        let mut odd = (*new).clone();
        odd.problem("playbooks/c.toml", FileProblemKind::SymlinkLeavesTree);
        assert_eq!(judge.judge(Mode::Push, &in_force(&old), &Arc::new(odd)).errors, 1);
        assert_eq!((pushed.errors, checks()), (0, 4));
    }

    #[test]
    fn a_manifest_made_after_another_is_the_one_made_from_nothing() {
        let (old, new) = (files(&[("a", "1"), ("b", "2")]), files(&[("a", "1"), ("b", "3"), ("c", "2")]));
        let after = Manifest::after(&new, &old, &Manifest::of(&old));
        assert_eq!((after.digest(), after == Manifest::of(&new)), (Manifest::of(&new).digest(), true));
        assert!(after != Manifest::of(&old));
    }

    #[test]
    fn no_more_is_known_than_may_be() {
        let judge = Judge::default();
        let base = in_force(&files(&[]));
        for number in 0..2 * KNOWN {
            judge.judge(Mode::Push, &base, &files(&[(&format!("playbooks/p{number}.toml"), DONE)]));
        }
        assert_eq!(judge.known.lock().unwrap().len(), KNOWN);
    }
}
