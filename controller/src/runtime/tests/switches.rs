//! Pauses are kill switches with a log: who paused what, when, why and until when, and who let it go on.

use adjutant_machine::id::{InstanceId, InstanceKind};
use serde_json::json;

use super::*;
use crate::runtime::{Error, Pause, PauseScope, tests::money::THINKS};

const HOUR: u64 = 3_600_000;

pub(super) fn pause(scope: PauseScope, reason: &str, by: &str) -> Pause {
    Pause { scope, reason: reason.to_owned(), by: by.to_owned(), until: None }
}

async fn log(world: &World, name: &str) -> Vec<(String, String, Value)> {
    let id = InstanceId { kind: InstanceKind::Switch, name: name.to_owned() };
    let lines = world.handle.log(&id, 1, 100).await.expect("the switch has a log");
    let word = |event: &Value| event["event"].as_str().unwrap().to_owned();
    lines.into_iter().map(|line| (line.by.clone(), word(&line.event), line.event["reason"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_and_resumes_are_entries() {
    let world = World::with(&[]).await;
    let scopes = [
        (PauseScope::Everything, "everything"),
        (PauseScope::Playbook("put".into()), "playbook.put"),
        (PauseScope::Connector("desk".into()), "connector.desk"),
    ];
    for (scope, name) in scopes {
        world.handle.pause_scope(pause(scope.clone(), "it smells", "ada")).await.unwrap();
        let again = world.handle.pause_scope(pause(scope.clone(), "again", "bob")).await.unwrap();
        assert!(!again.applied && again.message.contains("ada"), "{}", again.message);
        let world_after = world.handle.status().await.unwrap().paused;
        assert_eq!((world_after[0].by.as_str(), world_after[0].reason.as_str()), ("ada", "it smells"));
        world.handle.resume_scope(scope, "it is clean", "bob").await.unwrap();
        let wanted = [("ada", "paused", json!("it smells")), ("bob", "resumed", json!("it is clean"))];
        let wanted = wanted.map(|(by, event, reason)| (by.to_owned(), event.to_owned(), reason));
        assert_eq!(log(&world, name).await, wanted);
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_with_an_end_ends_by_itself_and_its_log_says_so() {
    let world = World::with(&[]).await;
    let pause = |until| Pause {
        scope: PauseScope::Connector("desk".into()),
        reason: "lunch".into(),
        by: "ada".into(),
        until: Some(until),
    };
    let past = world.handle.pause_scope(pause(Stamp(1))).await;
    assert!(matches!(past, Err(Error::Invalid { .. })), "{past:?}");
    world.handle.pause_scope(pause(monday().plus(HOUR))).await.unwrap();
    let run = world.ran("put", "k").await;
    assert_eq!(run.effects[0].phase, "held");
    world.pass(HOUR - 1).await;
    assert_eq!(world.script.calls("desk.put"), []);
    let world = world.killed().await;
    world.pass(1).await;
    assert_eq!(world.run(&run.line.id).await.line.status, "done");
    let log = log(&world, "connector.desk").await;
    assert_eq!((log[1].0.as_str(), log[1].1.as_str()), ("host", "resumed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connector_is_not_called_by_verbs_probes_undos_or_agents() {
    let world = World::with(&[("playbooks/thinks.toml", THINKS)]).await;
    for name in ["desk", "llm"] {
        world
            .handle
            .pause_scope(pause(PauseScope::Connector(name.into()), "stop", "operator"))
            .await
            .unwrap();
    }
    for playbook in ["put", "post", "book", "thinks"] {
        let run = world.ran(playbook, "k").await;
        assert_eq!(run.effects[0].phase, "held", "{playbook}: {run:#?}");
        assert!(run.waiting[0].contains("is paused"), "{:?}", run.waiting);
    }
    assert!(world.script.seen.lock().unwrap().is_empty());
    world.handle.resume_scope(PauseScope::Connector("desk".into()), "", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.script.calls("thinker"), [], "the model is still paused");
    world.handle.resume_scope(PauseScope::Connector("llm".into()), "", "operator").await.unwrap();
    world.rest().await;
    let runs = world.handle.status().await.unwrap().runs;
    assert_eq!(runs, BTreeMap::from([("done".to_owned(), 4)]));
    // A probe, and an undo, of what was begun before the pause.
    world.script.will("desk.book", [Turn::Unknown]);
    world.script.will("desk.find", [Turn::Found(Some(json!({ "id": "1" })))]);
    let run = world.start("book", "l").await.run;
    world.until(|script| script.calls("desk.book").len() == 2).await;
    world.rest().await;
    assert_eq!(world.script.calls("desk.find").len(), 1);
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_finds_its_door_shut_goes_again_and_costs_no_attempt() {
    let world = World::with(&[]).await;
    for verb in ["put", "post", "book"] {
        let target = format!("desk.{verb}");
        world.script.will(&target, std::iter::repeat_n(Turn::Shut, 5));
        let run = world.ran(verb, "k").await;
        assert_eq!(run.line.status, "done", "{run:#?}");
        let calls = world.script.calls(&target);
        assert_eq!(calls.len(), 6);
        assert!(calls.iter().all(|(key, _)| *key == calls[0].0), "one key: {calls:?}");
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_knows_its_playbook_and_its_connector_by_every_name() {
    let world = World::with(&[]).await;
    world.handle.pause_scope(pause(PauseScope::Playbook("put".into()), "stop", "operator")).await.unwrap();
    let run = world.ran("put", "k").await.line.id;
    let renamed = calls("put").replace("title = \"Calls\"", "title = \"Calls\"\nwas = [\"put\"]");
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{}", grants("store", &["desk.put"]));
    let mut files = adjutant_spec::files::FileSet::new();
    for (path, text) in [
        ("adjutant.toml", COMPANY),
        ("connectors/desk.toml", DESK),
        ("playbooks/store.toml", renamed.as_str()),
        ("policies/p.toml", policy.as_str()),
    ] {
        files.insert(path, text.as_bytes().to_vec());
    }
    let plan = adjutant_spec::load(&files);
    let plan = plan.plan.unwrap_or_else(|| panic!("{}", plan.report.render()));
    world.activate(plan, "r2", Some("r1")).await;
    world.start("store", "l").await;
    world.rest().await;
    assert_eq!(world.script.calls("desk.put"), [], "a new name ends no pause");
    assert_eq!(world.run(&run).await.effects[0].phase, "held");
    world.handle.resume_scope(PauseScope::Playbook("store".into()), "", "operator").await.unwrap();
    world.rest().await;
    assert!(world.handle.status().await.unwrap().paused.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_waits_for_its_door_however_long_that_is() {
    let tell = "schema = \"adjutant/v1\"\ntitle = \"Tell\"\n[[autonomy]]\nsubject = \"playbook:put\"\n\
                verb = \"desk.put\"\nlevel = \"notify\"\n";
    let world = World::with(&[("policies/tell.toml", tell)]).await;
    *world.script.is_shut.lock().unwrap() = true;
    world.handle.pause_scope(pause(PauseScope::Playbook("post".into()), "stop", "operator")).await.unwrap();
    world.ran("put", "k").await;
    world.pass(40 * 24 * HOUR).await;
    assert!(world.script.notices.lock().unwrap().is_empty());
    *world.script.is_shut.lock().unwrap() = false;
    world.handle.resume_scope(PauseScope::Playbook("post".into()), "", "operator").await.unwrap();
    world.until(|script| script.notices.lock().unwrap().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_pauses_than_a_page_stand_after_a_restart() {
    let world = World::with(&[]).await;
    let row = |n: usize| {
        adjutant_machine::journal::RowWrite {
        table: adjutant_machine::journal::Table::Host,
        key: [b"pause\0".as_slice(), format!("connector:c{n:05}").as_bytes()].concat(),
        value: Some(
            json!({ "scope": format!("connector:c{n:05}"), "reason": "x", "by": "o", "at": "2026-05-04T06:00:00Z" })
                .to_string()
                .into_bytes(),
        ),
    }
    };
    let writes = (0..2_345).map(row).collect();
    world.journal.append(adjutant_machine::journal::Batch { writes, ..Default::default() }).unwrap();
    let world = world.killed().await;
    assert_eq!(world.handle.status().await.unwrap().paused.len(), 2_345);
}
