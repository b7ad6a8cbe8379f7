use super::*;
use crate::runtime::tests::runs::world;

fn scheduled(catch_up: &str, overlap: &str) -> Vec<(&'static str, String)> {
    let trigger = format!(
        "[trigger]\nkind = \"schedule\"\ncron = \"0 0 9 * * *\"\nzone = \"Europe/Berlin\"\ncatch_up = \"{catch_up}\"\n\
         key = \"{{{{ event.slot }}}}\"\noverlap = \"{overlap}\"\n[input.text]"
    );
    let playbook = calls("put").replace("[input.text]", &trigger);
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{}", grants("daily", &["desk.put"]));
    vec![("playbooks/daily.toml", playbook), ("policies/daily.toml", policy)]
}

const HOUR: u64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_fires_in_civil_time_and_is_recorded() {
    let world = world(&scheduled("once", "allow")).await;
    world.pass(HOUR - 1).await;
    assert_eq!(world.script.calls("desk.put"), []);
    world.pass(1).await;
    assert_eq!(world.script.calls("desk.put").len(), 1);
    let slots = world.handle.slots("daily", 10).await.unwrap();
    assert_eq!((slots.len(), slots[0].slot.as_str()), (1, "2026-05-04T09:00:00+02:00"));
    assert_eq!((slots[0].outcome.as_str(), slots[0].late_ms), ("fired", 0));
    world.pass(24 * HOUR).await;
    assert_eq!(world.script.calls("desk.put").len(), 2);
    world.sound().await;
}

async fn after_three_days(catch_up: &str) -> (usize, Vec<String>) {
    let world = world(&scheduled(catch_up, "allow")).await;
    world.clock.advance(3 * 24 * HOUR);
    let world = world.killed().await;
    world.rest().await;
    world.sound().await;
    let slots = world.handle.slots("daily", 10).await.unwrap();
    (world.script.calls("desk.put").len(), slots.into_iter().map(|slot| slot.outcome).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_passed_while_nothing_ran_are_dealt_with_as_told() {
    assert_eq!(
        after_three_days("skip").await,
        (0, vec!["skipped".into(), "skipped".into(), "skipped".into()])
    );
    assert_eq!(after_three_days("once").await, (1, vec!["fired".into(), "skipped".into(), "skipped".into()]));
    assert_eq!(after_three_days("all").await, (3, vec!["fired".into(), "fired".into(), "fired".into()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_does_not_overlap_where_it_must_not() {
    let world = world(&scheduled("once", "skip")).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let pause = crate::runtime::PauseScope::Everything;
    world.handle.pause_scope(pause.clone(), "test", "operator").await.unwrap();
    world.pass(HOUR).await;
    world.pass(24 * HOUR).await;
    let slots = world.handle.slots("daily", 10).await.unwrap();
    assert_eq!(slots[0].reason.as_deref(), Some("another run of the playbook is live"), "{slots:?}");
    assert_eq!(slots[1].outcome, "fired");
}
