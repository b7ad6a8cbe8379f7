use adjutant_machine::{
    id::InstanceId,
    memory::{Fault, Spoilt},
};
use serde_json::json;

use super::{money::THINKS, *};
use crate::runtime::{Error, PauseScope};

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_call_that_was_under_way_goes_again_with_the_same_key() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Silent]);
    let run = world.start("put", "k").await.run;
    world.until(|script| script.calls("desk.put").len() == 1).await;
    let world = world.killed().await;
    world.rest().await;
    world.pass(60_000).await;
    let calls = world.script.calls("desk.put");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].0, calls[1].0, "the key is the same");
    assert_eq!((calls[0].1, calls[1].1), (1, 2), "the attempt is another");
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_death_opens_no_breaker() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", (0..6).map(|_| Turn::Silent));
    for key in 0..6 {
        world.start("put", &format!("k{key}")).await;
    }
    world.until(|script| script.calls("desk.put").len() == 6).await;
    let world = world.killed().await;
    world.rest().await;
    // Longer than the first pause between attempts, shorter than an open breaker's.
    world.pass(10_000).await;
    assert_eq!(world.handle.status().await.unwrap().runs.get("done"), Some(&6));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_deaths_use_up_no_attempts() {
    let mut world = World::with(&[]).await;
    world.script.will("desk.put", (0..6).map(|_| Turn::Silent));
    let run = world.start("put", "k").await.run;
    for deaths in 1..=6 {
        world.until(|script| script.calls("desk.put").len() == deaths).await;
        world = world.killed().await;
        world.rest().await;
        // The next attempt falls silent too: it is waited for by its call.
        world.clock.advance(60_000);
    }
    world.rest().await;
    let calls = world.script.calls("desk.put");
    assert_eq!(calls.len(), 7, "three attempts are allowed, six died with us: {calls:?}");
    assert!(calls.iter().all(|call| call.0 == calls[0].0), "the key is the same: {calls:?}");
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_at_most_once_call_that_was_under_way_is_unknown_and_never_goes_again() {
    let world = World::with(&[]).await;
    world.script.will("desk.post", [Turn::Silent]);
    let run = world.start("post", "k").await.run;
    world.until(|script| script.calls("desk.post").len() == 1).await;
    let world = world.killed().await;
    world.rest().await;
    world.pass(3_600_000).await;
    assert_eq!(world.script.calls("desk.post").len(), 1);
    let dead = world.dead().await;
    assert_eq!((dead.len(), dead[0].effect.phase.as_str()), (1, "unknown"));
    assert!(world.script.notices.lock().unwrap().iter().any(|notice| notice.topic == "unknown"));
    let happened = adjutant_machine::event::Settlement::Happened(json!({ "id": "7" }));
    world.handle.settle(&dead[0].effect.id, happened, "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "done");
    assert!(world.dead().await.is_empty());
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_asked_before_anything_is_sent_again() {
    let world = World::with(&[]).await;
    world.script.will("desk.book", [Turn::Unknown]);
    world.script.will("desk.find", [Turn::Found(Some(json!({ "id": "9" })))]);
    let run = world.ran("book", "k").await;
    assert_eq!(run.line.status, "done", "{run:#?}");
    assert_eq!(run.steps[0].value, Some(json!({ "id": "9" })));
    assert_eq!((world.script.calls("desk.book").len(), world.script.calls("desk.find").len()), (1, 1));
    world.script.will("desk.book", [Turn::Unknown]);
    world.script.will("desk.find", [Turn::Found(None)]);
    let again = world.start("book", "l").await.run;
    world.rest().await;
    world.pass(60_000).await;
    assert_eq!(world.run(&again).await.line.status, "done");
    assert_eq!(world.script.calls("desk.book").len(), 3, "it did not happen: it went again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_is_taken_up_again() {
    let world = World::with(&[]).await;
    world
        .handle
        .pause_scope(pause(crate::runtime::PauseScope::Everything, "test", "operator"))
        .await
        .unwrap();
    let run = world.ran("post", "k").await.line.id;
    assert_eq!(world.script.calls("desk.post"), []);
    let world = world.killed().await;
    world.rest().await;
    assert_eq!(world.script.calls("desk.post"), [], "the pause survives");
    let why = world.handle.why(&run).await.unwrap();
    assert!(why.chain.iter().any(|line| line.kind == "pause"), "{why:?}");
    world.handle.resume_scope(crate::runtime::PauseScope::Everything, "", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.script.calls("desk.post").len(), 1);
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backoff_survives_and_is_not_early() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient), Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("put", "k").await;
    let until = run.effects[0].until.expect("it backs off");
    let world = world.killed().await;
    world.clock.set(Stamp(until.0.0 - 1));
    world.rest().await;
    assert_eq!(world.script.calls("desk.put").len(), 1);
    world.pass(1).await;
    assert_eq!(world.script.calls("desk.put").len(), 2);
    world.pass(10_000).await;
    assert_eq!(world.run(&run.line.id).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_unsynced_is_answered_or_sent() {
    let world = World::with(&[]).await;
    world.journal.hold();
    let handle = world.handle.clone();
    let started = tokio::spawn(async move {
        let wish = StartRun { playbook: "put".into(), key: Some("k".into()), ..StartRun::default() };
        handle.start(wish).await
    });
    while world.journal.unsynced() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.script.calls("desk.put"), []);
    let world = world.killed().await;
    assert!(!started.is_finished(), "nobody was told that it is durable");
    started.abort();
    assert!(world.start("put", "k").await.created, "it never was");
    world.rest().await;
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_error_stops_everything() {
    let world = World::with(&[]).await;
    world.journal.inject(0, adjutant_machine::memory::Fault::Disk);
    let wish = StartRun { playbook: "put".to_owned(), ..StartRun::default() };
    let refused = world.handle.start(wish.clone()).await.expect_err("the disk refuses");
    assert_eq!(refused.exit_code(), 74);
    assert_eq!(world.handle.failed().await.exit_code(), 74);
    assert_eq!(world.handle.start(wish).await.expect_err("it has stopped").exit_code(), 74);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_read_is_set_aside_and_the_rest_goes_on() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Held(json!({ "id": "1" }))]);
    let run = world.start("put", "k").await.run;
    let instance = adjutant_machine::id::InstanceId::run(&*run);
    let stored = world.journal.load(&instance).unwrap().unwrap();
    let append = adjutant_machine::journal::Append {
        instance,
        expected: stored.seq,
        entries: vec![adjutant_machine::journal::Content {
            skeleton: Vec::new(),
            payload: b"nonsense".to_vec(),
        }],
        snapshot: None,
    };
    let world = world.killed().await;
    world.rest().await;
    let seq = world.journal.load(&append.instance).unwrap().unwrap().seq;
    let append = adjutant_machine::journal::Append { expected: seq, ..append };
    world
        .journal
        .append(adjutant_machine::journal::Batch { appends: vec![append], ..Default::default() })
        .unwrap();
    let world = world.killed().await;
    world.handle.cancel(&run, "test", "operator").await.expect_err("it is damaged");
    world.rest().await;
    let status = world.handle.status().await.unwrap();
    assert_eq!(status.quarantined.len(), 1, "{status:?}");
    let world = world.killed().await;
    assert_eq!(world.handle.status().await.unwrap().quarantined.len(), 1, "it is known after a restart");
    assert_eq!(world.ran("put", "l").await.line.status, "done");
    assert!(!world.handle.audit().await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_answer_was_lost_is_the_same_run_when_it_is_asked_for_again() {
    let world = World::with(&[]).await;
    world.rest().await;
    world.journal.inject(0, Fault::DiskAfterWrite);
    let wish = StartRun { playbook: "put".to_owned(), key: Some("k".to_owned()), ..StartRun::default() };
    world.handle.start(wish).await.expect_err("nobody is told");
    let world = world.killed().await;
    world.rest().await;
    let again = world.start("put", "k").await;
    assert!(!again.created, "it was there all the same");
    world.pass(60_000).await;
    assert_eq!(world.run(&again.run).await.line.status, "done");
    assert_eq!(world.script.calls("desk.put").len(), 1);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_reads_no_run_that_has_nothing_to_do() {
    const RUNS: usize = 20;
    let world = World::with(&[("playbooks/gated.toml", runs::GATED)]).await;
    for n in 0..RUNS {
        let parked = world.ran("gated", &n.to_string()).await.line.id;
        // Whoever reads it finds that it cannot be read.
        world.journal.spoil(Spoilt::Entry(InstanceId::run(parked), 1));
    }
    let world = world.killed().await;
    world.rest().await;
    assert_eq!(world.ran("put", "k").await.line.status, "done");
    let set_aside = async || world.handle.status().await.unwrap().quarantined.len();
    assert_eq!(set_aside().await, 0, "none was read");
    world.pass(72 * 3_600_000).await;
    assert_eq!(set_aside().await, RUNS, "each is read when its gate lapses");
}

/// A company with an agent; what its answers may cost makes the decision about it panic, or not.
async fn thinking(worst: &'static str) -> World {
    let world = World::with(&[("playbooks/thinks.toml", THINKS)]).await;
    *world.script.worst.lock().unwrap() = Some(worst);
    world.script.will("thinker", [Turn::Costs(json!({ "answer": "x" }), "0.01 EUR")]);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_that_panics_sets_its_run_aside_and_the_rest_goes_on() {
    let world = thinking("no amount").await;
    let all = PauseScope::Everything;
    world.handle.pause_scope(pause(all.clone(), "test", "operator")).await.unwrap();
    let bad = world.ran("thinks", "k").await.line.id;
    let good = world.ran("put", "k").await.line.id;
    world.handle.resume_scope(all, "", "operator").await.unwrap();
    world.rest().await;
    let status = async |world: &World, run: &str| world.run(run).await.line.status;
    assert_eq!(status(&world, &good).await, "done");
    let world = world.killed().await;
    world.rest().await;
    let quarantined = world.handle.status().await.unwrap().quarantined;
    assert_eq!(quarantined.len(), 1, "{quarantined:?}");
    assert!(quarantined[0].reason.contains("panicked"), "{quarantined:?}");
    assert_eq!(world.ran("put", "next").await.line.status, "done", "nobody is stopped by it");
    *world.script.worst.lock().unwrap() = Some("0.01 EUR");
    assert!(world.handle.release(&bad, "operator").await.unwrap().applied);
    world.rest().await;
    assert_eq!(status(&world, &bad).await, "done", "mended, it goes on where it stood");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_panics_is_refused_and_leaves_nothing_behind() {
    let world = thinking("no amount").await;
    let wish =
        || StartRun { playbook: "thinks".to_owned(), key: Some("k".to_owned()), ..StartRun::default() };
    let refused = world.handle.start(wish()).await.expect_err("it cannot begin");
    assert!(matches!(&refused, Error::Conflict { .. }), "{refused:?}");
    assert!(world.handle.status().await.unwrap().quarantined.is_empty(), "there is nothing to set aside");
    *world.script.worst.lock().unwrap() = Some("0.01 EUR");
    assert!(world.handle.start(wish()).await.expect("it can begin now").created);
    world.rest().await;
    assert_eq!(world.handle.status().await.unwrap().runs.get("done"), Some(&1));
    world.sound().await;
}
