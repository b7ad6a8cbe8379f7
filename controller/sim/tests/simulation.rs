//! Simulations: worlds that lose, repeat and delay, driven by seeds. A failing seed is printed, and is a test.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_sim::{Chaos, Company, Faults, MemoryHost, judge};

fn simulate(company: &Company, seed: u64) -> Chaos<MemoryHost> {
    let mut host = MemoryHost::default();
    for bundle in company.plan.bundles.values() {
        host.define(Arc::clone(bundle));
    }
    let mut chaos = Chaos::new(host, seed, Faults::HARSH);
    chaos.world.answers.clone_from(&company.answers);
    chaos.host.start(company.started(1)).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    chaos.storm(150).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
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
