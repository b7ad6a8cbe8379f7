//! Chaos on the real runtime: the driver, the world and the oracle that the host in memory is judged by.
//!
//! In lockstep a seed replays to the last byte. With threads it does not: there the store of a failure stays, and its path is
//! printed. `ADJUTANT_SEEDS` says how many seeds are tried (`make chaos`); `ADJUTANT_SEED` tries one alone.

mod disk;
mod host;
mod known;
mod lockstep;
mod lot;

use std::{collections::BTreeMap, ops::Range};

use adjutant_machine::journal::Content;
use adjutant_sim::{Broken, Chaos, Company, Faults, Host, Many, judge};
use adjutant_spec::plan::Join;
use serde_json::json;

use disk::Disk;
use host::{RuntimeHost, Setup};

const LOCKSTEP: Setup = Setup { shards: 1, lockstep: true };
const THREADS: Setup = Setup { shards: 4, lockstep: false };

/// How often the world is disturbed after each start, before it answers truthfully.
const DISTURBANCES: u32 = 30;

/// What was tried.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    seeds: u64,
    entries: usize,
    acts: usize,
    crashes: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.entries += other.entries;
        self.acts += other.acts;
        self.crashes += other.crashes;
    }

    #[expect(clippy::print_stderr, reason = "the figures of a long run are quoted")]
    fn tell(&self, what: &str) {
        let Self { seeds, entries, acts, crashes } = self;
        eprintln!(
            "{what}: {seeds} seeds, {entries} entries, {acts} acts, {crashes} crashes: 0 lost, 0 doubled"
        );
    }
}

/// What is driven.
#[derive(Clone, Copy)]
struct Course<'a> {
    company: &'a Company,
    setup: Setup,
    runs: u32,
}

impl Course<'_> {
    /// Drives one seed to its end; a broken promise ends the test.
    fn drive(&self, seed: u64) -> Chaos<RuntimeHost> {
        let driven = self.try_drive(seed);
        driven.unwrap_or_else(|(broken, _chaos)| panic!("seed {seed}: {broken}"))
    }

    /// Returns what was broken together with the host, whose store must not go before the test has failed.
    fn try_drive(&self, seed: u64) -> Result<Chaos<RuntimeHost>, BrokenBy> {
        let disk = if self.setup.lockstep { Disk::memory() } else { Disk::rocks(seed) };
        let host = RuntimeHost::open(self.setup, disk, (self.company.plan.clone(), seed));
        let mut chaos = Chaos::new(host.map_err(|broken| (broken, None))?, seed, Faults::HARSH);
        match self.weather(&mut chaos) {
            Ok(()) => Ok(chaos),
            Err(broken) => Err((broken, Some(Box::new(chaos)))),
        }
    }

    fn weather(&self, chaos: &mut Chaos<RuntimeHost>) -> Result<(), Broken> {
        chaos.world.answers.clone_from(&self.company.answers);
        for number in 1..=self.runs {
            chaos.host.start(self.company.started(number))?;
            for _ in 0..DISTURBANCES {
                chaos.disturb()?;
            }
        }
        chaos.calm()?;
        chaos.host.check()?;
        let broken = judge(chaos);
        if broken.is_empty() {
            return Ok(());
        }
        Err(Broken { run: String::new(), seq: 0, law: format!("{broken:#?}") })
    }

    /// Drives seeds, and counts.
    fn all(&self, what: &str, seeds: Range<u64>) -> Tally {
        let mut tally = Tally::default();
        for seed in seeds {
            let chaos = self.drive(seed);
            let entries = chaos.host.logs().values().map(Vec::len).sum();
            let (acts, crashes) = (chaos.world.acts.len(), chaos.crashes);
            tally.add(&Tally { seeds: 1, entries, acts, crashes });
        }
        tally.tell(what);
        tally
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Returns the seeds from a first one on: so many of them, or one that was asked for, or more by the share of this course.
fn seeds(first: u64, usual: u64, share: u64) -> Range<u64> {
    match (number("ADJUTANT_SEED"), number("ADJUTANT_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(most)) => first..first + (most * share / 100).max(1),
        (None, None) => first..first + usual,
    }
}

#[test]
fn the_agency_keeps_its_promises_on_the_real_runtime() {
    let course = Course { company: &Company::agency(), setup: LOCKSTEP, runs: 4 };
    let tally = course.all("agency in lockstep", seeds(0, 12, 30));
    assert!(tally.entries > 0);
}

#[test]
fn a_parent_and_its_child_end_together_on_the_real_runtime() {
    let course = Course { company: &Company::agency_with_child(), setup: LOCKSTEP, runs: 3 };
    course.all("agency with a child in lockstep", seeds(10_000, 8, 20));
}

#[test]
fn who_waits_for_another_run_keeps_its_promises_on_the_real_runtime() {
    let course = Course { company: &Company::meeting(), setup: LOCKSTEP, runs: 4 };
    let tally = course.all("meeting in lockstep", seeds(60_000, 12, 10));
    assert!(tally.entries > 0);
}

#[test]
fn one_works_at_a_time_on_the_real_runtime() {
    let company = Company::workshop().one_at_a_time();
    let course = Course { company: &company, setup: LOCKSTEP, runs: 4 };
    let tally = course.all("workshop with a queue in lockstep", seeds(70_000, 20, 20));
    assert!(tally.acts > 0 && tally.crashes > 0, "{tally:?}");
    let company = Company::foreman().one_at_a_time();
    let course = Course { company: &company, setup: LOCKSTEP, runs: 3 };
    course.all("foreman with a queue in lockstep", seeds(71_000, 8, 10));
}

#[test]
fn every_idempotency_class_keeps_its_promise_on_the_real_runtime() {
    let course = Course { company: &Company::workshop(), setup: LOCKSTEP, runs: 4 };
    let tally = course.all("workshop in lockstep", seeds(20_000, 20, 40));
    assert!(tally.acts > 0 && tally.crashes > 0, "{tally:?}");
}

/// Returns a company whose items fail here and there, one whose items have items, one that races, one as a file has it, and one with
/// scopes.
fn branching() -> [(Company, u64); 5] {
    let place = |at: usize| {
        let parts: Vec<_> = (0..2).map(|part| json!({ "name": format!("{at}.{part}") })).collect();
        json!({ "name": format!("place {at}"), "bad": at == 3, "parts": parts })
    };
    let places: Vec<_> = (0..5).map(place).collect();
    let many = Many { max_parallel: 2, min_ok: Some(3) };
    let names: Vec<_> = ["a", "b"].map(serde_json::Value::from).into();
    let splits = Company::splits(Join::AtLeast(2));
    let (digs, deep) = (Company::digs(&places, many), Company::digs_deep(&places[..3]));
    [
        (digs, 0),
        (deep, 1_000),
        (splits, 2_000),
        (Company::books(&places[..3]), 3_000),
        (Company::works(&names), 4_000),
    ]
}

#[test]
fn branches_keep_every_promise_on_the_real_runtime() {
    for (company, first) in branching() {
        let course = Course { company: &company, setup: LOCKSTEP, runs: 3 };
        let tally = course.all("branches in lockstep", seeds(70_000 + first, 8, 20));
        assert!(tally.acts > 0, "{tally:?}");
    }
}

#[test]
fn branches_keep_every_promise_on_threads_and_a_real_disk() {
    for (company, first) in branching() {
        let course = Course { company: &company, setup: THREADS, runs: 3 };
        course.all("branches on threads and a real disk", seeds(80_000 + first, 2, 5));
    }
}

#[test]
fn threads_and_a_real_disk_keep_every_promise() {
    let queue = Company::workshop().one_at_a_time();
    for (company, first) in
        [(Company::workshop(), 30_000), (Company::agency_with_child(), 40_000), (queue, 45_000)]
    {
        let course = Course { company: &company, setup: THREADS, runs: 4 };
        course.all("threads on a real disk", seeds(first, 2, 5));
    }
}

#[test]
fn a_seed_in_lockstep_replays_to_the_last_byte() {
    for (company, first) in [
        (Company::workshop(), 50_000),
        (Company::agency_with_child(), 60_000),
        (Company::splits(Join::Any), 65_000),
        (Company::workshop().one_at_a_time(), 66_000),
    ] {
        let course = Course { company: &company, setup: LOCKSTEP, runs: 4 };
        for seed in seeds(first, 3, 2) {
            let (first, second) = (course.drive(seed).host.logs(), course.drive(seed).host.logs());
            assert!(first.len() >= 4, "seed {seed}: every run is there");
            if let Some((run, place)) = difference(&first, &second) {
                panic!("seed {seed}: run {run} took another way at its entry {place}");
            }
        }
    }
}

type Logs = BTreeMap<String, Vec<Content>>;

/// What was broken, with the host that broke it, where it was opened at all.
type BrokenBy = (Broken, Option<Box<Chaos<RuntimeHost>>>);

/// Returns the first run and entry in which two histories part.
fn difference(first: &Logs, second: &Logs) -> Option<(String, usize)> {
    let mut runs = first.keys().chain(second.keys());
    let run = runs.find(|run| first.get(*run) != second.get(*run))?;
    let (one, other) = (first.get(run).cloned(), second.get(run).cloned());
    let pairs = one.unwrap_or_default().into_iter().zip(other.unwrap_or_default());
    Some((run.clone(), pairs.take_while(|(one, other)| one == other).count() + 1))
}
