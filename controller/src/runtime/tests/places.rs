//! Places of work: one is taken while a call is under way and at no other time, and none is lost with a process or a run.

use serde_json::json;

use super::{runs::GATED, *};

/// A process in which one call of each connector may be under way.
async fn with_one_place(more: &[(&str, &str)]) -> World {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::at(monday()));
    let world = World::with_places(journal, clock, Script::new(), 1).await;
    world.activate(company(more), "r1", None).await;
    world
}

async fn done(world: &World) -> u64 {
    world.handle.status().await.unwrap().runs.get("done").copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_not_lost_with_the_process_that_held_it() {
    const RUNS: usize = 6;
    const DEATHS: usize = 4;
    let mut world = with_one_place(&[]).await;
    world.script.will("desk.put", (0..DEATHS).map(|_| Turn::Silent));
    for n in 0..RUNS {
        world.start("put", &n.to_string()).await;
    }
    for deaths in 1..=DEATHS {
        world.until(|script| script.calls("desk.put").len() == deaths).await;
        world = world.killed().await;
    }
    world.rest().await;
    // What died with its process is tried again after a pause.
    world.pass(60_000).await;
    assert_eq!(done(&world).await, RUNS as u64, "the one place went from each to the next");
    assert_eq!(world.script.calls("desk.put").len(), RUNS + DEATHS);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_to_try_again_holds_no_place() {
    let world = with_one_place(&[]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let waits = world.ran("put", "waits").await;
    assert_eq!(waits.effects[0].phase, "backing_off", "{waits:#?}");
    assert_eq!(world.ran("put", "next").await.line.status, "done", "it goes while no time passes");
    let still = world.run(&waits.line.id).await;
    assert_eq!(still.effects[0].phase, "backing_off", "{still:#?}");
    world.pass(60_000).await;
    assert_eq!(done(&world).await, 2);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_in_line_rests_or_asks_a_person_holds_no_place() {
    let rests = calls("put")
        .replace("[[step]]\nid = \"act\"", "[[step]]\nid = \"rest\"\nwait = \"1h\"\n[[step]]\nid = \"act\"");
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"R\"\n{}", grants("rests", &["desk.put"]));
    let files = [
        ("playbooks/rests.toml", rests.as_str()),
        ("policies/rests.toml", policy.as_str()),
        ("playbooks/gated.toml", GATED),
    ];
    // A rate, a breaker that five failures have opened, a wait, a person.
    for (playbook, runs) in [("slow", 5), ("post", 6), ("rests", 1), ("gated", 1)] {
        let world = with_one_place(&files).await;
        world.script.will("desk.post", (0..5).map(|_| Turn::Fail(ErrorClass::Transient)));
        for n in 0..runs {
            world.ran(playbook, &n.to_string()).await;
        }
        assert!(done(&world).await < runs, "{playbook}: somebody waits");
        assert_eq!(world.ran("put", "next").await.line.status, "done", "behind {playbook}");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_answers_holds_its_place_no_longer_than_its_lease() {
    let world = with_one_place(&[]).await;
    world.script.will("desk.post", [Turn::Silent]);
    let silent = world.start("post", "k").await.run;
    world.until(|script| script.calls("desk.post").len() == 1).await;
    // Its run is gone; what it asked for may still come, so its place is not given away.
    world.handle.kill(&silent, "enough", "operator").await.unwrap();
    let next = world.start("put", "k").await.run;
    assert_eq!(world.script.calls("desk.put"), []);
    let lapsed = async {
        while world.run(&next).await.line.status != "done" {
            world.clock.advance(60_000);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), lapsed).await.expect("the lease ends");
    world.rest().await;
    let dead = world.dead().await;
    assert_eq!(dead.len(), 1, "nobody knows whether it happened: {dead:?}");
    let happened = adjutant_machine::event::Settlement::Happened(json!({ "id": "1" }));
    world.handle.settle(&dead[0].effect.id, happened, "operator").await.unwrap();
    world.sound().await;
}
