//! Runs that stand in the queue of their playbook: one works, the others wait for their turn, and nobody waits for ever.

mod common;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use adjutant_machine::{
    Refusal, Verdict,
    event::{Decision, Event, RunStarted, TimerId},
    fact::Fact,
    id::Stamp,
    run::{MOST_STANDING, Place, Status},
};
use adjutant_sim::{Chaos, Company, Faults, Many, MemoryHost, judge};
use common::World;
use serde_json::{Value, json};

const DAY: u64 = 86_400_000;

/// Starts the first run of a workshop in which one works at a time: its turn has not come.
fn standing() -> World {
    let company = Company::workshop().one_at_a_time();
    let mut host = MemoryHost::seeded(7);
    for bundle in company.plan.bundles.values() {
        host.define(Arc::clone(bundle));
    }
    let started = company.started(1);
    let run = started.run.clone();
    let mut world = World { host, run };
    world.host.now = Stamp(1_000);
    assert_eq!(world.host.start(started), Ok(Verdict::Applied));
    world
}

/// Starts it, and lets its turn come.
fn working() -> World {
    let mut world = standing();
    assert_eq!(world.send("host", Event::TurnCame), Verdict::Applied);
    world
}

fn retry() -> Event {
    Event::RunRetried { step: None, edits: BTreeMap::new(), speaker: Default::default(), reason: None }
}

fn paused() -> Event {
    Event::RunPaused { reason: "not now".to_owned() }
}

fn resumed() -> Event {
    Event::RunResumed { reason: String::new() }
}

fn cancelled() -> Event {
    Event::RunCancelled { reason: "not wanted".to_owned() }
}

fn back(world: &World) -> Event {
    Event::RunRolledBack { reason: "it was wrong".to_owned(), seen: Some(world.state().seq) }
}

/// The run books, and is given up before it charges.
fn booked_and_cancelled() -> World {
    let mut world = working();
    world.approve();
    world.answer(json!({ "id": "b-1" }));
    world.send("operator", cancelled());
    world.answer(json!({}));
    assert_eq!(world.state().status(), "cancelled");
    world
}

#[test]
fn who_stands_begins_nothing_before_its_turn() {
    let mut world = standing();
    assert_eq!((world.state().status(), world.at()), ("queued", "ask"));
    assert!(world.host.outbox.is_empty() && world.state().open_gates().next().is_none());
    assert!(!world.state().timers.contains_key(&TimerId::Deadline), "its time has not begun");
    world.send("host", Event::TurnCame);
    assert_eq!((world.state().status(), world.gate().card.step.as_str()), ("waiting", "ask"));
    assert_eq!(world.send("host", Event::TurnCame), Verdict::Duplicate { first: None }, "once is enough");
}

#[test]
fn a_deadline_counts_from_the_turn() {
    let mut world = standing();
    world.host.now = world.host.now.plus(20 * DAY);
    world.send("host", Event::TurnCame);
    let deadline = world.state().timers[&TimerId::Deadline];
    assert_eq!(deadline, world.host.now.plus(30 * DAY), "the 20 days before count for nothing");
    assert!(!world.state().timers.contains_key(&TimerId::Queue));
}

#[test]
fn who_stands_too_long_fails_aloud_and_can_be_tried_again() {
    let mut world = standing();
    assert_eq!(world.state().timers[&TimerId::Queue], Stamp(1_000).plus(MOST_STANDING));
    world.fire();
    assert_eq!(world.host.ended(&world.run), Some(Status::Failed));
    let told: Vec<&str> = world.host.notices.iter().map(|notice| notice.title.as_str()).collect();
    assert!(told.iter().any(|title| title.contains("stood in the queue")), "{told:?}");
    assert_eq!(world.send("operator", retry()), Verdict::Applied);
    assert_eq!((world.state().status(), world.at()), ("queued", "ask"), "it stands again, at its first step");
    world.send("host", Event::TurnCame);
    world.approve();
}

#[test]
fn who_is_paused_while_it_stands_keeps_its_place_and_is_not_begun() {
    let mut world = standing();
    let before = world.state().place();
    world.send("operator", paused());
    let since = world.state().stands_since().expect("it stands");
    assert_eq!(world.state().place(), Some(Place::Stands { since, is_ready: false }));
    let refused = World::refusal(world.send("host", Event::TurnCame));
    assert!(matches!(refused, Refusal::Phase { .. }), "{refused}");
    world.send("operator", resumed());
    assert_eq!((world.state().status(), world.state().place()), ("queued", before));
    world.send("operator", paused());
    world.host.fire_next().expect("its time is over");
    assert_eq!(world.state().status(), "paused", "nobody ends what is paused");
    world.send("operator", resumed());
    assert_eq!(world.host.ended(&world.run), Some(Status::Failed), "then it has stood too long");
}

#[test]
fn a_resume_gives_nobody_the_turn() {
    let mut world = standing();
    let refused = World::refusal(world.send("operator", resumed()));
    assert!(matches!(refused, Refusal::Phase { phase } if phase == "queued"));
}

#[test]
fn who_is_given_up_while_it_stands_is_over_at_once() {
    for (event, status) in [
        (cancelled(), Status::Cancelled),
        (Event::RunKilled { reason: "stop".to_owned() }, Status::Killed),
        (back(&standing()), Status::RolledBack),
    ] {
        let mut world = standing();
        world.send("operator", event);
        assert_eq!((world.host.ended(&world.run), world.state().place()), (Some(status), None));
        assert!(world.state().timers.is_empty(), "{:?}", world.state().timers);
    }
}

#[test]
fn who_works_keeps_the_place_until_its_end() {
    let mut world = working();
    assert_eq!(world.state().place(), Some(Place::Works));
    world.send("operator", paused());
    assert_eq!(world.state().place(), Some(Place::Works), "a pause frees nothing");
    world.send("operator", resumed());
    world.approve();
    world.answer(json!({ "id": "b-1" }));
    world.send("operator", cancelled());
    assert_eq!((world.state().status(), world.state().place()), ("unwinding", Some(Place::Works)));
    world.answer(json!({}));
    assert_eq!((world.state().status(), world.state().place()), ("cancelled", None));
}

#[test]
fn who_is_tried_again_stands_at_the_end_of_the_queue() {
    let mut world = booked_and_cancelled();
    world.host.now = world.host.now.plus(5_000);
    assert_eq!(world.send("operator", retry()), Verdict::Applied);
    let now = world.host.now;
    assert_eq!(world.state().place(), Some(Place::Stands { since: now, is_ready: true }));
    assert_eq!(world.at(), "book", "where it goes on is said at once");
    assert!(world.host.outbox.is_empty() && !world.state().timers.contains_key(&TimerId::Deadline));
    world.send("host", Event::TurnCame);
    assert_eq!(world.gate().card.step, "ask", "what was approved was used: a person is asked again");
    assert!(world.state().timers.contains_key(&TimerId::Deadline));
}

/// A scope's deadline is for what is done in it: who stands has not entered it yet.
#[test]
fn a_scope_that_is_tried_again_has_its_time_from_the_turn() {
    let company = Company::works(&[json!("a")]).one_at_a_time();
    let mut chaos = storm(&company, (5, 1), (CALM, 0));
    let run = company.started(1).run;
    chaos.host.send(&run, "operator", retry()).expect("a law holds");
    let stands = |host: &MemoryHost| host.run(&run).expect("it is there").clone();
    if stands(&chaos.host).status() == "queued" {
        let timers = stands(&chaos.host).timers;
        assert!(timers.keys().all(|timer| *timer == TimerId::Queue), "{timers:?}");
    }
    assert_eq!(chaos.calm(), Ok(true));
}

#[test]
fn what_had_ended_is_taken_back_beside_the_queue() {
    let mut world = working();
    world.approve();
    world.answer(json!({ "id": "b-1" }));
    world.answer(json!({ "id": "c-1" }));
    world.fire();
    world.answer(json!({}));
    assert_eq!(world.host.ended(&world.run), Some(Status::Done));
    let event = back(&world);
    world.send("operator", event);
    assert_eq!((world.state().status(), world.state().place()), ("unwinding", None), "it holds nobody up");
}

/// The run has booked, was killed before it took that back, and stands once more.
fn stands_with_a_booking() -> World {
    let mut world = working();
    world.approve();
    world.answer(json!({ "id": "b-1" }));
    world.send("operator", Event::RunKilled { reason: "stop".to_owned() });
    assert_eq!(world.send("operator", retry()), Verdict::Applied);
    assert_eq!(world.state().status(), "queued");
    world
}

#[test]
fn who_stands_and_takes_something_back_does_it_beside_the_queue_and_stands_again_after_a_retry() {
    for is_paused in [false, true] {
        let mut world = stands_with_a_booking();
        if is_paused {
            world.send("operator", paused());
        }
        world.send("operator", cancelled());
        assert_eq!((world.state().status(), world.state().place()), ("unwinding", None), "{is_paused}");
        world.answer(json!({}));
        assert_eq!((world.state().status(), world.state().place()), ("cancelled", None));
        assert_eq!(world.send("operator", retry()), Verdict::Applied);
        let since = world.host.now;
        assert_eq!(world.state().place(), Some(Place::Stands { since, is_ready: true }), "{is_paused}");
        world.send("host", Event::TurnCame);
        assert_eq!(world.state().place(), Some(Place::Works));
    }
}

#[test]
fn who_has_stood_too_long_or_is_taken_back_does_that_beside_the_queue() {
    let mut late = stands_with_a_booking();
    late.fire();
    let mut wrong = stands_with_a_booking();
    let event = back(&wrong);
    wrong.send("operator", event);
    for world in [late, wrong] {
        assert_eq!((world.state().status(), world.state().place()), ("unwinding", None));
    }
}

#[test]
fn a_record_of_before_takes_a_run_out_of_its_queue_for_good() {
    let before: Fact = serde_json::from_value(json!({ "fact": "queue_left" })).expect("it reads as before");
    assert_eq!(before, Fact::QueueLeft { for_now: false });
}

#[test]
fn a_clock_that_was_ahead_leaves_nobody_standing_for_years() {
    let mut world = standing();
    let year = 365 * DAY;
    world.host.now = world.host.now.plus(year);
    let ahead = RunStarted { run: "workshop-2".to_owned(), ..Company::workshop().one_at_a_time().started(2) };
    let ahead = RunStarted { queue: Some(world.host.now), ..ahead };
    assert_eq!(world.host.start(ahead), Ok(Verdict::Applied));
    world.host.now = Stamp(2_000);
    world.run = "workshop-2".to_owned();
    assert_eq!(world.send("host", Event::ClockSetBack), Verdict::Applied);
    let until = world.state().timers[&TimerId::Queue];
    assert_eq!(until, Stamp(2_000).plus(MOST_STANDING));
}

const CALM: Faults = Faults { lose: 0, fail: 0, late: 0, meddle: 0, crash: 0 };
const FAIR: Faults = Faults { lose: 8, fail: 5, late: 20, meddle: 12, crash: 1 };
const HARSH: Faults = Faults { lose: 18, fail: 15, late: 25, meddle: 35, crash: 2 };

/// Drives so many runs of a company through a storm, each begun a while after the one before it.
fn storm(
    company: &Company,
    (seed, runs): (u64, u32),
    (faults, disturbances): (Faults, u32),
) -> Chaos<MemoryHost> {
    let mut host = MemoryHost::seeded(seed);
    for bundle in company.plan.bundles.values() {
        host.define(Arc::clone(bundle));
    }
    let mut chaos = Chaos::new(host, seed, faults);
    chaos.world.answers.clone_from(&company.answers);
    for number in 1..=runs {
        chaos.host.start(company.started(number)).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        for _ in 0..disturbances {
            chaos.disturb().unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        }
    }
    chaos.storm(disturbances).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    let broken = judge(&chaos);
    assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    chaos
}

/// What many storms came to.
#[derive(Debug, Default)]
struct Tally {
    turns: usize,
    stood: usize,
    left: usize,
    ends: BTreeMap<&'static str, usize>,
}

fn storms(company: &Company, seeds: Range<u64>, weather: (Faults, u32)) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let chaos = storm(company, (seed, 4), weather);
        for kept in chaos.host.runs.values() {
            *tally.ends.entry(kept.run.status()).or_default() += 1;
            let facts: Vec<&Fact> = kept.log.iter().flat_map(|entry| &entry.facts).collect();
            tally.turns += facts.iter().filter(|fact| matches!(fact, Fact::TurnTaken { .. })).count();
            tally.left += facts.iter().filter(|fact| matches!(fact, Fact::QueueLeft { .. })).count();
            let waited = kept.run.turn.is_some_and(|turn| turn > kept.run.started_at);
            tally.stood += usize::from(waited);
        }
    }
    tally
}

/// At most one works, and whoever stands is released, whatever is lost, cancelled, killed, tried again or taken back.
#[test]
fn one_works_at_a_time_whatever_the_world_does() {
    let fair = storms(&Company::workshop().one_at_a_time(), 30_000..30_060, (FAIR, 80));
    let harsh = storms(&Company::workshop().one_at_a_time(), 30_200..30_260, (HARSH, 80));
    for tally in [&fair, &harsh] {
        assert!(tally.stood > 50 && tally.turns > 150, "{tally:?}");
    }
    for end in ["done", "failed", "cancelled", "killed", "rolled_back"] {
        let is_met = fair.ends.contains_key(end) || harsh.ends.contains_key(end);
        assert!(is_met, "{end} was never met: {fair:?} {harsh:?}");
    }
    assert!(fair.left + harsh.left > 5, "what had ended was taken back: {fair:?} {harsh:?}");
}

#[test]
fn one_works_at_a_time_with_children_branches_and_scopes() {
    let named = |at: usize| json!({ "name": format!("place {at}") });
    let places: Vec<Value> = (0..3).map(named).collect();
    let words: Vec<Value> = ["a", "b"].map(Value::from).into();
    for (company, first) in [
        (Company::foreman(), 31_000),
        (Company::digs(&places, Many { max_parallel: 2, min_ok: Some(2) }), 32_000),
        (Company::works(&words), 33_000),
        (Company::meeting(), 34_000),
    ] {
        let tally = storms(&company.one_at_a_time(), first..first + 8, (FAIR, 60));
        assert!(tally.turns > 24 && tally.stood > 8, "{first}: {tally:?}");
    }
}

#[test]
fn a_gate_of_who_works_is_decided_while_others_stand() {
    let mut world = working();
    let second = Company::workshop().one_at_a_time().started(2);
    assert_eq!(world.host.start(second), Ok(Verdict::Applied));
    world.host.deliver_post().expect("a law holds");
    assert_eq!(world.host.run("workshop-2").expect("it stands").status(), "queued");
    world.decide(Decision::Denied);
    assert_eq!(world.host.ended(&world.run), Some(Status::Cancelled));
    world.host.deliver_post().expect("a law holds");
    assert_eq!(world.host.run("workshop-2").expect("its turn came").status(), "waiting");
}
