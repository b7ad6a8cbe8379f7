//! Waits are bound to causes: whoever waits goes on when its cause moves, each in its own turn, and waiting costs no entry.

use serde_json::json;

use super::*;
use crate::runtime::{
    Error, PauseScope,
    core::Core,
    tests::{
        money::{THINKS, capped},
        runs::world,
    },
};

const DAY: u64 = 86_400_000;

/// A second connector with one verb.
const SHOP: &str = r#"schema = "adjutant/v1"
title = "The shop"
kind = "http"
endpoint = "http://127.0.0.1:9"
total_rate = { calls = 3, per = "10s" }
[verbs.order]
method = "PUT"
path = "/order"
effect = "write"
idempotency = "native_key"
input = { text = "string" }
output = { id = "string" }
[verbs.ask]
method = "PUT"
path = "/ask"
effect = "write"
idempotency = "native_key"
rate = { calls = 1, per = "10s" }
input = { text = "string" }
output = { id = "string" }
"#;

/// A company with the shop, whose verbs have a rate and whose connector has one too.
pub(super) fn shop() -> Vec<(&'static str, String)> {
    let of = |verb: &str| calls("put").replace("\"desk.put\"", &format!("\"shop.{verb}\""));
    let granted = [grants("order", &["shop.order"]), grants("ask", &["shop.ask"])].concat();
    vec![
        ("connectors/shop.toml", SHOP.to_owned()),
        ("playbooks/order.toml", of("order")),
        ("playbooks/ask.toml", of("ask")),
        ("policies/shop.toml", format!("schema = \"adjutant/v1\"\ntitle = \"Shop\"\n{granted}")),
    ]
}

fn freeze(until: &str) -> (&'static str, String) {
    let text = format!(
        "schema = \"adjutant/v1\"\ntitle = \"F\"\n[[freeze]]\nfrom = \"2026-05-04T00:00:00Z\"\n\
         until = \"{until}\"\nreason = \"holiday\"\nscope = \"company\"\n"
    );
    ("policies/freeze.toml", text)
}

fn plan_of(files: &[(&'static str, String)]) -> Arc<Plan> {
    company(&files.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_behind_a_rate_writes_no_more_entries_than_one_that_is_alone() {
    let world = World::with(&[]).await;
    let alone = world.ran("slow", "alone").await.seq;
    let mut runs = Vec::new();
    for n in 0..120 {
        runs.push(world.start("slow", &n.to_string()).await.run);
    }
    world.rest().await;
    for _ in 0..61 {
        world.pass(2_100).await;
    }
    for run in &runs {
        let run = world.run(run).await;
        assert_eq!((run.line.status.as_str(), run.seq), ("done", alone), "{run:#?}");
    }
    let began: Vec<String> = world.script.calls("desk.slow").into_iter().map(|(key, _)| key).collect();
    let wanted: Vec<String> = runs.iter().map(|run| format!("adjutant-{run}.")).collect();
    // The two of one window begin at the same time.
    let place = |run: &String| began.iter().position(|key| key.starts_with(run.as_str())).unwrap();
    let moved = wanted.iter().enumerate().map(|(n, run)| place(run).abs_diff(n + 1)).max();
    assert!(moved <= Some(1), "the first to come is the first to go: {began:#?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rates_of_a_verb_and_of_its_connector_both_hold() {
    let world = world(&shop()).await;
    for n in 0..4 {
        world.start("order", &n.to_string()).await;
        world.start("ask", &n.to_string()).await;
    }
    world.rest().await;
    for _ in 0..40 {
        let (orders, asks) = (world.script.calls("shop.order").len(), world.script.calls("shop.ask").len());
        world.pass(10_000).await;
        let more =
            (world.script.calls("shop.order").len() - orders, world.script.calls("shop.ask").len() - asks);
        assert!(more.1 <= 1 && more.0 + more.1 <= 3, "{more:?}");
    }
    let runs = world.handle.status().await.unwrap().runs;
    assert_eq!(runs, BTreeMap::from([("done".to_owned(), 8)]), "none is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_that_is_deleted_holds_nobody_any_more() {
    let frozen = [freeze("2026-06-30T00:00:00Z")];
    let world = world(&frozen).await;
    let run = world.ran("put", "k").await;
    assert_eq!(run.effects[0].phase, "held", "{run:#?}");
    assert!(run.waiting[0].contains("freeze"), "{:?}", run.waiting);
    world.activate(company(&[]), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!(world.run(&run.line.id).await.line.status, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_that_is_shortened_ends_when_it_now_ends() {
    let world = world(&[freeze("2026-06-30T00:00:00Z")]).await;
    let run = world.ran("put", "k").await.line.id;
    world.activate(plan_of(&[freeze("2026-05-04T07:00:00Z")]), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!(world.script.calls("desk.put"), []);
    world.pass(3_600_000).await;
    assert_eq!(world.run(&run).await.line.status, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_that_is_raised_lets_those_go_that_waited_for_the_old_one() {
    let slow = DESK.replace("calls = 2, per = \"2s\"", "calls = 1, per = \"24h\"");
    let world = World::with(&[("connectors/desk.toml", &slow)]).await;
    for n in 0..5 {
        world.start("slow", &n.to_string()).await;
    }
    world.rest().await;
    assert_eq!(world.script.calls("desk.slow").len(), 1);
    let fast = DESK.replace("calls = 2, per = \"2s\"", "calls = 100, per = \"2s\"");
    world.activate(company(&[("connectors/desk.toml", &fast)]), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!(world.script.calls("desk.slow").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_is_tried_by_one_and_all_go_on_when_it_closes() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", std::iter::repeat_n(Turn::Fail(ErrorClass::Transient), 5));
    for n in 0..5 {
        world.start("put", &n.to_string()).await;
    }
    world.rest().await;
    for n in 5..25 {
        world.start("put", &n.to_string()).await;
    }
    world.rest().await;
    assert_eq!(world.script.calls("desk.put").len(), 5, "it is open");
    world.script.will("desk.put", [Turn::Held(json!({ "id": "1" }))]);
    world.clock.advance(30_000);
    world.until(|script| script.calls("desk.put").len() > 5).await;
    assert_eq!(world.script.calls("desk.put").len(), 6, "one tries, the others wait for what it finds");
    world.script.released.send_replace(true);
    world.rest().await;
    world.pass(4_000).await;
    let runs = world.handle.status().await.unwrap().runs;
    assert_eq!(
        runs,
        BTreeMap::from([("done".to_owned(), 25)]),
        "nobody waits for a moment that means nothing"
    );
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_raised_lets_those_go_that_waited_for_it() {
    let world = world(&capped("0.10 EUR", ("month", "wait"))).await;
    *world.script.worst.lock().unwrap() = Some("0.10 EUR");
    world.script.will("thinker", std::iter::repeat_n(Turn::Costs(json!({ "answer": "x" }), "0.10 EUR"), 9));
    for n in 0..6 {
        world.start("thinks", &n.to_string()).await;
    }
    world.rest().await;
    assert_eq!(world.script.calls("thinker").len(), 1);
    world.activate(plan_of(&capped("0.40 EUR", ("month", "wait"))), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!(world.script.calls("thinker").len(), 4, "as many as there is money for");
    let waits = world.handle.runs(Default::default()).await.unwrap();
    let waits = waits.iter().find(|run| run.status == "running").unwrap();
    let waits = world.run(&waits.id).await;
    assert!(waits.waiting[0].contains("the month budget of company"), "{:?}", waits.waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_was_held_and_not_spent_lets_the_next_one_go() {
    let world = world(&capped("0.10 EUR", ("month", "wait"))).await;
    *world.script.worst.lock().unwrap() = Some("0.10 EUR");
    world.script.will("thinker", std::iter::repeat_n(Turn::Costs(json!({ "answer": "x" }), "0.00 EUR"), 9));
    for n in 0..6 {
        world.start("thinks", &n.to_string()).await;
    }
    world.rest().await;
    assert_eq!(world.script.calls("thinker").len(), 6, "nobody waits for the end of the month");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_side_that_hangs_holds_nobody_back_who_goes_elsewhere() {
    let mut files = shop();
    files.push(("playbooks/thinks.toml", THINKS.to_owned()));
    let world = world(&files).await;
    world.script.will("desk.put", std::iter::repeat_n(Turn::Silent, 200));
    for n in 0..200 {
        world.start("put", &n.to_string()).await;
    }
    world.until(|script| script.calls("desk.put").len() == 64).await;
    for playbook in ["order", "ask", "thinks"] {
        let run = world.start(playbook, "k").await.run;
        let done = async || world.run(&run).await.line.status == "done";
        let wait = async {
            while !done().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("{playbook} waits"));
    }
    assert_eq!(world.script.calls("desk.put").len(), 64, "the one that hangs has its own places and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_gone_with_its_run_and_those_behind_it_go_on() {
    let world = World::with(&[]).await;
    let mut runs = Vec::new();
    for n in 0..6 {
        runs.push(world.start("slow", &n.to_string()).await.run);
        // Who stands where in the line is what is looked at, so they come one by one.
        world.rest().await;
    }
    world.handle.cancel(&runs[2], "not wanted", "operator").await.unwrap();
    world.handle.pause(&runs[3], "wait", "operator").await.unwrap();
    world.rest().await;
    world.pass(2_100).await;
    let keys: Vec<String> = world.script.calls("desk.slow").into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 4);
    // Both are let go at the same moment: which of them is called first is luck.
    let later = |run: &String| keys[2..].iter().any(|key| key.contains(run));
    assert!(later(&runs[4]) && later(&runs[5]), "{keys:?}");
    world.handle.resume(&runs[3], "", "operator").await.unwrap();
    world.pass(2_100).await;
    assert_eq!(world.run(&runs[3]).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_goes_on_after_a_restart() {
    let world = World::with(&[]).await;
    for n in 0..6 {
        world.start("slow", &n.to_string()).await;
    }
    world.rest().await;
    let world = world.killed().await;
    world.rest().await;
    for _ in 0..4 {
        world.pass(2_100).await;
    }
    let runs = world.handle.status().await.unwrap().runs;
    assert_eq!(runs, BTreeMap::from([("done".to_owned(), 6)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_one_thing() {
    let world = World::with(&[]).await;
    let wish = |text: Option<&str>, dry| StartRun {
        playbook: "put".to_owned(),
        key: Some("k".to_owned()),
        input: text.map(|text| ("text".to_owned(), json!(text))).into_iter().collect(),
        dry,
        by: "operator".to_owned(),
        ..StartRun::default()
    };
    let first = world.handle.start(wish(Some("hello"), false)).await.unwrap();
    world.rest().await;
    let world = world.killed().await;
    assert_eq!(world.handle.start(wish(Some("hello"), false)).await.unwrap().run, first.run);
    for other in [wish(Some("bye"), false), wish(None, false), wish(Some("hello"), true)] {
        let refused = world.handle.start(other.clone()).await;
        assert!(matches!(refused, Err(Error::Conflict { .. })), "{other:?}: {refused:?}");
    }
    let Err(Error::Conflict { reason }) = world.handle.start(wish(Some("bye"), false)).await else {
        panic!()
    };
    assert!(reason.contains(&first.run) && reason.contains("hello") && reason.contains("bye"), "{reason}");
    let stranger = StartRun { by: "agent:writer".to_owned(), ..wish(Some("bye"), false) };
    let Err(Error::Conflict { reason }) = world.handle.start(stranger).await else { panic!() };
    assert!(!reason.contains("hello") && reason.contains("text differs"), "{reason}");
    assert_eq!(world.script.calls("desk.put").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_waits_for_any_more_is_whole() {
    let world = World::with(&[]).await;
    let paused = || async { world.handle.status().await.unwrap().paused.len() };
    {
        let mut asked = Box::pin(world.handle.pause_scope(pause(PauseScope::Everything, "stop", "operator")));
        drop(futures::poll!(&mut asked));
    }
    world.rest().await;
    assert_eq!(paused().await, 1, "memory knows it");
    {
        let activation = Activation {
            plan: company(
                &[freeze("2026-06-30T00:00:00Z")].each_ref().map(|(path, text)| (*path, text.as_str())),
            ),
            revision: "r2".to_owned(),
            expected: Some("r1".to_owned()),
            held: BTreeMap::new(),
            detail: Default::default(),
            story: None,
            by: "operator".to_owned(),
        };
        let mut asked = Box::pin(world.handle.activate(activation));
        drop(futures::poll!(&mut asked));
    }
    world.rest().await;
    assert_eq!(world.handle.applied().unwrap().revision, "r2");
    {
        let mut asked = Box::pin(world.handle.resume_scope(PauseScope::Everything, "", "operator"));
        drop(futures::poll!(&mut asked));
    }
    world.rest().await;
    assert_eq!(paused().await, 0);
    let world = world.killed().await;
    assert_eq!(world.handle.status().await.unwrap().paused, []);
    assert_eq!(world.handle.applied().unwrap().revision, "r2", "the store says the same as memory did");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_a_year_ahead_leaves_nothing_that_waits_a_year() {
    let year = 365 * DAY;
    let now = monday();
    let rests = calls("put")
        .replace("[[step]]\nid = \"act\"", "[[step]]\nid = \"rest\"\nwait = \"1h\"\n[[step]]\nid = \"act\"");
    let files = [
        ("playbooks/rests.toml", rests.as_str()),
        (
            "policies/rests.toml",
            &format!("schema = \"adjutant/v1\"\ntitle = \"R\"\n{}", grants("rests", &["desk.put"])),
        ),
    ];
    for restarts in [false, true] {
        let world = World::with(&files).await;
        world.clock.advance(year);
        world.rest().await;
        world.script.will("desk.post", [Turn::Fail(ErrorClass::Transient)]);
        world.script.will("desk.put", std::iter::repeat_n(Turn::Fail(ErrorClass::Transient), 5));
        for n in 0..3 {
            world.start("slow", &n.to_string()).await;
        }
        for n in 0..5 {
            world.start("put", &n.to_string()).await;
        }
        world.start("post", "k").await;
        world.start("rests", "k").await;
        world.rest().await;
        world.clock.set(now);
        let world = if restarts { world.killed().await } else { world };
        world.rest().await;
        for _ in 0..8 {
            world.pass(30_000).await;
        }
        assert_eq!(world.script.calls("desk.slow").len(), 3, "a rate ({restarts})");
        assert_eq!(world.script.calls("desk.post").len(), 2, "a pause before a retry ({restarts})");
        assert!(world.script.calls("desk.put").len() > 8, "a breaker ({restarts})");
        world.pass(3_600_000).await;
        let runs = world.handle.status().await.unwrap().runs;
        assert_eq!(runs, BTreeMap::from([("done".to_owned(), 10)]), "a wait ({restarts})");
        let told = world.handle.status().await.unwrap().clock.last_set_back();
        assert!(told.is_some_and(|jump| jump.millis() < -300 * DAY.cast_signed()), "{told:?}");
        world.sound().await;
    }
}

/// Wakes who watches the clock, and says that this was not all: a clock that is set between two looks of theirs wakes nobody, where the
/// machine's own is looked at every half minute.
fn nudged(core: &Core) -> bool {
    core.wheel.look_again();
    false
}

/// The store may know the right time only when everything that follows is durable: the next process compares with what it knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_puts_a_clock_right_leaves_it_to_the_next() {
    const RUNS: usize = 8;
    let now = monday();
    let rests = calls("put")
        .replace("[[step]]\nid = \"act\"", "[[step]]\nid = \"rest\"\nwait = \"1h\"\n[[step]]\nid = \"act\"");
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"R\"\n{}", grants("rests", &["desk.put"]));
    let files = [("playbooks/rests.toml", rests.as_str()), ("policies/rests.toml", policy.as_str())];
    for durable in 0..=RUNS {
        let world = World::with(&files).await;
        world.clock.advance(365 * DAY);
        for run in 0..RUNS {
            world.start("rests", &run.to_string()).await;
        }
        world.rest().await;
        // Who watches the clock notes it by itself: a process that died before would have told the store nothing of the year.
        let (ahead, core) = (now.plus(365 * DAY), Arc::clone(&world.handle.core));
        let is_noted =
            || crate::runtime::stored_clock(core.journal.as_ref()).is_ok_and(|known| known.last.0 >= ahead);
        world.until(|_| is_noted() || nudged(&core)).await;
        world.rest().await;
        world.journal.hold();
        world.clock.set(now);
        world.until(|_| world.journal.unsynced() >= RUNS || nudged(&core)).await;
        let left = world.journal.crash(durable);
        let world = World::on(left, world.clock, world.script).await;
        world.rest().await;
        world.pass(3_600_000).await;
        let runs = world.handle.status().await.unwrap().runs;
        assert_eq!(runs, BTreeMap::from([("done".to_owned(), RUNS as u64)]), "{durable} are durable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_go_on_after_a_clock_that_was_a_year_ahead() {
    let trigger = "[trigger]\nkind = \"schedule\"\ncron = \"0 0 9 * * *\"\nzone = \"Europe/Berlin\"\ncatch_up = \"skip\"\n\
                   key = \"{{ event.slot }}\"\noverlap = \"allow\"\n[input.text]";
    let daily = calls("put").replace("[input.text]", trigger);
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{}", grants("daily", &["desk.put"]));
    let files = [("playbooks/daily.toml", daily.as_str()), ("policies/daily.toml", policy.as_str())];
    for restarts in [false, true] {
        let world = World::with(&files).await;
        world.pass(365 * DAY).await;
        world.clock.set(monday());
        let world = if restarts { world.killed().await } else { world };
        world.rest().await;
        let before = world.script.calls("desk.put").len();
        for _ in 0..24 {
            world.pass(DAY / 24).await;
        }
        assert_eq!(world.script.calls("desk.put").len(), before + 1, "restarted: {restarts}");
    }
}
