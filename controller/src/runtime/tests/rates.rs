//! What leaves beside an effect is counted with everything else, and as durably.

use super::{
    control::{ROUTE, SORT},
    *,
};

const SORTER: &str = r#"schema = "adjutant/v1"
title = "Sorts"
prompt = "prompts/thinker.md"
input = { text = "string" }
[model]
connector = "llm"
name = "m"
fallback = "error"
max_tokens = 100
[output]
class = "string"
confidence = "number"
"#;

/// The shop, whose verb `ask` may be called twice in its window.
async fn shop() -> World {
    let files = waits::shop().into_iter();
    let files: Vec<_> = files.map(|(path, text)| (path, text.replace("calls = 1,", "calls = 2,"))).collect();
    runs::world(&files).await
}

async fn sorts() -> World {
    let model = format!("{MODEL}total_rate = {{ calls = 2, per = \"10s\" }}\n");
    let route = ROUTE.replacen("\n[[class]]", "\nescalate = [\"agent:sorter\"]\n[[class]]", 1);
    World::with(&[
        ("connectors/llm.toml", &model),
        ("agents/sorter.toml", SORTER),
        ("routes/inbound.toml", &route),
        ("playbooks/sort.toml", SORT),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_beside_effects_and_what_they_do_share_one_window() {
    let world = shop().await;
    for _ in 0..2 {
        world.handle.take("shop", None).await.unwrap();
    }
    world.start("ask", "1").await;
    world.start("ask", "2").await;
    world.rest().await;
    assert_eq!(world.script.calls("shop.ask").len(), 1, "three in all");
    let no_room = world.handle.take("shop", None).await.unwrap_err();
    assert!(no_room.reason.contains("\"shop\" is used up until 2026-05-04"), "{no_room:?}");
    assert!((1..=11_000).contains(&no_room.after), "{no_room:?}");
    world.handle.take("desk", None).await.expect("no rate holds there");
    world.pass(no_room.after).await;
    assert_eq!(world.script.calls("shop.ask").len(), 2);
    world.handle.take("shop", None).await.expect("the moment that is told is the one that works");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_durable_before_anything_leaves() {
    let world = shop().await;
    for _ in 0..3 {
        world.handle.take("shop", None).await.unwrap();
    }
    let world = world.killed().await;
    assert!(world.handle.take("shop", None).await.is_err(), "the next process knows it");
    world.start("ask", "1").await;
    world.rest().await;
    assert_eq!(world.script.calls("shop.ask"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_falls_under_the_rate_of_its_verb_too_and_what_is_refused_takes_nothing() {
    let world = shop().await;
    for _ in 0..2 {
        world.handle.take("shop", Some("shop.ask")).await.unwrap();
    }
    for _ in 0..5 {
        let no_room = world.handle.take("shop", Some("shop.ask")).await.unwrap_err();
        assert!(no_room.reason.contains("\"shop.ask\""), "{no_room:?}");
    }
    world.handle.take("shop", None).await.expect("the connector has one place left");
    assert!(world.handle.take("shop", None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_take_no_more_places_than_there_are() {
    let world = shop().await;
    let all = (0..40).map(|_| world.handle.take("shop", None));
    let taken = futures::future::join_all(all).await;
    assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_whose_hop_had_no_place_waits_in_line_for_one() {
    let world = sorts().await;
    let answer = || Turn::Ok(json!({ "class": "lead", "probability": 0.9, "stage": "agent:sorter" }));
    for _ in 0..2 {
        world.handle.take("llm", None).await.unwrap();
    }
    world.script.will("inbound", [Turn::Shut, Turn::Shut, Turn::Shut]);
    world.script.will("inbound", (0..3).map(|_| answer()));
    let mut runs = Vec::new();
    for n in 0..3 {
        runs.push(world.start("sort", &n.to_string()).await.run);
    }
    world.rest().await;
    assert_eq!(world.script.calls("inbound").len(), 3, "each tried once, and none again");
    let waits = world.run(&runs[0]).await;
    assert!(waits.waiting[0].contains("the rate of \"llm\""), "{:?}", waits.waiting);
    let seq = waits.seq;
    world.pass(5_000).await;
    assert_eq!(world.run(&runs[0]).await.seq, seq, "waiting writes nothing");
    world.pass(6_000).await;
    assert_eq!(world.script.calls("inbound").len(), 5, "as many as there are places");
    assert!(world.handle.take("llm", None).await.is_err(), "their hops were counted");
    world.pass(11_000).await;
    let done = world.handle.status().await.unwrap().runs;
    assert_eq!(done, BTreeMap::from([("done".to_owned(), 3)]));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_decides_by_itself_waits_for_no_model() {
    let world = sorts().await;
    for _ in 0..2 {
        world.handle.take("llm", None).await.unwrap();
    }
    world.script.will("inbound", [Turn::Ok(json!({ "class": "lead", "probability": 0.9, "stage": "rule" }))]);
    assert_eq!(world.ran("sort", "k").await.line.status, "done");
}

const TELL: &str = "schema = \"adjutant/v1\"\ntitle = \"Tell\"\n[[autonomy]]\nsubject = \"playbook:put\"\n\
                    verb = \"desk.put\"\nlevel = \"notify\"\n";

async fn told(world: &World) {
    world.until(|script| script.notices.lock().unwrap().len() == 1).await;
}

fn tries(script: &Script) -> usize {
    script.told.lock().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_without_room_is_tried_when_there_is_some_however_often() {
    let world = World::with(&[("policies/tell.toml", TELL)]).await;
    *world.script.full.lock().unwrap() = Some(60_000);
    world.ran("put", "k").await;
    let again = async {
        while tries(&world.script) < 30 {
            world.clock.advance(60_000);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("it is tried again and again");
    *world.script.full.lock().unwrap() = None;
    world.clock.advance(120_000);
    told(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_without_room_goes_when_another_revision_gives_it_some() {
    let world = World::with(&[("policies/tell.toml", TELL)]).await;
    *world.script.full.lock().unwrap() = Some(86_400_000);
    world.ran("put", "k").await;
    world.until(|script| tries(script) == 1).await;
    *world.script.full.lock().unwrap() = None;
    world.activate(company(&[("policies/tell.toml", TELL)]), "r2", Some("r1")).await;
    told(&world).await;
}
