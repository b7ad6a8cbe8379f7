//! Why a delivery is where it is: from what became of it back to how it came in.

use super::{
    deliveries::{delivery, leads, opened, plan_of},
    *,
};
use crate::runtime::{Error, SetAside, views::WhyLine};

async fn why(world: &World, id: &str) -> Vec<WhyLine> {
    world.handle.why(id).await.expect("it can be explained").chain
}

fn kinds(chain: &[WhyLine]) -> Vec<&str> {
    chain.iter().map(|line| line.kind.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_says_where_it_came_from_what_became_of_it_and_what_it_waits_for() {
    let world = opened(&[]).await;
    let id = world.takes(delivery("m-1", "hello")).await.open.unwrap();
    let open = why(&world, &format!("delivery/{id}")).await;
    assert_eq!(kinds(&open), ["delivery", "waits", "waits", "event", "file"]);
    assert!(open[0].text.contains("starts nothing yet"), "{open:?}");
    assert!(open[1].text.contains("no playbook") && open[2].text.contains("revision"), "{open:?}");
    assert!(open[3].text.contains("\"lead\"") && open[3].text.contains("\"m-1\""), "{open:?}");
    assert_eq!(open[4].id, "connectors/form.toml");
    // As its line in `deliveries` names it, too.
    assert_eq!(why(&world, &id).await, open);
    let leads = leads("event.text", "");
    world.activate(plan_of(&[("playbooks/leads.toml", &leads)]), "r2", Some("r1")).await;
    world.rest().await;
    let started = why(&world, &format!("delivery/{id}")).await;
    assert_eq!(kinds(&started), ["delivery", "run", "event", "file"]);
    assert!(started[1].text.contains("playbook \"leads\", done"), "{started:?}");
    let run = why(&world, &started[1].id).await;
    assert!(run.iter().any(|line| line.kind == "trigger"), "the run's own story goes on: {run:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_and_what_was_dropped_say_so() {
    let world = opened(&[]).await;
    let bad = SetAside {
        connector: "form".to_owned(),
        event: String::new(),
        id: "file-1".to_owned(),
        by: "connector:form".to_owned(),
        content: json!({ "name": "a.eml", "folder": "/in/failed" }),
        reason: "it has no sender".to_owned(),
    };
    let id = world.handle.set_aside(bad).await.unwrap();
    let told = why(&world, &format!("delivery/{id}")).await;
    assert_eq!(kinds(&told), ["delivery", "waits", "waits", "event", "file", "file"]);
    assert!(told[1].text.contains("no sender") && told[2].text.contains("drop it"), "{told:?}");
    assert!(told[4].text.contains("\"a.eml\"") && told[4].text.contains("/in/failed"), "{told:?}");
    world.handle.drop_delivery(&id, "spam", "operator").await.unwrap();
    let told = why(&world, &format!("delivery/{id}")).await;
    assert_eq!(told[0].text, "operator dropped it: spam");
    assert!(!kinds(&told).contains(&"waits"), "{told:?}");
    for nowhere in ["delivery/nope", "delivery/", "schedule/form", "nope"] {
        let missing = world.handle.why(nowhere).await;
        assert!(matches!(missing, Err(Error::NotFound { .. })), "{nowhere}: {missing:?}");
    }
    let missing = world.handle.why("delivery/nope").await;
    assert!(matches!(missing, Err(Error::NotFound { what: "delivery", id }) if id == "nope"));
}
