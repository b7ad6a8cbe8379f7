//! A company of many files, reconciled in this process: without a change, and with one file changed.
//!
//! The repository is the daemon's own, the store is in memory: what a disk adds is in the figures of saves and pushes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use adjutant::{
    reconcile::{
        Candidate, Commit, Extent, Landing, Merged, Mode, Reconciler, Repository, RepositoryError, Review,
        Seen, Settings, Trouble,
    },
    source::{Git, Limits, Mirror},
};
use adjutant_spec::files::FileSet;
use adjutant_tests::desk::Desk;
use serde_json::{Value, json};

use crate::{filler, spread};

const NO_OPS: usize = 200;
const CHANGES: usize = 50;

/// Measures both at so many files.
pub(crate) fn measure(files: usize) -> Value {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let desk = Desk::empty().await;
        let mirror = Mirror::open(&desk.data, Git::default(), Limits::default()).expect("a mirror opens");
        let reconciler = Reconciler::open(Settings {
            handle: desk.handle.clone(),
            journal: desk.journal.clone(),
            repository: Arc::new(Kept(mirror)),
            clock: Arc::new(desk.clock.clone()),
            mode: Mode::Worktree,
            place: "the bench".to_owned(),
            company: "the bench".to_owned(),
            rehearsal: None,
        });
        let reconciler = reconciler.await.expect("reconcile opens");
        let mut company = company(files);
        reconcile(&reconciler, &Arc::new(company.clone())).await;
        let mut changed = Vec::new();
        for round in 1..=CHANGES {
            company.insert("playbooks/filler-0.toml", filler(0, round).into_bytes());
            changed.push(reconcile(&reconciler, &Arc::new(company.clone())).await);
        }
        let same = Arc::new(company);
        let mut no_op = Vec::new();
        for _ in 0..NO_OPS {
            no_op.push(reconcile(&reconciler, &same).await);
        }
        desk.close().await;
        json!({ "no_op": spread(no_op), "one_file_changed": spread(changed) })
    })
}

/// Brings files in force, and returns how long that took.
async fn reconcile(reconciler: &Reconciler, files: &Arc<FileSet>) -> Duration {
    let candidate = Candidate {
        revision: "bench".to_owned(),
        commit: None,
        title: "a round".to_owned(),
        files: Arc::clone(files),
        uncommitted: Vec::new(),
        remark: None,
    };
    let start = Instant::now();
    reconciler.observe(Seen::Candidate(candidate)).await.expect("a candidate is decided on");
    let took = start.elapsed();
    let status = reconciler.status();
    assert!(status.applied.is_some() && status.applied == status.desired, "{:?}", status.diagnostics);
    took
}

fn company(files: usize) -> FileSet {
    let mut company = adjutant_company::example("hello");
    for number in 0..files - company.len() {
        company.insert(format!("playbooks/filler-{number}.toml"), filler(number, 0).into_bytes());
    }
    company
}

/// Keeps trees in a mirror, as the daemon does; nothing else is asked of Git by who only saves files.
struct Kept(Mirror);

type Asked<T> = Result<T, RepositoryError>;

fn unasked<T>() -> Asked<T> {
    Err(RepositoryError { trouble: Trouble::Failed, message: "not in this bench".to_owned(), hint: None })
}

impl Repository for Kept {
    fn keep_tree(&self, files: &FileSet) -> Asked<String> {
        let kept = self.0.keep_tree(files);
        kept.map_err(|error| RepositoryError {
            trouble: Trouble::Failed,
            message: error.to_string(),
            hint: None,
        })
    }

    fn main(&self) -> Asked<Option<String>> {
        Ok(None)
    }

    fn resolve(&self, _: &str) -> Asked<Option<String>> {
        unasked()
    }

    fn commit(&self, _: &str) -> Asked<Commit> {
        unasked()
    }

    fn tree(&self, _: &str) -> Asked<Arc<FileSet>> {
        unasked()
    }

    fn merge(&self, _: &str, _: &str) -> Asked<Merged> {
        unasked()
    }

    fn contains(&self, _: &str, _: &str) -> Asked<bool> {
        unasked()
    }

    fn review(&self, _: &str, _: &str, _: Extent) -> Asked<Review> {
        unasked()
    }

    fn changed(&self, _: &str, _: &str) -> Asked<Vec<String>> {
        unasked()
    }

    fn commit_files(&self, _: &str, _: &FileSet, _: &str) -> Asked<String> {
        unasked()
    }

    fn commit_patch(&self, _: &str, _: &str, _: &str) -> Asked<String> {
        unasked()
    }

    fn land(&self, _: &Landing) -> Asked<String> {
        unasked()
    }

    fn publish(&self, _: &str, _: &Landing) -> Asked<String> {
        unasked()
    }

    fn keep_head(&self, _: &str, _: &str) -> Asked<Option<String>> {
        unasked()
    }

    fn follow(&self, _: &str) -> Asked<()> {
        Ok(())
    }
}
