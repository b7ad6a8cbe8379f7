//! How many durable transitions a second the store takes, beside raw RocksDB writes of the same bytes.
//!
//! A transition is one entry of 300 bytes and five small puts and deletes. The journal has N runs with one
//! transition in flight each; the raw side writes N transitions in one synced batch, with no check, chain or answer. The
//! two take turns in one run, because a disk's speed changes from minute to minute: compare within a report only.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::mpsc::{Sender, channel},
    time::{Duration, Instant},
};

use adjutant_machine::{
    chain::Digest,
    id::InstanceId,
    journal::{Append, Batch, Content, Journal, JournalError, RowWrite, Table},
};
use rocksdb::WriteBatch;
use serde::Serialize;

use super::{
    database::Db,
    dense,
    error::Error,
    folder::DataFolder,
    group::Group,
    keys::{self, Family},
    open::RocksJournal,
    options::Options,
};

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many runs have a transition in flight, one measurement each.
    pub runs: Vec<usize>,
    /// How long one side works before it is the other's turn.
    pub round: Duration,
    /// How many turns each side has.
    pub rounds: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { runs: vec![1, 16, 256], round: Duration::from_millis(700), rounds: 3 }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The processor and how many cores may be used.
    pub hardware: String,
    /// What a durable write means here.
    pub sync: &'static str,
    /// An append of 4 KiB with its sync, in microseconds.
    pub fsync_us: Quantiles,
    /// One line for each number of runs.
    pub rows: Vec<Line>,
}

/// The middle and the slow end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// The middle: half are faster.
    pub p50: f64,
    /// One in a hundred is slower.
    pub p99: f64,
}

/// One number of runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// How many runs had a transition in flight.
    pub runs: usize,
    /// Durable transitions a second.
    pub transitions_per_s: f64,
    /// The same bytes a second as raw batches of so many.
    pub raw_per_s: f64,
    /// From submission to answer, the middle.
    pub p50_ms: f64,
    /// From submission to answer, the slow end.
    pub p99_ms: f64,
    /// Transitions in one synced group, on average.
    pub group: f64,
}

/// Measures in a folder, which must be on the disk that matters and is left with the written stores.
///
/// # Errors
/// What the stores answer.
pub fn run(folder: &Path, plan: &Plan) -> Result<Report, Error> {
    let fsync_us = fsync_in(folder)?;
    let journal = RocksJournal::open(&folder.join("journal"), Options::default())?;
    let raw = Plain::open(&folder.join("raw"))?;
    let mut sides = Sides { journal, raw, load: Load::new() };
    let lines = plan.runs.iter().map(|runs| sides.measure(*runs, plan));
    let rows = lines.collect::<Result<_, _>>()?;
    Ok(Report { hardware: hardware(), sync: SYNC, fsync_us, rows })
}

/// One side's work.
#[derive(Default)]
struct SideTally {
    count: u64,
    busy: Duration,
    latencies: Vec<Duration>,
}

impl SideTally {
    fn rate(&self) -> f64 {
        self.count as f64 / self.busy.as_secs_f64().max(1e-9)
    }
}

/// What is compared: the store, RocksDB without its promises, and the work that both are given.
struct Sides {
    journal: RocksJournal,
    raw: Plain,
    load: Load,
}

/// What a finished transition sends to the loop.
struct Finished {
    run: usize,
    outcome: Result<(), JournalError>,
}

impl Sides {
    fn measure(&mut self, runs: usize, plan: &Plan) -> Result<Line, Error> {
        let (mut ours, mut theirs) = (SideTally::default(), SideTally::default());
        let groups = self.journal.stats()?.groups;
        for _ in 0..plan.rounds {
            self.journal_round(runs, plan.round, &mut ours)?;
            self.raw_round(runs, plan.round, &mut theirs)?;
        }
        let groups = self.journal.stats()?.groups - groups;
        ours.latencies.sort_unstable();
        let spread = quantiles(&ours.latencies, 1e3);
        Ok(Line {
            runs,
            transitions_per_s: ours.rate().round(),
            raw_per_s: theirs.rate().round(),
            p50_ms: spread.p50,
            p99_ms: spread.p99,
            group: ours.count as f64 / groups.max(1) as f64,
        })
    }

    fn journal_round(&mut self, runs: usize, round: Duration, tally: &mut SideTally) -> Result<(), Error> {
        let (sender, receiver) = channel();
        let start = Instant::now();
        let mut since = vec![start; runs];
        (0..runs).for_each(|run| self.submit(run, &sender));
        let mut flying = runs;
        while flying > 0 {
            // The sender lives in this function, so the channel is open.
            let Ok(Finished { run, outcome }) = receiver.recv() else { break };
            outcome?;
            let now = Instant::now();
            tally.latencies.push(now - since[run]);
            tally.count += 1;
            if now - start < round {
                since[run] = now;
                self.submit(run, &sender);
            } else {
                flying -= 1;
            }
        }
        tally.busy += start.elapsed();
        Ok(())
    }

    /// Submits the next transition of a run, whose end the loop hears of.
    fn submit(&mut self, run: usize, sender: &Sender<Finished>) {
        let (batch, sender) = (self.load.transition(run), sender.clone());
        let done = move |outcome: Result<_, _>| {
            sender.send(Finished { run, outcome: outcome.map(|_| ()) }).unwrap_or_default();
        };
        self.journal.submit(batch, Box::new(done));
    }

    fn raw_round(&mut self, runs: usize, round: Duration, tally: &mut SideTally) -> Result<(), Error> {
        let start = Instant::now();
        while start.elapsed() < round {
            let batches: Vec<Batch> = (0..runs).map(|run| self.load.raw_transition(run)).collect();
            self.raw.write(&batches)?;
            tally.count += runs as u64;
        }
        tally.busy += start.elapsed();
        Ok(())
    }
}

/// A store that writes the same bytes without checks, chain or answers: what a program without promises would do.
pub(crate) struct Plain(Db);

impl Plain {
    /// Opens a new one.
    ///
    /// # Errors
    /// What RocksDB answers.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let data = DataFolder::of(folder);
        data.create()?;
        Db::open(&data, &Options::default(), true).map(Self)
    }

    /// Writes batches as one synced write.
    ///
    /// # Errors
    /// What RocksDB answers.
    pub(crate) fn write(&self, batches: &[Batch]) -> Result<(), Error> {
        let mut out = WriteBatch::default();
        batches.iter().for_each(|batch| self.put(&mut out, batch));
        Ok(self.0.write(out)?)
    }

    /// Returns how many bytes the store hands to RocksDB for one batch, with its link and heads.
    ///
    /// # Errors
    /// What RocksDB answers.
    pub(crate) fn bytes_of_store(&self, batch: &Batch) -> Result<usize, Error> {
        Ok(Group::size_alone(&self.0, batch)?)
    }

    /// Returns a batch whose entries and snapshots are packed as the store packs them: the same bytes, made beforehand.
    pub(crate) fn packed(batch: &Batch) -> Batch {
        let pack = |bytes: &mut Vec<u8>| {
            if let Some(packed) = dense::pack(bytes) {
                *bytes = packed;
            }
        };
        let mut batch = batch.clone();
        for append in &mut batch.appends {
            append.entries.iter_mut().for_each(|entry| pack(&mut entry.payload));
            append.snapshot.iter_mut().for_each(&pack);
        }
        batch
    }

    fn put(&self, out: &mut WriteBatch, batch: &Batch) {
        let Self(raw) = self;
        for append in &batch.appends {
            for (seq, entry) in (append.expected + 1..).zip(&append.entries) {
                out.put_cf(raw.family(Family::Log), keys::entry(&append.instance, seq), &entry.payload);
            }
            if let Some(state) = &append.snapshot {
                out.put_cf(raw.family(Family::State), keys::snapshot(&append.instance), state);
            }
        }
        for write in &batch.writes {
            let (family, key) = (raw.family(keys::table(write.table).0), keys::row(write.table, &write.key));
            match &write.value {
                Some(value) => out.put_cf(family, key, value),
                None => out.delete_cf(family, key),
            }
        }
    }
}

/// Makes transitions; each side has its own sequence numbers.
struct Load {
    content: Vec<Vec<u8>>,
    seqs: Vec<u64>,
    raw_seqs: Vec<u64>,
}

impl Load {
    fn new() -> Self {
        // Hashes do not compress, as real entries partly do not.
        let block = |number: u64| {
            let blocks =
                (0..10).map(|part: u64| Digest::of(&[number.to_be_bytes(), part.to_be_bytes()].concat()).0);
            let mut content = blocks.collect::<Vec<_>>().concat();
            content.truncate(300);
            content
        };
        Self { content: (0..64).map(block).collect(), seqs: Vec::new(), raw_seqs: Vec::new() }
    }

    fn transition(&mut self, run: usize) -> Batch {
        let seq = next(&mut self.seqs, run);
        self.batch(run, seq)
    }

    fn raw_transition(&mut self, run: usize) -> Batch {
        let seq = next(&mut self.raw_seqs, run);
        self.batch(run, seq)
    }

    fn batch(&self, run: usize, seq: u64) -> Batch {
        let content = |at: u64| self.content[at as usize % self.content.len()].clone();
        let row = |table, at: u64, put: bool| RowWrite {
            table,
            key: format!("bench-{run:06}.{at}").into_bytes(),
            value: put.then(|| format!("row {at} of run {run}").into_bytes()),
        };
        let append = Append {
            instance: InstanceId::run(format!("bench-{run:06}")),
            expected: seq,
            entries: vec![Content { skeleton: Vec::new(), payload: content(seq) }],
            snapshot: None,
        };
        let writes = vec![
            row(Table::Outbox, seq, false),
            row(Table::Outbox, seq + 1, true),
            row(Table::Timer, seq, false),
            row(Table::Timer, seq + 1, true),
            row(Table::Index, 0, true),
        ];
        Batch { appends: vec![append], writes, ..Batch::default() }
    }
}

fn next(seqs: &mut Vec<u64>, run: usize) -> u64 {
    if seqs.len() <= run {
        seqs.resize(run + 1, 0);
    }
    let seq = seqs[run];
    seqs[run] += 1;
    seq
}

/// What a durable write means, for reports.
pub(crate) const SYNC: &str = "fdatasync of the log in every group, before any answer";

/// Measures an append of 4 KiB with its sync in a folder, in microseconds.
///
/// # Errors
/// [`Error::File`] where the folder cannot be written.
pub(crate) fn fsync_in(folder: &Path) -> Result<Quantiles, Error> {
    fsync(folder).map_err(Error::file(folder))
}

fn fsync(folder: &Path) -> std::io::Result<Quantiles> {
    let mut file = File::create(folder.join("fsync"))?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        file.write_all(&[0x5A; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(quantiles(&times, 1e6))
}

/// Of sorted times, in so many parts of a second.
pub(crate) fn quantiles(sorted: &[Duration], parts: f64) -> Quantiles {
    let at = |share: f64| {
        let index = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
        let value = sorted.get(index).map_or(0.0, |time| time.as_secs_f64() * parts);
        (value * 1e3).round() / 1e3
    };
    Quantiles { p50: at(0.5), p99: at(0.99) }
}

/// Names the processor and how many cores this program may use.
pub(crate) fn hardware() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{cores} cores, {}", model.map_or("unknown processor", |(_, name)| name))
}
