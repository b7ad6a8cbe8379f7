//! What to measure, what was measured, and why nothing was.

use std::time::Duration;

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
    /// How many entries the long run has, about.
    pub long: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { in_flight: 256, depth: 100_000, time: Duration::from_secs(10), alone: 300, long: 20_000 }
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
    /// One run that goes round and round.
    pub long: Long,
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

/// One run that goes round and round, alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Long {
    /// How many entries it has.
    pub entries: u64,
    /// Entries a second in the first tenth of it.
    pub first_per_s: f64,
    /// Entries a second in the last tenth of it.
    pub last_per_s: f64,
    /// How long its state takes to be read from a store that was just opened, in milliseconds.
    pub load_ms: f64,
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
