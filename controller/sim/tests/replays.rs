//! Histories that no scenario brings about, each with every idempotency class: what was lost, came late or was given up is played
//! again as it was.

mod common;

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    Definition, Verdict,
    event::{ErrorClass, Event, Finding, Settlement},
};
use adjutant_sim::recording::{Compared, Name, Recorded, RecordedRun, Replay, redecided};
use common::{
    World,
    calls::{VERBS, plan, world},
};
use serde_json::json;

/// Returns the logs of what happened in a world.
fn recorded(world: &World) -> Recorded {
    let kept = &world.host.runs[&world.run];
    let definition: Arc<Definition> = Arc::clone(&world.host.definitions[&kept.run.bundle]);
    let root = RecordedRun { run: Arc::clone(&kept.run), definition, log: kept.log.clone() };
    Recorded { root, below: Vec::new() }
}

/// Plays a run again, and asks that nothing differs.
fn same(world: &World, what: &str) {
    let (plan, recorded) = (plan(), recorded(world));
    assert!(redecided(&recorded.root, world.host.seed).is_equal(), "{what}");
    let changes = BTreeMap::new();
    let replay = Replay { plan: &plan, bundle: None, others: Vec::new(), changes: &changes, assumes: false };
    let replayed = recorded.replay(&replay).expect("it can be played");
    assert_eq!(replayed.stopped, None, "{what}: {:#?}", recorded.scenario(name()).scenario.answers);
    let compared = Compared::of(&recorded, &replayed);
    assert!(compared.is_same(), "{what}: {compared:#?}");
}

fn name() -> Name {
    Name { file: "tests/one.toml".to_owned(), title: "One".to_owned() }
}

/// Does whatever is left to do until the run is over: answers what is asked, and fires what is due.
fn finish(world: &mut World) {
    for _ in 0..20 {
        if world.state().is_ended() {
            return;
        }
        let asked = world.host.outbox.values().next().cloned();
        match asked {
            Some(perform) if common::verb(&perform).starts_with("probe") => {
                let probe = world.lease();
                let finding = Finding::Happened(json!({}));
                let event = Event::EffectProbed { effect: probe.effect, finding };
                assert_eq!(world.send("host", event), Verdict::Applied);
            }
            Some(_) => drop(world.answer(json!({}))),
            None => {
                let dead = world.state().dead_letters().next().map(|(effect, _)| effect.clone());
                match dead {
                    Some(effect) => {
                        let settlement = Settlement::Happened(json!({}));
                        world.send("operator", Event::EffectSettled { effect, settlement, reason: None });
                    }
                    None => world.fire(),
                }
            }
        }
    }
    panic!("it does not end: {:#?}", world.state().waiting());
}

fn cancel(world: &mut World) {
    let reason = "enough".to_owned();
    assert_eq!(world.send("operator", Event::RunCancelled { reason }), Verdict::Applied);
}

#[test]
fn an_attempt_that_failed_or_was_lost_is_played_as_it_was() {
    for verb in VERBS {
        let mut failed = world(verb);
        let sent = failed.lease();
        failed.fail(&sent, ErrorClass::Transient);
        failed.fire();
        finish(&mut failed);
        same(&failed, &format!("{verb} failed once"));
        let mut lost = world(verb);
        let sent = lost.lease();
        lost.lose(&sent);
        finish(&mut lost);
        same(&lost, &format!("{verb} was lost once"));
        let mut silent = world(verb);
        silent.lease();
        silent.fire();
        finish(&mut silent);
        same(&silent, &format!("{verb} was silent once"));
    }
}

#[test]
fn an_attempt_that_died_with_its_host_is_played_as_it_was() {
    for verb in VERBS {
        let mut world = world(verb);
        let sent = world.lease();
        let message = "the process died".to_owned();
        let (effect, attempt) = (sent.effect, sent.attempt);
        let died = Event::EffectUnknown { effect, attempt, message, host_died: true };
        assert_eq!(world.send("host", died), Verdict::Applied);
        finish(&mut world);
        same(&world, verb);
    }
}

#[test]
fn an_answer_that_came_after_it_was_given_up_is_played_as_it_was() {
    for verb in VERBS {
        let mut world = world(verb);
        let sent = world.lease();
        world.lose(&sent);
        assert_eq!(world.succeed(&sent, json!({})), Verdict::Applied, "{verb}");
        finish(&mut world);
        same(&world, verb);
    }
}

#[test]
fn what_was_open_when_the_run_was_cancelled_is_open_when_it_is_played() {
    let hour = 3_600_000;
    for verb in VERBS {
        let mut asking = World::start(&plan(), verb, &[]);
        asking.host.now = asking.host.now.plus(hour);
        cancel(&mut asking);
        finish(&mut asking);
        same(&asking, &format!("{verb}: a person was asked"));
        let mut queued = world(verb);
        queued.host.now = queued.host.now.plus(hour);
        cancel(&mut queued);
        finish(&mut queued);
        same(&queued, &format!("{verb}: nothing had left"));
        // How long a probe stood in line is not played: it is asked before the cancel.
        if verb == "book" {
            continue;
        }
        let mut lost = world(verb);
        let sent = lost.lease();
        lost.lose(&sent);
        lost.host.now = lost.host.now.plus(hour);
        cancel(&mut lost);
        finish(&mut lost);
        same(&lost, &format!("{verb}: nobody knew whether it had happened"));
    }
}
