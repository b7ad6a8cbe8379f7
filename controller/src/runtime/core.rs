//! What all parts of the runtime share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use adjutant_machine::{
    Definition,
    event::TimerId,
    id::{EffectId, InstanceId, Stamp},
    journal::{Batch, Journal, JournalError, Receipt},
    projection::Lane,
    wait::Lines,
};
use adjutant_spec::plan::{Bundle, BundleId, OldestId, Plan, Playbook};
use tokio::sync::{Notify, broadcast, oneshot, watch};

use super::{
    Clock, Error, Performer,
    counts::SetAside,
    crash::Crash,
    drift::Drift,
    identity,
    leases::Leases,
    mailbox::{Door, Job, Message},
    pools::Pools,
    queues::Queues,
    request::PauseScope,
    shared::SharedRows,
    tallies::Tallies,
    views::{AppliedView, Notification, PauseView, QuarantineView},
    wheel::Wheel,
};

/// What is in force: replaced as a whole.
#[derive(Debug, Default, Clone)]
pub(super) struct Live {
    pub(super) plan: Option<Arc<Plan>>,
    /// What runs of each playbook pin: computed once, since it hashes the whole bundle.
    pub(super) bundles: BTreeMap<String, BundleId>,
    pub(super) applied: Option<AppliedView>,
    pub(super) pauses: BTreeMap<String, PauseView>,
    pub(super) quarantined: BTreeMap<InstanceId, QuarantineView>,
}

impl Live {
    /// Returns the playbook with this id, else the one that had it formerly.
    pub(super) fn playbook(&self, id: &str) -> Option<&Playbook> {
        self.plan.as_ref()?.playbook(id)
    }

    /// Returns the key of a pause: a scope by oldest ids, so that a pause under one name stops what has another.
    pub(super) fn scope(&self, scope: &PauseScope) -> String {
        let written = scope.to_string();
        self.plan.as_ref().map_or(written.clone(), |plan| plan.subject(&written).as_str().to_owned())
    }

    /// Returns the identity of the playbook that has this id, or had it.
    pub(super) fn oldest_playbook(&self, id: &str) -> OldestId {
        self.plan.as_ref().map_or_else(|| OldestId::never_renamed(id), |plan| plan.oldest_playbook(id))
    }
}

/// What all parts of the runtime share.
pub(super) struct Core {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) performer: Arc<dyn Performer>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tokio: tokio::runtime::Handle,
    pub(super) seed: u64,
    pub(super) shards: Vec<Door>,
    /// The one home of the plan: who needs to know when another one comes subscribes.
    pub(super) live: watch::Sender<Arc<Live>>,
    pub(super) shared: SharedRows,
    pub(super) pools: Pools,
    pub(super) queues: Queues,
    pub(super) wheel: Wheel,
    pub(super) leases: Leases,
    pub(super) drift: Drift,
    pub(super) changes: broadcast::Sender<Notification>,
    pub(super) failure: watch::Sender<Option<Stop>>,
    pub(super) crash: Crash,
    pub(super) closing: AtomicBool,
    /// Turns true at the end of a shutdown: whoever sleeps goes.
    pub(super) ended: watch::Sender<bool>,
    pub(super) threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    /// Every task of the runtime holds a copy, dropped after everything else of it.
    tasks: Arc<()>,
    pub(super) most_agents: usize,
    /// Effects that may not leave yet, behind what holds them back; their outbox rows stay.
    pub(super) lines: Mutex<Lines<Lane>>,
    /// Counts how often a door may have been opened again, or a rate been raised: for what waits outside of runs.
    pub(super) doors: watch::Sender<u64>,
    /// How many deliveries of each connector are open.
    pub(super) open_deliveries: Mutex<BTreeMap<String, u64>>,
    /// What connectors were told.
    pub(super) tallies: Mutex<Tallies>,
    /// What the runs that are set aside would count for in lists.
    pub(super) set_aside: Mutex<SetAside>,
    /// Held by the one pass of retention.
    pub(super) retention: tokio::sync::Mutex<()>,
    /// Serialises what reads many rows and then writes host rows.
    pub(super) host: tokio::sync::Mutex<()>,
    /// Makes ids of events that the host sends more than once in a millisecond.
    pub(super) counter: AtomicU64,
    bundles: Mutex<BTreeMap<BundleId, Arc<Pinned>>>,
    /// How much is under way.
    pub(super) work: AtomicUsize,
    idle: Notify,
}

/// A bundle that is in force or that runs pin.
pub(super) struct Pinned {
    bundle: Arc<Bundle>,
    /// Made at the first run: an activation of a thousand playbooks does not wait for what none may ever need.
    definition: OnceLock<Arc<Definition>>,
}

impl Pinned {
    fn definition(&self) -> Arc<Definition> {
        Arc::clone(self.definition.get_or_init(|| Arc::new(Definition::new(Arc::clone(&self.bundle)))))
    }
}

/// Why the runtime stopped: what [`Error`] can be made of, as often as it is asked for.
#[derive(Debug, Clone)]
pub(super) enum Stop {
    Disk(String),
    Corrupt { place: String, problem: String },
    Newer { found: u32, known: u32, needs: String },
    Older { found: u32, oldest: u32 },
    Bug(String),
}

impl Stop {
    pub(super) fn error(&self) -> Error {
        match self.clone() {
            Self::Disk(reason) => Error::Journal(JournalError::Disk(reason)),
            Self::Corrupt { place, problem } => Error::Journal(JournalError::Corrupt { place, problem }),
            Self::Newer { found, known, needs } => {
                Error::Journal(JournalError::Newer { found, known, needs })
            }
            Self::Older { found, oldest } => Error::Journal(JournalError::Older { found, oldest }),
            Self::Bug(reason) => Error::Bug(reason),
        }
    }
}

impl From<JournalError> for Stop {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Disk(reason) => Self::Disk(reason),
            JournalError::Corrupt { place, problem } => Self::Corrupt { place, problem },
            JournalError::Newer { found, known, needs } => Self::Newer { found, known, needs },
            JournalError::Older { found, oldest } => Self::Older { found, oldest },
            other => Self::Bug(format!("a batch that could not be refused was refused: {other}")),
        }
    }
}

/// Counts work under way, so that [`Core::settled`] knows when nothing is left.
pub(super) struct Busy(Arc<Core>);

impl Busy {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        core.begin();
        Self(Arc::clone(core))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What [`Core::new`] is made of.
pub(super) struct Parts {
    pub(super) settings: super::Settings,
    pub(super) shards: Vec<Door>,
    pub(super) pools: Pools,
    pub(super) seed: u64,
    pub(super) live: Live,
    pub(super) tallies: Tallies,
}

impl Core {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { settings, shards, pools, seed, live, tallies } = parts;
        Self {
            journal: settings.journal,
            performer: settings.performer,
            clock: settings.clock,
            tokio: tokio::runtime::Handle::current(),
            seed,
            shards,
            live: watch::Sender::new(Arc::new(live)),
            shared: SharedRows::default(),
            pools,
            queues: Queues::default(),
            wheel: Wheel::default(),
            leases: Leases::default(),
            drift: Drift::default(),
            changes: broadcast::channel(1_024).0,
            failure: watch::Sender::new(None),
            crash: Crash::from_env(),
            closing: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            threads: Mutex::default(),
            tasks: Arc::new(()),
            most_agents: settings.agents,
            lines: Mutex::default(),
            doors: watch::Sender::new(0),
            open_deliveries: Mutex::default(),
            tallies: Mutex::new(tallies),
            set_aside: Mutex::default(),
            retention: tokio::sync::Mutex::new(()),
            host: tokio::sync::Mutex::new(()),
            counter: AtomicU64::new(0),
            bundles: Mutex::new(BTreeMap::new()),
            work: AtomicUsize::new(0),
            idle: Notify::new(),
        }
    }

    /// Returns what is in force.
    pub(super) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.borrow())
    }

    /// Replaces what is in force.
    pub(super) fn set_live(&self, change: impl FnOnce(&mut Live)) {
        self.live.send_modify(|live| change(Arc::make_mut(live)));
    }

    /// Returns after a moment has passed, however the clock jumps.
    pub(super) async fn passed(&self, moment: Stamp) {
        while self.clock.now() < moment {
            self.clock.wait_until(moment).await;
        }
    }

    /// Puts something into an instance's mailbox.
    pub(super) fn send(&self, instance: InstanceId, job: Job) {
        self.begin();
        let shard = self.shard(&instance);
        if !self.shards[shard].send(Message::Job { instance, job }) {
            self.end();
        }
    }

    /// Returns the way in to the shard of an instance.
    pub(super) fn door(&self, instance: &InstanceId) -> Door {
        self.shards[self.shard(instance)].clone()
    }

    /// Runs that may be one another's collisions share a shard.
    fn shard(&self, instance: &InstanceId) -> usize {
        let hash = blake3::hash(identity::shared(&instance.name).as_bytes());
        usize::from(hash.as_bytes()[0]) % self.shards.len()
    }

    pub(super) fn begin(&self) {
        self.work.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        if self.work.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.idle.notify_waiters();
        }
    }

    /// Returns when nothing is under way and no timer is due.
    pub(super) async fn settled(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.is_stopped() {
                return;
            }
            if self.work.load(Ordering::SeqCst) == 0 {
                let is_due = self.next_alarm().is_some_and(|at| at <= self.clock.now());
                // A clock that was set and not looked at yet is something due.
                let is_set = self.drift.is_to_be_seen(self.clock.as_ref());
                if is_set {
                    self.wheel.look_again();
                }
                if (is_due || is_set) && !self.is_closing() {
                    tokio::task::yield_now().await;
                    continue;
                }
                // What was due a moment ago may have become work under way while we looked.
                if self.work.load(Ordering::SeqCst) == 0 {
                    return;
                }
            }
            let mut failure = self.failure.subscribe();
            tokio::select! {
                () = idle => {}
                _ = failure.wait_for(Option::is_some) => return,
            }
        }
    }

    /// Returns when the runtime has ended, by a shutdown or by a failure.
    pub(super) async fn gone(&self) {
        let (mut ended, mut failure) = (self.ended.subscribe(), self.failure.subscribe());
        tokio::select! {
            _ = ended.wait_for(|ended| *ended) => {}
            _ = failure.wait_for(Option::is_some) => {}
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Stops everything: the store has failed, or a promise of our own code is broken.
    pub(super) fn fail(&self, stop: Stop) {
        let is_first = self.failure.send_if_modified(|reason| {
            let is_first = reason.is_none();
            reason.get_or_insert(stop);
            is_first
        });
        if is_first {
            tracing::error!(reason = ?*self.failure.borrow(), "the runtime stops");
            self.pools.clear();
        }
    }

    /// Refuses where the runtime has stopped or closes.
    pub(super) fn check_open(&self) -> Result<(), Error> {
        if let Some(stop) = &*self.failure.borrow() {
            return Err(stop.error());
        }
        if self.is_closing() {
            return Err(Error::unavailable("the runtime is closing"));
        }
        Ok(())
    }

    /// Returns what a run is decided by; it is made ready at its first use and kept.
    pub(super) fn definition(&self, id: &str) -> Result<Option<Arc<Definition>>, JournalError> {
        Ok(self.pinned(id)?.map(|pinned| pinned.definition()))
    }

    /// Returns a bundle: from memory, the plan in force, or the store.
    pub(super) fn bundle(&self, id: &str) -> Result<Option<Arc<Bundle>>, JournalError> {
        Ok(self.pinned(id)?.map(|pinned| Arc::clone(&pinned.bundle)))
    }

    fn pinned(&self, id: &str) -> Result<Option<Arc<Pinned>>, JournalError> {
        if let Some(found) = self.bundles.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Some(Arc::clone(found)));
        }
        let Some(bytes) = self.journal.blob(id)? else { return Ok(None) };
        let bundle = serde_json::from_slice(&bytes).map_err(|error| JournalError::Corrupt {
            place: format!("bundle {id}"),
            problem: error.to_string(),
        })?;
        Ok(Some(self.keep_bundle(id, &Arc::new(bundle))))
    }

    /// Keeps a bundle in memory; equal ids are equal bundles, so one that is there stays with what was made ready of it.
    pub(super) fn keep_bundle(&self, id: &str, bundle: &Arc<Bundle>) -> Arc<Pinned> {
        let mut bundles = self.bundles.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Pinned { bundle: Arc::clone(bundle), definition: OnceLock::new() });
        Arc::clone(bundles.entry(id.to_owned()).or_insert_with(new))
    }

    /// Runs a task that counts as work under way.
    pub(super) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let (task, busy) = (Box::pin(task), Busy::new(self));
        self.spawn_quietly(async move {
            task.await;
            drop(busy);
        });
    }

    /// Runs a task that counts as no work. An attempt is a large future: it is put in its place once, and not copied into each
    /// that is wrapped around it.
    pub(super) fn spawn_quietly(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (task, token) = (Box::pin(task), Arc::clone(&self.tasks));
        drop(self.tokio.spawn(async move {
            task.await;
            drop(token);
        }));
    }

    /// Returns when every task is gone, and with it what it held.
    pub(super) async fn tasks_gone(&self) {
        while Arc::strong_count(&self.tasks) > 1 {
            tokio::task::yield_now().await;
        }
    }

    /// Queues an effect for its place.
    pub(super) fn enqueue(&self, effect: EffectId, lane: &Lane, attempt: u32) {
        if !self.is_closing() {
            self.pools.request(lane, effect, attempt);
        }
    }

    /// Returns an id for an event of which there may be more than one.
    pub(super) fn unique(&self, word: &str) -> String {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        format!("{word}@{}.{count}", self.clock.now().0)
    }

    /// Writes host rows and waits until they are durable, off the async workers.
    pub(super) async fn write(self: &Arc<Self>, batch: Batch) -> Result<Receipt, Error> {
        self.commit(batch, |_| {}).await
    }

    /// As [`Core::write`]; memory changes by `then` in the moment in which the rows are durable, whether or not the caller
    /// still waits. So what memory says and what the store says never part.
    pub(super) async fn commit(
        self: &Arc<Self>,
        batch: Batch,
        then: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) -> Result<Receipt, Error> {
        let core = Arc::clone(self);
        let (sender, receiver) = oneshot::channel();
        let submitted = tokio::task::spawn_blocking(move || {
            let own = Arc::clone(&core);
            core.journal.submit(
                batch,
                Box::new(move |outcome| {
                    if outcome.is_ok() {
                        then(&own);
                    }
                    // A caller that has gone away needs no answer.
                    drop(sender.send(outcome));
                }),
            );
        });
        submitted.await.map_err(|_| Error::unavailable("the runtime is closing"))?;
        let outcome = receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))?;
        if let Err(JournalError::Disk(reason)) = &outcome {
            self.fail(Stop::Disk(reason.clone()));
        }
        outcome.map_err(Error::from)
    }

    /// Runs something that changes more than one thing to its end, also when nobody waits for it any more.
    pub(super) async fn whole<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        // A caller that has gone away needs no answer.
        self.spawn(async move { drop(sender.send(work.await)) });
        receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))?
    }

    /// Runs a read off the async workers.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let core = Arc::clone(self);
        let answer = tokio::task::spawn_blocking(move || read(&core)).await;
        answer.map_err(|error| Error::Bug(format!("a read panicked: {error}")))?
    }
}

/// Returns the id of a timer's event: one for each firing.
pub(super) fn timer_event_id(timer: &TimerId, at: Stamp) -> String {
    let name = serde_json::to_string(timer).unwrap_or_default();
    format!("timer:{name}@{}", at.0)
}
