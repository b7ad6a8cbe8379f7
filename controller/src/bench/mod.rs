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
mod long;
mod raw;
mod report;
mod tap;
mod world;

use std::path::Path;

pub use report::{Alone, Error, Long, Plan, Rate, Raw, Report, Spread};

use crate::journal;

/// Measures in a folder, which must be on the disk that matters and is left with the written stores.
///
/// # Errors
/// What store and runtime answer; [`Error::Odd`] where a run did not go the way that is measured.
pub async fn run(folder: &Path, plan: &Plan) -> Result<Report, Error> {
    let fsync_us = journal::bench::fsync_in(folder)?;
    let world = world::World::open(&folder.join("path")).await?;
    world.activate(0).await?;
    let (alone, sample) = load::alone(&world, plan, fsync_us).await?;
    let plain = raw::Replay::open(&folder.join("raw"), sample)?;
    let steady = load::steady(&world, plan).await?;
    // Before and after what it is compared with first: the disk may have changed its mood in between.
    let before = plain.rate(plan, steady.group)?;
    let backlog = load::backlog(&world, plan).await?;
    let after = plain.rate(plan, steady.group)?;
    world.close().await?;
    let long = long::run(&folder.join("long"), plan.long).await?;
    let raw = f64::midpoint(before, after);
    Ok(Report {
        hardware: journal::bench::hardware(),
        profile: if cfg!(debug_assertions) { "dev" } else { "release" },
        sync: journal::bench::SYNC,
        fsync_us,
        alone,
        batch_bytes: plain.spread()?,
        steady,
        backlog,
        depth: plan.depth,
        long,
        raw: Raw { entries_per_s: raw.round(), ratio: ratio(steady.entries_per_s, raw) },
    })
}

/// Two places behind the point are what a disk's mood leaves of it.
fn ratio(ours: f64, raw: f64) -> f64 {
    (ours / raw.max(1.0) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whether it measures what it says, not how fast: each figure follows from the ones beside it.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_measurement_adds_up() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { in_flight: 8, depth: 40, time: Duration::from_millis(300), alone: 5, long: 60 };
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
        assert_eq!(report.long.entries, 61, "a start and thirty rounds: {report:?}");
        assert!(report.long.first_per_s > 0.0 && report.long.last_per_s > 0.0, "{report:?}");
        // On a machine that does much else the ratio may round to nothing.
        let ratio = report.steady.entries_per_s / report.raw.entries_per_s;
        assert!(report.raw.entries_per_s > 0.0 && (report.raw.ratio - ratio).abs() <= 0.01, "{report:?}");
    }
}
