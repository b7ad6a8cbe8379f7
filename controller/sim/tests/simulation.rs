//! Simulations: worlds that lose, repeat and delay, driven by seeds. A failing seed is printed, and is a test.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use adjutant_machine::{branch::is_branch, fact::Fact};
use adjutant_sim::{Chaos, Company, Faults, Many, MemoryHost, judge};
use adjutant_spec::plan::{Join, StepKind};
use serde_json::{Value, json};

fn simulate(company: &Company, seed: u64) -> Chaos<MemoryHost> {
    weather(company, seed, (Faults::HARSH, 150))
}

fn weather(company: &Company, seed: u64, storm: (Faults, u32)) -> Chaos<MemoryHost> {
    weather_together(company, seed, storm, 1)
}

/// Drives several runs of one company through the same storm.
fn weather_together(
    company: &Company,
    seed: u64,
    (faults, disturbances): (Faults, u32),
    runs: u32,
) -> Chaos<MemoryHost> {
    let mut host = MemoryHost::seeded(seed);
    for bundle in company.plan.bundles.values() {
        host.define(Arc::clone(bundle));
    }
    let mut chaos = Chaos::new(host, seed, faults);
    chaos.world.answers.clone_from(&company.answers);
    for number in 1..=runs {
        chaos.host.start(company.started(number)).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
    chaos.storm(disturbances).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    let broken = judge(&chaos);
    assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    chaos
}

#[test]
fn the_agency_keeps_its_promises_whatever_the_world_does() {
    let company = Company::agency();
    for seed in 0..150 {
        simulate(&company, seed);
    }
}

#[test]
fn a_parent_and_its_child_end_together_whatever_the_world_does() {
    let company = Company::agency_with_child();
    for seed in 1_000..1_050 {
        simulate(&company, seed);
    }
}

/// Drives a run through a storm, takes it back however it ended, and goes on disturbing while it is taken back.
fn taken_back(company: &Company, seed: u64, (faults, disturbances): (Faults, u32)) -> Chaos<MemoryHost> {
    let mut chaos = weather(company, seed, (faults, disturbances));
    let root = company.started(1).run;
    let broken = |broken| panic!("seed {seed}: {broken}");
    chaos.hurt(faults);
    chaos.roll_back(&root).unwrap_or_else(broken);
    chaos.storm(disturbances).unwrap_or_else(broken);
    let broken = judge(&chaos);
    assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    chaos
}

/// Whatever a run did and however it ended, it is taken back: by whoever began it last, and once.
#[test]
fn what_has_ended_is_taken_back_whole_whatever_the_world_does() {
    for (company, first) in [(Company::workshop(), 20_000), (Company::foreman(), 21_000)] {
        let (mut taken, mut ends) = (0, BTreeMap::<&str, u64>::new());
        for seed in first..first + 60 {
            for (faults, disturbances) in [(MILD, 120), (FAIR, 120), (HARSH, 150)] {
                let chaos = taken_back(&company, seed, (faults, disturbances));
                taken += chaos.taken_back;
                for kept in chaos.host.runs.values() {
                    *ends.entry(kept.run.status()).or_default() += 1;
                }
            }
        }
        assert!(taken > 100, "{taken} were taken back");
        assert!(ends.get("rolled_back").is_some_and(|count| *count > 100), "{ends:?}");
    }
}

#[test]
fn what_branches_did_is_taken_back_with_a_run_that_has_ended() {
    let named = |at: usize| json!({ "name": format!("place {at}") });
    let companies = [
        (Company::digs(&places(5, 0), Many { max_parallel: 3, min_ok: Some(3) }), 22_000..22_050),
        (Company::splits(Join::All), 23_000..23_030),
        (Company::books(&(0..3).map(named).collect::<Vec<_>>()), 24_000..24_030),
    ];
    for (company, seeds) in companies {
        let mut ends = BTreeMap::<String, u64>::new();
        for seed in seeds {
            for faults in [MILD, FAIR] {
                let chaos = taken_back(&company, seed, (faults, 200));
                for (id, kept) in &chaos.host.runs {
                    let kind = if is_branch(id) { "branch" } else { "run" };
                    *ends.entry(format!("{kind} {}", kept.run.status())).or_default() += 1;
                }
            }
        }
        let playbook = company.playbook;
        assert!(ends["run rolled_back"] > 30 && ends["branch rolled_back"] > 30, "{playbook}: {ends:?}");
    }
}

#[test]
fn who_waits_for_another_run_keeps_every_promise() {
    let company = Company::meeting();
    let (mut heard, mut ends) = (0, BTreeSet::new());
    for seed in 3_000..3_080 {
        let chaos = weather_together(&company, seed, (FAIR, 250), 3);
        heard += chaos.host.runs.values().filter(|kept| kept.run.heard.len() == 2).count();
        ends.extend(chaos.host.runs.values().map(|kept| kept.run.status()));
    }
    assert!(heard > 20, "only {heard} runs met another one and were greeted");
    for end in ["done", "failed", "cancelled", "killed"] {
        assert!(ends.contains(end), "{end} was never met: {ends:?}");
    }
}

#[test]
fn every_idempotency_class_keeps_its_promise_and_phases_meet_events() {
    let company = Company::workshop();
    let mut covered = BTreeSet::new();
    for seed in 2_000..2_250 {
        covered.extend(simulate(&company, seed).covered);
    }
    let phases: BTreeSet<&str> = covered.iter().map(|(phase, _)| phase.as_str()).collect();
    let pairs: Vec<String> = covered.iter().map(|(phase, event)| format!("{phase} x {event}")).collect();
    for phase in
        ["queued", "leased", "backing_off", "blocked_by_breaker", "held", "unknown", "succeeded", "undone"]
    {
        assert!(phases.contains(phase), "{phase} was never met:\n{}", pairs.join("\n"));
    }
    assert!(covered.len() >= 35, "only {} pairs were met:\n{}", covered.len(), pairs.join("\n"));
}

/// About every eighth attempt goes wrong, so that most branches come far.
const FAIR: Faults = Faults { lose: 8, fail: 5, late: 20, meddle: 12, crash: 1 };

/// Much goes wrong, and nobody is spared.
const HARSH: Faults = Faults { lose: 18, fail: 15, late: 25, meddle: 35, crash: 2 };

/// Hardly anything goes wrong, and much happens.
const MILD: Faults = Faults { lose: 4, fail: 2, late: 10, meddle: 3, crash: 1 };

/// What many seeds came to.
#[derive(Debug, Default)]
struct Tally {
    seeds: Range<u64>,
    weathered: u64,
    entries: usize,
    acts: usize,
    crashes: u64,
    branches: usize,
    ends: BTreeMap<String, usize>,
    branch_ends: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, chaos: &Chaos<MemoryHost>) {
        self.weathered += 1;
        self.acts += chaos.world.acts.len();
        self.crashes += chaos.crashes;
        for (id, kept) in &chaos.host.runs {
            self.entries += kept.log.len();
            let ends = if is_branch(id) { &mut self.branch_ends } else { &mut self.ends };
            *ends.entry(kept.run.status().to_owned()).or_default() += 1;
            self.branches += usize::from(is_branch(id));
        }
    }

    /// Returns both together.
    fn with(mut self, other: Self) -> Self {
        self.seeds = self.seeds.start..other.seeds.end;
        self.weathered += other.weathered;
        self.acts += other.acts;
        self.crashes += other.crashes;
        self.entries += other.entries;
        self.branches += other.branches;
        for (ends, more) in [(&mut self.ends, other.ends), (&mut self.branch_ends, other.branch_ends)] {
            more.into_iter().for_each(|(end, count)| *ends.entry(end).or_default() += count);
        }
        self
    }

    #[expect(clippy::print_stderr, reason = "the figures of a long run are quoted")]
    fn tell(&self, what: &str) {
        eprintln!("{what}, seeds {:?}: {self:?}", self.seeds);
    }
}

/// Returns so many places; every so manyth cannot be dug in.
fn places(count: usize, bad: usize) -> Vec<Value> {
    (0..count).map(|at| json!({ "name": format!("place {at}"), "bad": bad > 0 && at % bad == 1 })).collect()
}

fn many(company: &Company, seeds: Range<u64>, (faults, disturbances): (Faults, u32)) -> Tally {
    let mut tally = Tally { seeds: seeds.clone(), ..Tally::default() };
    seeds.for_each(|seed| tally.add(&weather(company, seed, (faults, disturbances))));
    tally
}

#[test]
fn the_items_of_an_each_keep_every_promise_whatever_the_world_does() {
    let company = Company::digs(&places(7, 0), Many { max_parallel: 3, min_ok: Some(4) });
    let tally =
        many(&company, 10_000..10_080, (FAIR, 300)).with(many(&company, 10_100..10_200, (HARSH, 300)));
    tally.tell("seven items, four must end well");
    for end in ["done", "failed", "cancelled", "killed"] {
        assert!(tally.ends.contains_key(end), "{end} was never met: {tally:?}");
    }
    for end in ["done", "failed", "cancelled", "killed", "rolled_back"] {
        assert!(tally.branch_ends.contains_key(end), "{end} was never met: {tally:?}");
    }
}

#[test]
fn an_each_in_which_one_item_fails_takes_all_of_it_back() {
    let company = Company::digs(&places(5, 4), Many { max_parallel: 2, min_ok: None });
    let tally = many(&company, 11_000..11_080, (FAIR, 200));
    tally.tell("five items, one cannot be");
    assert!(!tally.ends.contains_key("done"), "{tally:?}");
    assert!(tally.branch_ends.contains_key("rolled_back"), "{tally:?}");
}

#[test]
fn hundreds_of_items_keep_every_promise() {
    let company = Company::digs(&places(320, 9), Many { max_parallel: 16, min_ok: Some(40) });
    let tally = many(&company, 12_000..12_003, (MILD, 2_500));
    tally.tell("320 items");
    assert!(tally.branches > 500, "{tally:?}");
}

#[test]
fn items_of_items_keep_every_promise() {
    let parts =
        |at: usize| json!((0..3).map(|part| json!({ "name": format!("{at}.{part}") })).collect::<Vec<_>>());
    let places: Vec<Value> =
        (0..4).map(|at| json!({ "name": format!("place {at}"), "parts": parts(at) })).collect();
    let mut company = Company::digs_deep(&places);
    let in_time = many(&company, 13_000..13_040, (FAIR, 500));
    company.change(|playbook| playbook.deadline = None);
    let tally = in_time.with(many(&company, 13_100..13_150, (FAIR, 500)));
    tally.tell("four items of three items");
    assert!(tally.branch_ends.contains_key("rolled_back"), "{tally:?}");
}

#[test]
fn lanes_keep_every_promise_however_they_join() {
    for (join, first) in [(Join::All, 14_000), (Join::Any, 15_000), (Join::AtLeast(2), 16_000)] {
        let company = Company::splits(join);
        let tally = many(&company, first..first + 60, (FAIR, 200)).with(many(
            &company,
            first + 100..first + 180,
            (HARSH, 250),
        ));
        tally.tell(&format!("three lanes, {join:?}"));
        for end in ["done", "failed", "cancelled", "killed", "rolled_back"] {
            assert!(tally.branch_ends.contains_key(end), "{join:?}: {end} was never met: {tally:?}");
        }
    }
}

#[test]
fn branches_that_a_file_has_keep_every_promise() {
    let places: Vec<Value> = (0..5).map(|at| json!({ "name": format!("place {at}") })).collect();
    let mut company = Company::books(&places);
    let in_time = many(&company, 17_000..17_020, (FAIR, 500));
    company.change(|playbook| playbook.deadline = None);
    let tally = in_time.with(many(&company, 17_100..17_130, (FAIR, 500))).with(many(
        &company,
        17_200..17_220,
        (HARSH, 500),
    ));
    tally.tell("five places, each with a gate and two lanes");
    assert!(tally.ends["done"] > 10, "{tally:?}");
    for end in ["done", "failed", "cancelled", "killed", "rolled_back"] {
        assert!(tally.branch_ends.contains_key(end), "{end} was never met: {tally:?}");
    }
}

#[test]
fn scopes_keep_every_promise_whatever_the_world_does() {
    let places: Vec<Value> = ["a", "b", "c"].map(Value::from).into();
    let in_time = Company::works(&places);
    let mut at_leisure = in_time.clone();
    at_leisure.change(|playbook| {
        for step in &mut playbook.steps {
            if let StepKind::Scope { deadline, .. } = &mut step.kind {
                *deadline = None;
            }
        }
    });
    let mut met = BTreeMap::new();
    let mut tally = Tally { seeds: 18_000..18_200, ..Tally::default() };
    let weathers = [
        (18_000..18_040, MILD, &in_time),
        (18_040..18_080, HARSH, &in_time),
        (18_080..18_120, MILD, &at_leisure),
        (18_120..18_160, FAIR, &at_leisure),
        (18_160..18_200, HARSH, &at_leisure),
    ];
    for (seeds, faults, company) in weathers {
        for seed in seeds {
            let chaos = weather(company, seed, (faults, 350));
            tally.add(&chaos);
            for fact in chaos.host.runs.values().flat_map(|kept| &kept.log).flat_map(|entry| &entry.facts) {
                let word = match fact {
                    Fact::ScopeFailing { step, failing } => format!("{step} {}", failing.outcome),
                    Fact::ScopeLeft { step, undone: false } => format!("{step} ok"),
                    Fact::StepStarted { step, .. } if step == "after" => "after".to_owned(),
                    _ => continue,
                };
                *met.entry(word).or_insert(0) += 1;
            }
        }
    }
    tally.tell(&format!("scopes: {met:?}"));
    for word in
        ["work error", "work expired", "work ok", "part error", "part ok", "try error", "try ok", "after"]
    {
        assert!(met.get(word).is_some_and(|count| *count > 2), "{word}: {met:?}");
    }
    for end in ["done", "failed", "cancelled", "killed"] {
        assert!(tally.ends.contains_key(end), "{end} was never met: {tally:?}");
    }
}
