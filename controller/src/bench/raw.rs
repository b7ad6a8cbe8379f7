//! The same bytes as a program without promises would write them.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use adjutant_machine::{id::InstanceId, journal::Batch};

use super::{Error, Plan, Spread};
use crate::journal::bench::Plain;

/// A sample of batches that is written again and again, each time as other runs.
pub(super) struct Replay {
    store: Plain,
    /// The batches that passed while the runs were measured.
    sample: Vec<Batch>,
    /// The same, packed as the store packs it.
    packed: Vec<Batch>,
    round: AtomicU64,
}

impl Replay {
    pub(super) fn open(folder: &Path, sample: Vec<Batch>) -> Result<Self, Error> {
        if sample.iter().all(|batch| batch.appends.is_empty()) {
            return Err(Error::Odd("the sample of what is written is empty".to_owned()));
        }
        let packed = sample.iter().map(Plain::packed).collect();
        Ok(Self { store: Plain::open(folder)?, sample, packed, round: AtomicU64::new(0) })
    }

    /// Returns how many entries a second are written so, with so many batches in one synced write.
    pub(super) fn rate(&self, plan: &Plan, group: f64) -> Result<f64, Error> {
        let group = (group.round() as usize).max(1);
        let (mut took, mut entries) = (Duration::ZERO, 0);
        // A third of the time, and it is asked twice.
        while took < plan.time / 3 {
            // Making them ready is no writing.
            let other = self.others();
            let begun = Instant::now();
            for batches in other.chunks(group) {
                self.store.write(batches)?;
                entries += batches
                    .iter()
                    .flat_map(|batch| &batch.appends)
                    .map(|one| one.entries.len())
                    .sum::<usize>();
            }
            took += begun.elapsed();
        }
        Ok(entries as f64 / took.as_secs_f64())
    }

    /// Returns the sample as batches of runs that were never written.
    fn others(&self) -> Vec<Batch> {
        let round = format!("{:08x}", self.round.fetch_add(1, Ordering::Relaxed));
        self.packed.iter().map(|batch| renamed(batch, &round)).collect()
    }

    /// Returns how large the `WriteBatch` of one transition is.
    pub(super) fn spread(&self) -> Result<Spread, Error> {
        let sizes = self.sample.iter().map(|batch| self.store.bytes_of_store(batch));
        let mut sizes = sizes.collect::<Result<Vec<usize>, _>>()?;
        sizes.sort_unstable();
        Ok(Spread {
            p50: sizes.get(sizes.len() / 2).copied().unwrap_or_default(),
            most: sizes.last().copied().unwrap_or_default(),
        })
    }
}

/// Gives a batch to another run: the last eight characters of the run's id change wherever a key has it.
fn renamed(batch: &Batch, round: &str) -> Batch {
    let mut batch = batch.clone();
    let Some(old) = batch.appends.first().map(|append| append.instance.name.clone()) else { return batch };
    let Some(head) = old.len().checked_sub(round.len()).and_then(|at| old.get(..at)) else { return batch };
    let new = format!("{head}{round}");
    for append in &mut batch.appends {
        append.instance = InstanceId { kind: append.instance.kind, name: new.clone() };
    }
    for write in &mut batch.writes {
        let place = write.key.windows(old.len()).position(|part| part == old.as_bytes());
        if let Some(place) = place {
            write.key[place..place + new.len()].copy_from_slice(new.as_bytes());
        }
    }
    batch
}
