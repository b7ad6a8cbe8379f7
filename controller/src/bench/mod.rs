//! How fast a run goes the whole way: mailbox, machine, projection, store, a call that answers at once, and back.
//!
//! ```text
//!  start ──► shard ──► journal (synced) ──► answer ──► … three keyed calls … ──► the last batch is durable
//! ```
//! The store is on the disk that is asked about, every batch is synced, and the same batches are written beside it in the same
//! minutes as plain RocksDB batches: a disk's speed changes, the ratio of one report hardly does. It is a room of its own
//! because it puts store and runtime together as the daemon does, and nothing else of it.

mod company;
mod load;
mod raw;
mod tap;
mod world;

use std::{path::Path, time::Duration};

use serde::Serialize;

use crate::{
    journal::{self, bench::Quantiles},
    runtime,
};

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many runs are in flight.
    pub in_flight: usize,
    /// How many runs wait in line for the measurement of a backlog.
    pub depth: usize,
    /// How long each rate is measured.
    pub time: Duration,
    /// How many runs go alone, one after the other.
    pub alone: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { in_flight: 256, depth: 100_000, time: Duration::from_secs(10), alone: 300 }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Cores and processor of the machine.
    pub hardware: String,
    /// How this program was compiled.
    pub profile: &'static str,
    /// What a durable write means here.
    pub sync: &'static str,
    /// An append of 4 KiB with its sync, in microseconds.
    pub fsync_us: Quantiles,
    /// Runs one after the other.
    pub alone: Alone,
    /// The bytes of the `WriteBatch` of one transition, without the chain's own rows.
    pub batch_bytes: Spread,
    /// So many in flight, nothing else there.
    pub steady: Rate,
    /// The same while a backlog stands in line.
    pub backlog: Rate,
    /// How many runs stood in line then.
    pub depth: usize,
    /// The same batches, written as plain RocksDB batches in groups of the same size.
    pub raw: Raw,
}

/// Runs one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Alone {
    /// From the wish to the end of the run, in milliseconds.
    pub ms: Quantiles,
    /// The middle in units of the disk's sync.
    pub p50_in_syncs: f64,
    /// How many synced groups a run took.
    pub synced_writes: f64,
    /// How many entries a run has.
    pub entries: u64,
}

/// The middle and the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Half are smaller.
    pub p50: usize,
    /// The largest of all.
    pub most: usize,
}

/// How much became durable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Entries a second.
    pub entries_per_s: f64,
    /// Calls that were performed a second.
    pub steps_per_s: f64,
    /// Runs that ended a second.
    pub runs_per_s: f64,
    /// Batches in one synced group, on average.
    pub group: f64,
    /// Bytes handed to RocksDB for each batch, on average, with the chain's own rows.
    pub bytes_per_batch: f64,
}

/// The same bytes without promises.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Raw {
    /// Entries a second.
    pub entries_per_s: f64,
    /// What the whole path reached of it.
    pub ratio: f64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store could not be opened, written or read.
    #[error(transparent)]
    Store(#[from] journal::Error),
    /// The runtime refused something, or stopped.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// The rows of the report cannot be right.
    #[error("the bench measured something else than it should: {0}")]
    Odd(String),
}

/// Measures in a folder, which must be on the disk that matters and is left with the written stores.
///
/// # Errors
/// What store and runtime answer; [`Error::Odd`] where a run did not go the way that is measured.
pub async fn run(folder: &Path, plan: &Plan) -> Result<Report, Error> {
    let fsync_us = journal::bench::fsync_in(folder)?;
    let world = world::World::open(&folder.join("path")).await?;
    world.activate().await?;
    let (alone, sample) = load::alone(&world, plan, fsync_us).await?;
    let plain = raw::Replay::open(&folder.join("raw"), sample)?;
    let steady = load::steady(&world, plan).await?;
    // Before and after what it is compared with first: the disk may have changed its mood in between.
    let before = plain.rate(plan, steady.group)?;
    let backlog = load::backlog(&world, plan).await?;
    let after = plain.rate(plan, steady.group)?;
    world.close().await?;
    let raw = f64::midpoint(before, after);
    Ok(Report {
        hardware: journal::bench::hardware(),
        profile: if cfg!(debug_assertions) { "dev" } else { "release" },
        sync: journal::bench::SYNC,
        fsync_us,
        alone,
        batch_bytes: plain.spread(),
        steady,
        backlog,
        depth: plan.depth,
        raw: Raw { entries_per_s: raw.round(), ratio: ratio(steady.entries_per_s, raw) },
    })
}

/// Two places behind the point are what a disk's mood leaves of it.
fn ratio(ours: f64, raw: f64) -> f64 {
    (ours / raw.max(1.0) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it measures what it says, not how fast: each figure follows from the ones beside it.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_measurement_adds_up() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { in_flight: 8, depth: 40, time: Duration::from_millis(300), alone: 5 };
        let report = run(folder.path(), &plan).await.unwrap();
        assert_eq!(report.alone.entries, 7, "start, three leases with their answers and the end: {report:?}");
        assert!(report.alone.synced_writes >= 3.0, "each answer is durable on its own: {report:?}");
        assert!(report.batch_bytes.p50 <= report.batch_bytes.most && report.batch_bytes.p50 > 100);
        for rate in [report.steady, report.backlog] {
            // What falls into a window is luck; that something does is not.
            assert!(rate.entries_per_s > 0.0, "{report:?}");
            assert!(rate.bytes_per_batch > report.batch_bytes.p50 as f64 / 4.0, "{report:?}");
            assert!(rate.group >= 1.0, "{report:?}");
        }
        assert!(report.raw.entries_per_s > 0.0 && report.raw.ratio > 0.0);
    }
}
