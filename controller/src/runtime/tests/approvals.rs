//! What an approval is worth when the call is made: records that moved are asked about, a retry of the same payload is not.

use serde_json::json;

use super::*;
use crate::runtime::{PauseScope, Retry, tests::runs::world};

/// Reads a customer, asks, and posts the name.
const QUOTES: &str = r#"schema = "adjutant/v1"
title = "Quotes"
deadline = "30d"
[[step]]
id = "read"
[step.record]
kind = "customer"
key = "ada"
read = "one"
[[step]]
id = "ask"
gate = "Post?"
show = ["steps.read.value.name"]
risk = "low"
expires = "72h"
on = { denied = "close", expired = "close" }
[[step]]
id = "act"
call = "desk.post"
with = { text = "{{ steps.read.value.name }}" }
next = "done"
[[step]]
id = "close"
end = "cancelled"
[[step]]
id = "done"
end = "done"
"#;

fn writer(name: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\ntitle = \"W\"\n[[step]]\nid = \"write\"\nnext = \"done\"\n\
         on = {{ conflict = \"done\" }}\n[step.record]\nkind = \"customer\"\nkey = \"ada\"\nwrite = {{ name = \"{name}\" }}\n\
         [[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

async fn approved() -> (World, String) {
    let grant = format!(
        "schema = \"adjutant/v1\"\ntitle = \"R\"\n{}{}",
        grants("first", &["record.write"]),
        grants("second", &["record.write"])
    );
    let world = world(&[
        ("playbooks/quotes.toml", QUOTES.to_owned()),
        ("playbooks/first.toml", writer("Ada")),
        ("playbooks/second.toml", writer("Eve")),
        ("policies/records.toml", grant),
    ])
    .await;
    world.ran("first", "k").await;
    let run = world.ran("quotes", "k").await.line.id;
    world
        .handle
        .pause_scope(pause(PauseScope::Connector("desk".to_owned()), "test", "operator"))
        .await
        .unwrap();
    world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
    world.rest().await;
    (world, run)
}

async fn resume(world: &World) {
    world.handle.resume_scope(PauseScope::Connector("desk".to_owned()), "", "operator").await.unwrap();
    world.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_record_moved_after_the_approval_is_asked_about_and_not_sent() {
    let (world, run) = approved().await;
    world.ran("second", "k").await;
    resume(&world).await;
    assert_eq!(world.script.calls("desk.post"), [], "what was approved was about another customer's name");
    let gate = world.gate().await;
    assert!(gate.card.why.contains("customer \"ada\""), "{gate:#?}");
    world.handle.decide(approve(&gate), "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.script.calls("desk.post").len(), 1);
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_records_stand_goes_out_as_it_was_approved() {
    let (world, run) = approved().await;
    resume(&world).await;
    assert_eq!(world.script.calls("desk.post").len(), 1);
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_write_that_failed_is_tried_again_under_its_approval() {
    let (world, run) = approved().await;
    world.script.will("desk.post", [Turn::Fail(ErrorClass::Invalid)]);
    resume(&world).await;
    assert_eq!(world.run(&run).await.line.status, "failed");
    let answer = world.handle.retry(&run, Retry::default(), "operator").await.unwrap();
    // How far it came until somebody looked is luck; that it goes on is not.
    let goes_on = ["step \"act\"", "it is done"].iter().any(|place| answer.message.contains(place));
    assert!(goes_on, "{}", answer.message);
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "done", "nobody is asked again, and no grant is missing");
    assert_eq!(world.script.calls("desk.post").len(), 2);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_fails_again_at_once_says_so() {
    let (world, run) = approved().await;
    world.script.will("desk.post", [Turn::Fail(ErrorClass::Invalid)]);
    resume(&world).await;
    let edits = BTreeMap::from([("steps.read.value".to_owned(), json!({}))]);
    let retry = Retry { step: Some("act".to_owned()), edits, speaker: Speaker::Operator, reason: None };
    let answer = world.handle.retry(&run, retry, "operator").await.unwrap();
    assert!(answer.message.contains("failed again at once"), "{}", answer.message);
}
