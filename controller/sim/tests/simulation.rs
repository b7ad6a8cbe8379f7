//! Simulations: worlds that lose, repeat and delay, driven by seeds. A failing seed is printed, and is a test.

mod common;

use std::{collections::BTreeSet, sync::Arc};

use adjutant_sim::{Chaos, Faults, MemoryHost, judge};
use adjutant_spec::plan::{Plan, Stage};
use common::{company, example, lead, qualified, started};
use serde_json::{Value, json};

const HARSH: Faults = Faults { lose: 25, fail: 25, late: 30, meddle: 40 };

fn simulate(plan: &Plan, (playbook, inputs): (&str, &[(&str, Value)]), seed: u64) -> Chaos<MemoryHost> {
    let mut host = MemoryHost::default();
    for bundle in plan.bundles.values() {
        host.define(Arc::clone(bundle));
    }
    let mut chaos = Chaos::new(host, seed, HARSH);
    chaos.world.answers.insert("qualifier".to_owned(), qualified());
    chaos.world.answers.insert("inbound".to_owned(), json!(["lead", "lead", "lead", "support", "unsure"]));
    let start = started(&plan.bundles[playbook], (playbook, Stage::Act), inputs);
    chaos.host.start(start).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    for _ in 0..150 {
        chaos.disturb().unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
    let ended = chaos.calm().unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    assert!(ended, "seed {seed}: not every run ended: {:?}", judge(&chaos));
    let broken = judge(&chaos);
    assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    chaos
}

const WORKSHOP: &str = r#"schema = "adjutant/v1"
title = "Books, tells and takes back"
deadline = "30d"

[input.note]
type = "string"
trust = "external"
privacy = "client"

[[step]]
id = "ask"
gate = "Book {{ input.note }}?"
show = ["input.note"]
risk = "low"
expires = "7d"
on = { denied = "close", expired = "close" }

[[step]]
id = "book"
call = "desk.book"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.unbook", with = { id = "{{ steps.book.id }}", key = "{{ effect.key }}" } }

[[step]]
id = "charge"
call = "desk.charge"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.refund", with = { id = "{{ steps.charge.id }}" } }

[[step]]
id = "rest"
wait = "1h"

[[step]]
id = "announce"
call = "desk.announce"
with = { note = "{{ input.note }}" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "done"

[[step]]
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.book]
method = "POST"
path = "/book"
effect = "spend"
idempotency = "probe"
probe = "look"
input = { note = "string" }
output = { id = "string" }

[verbs.look]
method = "GET"
path = "/book"
effect = "read"
idempotency = "pure"
input = { key = "string" }
with = { key = "{{ effect.key }}" }
found = "result.data | length > 0"
value = "result.data[0]"

[verbs.unbook]
method = "POST"
path = "/unbook"
effect = "delete"
idempotency = "at_most_once"
input = { id = "string", key = "string" }

[verbs.charge]
method = "POST"
path = "/charge"
effect = "spend"
idempotency = "native_key"
key_valid = "20s"
input = { note = "string" }
output = { id = "string" }

[verbs.refund]
method = "POST"
path = "/refund"
effect = "spend"
idempotency = "native_key"
input = { id = "string" }

[verbs.announce]
method = "POST"
path = "/announce"
effect = "send"
idempotency = "at_most_once"
input = { note = "string" }
"#;

#[test]
fn the_agency_keeps_its_promises_whatever_the_world_does() {
    let plan = example("agency");
    for seed in 0..150 {
        simulate(&plan, ("inbound", &lead()), seed);
    }
}

#[test]
fn a_parent_and_its_child_end_together_whatever_the_world_does() {
    let plan = example("agency");
    for seed in 1_000..1_050 {
        simulate(&plan, ("inbound-mail", &lead()), seed);
    }
}

#[test]
fn every_idempotency_class_keeps_its_promise_and_phases_meet_events() {
    let plan = company(&[("playbooks/workshop.toml", WORKSHOP), ("connectors/desk.toml", DESK)]);
    let mut covered = BTreeSet::new();
    for seed in 2_000..2_250 {
        covered.extend(simulate(&plan, ("workshop", &[("note", json!("a table"))]), seed).covered);
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
