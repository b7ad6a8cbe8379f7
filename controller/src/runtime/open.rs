//! Opening and closing: threads, the seed, what was in force, the work that was left; and the task that watches the clock.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, OnceLock, PoisonError, Weak, atomic::Ordering},
};

use adjutant_machine::{
    event::{Envelope, Event},
    id::Stamp,
    journal::{Batch, Journal, RowWrite, Table},
};

use super::{
    Error, Settings, activate,
    core::{Busy, Core, Parts, timer_event_id},
    counts, deliveries, hooks,
    mailbox::{self, Job, Message},
    pools::Pools,
    put_right, resume, retention, rows,
    rows::timer::Timer,
    schedule,
    shard::Shard,
    switch,
    tallies::Tallies,
    turns,
};

/// How long a schedule waits before it is tried again, in milliseconds.
const SCHEDULE_PAUSE: u64 = 1_000;

/// Opens a runtime on a store, with a thread for each of its shards.
pub(super) async fn open(settings: Settings) -> Result<Arc<Core>, Error> {
    let count = std::thread::available_parallelism().map_or(2, |count| count.get().clamp(1, 8));
    let Opened { core, shards } = read(settings, count).await?;
    start(&core, shards)?;
    take_up(&core).await?;
    Ok(core)
}

/// A runtime that has read what was in force, and does nothing yet.
pub(super) struct Opened {
    pub(super) core: Arc<Core>,
    /// What [`start`] gives a thread each.
    pub(super) shards: Vec<Shard>,
}

/// Reads what was in force; nothing works yet.
pub(super) async fn read(settings: Settings, count: usize) -> Result<Opened, Error> {
    let journal = Arc::clone(&settings.journal);
    let read = tokio::task::spawn_blocking(move || {
        let journal = journal.as_ref();
        counts::open(journal)?;
        Ok::<_, Error>((seed(journal)?, activate::load(journal)?, Tallies::load(journal)?))
    });
    let (seed, live, tallies) = read.await.map_err(|error| Error::Bug(error.to_string()))??;
    let most_bytes = settings.cache_bytes;
    let door: Arc<OnceLock<Weak<Core>>> = Arc::default();
    let pools = pools(&settings, &door);
    let (doors, inboxes): (Vec<_>, Vec<_>) = (0..count).map(|_| mailbox::door()).unzip();
    let core = Arc::new(Core::new(Parts { settings, shards: doors, pools, seed, live, tallies }));
    // It is set once, here.
    drop(door.set(Arc::downgrade(&core)));
    if let Some(plan) = &core.live().plan {
        activate::size_pools(&core, plan);
    }
    let shard = |inbox| Shard::new(Arc::clone(&core), inbox, most_bytes / count);
    let shards = inboxes.into_iter().map(shard).collect();
    Ok(Opened { core, shards })
}

/// Gives each shard its thread.
pub(super) fn start(core: &Core, shards: Vec<Shard>) -> Result<(), Error> {
    for (number, shard) in shards.into_iter().enumerate() {
        let thread = std::thread::Builder::new().name(format!("shard-{number}")).spawn(move || shard.run());
        let thread = thread.map_err(|error| Error::unavailable(format!("no thread: {error}")))?;
        core.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }
    Ok(())
}

/// Takes up the work that was left, and watches the clock from now on.
pub(super) async fn take_up(core: &Arc<Core>) -> Result<(), Error> {
    let left = Arc::clone(core);
    let resumed = tokio::task::spawn_blocking(move || {
        left.drift.open(left.journal.as_ref(), left.clock.as_ref())?;
        left.wheel.open(left.journal.as_ref())?;
        left.recount_open()?;
        resume::all(&left)?;
        turns::open(&left)
    });
    resumed.await.map_err(|error| Error::Bug(error.to_string()))??;
    if core.live().plan.is_some() {
        // The last process may have died between a revision's coming into force and the end of the round that it began.
        deliveries::wake(core);
    }
    core.spawn_quietly(watch_clock(Busy::new(core), Arc::clone(core)));
    core.spawn_quietly(retention::keep_watch(Arc::clone(core)));
    Ok(())
}

/// An effect whose turn comes is sent to its shard.
fn pools(settings: &Settings, door: &Arc<OnceLock<Weak<Core>>>) -> Pools {
    let door = Arc::clone(door);
    Pools::new(
        settings.verbs,
        settings.agents,
        Box::new(move |effect, permit| {
            if let Some(core) = door.get().and_then(Weak::upgrade) {
                core.send(effect.instance(), Job::Lease { effect, permit: Some(permit) });
            }
        }),
    )
}

/// Returns the journal's seed, drawn once for each store: the only source of jitter.
fn seed(journal: &dyn Journal) -> Result<u64, Error> {
    if let Some(row) = journal.row(Table::Host, rows::host::SEED)? {
        let bytes = row.value.as_slice().try_into().unwrap_or([0; 8]);
        return Ok(u64::from_be_bytes(bytes));
    }
    let seed = RandomState::new().hash_one("adjutant");
    let key = rows::host::SEED.to_vec();
    let row = RowWrite { table: Table::Host, key, value: Some(seed.to_be_bytes().to_vec()) };
    journal.append(Batch { writes: vec![row], ..Batch::default() })?;
    Ok(seed)
}

/// Fires what is due, then sleeps until the earliest timer: nothing runs while nothing is due.
async fn watch_clock(begun: Busy, core: Arc<Core>) {
    let mut begun = Some(begun);
    while !core.is_closing() && !core.is_stopped() {
        let busy = begun.take().unwrap_or_else(|| Busy::new(&core));
        put_right::look(&core).await;
        let now = core.clock.now();
        switch::lapse(&core, now).await;
        match core.read(move |core| Ok(core.wheel.due(core.journal.as_ref(), now)?)).await {
            Ok(due) => {
                due.into_iter().for_each(|timer| fire(&core, timer));
                core.line_alarms(now);
            }
            Err(Error::Journal(error)) => core.fail(error.into()),
            Err(error) => tracing::error!(%error, "timers cannot be read"),
        }
        let next = core.next_alarm().unwrap_or(Stamp(i64::MAX));
        drop(busy);
        if next <= core.clock.now() {
            continue;
        }
        tokio::select! {
            () = core.clock.wait_until(next) => {}
            () = core.wheel.changed() => {}
            () = core.gone() => return,
        }
    }
}

fn fire(core: &Arc<Core>, timer: Timer) {
    let Some(id) = timer.id else {
        let own = Arc::clone(core);
        core.spawn(async move { fire_slot(&own, timer).await });
        return;
    };
    // Whoever performs an attempt here ends its lease itself, after it has looked for its answer.
    if core.leases.is_owned(&id) {
        return;
    }
    let (at, name) = (core.clock.now(), timer_event_id(&id, timer.at));
    let event = Event::TimerFired { timer: id };
    let envelope = Box::new(Envelope { at, id: name, by: "host".to_owned(), event });
    core.send(timer.instance, Job::Event { envelope, consume: None, reply: None });
}

/// Deals with a schedule's slot; what cannot be dealt with now stays armed.
async fn fire_slot(core: &Arc<Core>, timer: Timer) {
    while !core.is_closing() && !core.is_stopped() {
        match schedule::fire(core, timer.clone()).await {
            Ok(()) => return,
            Err(Error::Unavailable { reason }) => {
                tracing::warn!(schedule = timer.instance.name, reason, "a slot waits");
                let again = core.clock.now().plus(SCHEDULE_PAUSE);
                tokio::select! {
                    () = core.clock.wait_until(again) => {}
                    () = core.gone() => return,
                }
            }
            Err(error) => {
                tracing::error!(schedule = timer.instance.name, %error, "a slot cannot be dealt with");
                return;
            }
        }
    }
}

/// Takes no more work, lets what is under way finish for a while, and leaves the rest in the outbox.
pub(super) async fn close(core: &Arc<Core>, patience: std::time::Duration) {
    core.closing.store(true, Ordering::SeqCst);
    core.pools.clear();
    if tokio::time::timeout(patience, core.settled()).await.is_err() {
        tracing::info!("work under way is left to the outbox");
    }
    core.ended.send_replace(true);
    hooks::flush(core).await;
    for shard in &core.shards {
        // A shard that has ended needs no message.
        shard.send(Message::Stop);
    }
    let threads = std::mem::take(&mut *core.threads.lock().unwrap_or_else(PoisonError::into_inner));
    let joined = tokio::task::spawn_blocking(move || {
        threads.into_iter().map(std::thread::JoinHandle::join).filter(Result::is_err).count()
    });
    if joined.await.unwrap_or(1) > 0 {
        tracing::error!("a shard's thread panicked");
    }
    if tokio::time::timeout(patience, core.tasks_gone()).await.is_err() {
        tracing::warn!("a task does not end");
    }
}
