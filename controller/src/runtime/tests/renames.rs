//! Renames: a live run keeps its grants, its pauses, its budgets and its place, whatever its playbook is called by now.

use serde_json::json;

use super::*;
use crate::runtime::{Delivery, PauseScope, RunFilter};

/// The company in which `put` is called `place`, and formerly something else too.
fn renamed() -> Arc<Plan> {
    let place = calls("put").replace("title = \"Calls\"", "title = \"Calls\"\nwas = [\"set\", \"put\"]");
    let grant = format!("schema = \"adjutant/v1\"\ntitle = \"R\"\n{}", grants("place", &["desk.put"]));
    let mut files = files(&[("playbooks/place.toml", &place), ("policies/renamed.toml", &grant)]);
    files.remove("playbooks/put.toml");
    files.insert("policies/grants.toml".to_owned(), granted(&["post", "book", "slow"]).into_bytes());
    plan(&files)
}

async fn with_a_live_run() -> (World, String) {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("put", "k").await.line.id;
    world.activate(renamed(), "r2", Some("r1")).await;
    (world, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_run_keeps_its_grants() {
    let (world, run) = with_a_live_run().await;
    world.pass(60_000).await;
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_by_whatever_name() {
    for name in ["put", "set", "place"] {
        let (world, run) = with_a_live_run().await;
        world
            .handle
            .pause_scope(pause(PauseScope::Playbook(name.to_owned()), "test", "operator"))
            .await
            .unwrap();
        world.pass(60_000).await;
        assert_eq!(world.script.calls("desk.put").len(), 1, "{name}: nothing more starts");
        let world = world.killed().await;
        world.pass(60_000).await;
        assert_eq!(world.script.calls("desk.put").len(), 1, "{name}: after a restart neither");
        world.handle.resume_scope(PauseScope::Playbook("place".to_owned()), "", "operator").await.unwrap();
        world.rest().await;
        assert_eq!(world.run(&run).await.line.status, "done", "{name}");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_find_the_runs_of_all_its_names() {
    let (world, run) = with_a_live_run().await;
    for name in ["put", "set", "place"] {
        let filter = RunFilter { playbook: Some(name.to_owned()), ..RunFilter::default() };
        let found = world.handle.runs(filter).await.unwrap();
        assert_eq!(
            found.iter().map(|line| line.id.clone()).collect::<Vec<_>>(),
            std::slice::from_ref(&run),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_under_the_old_name_is_another_run_of_the_new_one() {
    let hook = "schema = \"adjutant/v1\"\ntitle = \"Hook\"\nkind = \"webhook\"\nsecret = \"hook\"\n\
                [events.thing]\nid = \"string\"\n";
    let trigger = "[trigger]\nkind = \"event\"\nconnector = \"hook\"\nevent = \"thing\"\nkey = \"{{ event.id }}\"\n\
                   overlap = \"skip\"\n[input.text]";
    let old = calls("put").replace("[input.text]", trigger);
    let new = old.replace("title = \"Calls\"", "title = \"Calls\"\nwas = [\"put\"]");
    let world = World::with(&[("playbooks/put.toml", &old), ("connectors/hook.toml", hook)]).await;
    world
        .handle
        .pause_scope(pause(PauseScope::Connector("desk".to_owned()), "test", "operator"))
        .await
        .unwrap();
    let delivery = |id: &str| Delivery {
        connector: "hook".to_owned(),
        event: "thing".to_owned(),
        id: id.to_owned(),
        fields: json!({ "id": id }),
        by: "connector:hook".to_owned(),
        within: None,
    };
    assert_eq!(world.handle.intake(delivery("one")).await.unwrap().runs.len(), 1);
    let mut files = files(&[("connectors/hook.toml", hook), ("playbooks/place.toml", &new)]);
    files.remove("playbooks/put.toml");
    files.insert("policies/grants.toml".to_owned(), granted(&["post", "book", "slow"]).into_bytes());
    let grant = format!("schema = \"adjutant/v1\"\ntitle = \"R\"\n{}", grants("place", &["desk.put"]));
    files.insert("policies/renamed.toml".to_owned(), grant.into_bytes());
    world.activate(plan(&files), "r2", Some("r1")).await;
    assert_eq!(
        world.handle.intake(delivery("two")).await.unwrap().runs,
        [],
        "the first one is live under its old name"
    );
}
