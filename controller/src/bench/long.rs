//! One run that goes round and round: whether it slows down as its log grows, and how long it takes to be read.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use adjutant_machine::{codec, id::InstanceId, journal::Journal};

use super::{Error, Long, company, world::World};
use crate::{
    journal::{Options, RocksJournal},
    runtime::StartRun,
};

/// How often it is looked how far the run came.
const LOOK: Duration = Duration::from_millis(1);
/// A run of which nothing becomes durable for so long has got stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets a run of about so many entries go its way in a store of its own, then opens the store again and reads it.
pub(super) async fn run(folder: &Path, entries: u64) -> Result<Long, Error> {
    let world = World::open(folder).await?;
    world.activate(entries).await?;
    let calls = company::calls(entries);
    world.desk.looks.store(calls, Ordering::Relaxed);
    let wish = StartRun { playbook: company::ROUND.to_owned(), ..StartRun::default() };
    let begun = Instant::now();
    let id = world.handle.start(wish).await?.run;
    let tenth = calls.div_ceil(10);
    let first = until(&world, tenth).await? - begun;
    let ninth = until(&world, calls - tenth).await?;
    let last = until(&world, calls).await? - ninth;
    world.handle.settled().await;
    let found = world.handle.run(&id).await?;
    if found.line.status != "done" {
        return Err(Error::Odd(format!("the long run is {} in place of done", found.line.status)));
    }
    world.close().await?;
    let each_second = |took: Duration| (2.0 * tenth as f64 / took.as_secs_f64()).round();
    let (store, instance) = (folder.to_owned(), InstanceId::run(&id));
    let read = tokio::task::spawn_blocking(move || loaded(&store, &instance)).await;
    let load_ms = read.map_err(|error| Error::Odd(format!("the read ended: {error}")))??;
    Ok(Long {
        entries: found.seq,
        first_per_s: each_second(first),
        last_per_s: each_second(last),
        load_ms: (load_ms * 100.0).round() / 100.0,
    })
}

/// Returns when the desk was called so often.
async fn until(world: &World, calls: u64) -> Result<Instant, Error> {
    let (mut seen, mut moved) = (0, Instant::now());
    loop {
        let now = world.desk.calls.load(Ordering::Relaxed);
        if now >= calls {
            return Ok(Instant::now());
        }
        if now > seen {
            (seen, moved) = (now, Instant::now());
        } else if moved.elapsed() > PATIENCE {
            return Err(Error::Odd(format!("the long run stands still after {now} of {calls} calls")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Reads a run's state as a shard does that never heard of it; in milliseconds. The store was just opened: nothing of it is in its
/// own cache, only in the system's.
fn loaded(store: &Path, instance: &InstanceId) -> Result<f64, Error> {
    let journal = Arc::new(RocksJournal::open(store, Options::default())?);
    let begun = Instant::now();
    let stored = journal.load(instance).map_err(crate::runtime::Error::from)?;
    let stored = stored.ok_or_else(|| Error::Odd("the long run is not in its store".to_owned()))?;
    let run = codec::read_run(&stored).map_err(|error| Error::Odd(error.to_string()))?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    if run.seq == stored.seq { Ok(took) } else { Err(Error::Odd("the long run was read in part".to_owned())) }
}
