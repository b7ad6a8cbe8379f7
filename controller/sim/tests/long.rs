//! A long run: its state stays small whatever it did, and what its state lets go is still known by its number.

mod common;

use adjutant_machine::{
    Verdict,
    codec::{encode_entry, encode_run},
    event::Event,
    fact::Fact,
    id::EffectId,
};
use adjutant_sim::companies::small;
use common::World;
use serde_json::{Value, json};

const LOOP: &str = r#"schema = "adjutant/v1"
deadline = "30d"

[[step]]
id = "look"
call = "desk.look"
visits = 300

[[step]]
id = "more"
choose = [{ when = "steps.look.more", to = "look" }]
else = "done"

[[step]]
id = "done"
end = "done"
"#;

/// One call, with a text of any length beside it.
const NOTE: &str = r#"schema = "adjutant/v1"
deadline = "30d"

[input.text]
type = "string"

[[step]]
id = "look"
call = "desk.look"

[[step]]
id = "done"
end = "done"
"#;

const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.look]
method = "GET"
path = "/look"
effect = "read"
idempotency = "pure"
output = { more = "boolean" }
"#;

/// A run that has looked so often.
fn looked(times: usize) -> (World, Vec<EffectId>) {
    let plan = small(&[("playbooks/loop.toml", LOOP), ("connectors/desk.toml", DESK)]);
    let mut world = World::start(&plan, "loop", &[]);
    let asked = (0..times).map(|_| world.answer(json!({ "more": true })).effect).collect();
    (world, asked)
}

fn success(effect: EffectId) -> Event {
    Event::EffectSucceeded { effect, attempt: 1, value: json!({}), cost: None, provenance: Value::Null }
}

#[test]
fn a_state_does_not_grow_with_what_was_settled() {
    let (short, long) = (looked(5).0, looked(250).0);
    assert_eq!(long.host.runs[&long.run].log.len(), 1 + 2 * 250);
    for world in [&short, &long] {
        assert_eq!(world.state().effects.len(), 1, "the one that waits");
        assert_eq!(world.state().steps["look"].effects.len(), 1);
    }
    let (short, long) = (encode_run(short.state()).len(), encode_run(long.state()).len());
    assert!(long < short + 200, "{short} bytes after 5 visits, {long} after 250");
}

#[test]
fn a_late_answer_to_what_the_state_let_go_is_stale_and_told() {
    let (mut world, asked) = looked(20);
    let before = world.state().clone();
    for effect in [&asked[0], &asked[10]] {
        let lost = Event::EffectUnknown {
            effect: effect.clone(),
            attempt: 1,
            message: "late".to_owned(),
            host_died: false,
        };
        for event in [success(effect.clone()), lost] {
            assert_eq!(world.send("host", event.clone()), Verdict::Stale, "{event:?}");
            let entry = world.host.runs[&world.run].log.last().expect("it is recorded").clone();
            assert!(matches!(entry.facts[..], [Fact::Ignored { .. }]), "{:?}", entry.facts);
        }
    }
    assert_eq!(world.state().position, before.position, "nothing moved");
    assert_eq!(world.state().effects, before.effects);
}

#[test]
fn an_effect_that_never_was_is_refused() {
    let (mut world, asked) = looked(3);
    let never = EffectId { seq: world.state().seq + 40, ..asked[0].clone() };
    assert!(matches!(world.send("host", success(never)), Verdict::Refused(_)));
    let other = EffectId { run: "other-1".to_owned(), ..asked[0].clone() };
    assert!(matches!(world.send("host", success(other)), Verdict::Refused(_)));
}

/// How many bytes a run's state has, and the entry that killed it.
struct Killed {
    state: usize,
    entry: usize,
}

fn killed(length: usize) -> Killed {
    let plan = small(&[("playbooks/note.toml", NOTE), ("connectors/desk.toml", DESK)]);
    let mut world = World::start(&plan, "note", &[("text", json!("x".repeat(length)))]);
    world.lease();
    let kill = Event::RunKilled { reason: "it is too large".to_owned() };
    assert_eq!(world.send("operator", kill), Verdict::Applied);
    let log = &world.host.runs[&world.run].log;
    let entry = encode_entry(log.last().expect("the kill is recorded")).payload.len();
    Killed { state: encode_run(world.state()).len(), entry }
}

#[test]
fn a_kill_costs_the_same_however_large_its_run_is() {
    let (small, large) = (killed(1), killed(2_000_000));
    assert!(large.state > 2_000_000, "there is something to weigh: {} bytes", large.state);
    assert_eq!(large.entry, small.entry, "what the run holds is not written once more");
    assert!(small.entry < 2_000, "{} bytes", small.entry);
}
