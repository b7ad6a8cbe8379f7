//! The three loads: runs alone, so many in flight, and the same with a backlog in line.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use adjutant_machine::journal::Batch;
use futures::{StreamExt, TryStreamExt, stream};

use super::{Alone, Error, Plan, Rate, world::World};
use crate::journal::bench::{Quantiles, quantiles};

/// How long a load goes before it is measured: queues and caches fill.
const WARM: Duration = Duration::from_millis(500);
/// A run that takes longer never ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many of the runs that go alone are kept as the sample of what is written.
const SAMPLE: usize = 64;

/// Runs one after the other; returns with them what they wrote.
pub(super) async fn alone(
    world: &World,
    plan: &Plan,
    fsync: Quantiles,
) -> Result<(Alone, Vec<Batch>), Error> {
    let entries = first(world).await?;
    let groups = world.tap.store.stats()?.groups;
    let mut times = Vec::with_capacity(plan.alone);
    world.tap.keep();
    let mut sample = Vec::new();
    for number in 0..plan.alone {
        let begun = Instant::now();
        world.handle.start(world.wish()).await?;
        ended(world, 1).await?;
        times.push(begun.elapsed());
        if number + 1 == SAMPLE.min(plan.alone) {
            sample = world.tap.kept();
        }
    }
    let groups = world.tap.store.stats()?.groups - groups;
    times.sort_unstable();
    let ms = quantiles(&times, 1e3);
    let alone = Alone {
        ms,
        p50_in_syncs: hundredths(ms.p50 * 1e3 / fsync.p50.max(1e-3)),
        synced_writes: hundredths(groups as f64 / plan.alone.max(1) as f64),
        entries,
    };
    Ok((alone, sample))
}

/// Lets one run go its way, to learn how many entries it has: the end of the others is known by that number.
async fn first(world: &World) -> Result<u64, Error> {
    let started = world.handle.start(world.wish()).await?;
    world.handle.settled().await;
    let run = world.handle.run(&started.run).await?;
    if run.line.status != "done" {
        return Err(Error::Odd(format!("the first run is {} in place of done", run.line.status)));
    }
    world.tap.passed.last.store(run.seq, Ordering::Relaxed);
    Ok(run.seq)
}

/// Waits until so many runs have ended.
async fn ended(world: &World, runs: u32) -> Result<(), Error> {
    let places = tokio::time::timeout(PATIENCE, world.tap.passed.places.acquire_many(runs)).await;
    let odd = || Error::Odd(format!("{runs} runs did not end within {} s", PATIENCE.as_secs()));
    places.ok().and_then(Result::ok).map(tokio::sync::SemaphorePermit::forget).ok_or_else(odd)
}

/// Keeps so many runs in flight for a while.
pub(super) async fn steady(world: &World, plan: &Plan) -> Result<Rate, Error> {
    world.tap.passed.places.add_permits(plan.in_flight);
    let rate = measure(world, plan.time).await;
    // Whoever is still under way gives its place back; then all are there again and are taken away.
    ended(world, u32::try_from(plan.in_flight).unwrap_or(u32::MAX)).await?;
    rate
}

/// The same behind a backlog: the desk is shut until the line is there; each run that ends is replaced, so the line stays as long.
pub(super) async fn backlog(world: &World, plan: &Plan) -> Result<Rate, Error> {
    world.desk.is_open.send_replace(false);
    let starts = (0..plan.depth).map(|_| world.handle.start(world.wish()));
    stream::iter(starts)
        .buffer_unordered(plan.in_flight)
        .try_for_each(|_| std::future::ready(Ok(())))
        .await?;
    world.desk.is_open.send_replace(true);
    measure(world, plan.time).await
}

/// Starts a run for each that ends, and takes the figures of a while.
async fn measure(world: &World, time: Duration) -> Result<Rate, Error> {
    let (passed, handle) = (Arc::clone(&world.tap.passed), world.handle.clone());
    let until = Instant::now() + WARM + time;
    let figures = async {
        tokio::time::sleep(WARM).await;
        let (before, begun) = (Figures::of(world)?, Instant::now());
        loop {
            tokio::time::sleep(time).await;
            let now = Figures::of(world)?;
            // A machine that does much else may do nothing of this for a while: a rate of nothing would say less than one of a longer time.
            if now.entries > before.entries || begun.elapsed() > PATIENCE {
                break Ok::<_, Error>(now.since(&before, begun.elapsed()));
            }
        }
    };
    let starts = async {
        while Instant::now() < until {
            let Ok(Ok(place)) = tokio::time::timeout_at(until.into(), passed.places.acquire()).await else {
                break;
            };
            place.forget();
            let (handle, wish) = (handle.clone(), world.wish());
            // A start that is refused shows as a rate that breaks off; it stands in the log.
            tokio::spawn(async move {
                if let Err(error) = handle.start(wish).await {
                    tracing::error!(%error, "a measured run did not start");
                }
            });
        }
    };
    let (rate, ()) = tokio::join!(figures, starts);
    rate
}

/// What had passed at a moment.
struct Figures {
    entries: u64,
    batches: u64,
    runs: u64,
    calls: u64,
    groups: u64,
    written: u64,
}

impl Figures {
    fn of(world: &World) -> Result<Self, Error> {
        let (stats, passed) = (world.tap.store.stats()?, &world.tap.passed);
        Ok(Self {
            entries: passed.entries.load(Ordering::Relaxed),
            batches: passed.batches.load(Ordering::Relaxed),
            runs: passed.runs.load(Ordering::Relaxed),
            calls: world.desk.calls.load(Ordering::Relaxed),
            groups: stats.groups,
            written: stats.written,
        })
    }

    fn since(&self, before: &Self, took: Duration) -> Rate {
        let each_second = |count: u64| (count as f64 / took.as_secs_f64()).round();
        let batches = self.batches - before.batches;
        let of_batches = |count: u64| hundredths(count as f64 / batches.max(1) as f64);
        Rate {
            entries_per_s: each_second(self.entries - before.entries),
            steps_per_s: each_second(self.calls - before.calls),
            runs_per_s: each_second(self.runs - before.runs),
            group: hundredths(batches as f64 / (self.groups - before.groups).max(1) as f64),
            bytes_per_batch: of_batches(self.written - before.written),
        }
    }
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
