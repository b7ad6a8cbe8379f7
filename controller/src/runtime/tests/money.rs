use serde_json::json;

use super::*;
use crate::runtime::tests::runs::world;

/// Asks an agent, and gives up where that costs too much.
pub(super) const THINKS: &str = r#"schema = "adjutant/v1"
title = "Thinks"
deadline = "30d"
[input.text]
type = "string"
default = "hi"
trust = "operator"
[[step]]
id = "think"
agent = "thinker"
with = { text = "{{ input.text }}" }
on = { over_budget = "poor", error = "poor", refused = "poor", low_confidence = "poor" }
next = "done"
[[step]]
id = "poor"
end = "cancelled"
[[step]]
id = "done"
end = "done"
"#;

/// The same under a cap of the whole company.
pub(super) fn capped(limit: &str, (window, on_exceed): (&str, &str)) -> Vec<(&'static str, String)> {
    let budget = format!(
        "schema = \"adjutant/v1\"\ntitle = \"Caps\"\n[[budget]]\nscope = \"company\"\nlimit = \"{limit}\"\n\
         window = \"{window}\"\non_exceed = \"{on_exceed}\"\n"
    );
    vec![("playbooks/thinks.toml", THINKS.to_owned()), ("policies/caps.toml", budget)]
}

async fn fifty(world: &World, from: usize) {
    let keys: Vec<String> = (from..from + 50).map(|n| n.to_string()).collect();
    futures::future::join_all(keys.iter().map(|key| world.start("thinks", key))).await;
}

fn total(spend: &crate::runtime::views::SpendView) -> Money {
    let budget = &spend.budgets[0];
    budget.reserved.plus(budget.settled).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_calls_at_once_never_pass_the_cap_even_across_a_crash() {
    let world = world(&capped("1.00 EUR", ("day", "refuse"))).await;
    *world.script.worst.lock().unwrap() = Some("0.10 EUR");
    world.script.will("thinker", std::iter::repeat_n(Turn::Silent, 100));
    fifty(&world, 0).await;
    world.until(|script| script.calls("thinker").len() == 10).await;
    let spend = world.handle.spend().await.unwrap();
    assert_eq!(total(&spend), "1.00 EUR".parse().unwrap());
    assert_eq!(spend.budgets[0].reserved, "1.00 EUR".parse().unwrap());
    let world = world.killed().await;
    world.rest().await;
    world.pass(600_000).await;
    let spend = world.handle.spend().await.unwrap();
    assert_eq!(total(&spend), "1.00 EUR".parse().unwrap(), "lost attempts count in full");
    assert_eq!(spend.budgets[0].reserved, "0.00 EUR".parse().unwrap());
    fifty(&world, 50).await;
    world.rest().await;
    assert_eq!(world.script.calls("thinker").len(), 10, "nothing more was asked");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_spent_is_free_again() {
    let world = world(&capped("0.25 EUR", ("day", "refuse"))).await;
    *world.script.worst.lock().unwrap() = Some("0.10 EUR");
    world.script.will("thinker", std::iter::repeat_n(Turn::Costs(json!({ "answer": "x" }), "0.01 EUR"), 9));
    for n in 0..9 {
        let run = world.ran("thinks", &n.to_string()).await;
        assert_eq!(run.line.status, "done", "{n}: {run:#?}");
    }
    let spend = world.handle.spend().await.unwrap();
    assert_eq!(spend.budgets[0].settled, "0.09 EUR".parse().unwrap());
    assert_eq!(spend.by["agent:thinker"], "0.09 EUR".parse().unwrap());
    assert_eq!(world.handle.status().await.unwrap().spend_today, Some("0.09 EUR".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_waits_goes_on_in_the_next_window() {
    let world = world(&capped("0.10 EUR", ("day", "wait"))).await;
    *world.script.worst.lock().unwrap() = Some("0.10 EUR");
    world.script.will("thinker", std::iter::repeat_n(Turn::Costs(json!({ "answer": "x" }), "0.10 EUR"), 2));
    assert_eq!(world.ran("thinks", "a").await.line.status, "done");
    let second = world.ran("thinks", "b").await;
    assert_eq!(second.effects[0].phase, "waiting_for_budget", "{second:#?}");
    let world = world.killed().await;
    world.pass(16 * 3_600_000 - 1).await;
    assert_eq!(world.script.calls("thinker").len(), 1, "not before midnight in Berlin");
    world.pass(1).await;
    assert_eq!(world.run(&second.line.id).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_the_default_cap_holds() {
    let world = world(&[("playbooks/thinks.toml", THINKS.to_owned())]).await;
    *world.script.worst.lock().unwrap() = Some("0.60 EUR");
    world.script.will("thinker", [Turn::Costs(json!({ "answer": "x" }), "0.60 EUR")]);
    assert_eq!(world.ran("thinks", "a").await.line.status, "done");
    assert_eq!(world.ran("thinks", "b").await.line.status, "cancelled", "the edge over_budget is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_spreads_calls_and_loses_none() {
    let world = World::with(&[]).await;
    for n in 0..6 {
        world.start("slow", &n.to_string()).await;
    }
    world.rest().await;
    assert_eq!(world.script.calls("desk.slow").len(), 2);
    world.pass(1_999).await;
    assert_eq!(world.script.calls("desk.slow").len(), 2, "no third one in the first window");
    for expected in [4, 6] {
        world.pass(2_100).await;
        assert_eq!(world.script.calls("desk.slow").len(), expected);
    }
    assert_eq!(world.handle.status().await.unwrap().runs, BTreeMap::from([("done".to_owned(), 6)]));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_holds_calls_back_without_using_attempts() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", std::iter::repeat_n(Turn::Fail(ErrorClass::Transient), 5));
    for n in 0..5 {
        world.start("put", &n.to_string()).await;
    }
    world.rest().await;
    let late = world.ran("put", "late").await;
    assert_eq!(late.effects[0].phase, "blocked_by_breaker", "{late:#?}");
    assert_eq!(world.script.calls("desk.put").len(), 5);
    for _ in 0..20 {
        world.pass(30_000).await;
    }
    assert_eq!(world.handle.status().await.unwrap().runs, BTreeMap::from([("done".to_owned(), 6)]));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_is_as_open_in_the_next_process_and_closes_there() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", std::iter::repeat_n(Turn::Fail(ErrorClass::Transient), 5));
    for n in 0..5 {
        world.start("put", &n.to_string()).await;
    }
    world.rest().await;
    let world = world.killed().await;
    world.rest().await;
    let late = world.ran("put", "late").await;
    assert_eq!(late.effects[0].phase, "blocked_by_breaker", "{late:#?}");
    assert_eq!(world.ran("post", "other").await.line.status, "done", "another verb has its own");
    world.pass(29_999).await;
    assert_eq!(world.script.calls("desk.put").len(), 5, "it opens again when the last process said");
    world.pass(1).await;
    assert!(world.script.calls("desk.put").len() > 5);
    for _ in 0..5 {
        world.pass(30_000).await;
    }
    assert_eq!(world.handle.status().await.unwrap().runs, BTreeMap::from([("done".to_owned(), 7)]));
    world.sound().await;
}
