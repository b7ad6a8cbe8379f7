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
    command::{Call, Notice, Perform},
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
}

impl Performer for Desk {
    fn perform(&self, job: Perform, _until: Stamp) -> BoxFuture<'static, Event> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let (effect, attempt, value) = (job.effect, job.attempt, json!({ "id": "1" }));
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
    /// Opens a new store and puts the measured company in force.
    pub(super) async fn open(folder: &Path) -> Result<Self, Error> {
        let tap = Arc::new(Tap::new(RocksJournal::open(folder, Options::default())?));
        let desk = Arc::new(Desk { calls: AtomicU64::new(0), is_open: watch::Sender::new(true) });
        let settings = Settings {
            journal: Arc::clone(&tap) as Arc<dyn Journal>,
            performer: Arc::clone(&desk) as Arc<dyn Performer>,
            clock: Arc::new(RealClock),
            verbs: 256,
            agents: 16,
            cache_bytes: 64 << 20,
        };
        let handle = Runtime::open(settings).await?;
        let activation = Activation {
            plan: company::plan()?,
            revision: "bench".to_owned(),
            expected: None,
            held: BTreeMap::new(),
            detail: Value::Null,
            by: "bench".to_owned(),
        };
        handle.activate(activation).await?;
        Ok(Self { tap, desk, handle, next: AtomicU64::new(0) })
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
        let closed = tokio::task::spawn_blocking(move || drop(tap)).await;
        closed.map_err(|error| Error::Odd(format!("the store did not close: {error}")))
    }
}
