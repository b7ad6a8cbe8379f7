//! What a playbook says of a second event while its run is live: `overlap`.

use super::{
    deliveries::{delivery, leads, opened, plan_of},
    *,
};
use crate::runtime::views::DeliveryLine;

impl World {
    /// Waits until a delivery is open no more.
    async fn settled(&self, delivery: &str) -> DeliveryLine {
        let look = async {
            loop {
                let all = self.all().await;
                let found = all.into_iter().find(|line| line.delivery == delivery && line.state != "open");
                match found {
                    Some(line) => return line,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), look).await.expect("it is tried again")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overlap_skip_is_the_playbooks_own_word_and_leaves_a_trace() {
    let leads = leads("event.text", "overlap = \"skip\"\n");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    world.script.will("desk.put", [Turn::Held(json!({ "id": "1" }))]);
    world.takes(delivery("m-1", "first")).await;
    let skipped = world.takes(delivery("m-2", "second")).await;
    assert!(skipped.runs.is_empty() && skipped.open.is_none(), "{skipped:?}");
    assert!(skipped.why.as_deref().unwrap().contains("another run"), "{skipped:?}");
    let all = world.all().await;
    assert_eq!((all.len(), all[0].state.as_str(), all[0].delivery.as_str()), (1, "dropped", "m-2"));
    assert!(world.takes(delivery("m-2", "second")).await.known);
    world.script.released.send_replace(true);
    world.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overlap_replace_cancels_what_is_live_and_starts_at_once() {
    let leads = leads("event.text", "overlap = \"replace\"\n");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    world.script.will("desk.put", [Turn::Ok(json!({ "id": "1" })), Turn::Held(json!({ "id": "2" }))]);
    let done = world.takes(delivery("m-1", "first")).await.runs[0].run.clone();
    world.rest().await;
    let held = world.takes(delivery("m-2", "second")).await.runs[0].run.clone();
    let newest = world.takes(delivery("m-3", "third")).await.runs[0].run.clone();
    assert!(world.takes(delivery("m-3", "third")).await.known, "the same message replaces nothing");
    world.script.released.send_replace(true);
    world.rest().await;
    let status = async |run: &str| world.run(run).await.line.status;
    let all = [status(&done).await, status(&held).await, status(&newest).await];
    assert_eq!(all, ["done", "cancelled", "done"], "what has ended stays as it ended");
    let why = world.handle.why(&held).await.unwrap();
    assert!(why.chain.iter().any(|line| line.text.contains("takes its place")), "{why:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_late_takes_the_place_of_nothing_newer() {
    let by_text = leads("event.text", "overlap = \"replace\"\n")
        .replace("key = \"{{ event.id }}\"", "key = \"{{ event.text }}\"");
    let world = opened(&[("playbooks/leads.toml", &by_text)]).await;
    world.script.will("desk.put", [Turn::Held(json!({ "id": "1" }))]);
    let late = world.takes(delivery("m-1", "")).await;
    assert!(late.open.is_some(), "its key is empty: {late:?}");
    world.clock.advance(1_000);
    let newer = world.takes(delivery("m-2", "second")).await.runs[0].run.clone();
    let by_id = leads("event.text", "overlap = \"replace\"\n");
    world.activate(plan_of(&[("playbooks/leads.toml", &by_id)]), "r2", Some("r1")).await;
    let of_late = world.settled("m-1").await;
    assert_eq!(of_late.state, "dropped", "{of_late:?}");
    assert!(of_late.reason.contains("newer"), "{of_late:?}");
    world.script.released.send_replace(true);
    world.rest().await;
    assert_eq!(world.run(&newer).await.line.status, "done");
    world.sound().await;
}
