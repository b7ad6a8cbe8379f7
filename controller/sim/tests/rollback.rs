//! A run is taken back: what it did, in the reverse order, and what the runs did that it started.

mod common;

use std::sync::Arc;

use adjutant_machine::{
    Refusal, Remains, Verdict,
    branch::is_branch,
    event::{Decision, Envelope, ErrorClass, Event, RunStarted, Settlement},
    fact::Fact,
    id::InstanceId,
    run::{Phase, Status},
    step_buried, step_bury,
    verdict::Env,
};
use adjutant_sim::{Chaos, Company, Faults, Many, MemoryHost, companies::small, judge};
use common::{World, verb};
use serde_json::json;

const CALM: Faults = Faults { lose: 0, fail: 0, late: 0, meddle: 0, crash: 0 };

/// Lets a company's run come to its end in a world in which nothing goes wrong.
fn ended(company: &Company) -> Chaos<MemoryHost> {
    let mut host = MemoryHost::seeded(5);
    for bundle in company.plan.bundles.values() {
        host.define(Arc::clone(bundle));
    }
    let mut chaos = Chaos::new(host, 5, CALM);
    chaos.world.answers.clone_from(&company.answers);
    assert_eq!(chaos.host.start(company.started(1)), Ok(Verdict::Applied));
    assert_eq!(chaos.calm(), Ok(true));
    chaos
}

/// Takes a run back, and lets that come to its end.
fn take_back(chaos: &mut Chaos<MemoryHost>, run: &str) {
    assert_eq!(chaos.roll_back(run), Ok(()));
    assert_eq!(chaos.calm(), Ok(true));
    assert_eq!(judge(chaos), Vec::<String>::new());
}

/// Returns what takes something back, in the order in which it happened: the run and the verb.
fn undone(chaos: &Chaos<MemoryHost>) -> Vec<(String, String)> {
    let undos = chaos.world.acts.iter().filter(|act| act.is_undo);
    undos.map(|act| (act.effect.run.clone(), act.verb.clone())).collect()
}

fn back(seen: u64) -> Event {
    Event::RunRolledBack { reason: "it was wrong".to_owned(), seen: Some(seen) }
}

fn told_back() -> Event {
    Event::RunRolledBack { reason: "its parent is taken back".to_owned(), seen: None }
}

fn killed() -> Event {
    Event::RunKilled { reason: "stop".to_owned() }
}

fn workshop() -> World {
    let company = Company::workshop();
    World::start(&company.plan, "workshop", &[("note", json!("a table"))])
}

impl World {
    fn roll_back(&mut self) -> Verdict {
        let seen = self.state().seq;
        self.send("operator", back(seen))
    }

    /// Books, and is about to charge.
    fn booked(mut self) -> Self {
        self.approve();
        assert_eq!(verb(&self.answer(json!({ "id": "b1" }))), "desk.book");
        self
    }
}

#[test]
fn what_a_finished_run_did_is_taken_back_the_last_first_and_once() {
    let mut chaos = ended(&Company::workshop());
    assert_eq!(chaos.host.ended("workshop-1"), Some(Status::Done));
    take_back(&mut chaos, "workshop-1");
    assert_eq!(chaos.host.ended("workshop-1"), Some(Status::RolledBack));
    let run = || "workshop-1".to_owned();
    assert_eq!(undone(&chaos), [(run(), "desk.refund".to_owned()), (run(), "desk.unbook".to_owned())]);
    let again = chaos.host.send("workshop-1", "operator", back(1)).unwrap();
    assert_eq!(again, Verdict::Duplicate { first: None }, "it is taken back already");
    let retry = Event::RunRetried {
        step: None,
        edits: Default::default(),
        speaker: Default::default(),
        reason: None,
    };
    let refused = chaos.host.send("workshop-1", "operator", retry).unwrap();
    assert!(matches!(refused, Verdict::Refused(_)), "{refused:?}");
}

#[test]
fn a_run_that_moved_since_it_was_seen_is_not_taken_back() {
    let mut world = workshop().booked();
    let (seen, found) = (world.state().seq - 1, world.state().seq);
    assert_eq!(World::refusal(world.send("operator", back(seen))), Refusal::Moved { seen, found });
    assert_eq!(world.state().phase, Phase::Active);
}

#[test]
fn a_run_that_goes_on_is_taken_back_and_what_is_under_way_is_waited_for() {
    let mut world = workshop().booked();
    let charge = world.lease();
    assert_eq!(world.roll_back(), Verdict::Applied);
    assert!(world.host.outbox.is_empty(), "nothing is taken back before it is known whether it was charged");
    world.succeed(&charge, json!({ "id": "c1" }));
    for undo in ["desk.refund", "desk.unbook"] {
        assert_eq!(verb(&world.answer(json!({}))), undo);
    }
    assert_eq!(world.host.ended(&world.run), Some(Status::RolledBack));
}

#[test]
fn nobody_cancels_or_pauses_a_run_that_is_taken_back() {
    let mut world = workshop().booked();
    world.roll_back();
    let cancel = Event::RunCancelled { reason: "no".to_owned() };
    assert_eq!(world.send("operator", cancel), Verdict::Duplicate { first: None });
    World::refusal(world.send("operator", Event::RunPaused { reason: "no".to_owned() }));
    world.answer(json!({}));
    assert_eq!(world.host.ended(&world.run), Some(Status::RolledBack));
}

#[test]
fn a_killed_run_is_taken_back_when_nothing_of_it_is_in_doubt() {
    let mut world = workshop().booked();
    let charge = world.lease();
    world.send("operator", killed());
    let effect = charge.effect.clone();
    assert_eq!(World::refusal(world.roll_back()), Refusal::InDoubt { effect: effect.clone() });
    let value = json!({ "id": "c1" });
    world.send(
        "operator",
        Event::EffectSettled { effect, settlement: Settlement::Happened(value), reason: None },
    );
    assert_eq!(world.roll_back(), Verdict::Applied);
    for undo in ["desk.refund", "desk.unbook"] {
        assert_eq!(verb(&world.answer(json!({}))), undo);
    }
    assert_eq!(world.host.ended(&world.run), Some(Status::RolledBack));
}

/// The kill let the undo go that was queued: it is not forgotten, and not sent twice.
#[test]
fn an_undo_that_a_kill_let_go_is_due_again() {
    let mut world = workshop().booked();
    world.send("operator", Event::RunCancelled { reason: "no".to_owned() });
    assert_eq!(verb(&world.waiting()), "desk.unbook");
    world.send("operator", killed());
    assert!(world.host.outbox.is_empty());
    assert_eq!(world.roll_back(), Verdict::Applied);
    assert_eq!(verb(&world.answer(json!({}))), "desk.unbook");
    assert_eq!(world.host.ended(&world.run), Some(Status::RolledBack));
}

#[test]
fn an_undo_that_failed_for_good_is_tried_anew_and_the_old_one_is_nobodys_question_any_more() {
    let mut world = workshop().booked();
    world.send("operator", Event::RunCancelled { reason: "no".to_owned() });
    let undo = world.lease();
    world.fail(&undo, ErrorClass::Invalid);
    assert_eq!(world.state().dead_letters().count(), 1);
    assert_eq!(world.roll_back(), Verdict::Applied);
    assert_eq!(world.state().dead_letters().count(), 0);
    assert_eq!(verb(&world.answer(json!({}))), "desk.unbook");
    assert_eq!(world.host.ended(&world.run), Some(Status::RolledBack));
}

/// A mark is granted, so nobody approved its way back; that deletes, and needs a person.
#[test]
fn an_undo_that_nobody_approved_asks_a_person() {
    let files =
        [("playbooks/mark.toml", MARK), ("connectors/desk.toml", DESK), ("policies/grants.toml", GRANT)];
    let plan = small(&files);
    let mut world = World::start(&plan, "mark", &[("note", json!("a well"))]);
    world.answer(json!({ "id": "m1" }));
    assert_eq!(world.host.ended(&world.run), Some(Status::Done));
    assert_eq!(world.roll_back(), Verdict::Applied);
    let gate = world.gate();
    assert_eq!((gate.card.effects[0].verb.as_str(), gate.card.why.as_str()), ("desk.unmark", "undo"));
    assert!(world.host.outbox.is_empty());
    world.decide(Decision::Approved { form: None });
    assert_eq!(verb(&world.answer(json!({}))), "desk.unmark");
    assert_eq!(world.host.ended(&world.run), Some(Status::RolledBack));
}

const MARK: &str = r#"schema = "adjutant/v1"
title = "Marks"

[input.note]
type = "string"

[[step]]
id = "mark"
call = "desk.mark"
with = { note = "{{ input.note }}" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;

const GRANT: &str = r#"schema = "adjutant/v1"
title = "What may be done without asking"

[[autonomy]]
subject = "playbook:mark"
verb = "desk.mark"
level = "act"
"#;

const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.mark]
method = "POST"
path = "/mark"
effect = "write"
idempotency = "native_key"
key_valid = "30d"
undo = "unmark"
input = { note = "string" }
output = { id = "string" }

[verbs.unmark]
method = "POST"
path = "/unmark"
effect = "delete"
idempotency = "at_most_once"
input = { id = "string" }
"#;

fn child(chaos: &Chaos<MemoryHost>) -> String {
    let mut children = chaos.host.runs.keys().filter(|id| id.starts_with("workshop-of-"));
    children.next().expect("it was started").clone()
}

#[test]
fn what_a_child_did_is_taken_back_before_what_its_parent_did() {
    let mut chaos = ended(&Company::foreman());
    let child = child(&chaos);
    take_back(&mut chaos, "foreman-1");
    assert_eq!(chaos.host.ended("foreman-1"), Some(Status::RolledBack));
    assert_eq!(chaos.host.ended(&child), Some(Status::RolledBack));
    let runs: Vec<String> = undone(&chaos).into_iter().map(|(run, _)| run).collect();
    assert_eq!(runs, [child.as_str(), &child, "foreman-1", "foreman-1"]);
}

#[test]
fn a_child_is_taken_back_alone_and_its_parent_stands() {
    let mut chaos = ended(&Company::foreman());
    let child = child(&chaos);
    take_back(&mut chaos, &child);
    assert_eq!(chaos.host.ended(&child), Some(Status::RolledBack));
    assert_eq!(chaos.host.ended("foreman-1"), Some(Status::Done));
    assert!(undone(&chaos).iter().all(|(run, _)| *run == child));
    take_back(&mut chaos, "foreman-1");
    assert_eq!(chaos.host.ended("foreman-1"), Some(Status::RolledBack), "the child says it once more");
    assert_eq!(undone(&chaos).len(), 4, "and takes nothing back a second time");
}

#[test]
fn a_child_that_is_killed_while_it_is_taken_back_lets_its_parent_go_on() {
    let mut chaos = ended(&Company::foreman());
    let child = child(&chaos);
    chaos.roll_back("foreman-1").unwrap();
    chaos.host.deliver_post().unwrap();
    assert_eq!(chaos.host.run(&child).unwrap().status(), "unwinding");
    chaos.host.send(&child, "operator", killed()).unwrap();
    assert_eq!(chaos.calm(), Ok(true));
    assert_eq!(chaos.host.ended("foreman-1"), Some(Status::RolledBack));
    assert_eq!(chaos.host.ended(&child), Some(Status::Killed));
}

#[test]
fn a_parent_that_is_killed_while_it_is_taken_back_waits_for_nobody() {
    let mut chaos = ended(&Company::foreman());
    let child = child(&chaos);
    chaos.roll_back("foreman-1").unwrap();
    chaos.host.send("foreman-1", "operator", killed()).unwrap();
    assert_eq!(chaos.calm(), Ok(true));
    assert_eq!(chaos.host.ended("foreman-1"), Some(Status::Killed));
    assert_eq!(chaos.host.ended(&child), Some(Status::Killed));
}

/// What it did is not known: nobody waits for it in vain, and nobody is told that it was taken back.
#[test]
fn a_child_whose_state_was_lost_answers_and_refuses_a_person() {
    let chaos = ended(&Company::foreman());
    let run = chaos.host.run(&child(&chaos)).unwrap();
    let started = chaos.host.runs[&run.id].log[0].facts.iter().find_map(|fact| match fact {
        Fact::RunOpened { started, .. } => Some(RunStarted::clone(started)),
        _ => None,
    });
    let (started, at, seq) = (started.unwrap(), run.updated_at, run.seq);
    let remains = Remains { started, at, seq, leased: Vec::new(), problem: "torn".to_owned() };
    let envelope = |event| Envelope { at, id: "e".to_owned(), by: "host".to_owned(), event };
    let env = Env { seq: seq + 1, seed: 1 };
    let buried = step_bury(&remains, "stop", &envelope(killed()), &env);
    let tells = |facts: &[Fact]| {
        facts.iter().any(|fact| {
            matches!(fact, Fact::Posted { to, event, .. } if *to == InstanceId::run("foreman-1")
                && matches!(&**event, Event::ChildEnded { status, .. } if status == "killed"))
        })
    };
    assert!(tells(&buried.entry.facts));
    let later = |event| Envelope { id: "f".to_owned(), ..envelope(event) };
    let next = step_buried(&buried.run, &later(told_back()), &env).next.expect("it answers");
    assert!(tells(&next.entry.facts));
    let refused = step_buried(&buried.run, &later(back(seq)), &env).verdict;
    assert_eq!(refused, Verdict::Refused(Refusal::DeedsNotKnown));
}

#[test]
fn what_branches_did_is_taken_back_with_their_run_after_its_end() {
    let places: Vec<_> = (0..3).map(|at| json!({ "name": format!("place {at}"), "bad": false })).collect();
    let mut chaos = ended(&Company::digs(&places, Many { max_parallel: 2, min_ok: None }));
    take_back(&mut chaos, "dig-1");
    assert_eq!(chaos.host.ended("dig-1"), Some(Status::RolledBack));
    let branches: Vec<_> = chaos.host.runs.keys().filter(|id| is_branch(id)).cloned().collect();
    assert_eq!(branches.len(), 3);
    for branch in branches {
        assert_eq!(chaos.host.ended(&branch), Some(Status::RolledBack), "{branch}");
    }
}

#[test]
fn a_branch_that_goes_on_is_not_taken_back_alone() {
    let places = [json!({ "name": "here", "bad": false })];
    let company = Company::digs(&places, Many { max_parallel: 2, min_ok: None });
    let mut host = MemoryHost::seeded(5);
    host.define(Arc::clone(&company.plan.bundles["dig"]));
    host.start(company.started(1)).unwrap();
    let mut chaos = Chaos::new(host, 5, CALM);
    while !chaos.host.runs.contains_key("dig-1~dig.1.0") {
        chaos.disturb().unwrap();
        chaos.host.deliver_post().unwrap();
    }
    let refused = chaos.host.send("dig-1~dig.1.0", "operator", back(1)).unwrap();
    assert!(matches!(refused, Verdict::Refused(Refusal::Phase { .. })), "{refused:?}");
}
