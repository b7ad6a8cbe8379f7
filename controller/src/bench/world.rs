//! Store and runtime as the daemon puts them together, over a world that answers at once.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use adjutant_machine::{
    call::{Call, Notice, Perform},
    event::Event,
    id::Stamp,
    journal::Journal,
};
use adjutant_spec::plan::{NotifyRule, Plan};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Error, company, tap::Tap};
use crate::{
    journal::{Options, RocksJournal},
    runtime::{Activation, Handle, NotifyFailure, Performer, RealClock, Runtime, Settings, StartRun, Worst},
};

/// Answers at once while its door is open, and counts.
pub(super) struct Desk {
    pub(super) calls: AtomicU64,
    pub(super) is_open: watch::Sender<bool>,
    /// How many calls there are before it says that there is no more.
    pub(super) looks: AtomicU64,
}

impl Performer for Desk {
    fn perform(&self, _plan: Arc<Plan>, job: Perform, _until: Stamp) -> BoxFuture<'static, Event> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let value = if job.step.starts_with(company::LOOK) {
            json!({ "more": calls < self.looks.load(Ordering::Relaxed) })
        } else {
            json!({ "id": "1" })
        };
        let (effect, attempt) = (job.effect, job.attempt);
        let event = Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null };
        if *self.is_open.borrow() {
            return Box::pin(std::future::ready(event));
        }
        let mut door = self.is_open.subscribe();
        Box::pin(async move {
            // The sender lives as long as the desk; where it is gone nobody waits for the answer.
            drop(door.wait_for(|is_open| *is_open).await);
            event
        })
    }

    fn worst_case(&self, _plan: &Plan, _call: &Call) -> Worst {
        Worst::Nothing
    }

    fn notify(
        &self,
        _plan: Arc<Plan>,
        _notice: Notice,
        _rule: Option<NotifyRule>,
    ) -> BoxFuture<'static, Result<(), NotifyFailure>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What is measured.
pub(super) struct World {
    pub(super) tap: Arc<Tap>,
    pub(super) desk: Arc<Desk>,
    pub(super) handle: Handle,
    next: AtomicU64,
}

impl World {
    /// Opens a store as it was left.
    pub(super) async fn open(folder: &Path) -> Result<Self, Error> {
        let tap = Arc::new(Tap::new(RocksJournal::open(folder, Options::default())?));
        let desk = Arc::new(Desk {
            calls: AtomicU64::new(0),
            is_open: watch::Sender::new(true),
            looks: AtomicU64::new(0),
        });
        let settings = Settings {
            journal: Arc::clone(&tap) as Arc<dyn Journal>,
            performer: Arc::clone(&desk) as Arc<dyn Performer>,
            clock: Arc::new(RealClock),
            verbs: 256,
            agents: 16,
            cache_bytes: 64 << 20,
        };
        let handle = Runtime::open(settings).await?;
        Ok(Self { tap, desk, handle, next: AtomicU64::new(0) })
    }

    /// Puts the measured company in force; its long run has about so many entries.
    pub(super) async fn activate(&self, long: u64) -> Result<(), Error> {
        let activation = Activation {
            plan: company::plan(long)?,
            revision: "bench".to_owned(),
            expected: None,
            held: BTreeMap::new(),
            detail: Default::default(),
            story: None,
            by: "bench".to_owned(),
        };
        Ok(self.handle.activate(activation).await?)
    }

    /// Returns the wish for a run of its own.
    pub(super) fn wish(&self) -> StartRun {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        StartRun { playbook: company::PLAYBOOK.to_owned(), key: Some(key.to_string()), ..StartRun::default() }
    }

    /// Ends the runtime and closes the store.
    pub(super) async fn close(self) -> Result<(), Error> {
        self.handle.shutdown().await;
        let Self { tap, desk, handle, .. } = self;
        drop((handle, desk));
        let held = || Error::Odd("somebody still holds the store".to_owned());
        let tap = Arc::into_inner(tap).ok_or_else(held)?;
        let closed = tokio::task::spawn_blocking(move || drop(tap)).await;
        closed.map_err(|error| Error::Odd(format!("the store did not close: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn rest(world: &World) {
        let settled = tokio::time::timeout(Duration::from_secs(60), world.handle.settled()).await;
        settled.expect("it comes to rest");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn runs_and_the_revision_are_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = World::open(folder.path()).await.expect("a new store opens");
        first.activate(0).await.expect("the revision is activated");
        let starts = (0..50).map(|_| first.handle.start(first.wish()));
        futures::future::try_join_all(starts).await.expect("the runs start");
        rest(&first).await;
        assert_eq!(first.desk.calls.load(Ordering::SeqCst), 150);
        first.close().await.expect("the store closes");
        let second = World::open(folder.path()).await.expect("the store opens again");
        assert_eq!(second.handle.applied().map(|applied| applied.revision).as_deref(), Some("bench"));
        assert!(!second.handle.start(second.wish()).await.expect("an answer").created, "the key is known");
        rest(&second).await;
        assert_eq!(second.desk.calls.load(Ordering::SeqCst), 0);
        let audit = second.handle.audit().await.expect("the audit runs");
        assert!(audit.ok, "{audit:?}");
        let runs = second.handle.status().await.expect("a status").runs;
        assert_eq!(runs, BTreeMap::from([("done".to_owned(), 50)]));
        second.close().await.expect("the store closes again");
    }
}
