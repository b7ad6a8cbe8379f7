//! Promises that need no story: stored bytes, kill, stages, superseded approvals, deadlines, policies.

#![expect(clippy::disallowed_methods, reason = "fixtures are files")]

mod common;

use std::{fs, path::Path};

use adjutant_machine::{
    Env, Refusal, Verdict,
    codec::{CodecError, decode_entry, decode_run, encode_entry, encode_run, read_run},
    event::{Decision, Denial, Envelope, ErrorClass, Event},
    fold,
    id::Stamp,
    journal::{Content, Snapshot, Stored},
    run::{GatePhase, Status},
    skeleton, step_kill,
    trust::Speaker,
};
use adjutant_sim::companies::{agency, lead, qualified, small};
use adjutant_spec::plan::Stage;
use common::{World, args, verb};
use serde_json::json;

fn at_the_gate(stage: Stage) -> World {
    let mut world = World::start_at(&agency(), ("inbound", stage), &lead());
    world.answer(json!({"class": "lead", "probability": 0.97}));
    world.answer(qualified());
    world
}

#[test]
fn records_of_every_released_version_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    if option_env!("ADJUTANT_WRITE_FIXTURES").is_some() {
        let mut world = at_the_gate(Stage::Act);
        world.approve();
        let kept = &world.host.runs[&world.run];
        let content = encode_entry(&kept.log[3]);
        fs::create_dir_all(&folder).expect("writable");
        fs::write(folder.join("run-v2.bin"), encode_run(&kept.run)).expect("writable");
        fs::write(folder.join("entry-v2.bin"), content.payload).expect("writable");
        fs::write(folder.join("skeleton-v1.bin"), content.skeleton).expect("writable");
    }
    let fixture = |name: &str| fs::read(folder.join(name)).expect("the fixture exists");
    let run = decode_run(&fixture("run-v2.bin")).expect("readable");
    assert_eq!((run.id.as_str(), run.position.map(|at| at.step)), ("inbound-1", Some("send".to_owned())));
    let entry =
        decode_entry(&Content { skeleton: Vec::new(), payload: fixture("entry-v2.bin") }).expect("readable");
    let bones = skeleton::read(&fixture("skeleton-v1.bin")).expect("readable");
    assert_eq!((bones.event, bones.at), (entry.envelope.event.word(), entry.envelope.at));
    assert_eq!(bones.facts.len(), entry.facts.len());
}

#[test]
fn damaged_and_newer_records_are_refused() {
    let world = at_the_gate(Stage::Act);
    let bytes = encode_run(world.state());
    for cut in [0, 1, 8, 9, bytes.len() - 1] {
        assert!(decode_run(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for other in [1, 3] {
        let mut version = bytes.clone();
        version[0] = other;
        assert!(matches!(decode_run(&version), Err(CodecError::Version { found }) if found == other));
    }
}

/// A run is what its log says, wherever a snapshot lies in it; a log with a hole, or without its beginning, is no run.
#[test]
fn a_run_is_read_from_any_snapshot_and_from_none() {
    let mut world = at_the_gate(Stage::Act);
    world.approve();
    let kept = &world.host.runs[&world.run];
    let last = kept.log.len() as u64;
    let tail = |from: u64| -> Vec<(u64, Content)> {
        (1..)
            .zip(&kept.log)
            .filter(|(seq, _)| *seq > from)
            .map(|(seq, entry)| (seq, encode_entry(entry)))
            .collect()
    };
    let stored = |snapshot: Option<Snapshot>, tail| Stored { seq: last, snapshot, tail, ..Stored::default() };
    let whole = read_run(&stored(None, tail(0))).expect("it folds");
    assert_eq!(whole, *kept.run);
    for seq in 1..=last {
        let before = fold(&kept.log[..usize::try_from(seq).expect("small")]).expect("it folds");
        let snapshot = Some(Snapshot { seq, state: encode_run(&before) });
        assert_eq!(read_run(&stored(snapshot, tail(seq))).expect("it folds"), whole, "from {seq}");
    }
    assert!(matches!(read_run(&stored(None, tail(1))), Err(CodecError::Hole { expected: 1, found: 2 })));
    assert!(matches!(read_run(&stored(None, Vec::new())), Err(CodecError::Headless)));
    let mut short = tail(0);
    short.pop();
    assert!(matches!(read_run(&stored(None, short)), Err(CodecError::Apart { .. })));
}

#[test]
fn kill_needs_no_definition_and_undoes_nothing() {
    let mut world = at_the_gate(Stage::Act);
    world.approve();
    world.answer(json!({"message_id": "m"}));
    let envelope = Envelope {
        at: Stamp(9),
        id: "k".to_owned(),
        by: "operator".to_owned(),
        event: Event::RunKilled { reason: "now".to_owned() },
    };
    let killed = step_kill(world.state(), &envelope, &Env { seq: world.state().seq + 1, seed: 0 });
    let next = killed.next.expect("a terminal record");
    assert_eq!(next.run.status(), "killed");
    assert!(next.run.effects.values().all(|state| state.is_settled()) && next.run.timers.is_empty());
    let row = world.lease();
    assert_eq!(world.send("operator", Event::RunKilled { reason: "now".to_owned() }), Verdict::Applied);
    assert_eq!(world.succeed(&row, json!({"value": {}, "version": 1})), Verdict::Applied, "it is known now");
    assert!(world.host.outbox.is_empty(), "and nothing follows from it");
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Killed));
}

#[test]
fn an_advising_slice_proposes_what_no_gate_approved() {
    let mut world = at_the_gate(Stage::Advise);
    world.approve();
    assert_eq!(verb(&world.waiting()), "mail.send", "the gate covers it");
}

const NOTE: &str = r#"schema = "adjutant/v1"
title = "Takes a note"
deadline = "1d"

[input.note]
type = "string"

[[step]]
id = "write"
call = "crm.add"
with = { note = "{{ input.note }}" }
on = { denied = "close" }

[[step]]
id = "rest"
wait = "1h"

[[step]]
id = "done"
end = "done"

[[step]]
id = "close"
end = "cancelled"
"#;

const CRM: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://crm.example.com"

[verbs.add]
method = "POST"
path = "/notes"
effect = "write"
idempotency = "native_key"
undo = "remove"
input = { note = "string" }
output = { id = "string" }

[verbs.remove]
method = "POST"
path = "/notes/remove"
effect = "write"
idempotency = "native_key"
input = { id = "string" }
"#;

const GRANT: &str = r#"schema = "adjutant/v1"

[[autonomy]]
subject = "playbook:note"
verb = "crm.add"
level = "act"
"#;

#[test]
fn an_advising_slice_asks_before_a_write_that_an_acting_one_makes() {
    let plan = small(&[
        ("playbooks/note.toml", NOTE),
        ("connectors/crm.toml", CRM),
        ("policies/permissions.toml", GRANT),
    ]);
    let inputs = [("note", json!("call back"))];
    let acting = World::start(&plan, "note", &inputs);
    assert!(acting.waiting().approval.is_none());
    let mut advising = World::start_at(&plan, ("note", Stage::Advise), &inputs);
    assert!(advising.host.outbox.is_empty());
    assert_eq!(advising.gate().card.effects[0].args, json!({"note": "call back"}));
    advising.approve();
    assert!(advising.answer(json!({"id": "1"})).approval.expect("approved").is_by_person());
    advising.send("operator", Event::RunCancelled { reason: "no".to_owned() });
    advising.approve();
    assert_eq!(
        args(&advising.answer(json!({}))),
        json!({"id": "1"}),
        "the verb's default undo takes the answer"
    );
    assert_eq!(advising.host.ended("note-1"), Some(Status::Cancelled));
    let mut denied = World::start_at(&plan, ("note", Stage::Advise), &inputs);
    assert_eq!(denied.decide(Decision::Denied), Verdict::Applied);
    assert_eq!(denied.host.ended("note-1"), Some(Status::Cancelled));
}

#[test]
fn an_approval_holds_only_for_what_was_shown() {
    let mut world = at_the_gate(Stage::Act);
    world.send("operator", Event::RunPaused { reason: "wait".to_owned() });
    let first = world.gate();
    world.approve();
    assert_eq!(world.at(), "send");
    assert_eq!(world.send("operator", Event::RunCancelled { reason: "no".to_owned() }), Verdict::Applied);
    let edits = [("steps.qualify.lead.email".to_owned(), json!("leo@bakery.example"))].into();
    let step = Some("send".to_owned());
    assert_eq!(
        world.send("operator", Event::RunRetried { step, edits, speaker: Speaker::Operator, reason: None }),
        Verdict::Applied
    );
    assert!(world.host.outbox.is_empty(), "nothing leaves under the old approval");
    assert_eq!(world.state().gates[&first.id].phase, GatePhase::Superseded);
    let second = world.gate();
    assert_eq!(second.card.changed["send.args.to"], json!("mia@bakery.example"));
    assert_ne!(second.digest, first.digest);
    let old = World::refusal(world.decide_gate(&first, Decision::Denied));
    assert!(matches!(old, Refusal::Conflict { .. }), "{old}");
    world.approve();
    assert_eq!(args(&world.waiting())["to"], "leo@bakery.example");
}

#[test]
fn a_deadline_takes_back_what_happened() {
    let mut world = at_the_gate(Stage::Act);
    world.approve();
    world.answer(json!({"message_id": "m"}));
    world.host.now = world.state().started_at.plus(31 * 86_400_000);
    let timer = adjutant_machine::event::TimerId::Deadline;
    assert_eq!(world.send("host", Event::TimerFired { timer }), Verdict::Applied);
    assert_eq!(args(&world.answer(json!({"message_id": "n"})))["subject"], "Please ignore our last mail");
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Failed));
}

#[test]
fn timers_fire_once_and_not_early() {
    let mut world = at_the_gate(Stage::Act);
    let timer = adjutant_machine::event::TimerId::Gate(world.gate().id);
    let early = World::refusal(world.send("host", Event::TimerFired { timer: timer.clone() }));
    assert!(matches!(early, Refusal::TooEarly { .. }));
    world.fire();
    assert_eq!(world.send("host", Event::TimerFired { timer }), Verdict::Stale);
}

#[test]
fn a_policy_that_asks_opens_a_gate_and_one_that_denies_takes_the_edge() {
    let mut world = at_the_gate(Stage::Act);
    world.approve();
    let effect = world.waiting().effect;
    let asked = Event::EffectNeedsApproval { effect: effect.clone(), rule: "level ask".to_owned() };
    assert_eq!(world.send("host", asked), Verdict::Applied);
    assert!(world.host.outbox.is_empty());
    assert_eq!(world.gate().card.why, "level ask");
    world.approve();
    let denied = Event::EffectDenied { effect, denial: Denial::Policy, message: "no".to_owned() };
    assert_eq!(world.send("host", denied), Verdict::Applied);
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Failed), "`send` has no edge for denied");
}

#[test]
fn a_failed_undo_waits_for_the_operator() {
    let mut world = at_the_gate(Stage::Act);
    world.approve();
    world.answer(json!({"message_id": "m"}));
    world.send("operator", Event::RunCancelled { reason: "no".to_owned() });
    let undo = world.lease();
    assert_eq!(world.fail(&undo, ErrorClass::Invalid), Verdict::Applied);
    assert_eq!(world.state().status(), "unwinding");
    let settlement = adjutant_machine::event::Settlement::DidNotHappen;
    let settled = world
        .send("operator", Event::EffectSettled { effect: undo.effect.clone(), settlement, reason: None });
    assert_eq!(settled, Verdict::Applied);
    let again = world.answer(json!({"message_id": "n"}));
    assert_ne!(again.effect, undo.effect);
    assert_eq!(world.host.ended("inbound-1"), Some(Status::Cancelled));
}

#[test]
fn a_repeated_event_id_is_a_duplicate() {
    let mut world = at_the_gate(Stage::Act);
    let event = Event::RunPaused { reason: "once".to_owned() };
    let envelope = Envelope { at: world.host.now, id: "same".to_owned(), by: "operator".to_owned(), event };
    assert_eq!(world.host.deliver("inbound-1", &envelope), Ok(Verdict::Applied));
    assert_eq!(world.host.deliver("inbound-1", &envelope), Ok(Verdict::Duplicate { first: None }));
}

const YEAR: u64 = 365 * 86_400_000;

/// Sets the clock of a world back by a year and tells its run; returns how far off its timers are then, and were before.
fn set_back(world: &mut World) -> Vec<(u64, u64)> {
    let far = |world: &World| -> Vec<u64> {
        world
            .state()
            .timers
            .values()
            .map(|at| (at.0 - world.host.now.0).try_into().expect("it lies ahead"))
            .collect()
    };
    let before = far(world);
    world.host.now = Stamp(world.host.now.0 - YEAR.cast_signed());
    assert_eq!(world.send("host", Event::ClockSetBack), Verdict::Applied);
    far(world).into_iter().zip(before).collect()
}

#[test]
fn no_timer_lies_further_off_than_it_could_once_the_clock_is_right_again() {
    let mut gated = at_the_gate(Stage::Act);
    let mut leased = World::start(&agency(), "inbound", &lead());
    leased.lease();
    let mut waiting = at_the_gate(Stage::Act);
    waiting.approve();
    let send = waiting.lease();
    waiting.fail(&send, ErrorClass::Transient);
    for (what, world) in [("a gate", &mut gated), ("a lease", &mut leased), ("a pause", &mut waiting)] {
        let timers = set_back(world);
        assert!(!timers.is_empty(), "{what}");
        for (now, before) in timers {
            assert!(now <= before, "{what} is {now} ms off, and was {before}");
        }
        assert_eq!(world.send("host", Event::ClockSetBack), Verdict::Stale, "{what}: once is enough");
    }
}

#[test]
fn a_run_that_a_clock_ahead_never_met_keeps_its_moments() {
    let mut world = at_the_gate(Stage::Act);
    let timers = world.state().timers.clone();
    assert_eq!(world.send("host", Event::ClockSetBack), Verdict::Stale);
    assert_eq!(world.state().timers, timers);
}

#[test]
fn an_attempt_that_was_held_back_uses_up_nothing_and_is_forgotten_with_its_run() {
    let mut world = at_the_gate(Stage::Act);
    world.approve();
    for _ in 0..30 {
        let send = world.lease();
        let (effect, attempt, reason) = (send.effect.clone(), send.attempt, "paused".to_owned());
        let held = Event::EffectHeldBack { effect, attempt, reason };
        assert_eq!(world.send("host", held.clone()), Verdict::Applied);
        assert_eq!(world.send("host", held), Verdict::Stale, "it is told twice");
    }
    let send = world.lease();
    assert_eq!(world.fail(&send, ErrorClass::Transient), Verdict::Applied);
    world.fire();
    let send = world.lease();
    world.send("operator", Event::RunCancelled { reason: "not wanted".to_owned() });
    let (effect, attempt, reason) = (send.effect.clone(), send.attempt, "paused".to_owned());
    world.send("host", Event::EffectHeldBack { effect, attempt, reason });
    assert!(!world.host.outbox.contains_key(&send.effect), "nobody wants it any more");
}

#[test]
fn the_end_of_a_child_is_heard_however_its_start_was_answered() {
    for (fires, what) in [(0, "under way"), (1, "pausing before it is tried again"), (2, "queued again")] {
        let mut world = World::start(&agency(), "inbound-mail", &lead());
        let begin = world.lease();
        for _ in 0..fires {
            world.fire();
        }
        let (effect, output) = (begin.effect.clone(), json!({}));
        let ended =
            Event::ChildEnded { effect: effect.clone(), status: "done".to_owned(), output, run: None };
        assert_eq!(world.send("host", ended), Verdict::Applied, "its start is {what}");
        assert_eq!(world.host.ended(&world.run), Some(Status::Done), "its start is {what}");
        assert!(!world.host.outbox.contains_key(&effect), "it is begun once");
    }
}

#[test]
fn the_end_of_a_child_counts_for_nothing_where_no_run_was_started() {
    let mut world = at_the_gate(Stage::Act);
    world.approve();
    let send = world.lease();
    let (effect, output) = (send.effect.clone(), json!({}));
    let ended = Event::ChildEnded { effect: effect.clone(), status: "done".to_owned(), output, run: None };
    let refused = World::refusal(world.send("host", ended));
    assert!(matches!(refused, Refusal::EffectPhase { .. }), "{refused}");
    assert!(!world.state().effects[&effect].is_settled(), "nobody knows yet whether the mail left");
}
