use serde_json::json;

use super::*;
use crate::runtime::{CorrectWish, Error, PauseScope, tests::runs::world};

const PARENT: &str = r#"schema = "adjutant/v1"
title = "Runs another"
deadline = "30d"
[[step]]
id = "child"
run = "put"
with = { text = "from above" }
parent_close = "cancel"
on = { failed = "close" }
next = "done"
[[step]]
id = "close"
end = "cancelled"
[[step]]
id = "done"
end = "done"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_child_run_answers_its_parent() {
    let world = World::with(&[("playbooks/parent.toml", PARENT)]).await;
    let parent = world.ran("parent", "k").await;
    assert_eq!(parent.line.status, "done", "{parent:#?}");
    let child = world.run(&parent.children[0]).await;
    assert_eq!(
        (child.line.status.as_str(), child.parent.as_ref().map(|effect| effect.run.clone())),
        ("done", Some(parent.line.id))
    );
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_run_is_cancelled_with_its_parent() {
    let world = World::with(&[("playbooks/parent.toml", PARENT)]).await;
    world
        .handle
        .pause_scope(pause(PauseScope::Playbook("put".to_owned()), "test", "operator"))
        .await
        .unwrap();
    let parent = world.ran("parent", "k").await;
    let world = world.killed().await;
    world.rest().await;
    world.handle.cancel(&parent.line.id, "test", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&parent.line.id).await.line.status, "cancelled");
    assert_eq!(world.run(&parent.children[0]).await.line.status, "cancelled");
    assert_eq!(world.script.calls("desk.put"), []);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_starts_nothing_and_a_killed_one_ends_at_once() {
    let world = World::with(&[]).await;
    world.script.will("desk.post", [Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("post", "k").await.line.id;
    world.handle.pause(&run, "wait", "operator").await.unwrap();
    world.pass(60_000).await;
    assert_eq!(world.script.calls("desk.post").len(), 1);
    world.handle.resume(&run, "it answers again", "operator").await.unwrap();
    let log = world.handle.log(&adjutant_machine::id::InstanceId::run(&run), 1, 100).await.unwrap();
    let resumed = log.iter().find(|line| line.event["event"] == "run_resumed").expect("it stands in the log");
    assert_eq!(resumed.event["reason"], "it answers again");
    world.rest().await;
    world.pass(60_000).await;
    assert_eq!(world.run(&run).await.line.status, "done");
    assert!(matches!(world.handle.kill(&run, "late", "operator").await, Err(Error::Conflict { .. })));
    world.script.will("desk.put", [Turn::Held(json!({ "id": "1" }))]);
    let other = world.start("put", "l").await.run;
    world.handle.kill(&other, "enough", "operator").await.unwrap();
    assert_eq!(world.run(&other).await.line.status, "killed");
    world.script.released.send_replace(true);
    world.rest().await;
    assert_eq!(world.run(&other).await.line.status, "killed", "a late answer changes nothing");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_of_level_notify_acts_and_tells_once() {
    let tell = "schema = \"adjutant/v1\"\ntitle = \"Tell\"\n[[autonomy]]\nsubject = \"playbook:put\"\n\
                verb = \"desk.put\"\nlevel = \"notify\"\n";
    let world = World::with(&[("policies/tell.toml", tell)]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("put", "k").await.line.id;
    assert!(world.script.notices.lock().unwrap().is_empty(), "nothing was done yet");
    world.pass(60_000).await;
    assert_eq!(world.run(&run).await.line.status, "done");
    let told = world.script.notices.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].topic, "act");
    assert_eq!(told[0].title, format!("desk.put was done by step \"act\" of {run}"));
    assert_eq!(world.ran("post", "k").await.line.status, "done");
    assert_eq!(world.script.notices.lock().unwrap().len(), 1, "a grant of level act tells nobody");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tighter_policy_acts_on_live_runs_at_once() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("put", "k").await.line.id;
    let ask = "schema = \"adjutant/v1\"\ntitle = \"Ask\"\n[[autonomy]]\nsubject = \"playbook:put\"\n\
               verb = \"desk.put\"\nlevel = \"ask\"\n";
    let tighter = company(&[("policies/ask.toml", ask)]);
    let activation = Activation {
        plan: tighter,
        revision: "r2".to_owned(),
        expected: Some("r1".to_owned()),
        held: BTreeMap::new(),
        detail: Default::default(),
        story: None,
        by: "operator".to_owned(),
    };
    let stale = Activation { expected: Some("r0".to_owned()), ..activation.clone() };
    assert!(matches!(world.handle.activate(stale).await, Err(Error::Conflict { .. })));
    world.handle.activate(activation).await.unwrap();
    world.pass(60_000).await;
    assert_eq!(world.script.calls("desk.put").len(), 1, "the second attempt waits for a person");
    let shown = world.run(&run).await;
    assert_eq!(shown.effects[0].phase, "waiting_for_approval", "{shown:#?}");
    assert_eq!(world.handle.applied().unwrap().revision, "r2");
    let world = world.killed().await;
    assert_eq!(world.handle.applied().unwrap().revision, "r2", "it is in force after a restart");
    world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

/// What a playbook says now is for the runs that begin now.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_run_goes_on_by_the_definition_that_it_began_with() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("put", "k").await.line.id;
    let posts = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{}", grants("put", &["desk.post"]));
    // Another call in the same place, and a step that was not there.
    let other = calls("post")
        .replace("[[step]]\nid = \"act\"", "[[step]]\nid = \"rest\"\nwait = \"1h\"\n[[step]]\nid = \"act\"");
    let changed = company(&[("playbooks/put.toml", &other), ("policies/posts.toml", &posts)]);
    world.activate(changed, "r2", Some("r1")).await;
    let world = world.killed().await;
    world.rest().await;
    world.pass(60_000).await;
    assert_eq!(world.run(&run).await.line.status, "done");
    assert_eq!((world.script.calls("desk.put").len(), world.script.calls("desk.post").len()), (2, 0));
    assert_eq!(world.ran("put", "new").await.line.status, "waiting", "a new run takes the new steps");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_holds_until_it_ends() {
    let freeze = "schema = \"adjutant/v1\"\ntitle = \"F\"\n[[freeze]]\nfrom = \"2026-05-04T00:00:00Z\"\n\
                  until = \"2026-05-04T07:00:00Z\"\nreason = \"holiday\"\nscope = \"company\"\n";
    let world = world(&[("policies/freeze.toml", freeze.to_owned())]).await;
    let run = world.ran("put", "k").await;
    assert_eq!(run.effects[0].phase, "held", "{run:#?}");
    world.pass(3_600_000 - 1).await;
    assert_eq!(world.script.calls("desk.put"), []);
    world.pass(1).await;
    assert_eq!(world.run(&run.line.id).await.line.status, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_leaves_the_rest_to_the_next_process() {
    let world = World::with(&[]).await;
    world
        .handle
        .pause_scope(pause(PauseScope::Connector("desk".to_owned()), "test", "operator"))
        .await
        .unwrap();
    let run = world.ran("put", "k").await.line.id;
    world.handle.shutdown().await;
    let refused = world.handle.cancel(&run, "late", "operator").await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    let world = world.killed().await;
    world.handle.resume_scope(PauseScope::Connector("desk".to_owned()), "", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_hear_of_each_change() {
    let world = World::with(&[]).await;
    let mut changes = world.handle.subscribe();
    let run = world.ran("put", "k").await.line.id;
    let first = changes.recv().await.unwrap();
    assert_eq!((first.instance.name.as_str(), first.kind.as_str()), (run.as_str(), "effect_leased"));
    assert_eq!(changes.recv().await.unwrap().kind, "effect_succeeded");
}

/// Sorts texts into two classes; [`SORT`] asks it.
pub(super) const ROUTE: &str = r#"schema = "adjutant/v1"
title = "What it is"
[[class]]
id = "lead"
description = "Somebody wants to buy."
[[class]]
id = "support"
description = "Something is broken."
"#;

pub(super) const SORT: &str = r#"schema = "adjutant/v1"
title = "Sorts"
[[step]]
id = "sort"
route = "inbound"
text = "hello"
on = { lead = "done", support = "done", unsure = "done" }
[[step]]
id = "done"
end = "done"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_says_of_a_decision_is_kept_and_found_by_its_route() {
    let world = World::with(&[("routes/inbound.toml", ROUTE), ("playbooks/sort.toml", SORT)]).await;
    world
        .script
        .will("inbound", [Turn::Ok(json!({ "class": "lead", "probability": 0.9, "stage": "router" }))]);
    let run = world.ran("sort", "k").await;
    assert_eq!(run.line.status, "done", "{run:#?}");
    let say = async |step: &str, class: Option<&str>| {
        let judged = CorrectWish { step: step.to_owned(), class: class.map(str::to_owned) };
        world.handle.correct(&run.line.id, judged, "operator").await
    };
    let refused = say("sort", Some("spam")).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Invalid { .. }) && refused.to_string().contains("lead, support"),
        "{refused}"
    );
    assert!(matches!(say("done", None).await, Err(Error::Invalid { .. })), "no route step");
    assert!(matches!(say("nowhere", None).await, Err(Error::NotFound { .. })));

    assert!(say("sort", Some("support")).await.unwrap().applied);
    assert!(!say("sort", Some("support")).await.unwrap().applied, "said before");
    let world = world.killed().await;
    let found = world.handle.corrections("inbound").await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    let words = |class: &Option<String>| class.clone().unwrap_or_default();
    assert_eq!((words(&found[0].decided), words(&found[0].class)), ("lead".to_owned(), "support".to_owned()));
    assert_eq!(found[0].text, "hello", "the text is read where the run asked");
    assert_eq!(world.handle.corrections("other").await.unwrap(), []);
    let shown = world.run(&run.line.id).await;
    assert_eq!(shown.steps[0].judged.as_ref().unwrap().class.as_deref(), Some("support"));
    world.sound().await;
}
