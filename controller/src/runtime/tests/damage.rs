//! Damage: one run that cannot be read is set aside, and everything else goes on.

use adjutant_machine::{
    event::Settlement,
    id::InstanceId,
    journal::{self, Batch, RowWrite, Table},
    memory::Spoilt,
};
use serde_json::json;

use super::*;
use crate::runtime::{Delivery, Error, PauseScope, Retry, RunFilter, view::orphaned};

/// What a hand or a bad disk did to an entry of one run.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// Its checksum does not follow from it.
    Spoilt,
    /// The checksum is right, the bytes are no entry.
    NoEntry,
    /// The checksum is right, the bytes are half an entry.
    Cut,
}

const DAMAGES: [Damage; 3] = [Damage::Spoilt, Damage::NoEntry, Damage::Cut];

/// The entry that is damaged.
const ENTRY: u64 = 2;

fn payload(world: &World, id: &InstanceId) -> Vec<u8> {
    let tail = world.journal.load(id).unwrap().unwrap().tail;
    tail.into_iter().find(|(seq, _)| *seq == ENTRY).unwrap().1.payload
}

fn damage(world: &World, run: &str, damage: Damage) {
    let id = InstanceId::run(run);
    match damage {
        Damage::Spoilt => world.journal.spoil(Spoilt::Entry(id, ENTRY)),
        Damage::NoEntry => assert!(world.journal.tamper(&id, ENTRY, b"\x02{\"envelope\":")),
        Damage::Cut => {
            let whole = payload(world, &id);
            assert!(world.journal.tamper(&id, ENTRY, &whole[..whole.len() / 2]));
        }
    }
}

/// Every row is accounted for. What a hand did to the log stays in the chain: that is what the chain is for.
async fn accounted(world: &World) {
    let audit = world.handle.audit().await.unwrap();
    assert!(audit.findings.is_empty(), "{audit:?}");
}

/// A world with a run that waits to try again, and one behind a gate; the first one is damaged, and the process begins anew.
async fn damaged(what: Damage) -> (World, String, String) {
    let gated = crate::runtime::tests::runs::GATED;
    let grant = format!("schema = \"adjutant/v1\"\ntitle = \"G\"\n{}", grants("gated", &["desk.post"]));
    let world = World::with(&[("playbooks/gated.toml", gated), ("policies/gated.toml", &grant)]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let bad = world.ran("put", "bad").await.line.id;
    let good = world.ran("gated", "good").await.line.id;
    damage(&world, &bad, what);
    let world = world.killed().await;
    // Its timer is due: the start must not die of it.
    world.clock.advance(60_000);
    world.rest().await;
    (world, bad, good)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_run_is_set_aside_and_every_list_and_every_other_run_goes_on() {
    for what in DAMAGES {
        let (world, bad, good) = damaged(what).await;
        let runs = world.handle.runs(RunFilter::default()).await.unwrap();
        let status = |id: &str| runs.iter().find(|line| line.id == id).map(|line| line.status.clone());
        assert_eq!(status(&bad).as_deref(), Some("quarantined"), "{what:?}: {runs:?}");
        assert_eq!(status(&good).as_deref(), Some("waiting"), "{what:?}");
        let listed = world.handle.status().await.unwrap();
        assert_eq!(listed.quarantined.len(), 1, "{what:?}: {listed:?}");
        assert_eq!(listed.runs.get("quarantined"), Some(&1), "{what:?}: it counts as nothing else");
        let audit = world.handle.audit().await.unwrap();
        assert!(audit.findings.iter().any(|found| found.instance.name == bad), "{what:?}: {audit:?}");
        assert!(world.handle.why(&good).await.is_ok(), "{what:?}");
        assert!(
            world.handle.dead(PageWish::default()).await.is_ok() && world.handle.spend().await.is_ok(),
            "{what:?}"
        );
        world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
        world.rest().await;
        assert_eq!(world.run(&good).await.line.status, "done", "{what:?}");
        assert_eq!(world.ran("put", "new").await.line.status, "done", "{what:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_run_says_what_can_be_typed_and_a_kill_always_works() {
    for what in DAMAGES {
        let (world, bad, _) = damaged(what).await;
        for refused in [
            world.handle.cancel(&bad, "x", "operator").await,
            world.handle.retry(&bad, Retry::default(), "operator").await,
            world.handle.pause(&bad, "x", "operator").await,
        ] {
            let refused = refused.unwrap_err();
            assert!(refused.to_string().contains(&format!("adjutant kill {bad}")), "{what:?}: {refused}");
        }
        assert!(world.handle.kill(&bad, "it is damaged", "operator").await.unwrap().applied, "{what:?}");
        let shown = world.run(&bad).await;
        assert_eq!((shown.line.status.as_str(), shown.line.playbook.as_str()), ("killed", "put"), "{what:?}");
        assert!(world.handle.status().await.unwrap().quarantined.is_empty(), "{what:?}");
        accounted(&world).await;
        let refused = world.handle.retry(&bad, Retry::default(), "operator").await.unwrap_err();
        assert!(refused.to_string().contains("adjutant run put"), "{what:?}: {refused}");
        let world = world.killed().await;
        world.rest().await;
        assert_eq!(world.run(&bad).await.line.status, "killed", "{what:?}: after a restart too");
        accounted(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_damaged_run_had_under_way_stays_in_doubt_and_can_be_settled() {
    for (verb, what) in [("post", Damage::NoEntry), ("put", Damage::Spoilt), ("book", Damage::Cut)] {
        let world = World::with(&[]).await;
        world.script.will(&format!("desk.{verb}"), [Turn::Silent]);
        let run = world.start(verb, "k").await.run;
        world.until(|script| script.calls(&format!("desk.{verb}")).len() == 1).await;
        damage(&world, &run, what);
        let world = world.killed().await;
        world.rest().await;
        world.handle.kill(&run, "it is damaged", "operator").await.unwrap();
        world.rest().await;
        let dead = world.dead().await;
        assert_eq!(dead.len(), 1, "{verb}: nobody knows whether it happened: {dead:?}");
        assert!(
            world.script.notices.lock().unwrap().iter().any(|notice| notice.topic == "unknown"),
            "{verb}"
        );
        world.handle.settle(&dead[0].effect.id, Settlement::Happened(json!({})), "operator").await.unwrap();
        assert!(world.dead().await.is_empty(), "{verb}");
        world.pass(86_400_000).await;
        assert_eq!(world.script.calls(&format!("desk.{verb}")).len(), 1, "{verb}");
        accounted(&world).await;
    }
}

/// The others are told when the clock is set back; a run that cannot be read then hears of it at its release.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_set_aside_while_the_clock_was_set_back_waits_no_year() {
    for what in [Damage::NoEntry, Damage::Cut] {
        let world = World::with(&[]).await;
        world.clock.advance(365 * 86_400_000);
        world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
        let run = world.ran("put", "k").await.line.id;
        let id = InstanceId::run(run.clone());
        let whole = payload(&world, &id);
        damage(&world, &run, what);
        world.clock.set(monday());
        let world = world.killed().await;
        world.pass(60_000).await;
        assert!(world.journal.tamper(&id, ENTRY, &whole));
        assert!(world.handle.release(&run, "operator").await.unwrap().applied, "{what:?}");
        world.rest().await;
        world.pass(60_000).await;
        assert_eq!(world.run(&run).await.line.status, "done", "{what:?}");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repaired_run_is_released_and_goes_on_and_a_damaged_one_is_not() {
    for what in [Damage::NoEntry, Damage::Cut] {
        let world = World::with(&[]).await;
        world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
        let run = world.ran("put", "k").await.line.id;
        let id = InstanceId::run(run.clone());
        let whole = payload(&world, &id);
        damage(&world, &run, what);
        let world = world.killed().await;
        world.pass(60_000).await;
        let refused = world.handle.release(&run, "operator").await.unwrap_err();
        assert!(
            matches!(&refused, Error::Conflict { .. }) && refused.to_string().contains("adjutant kill"),
            "{refused}"
        );
        assert!(world.journal.tamper(&id, ENTRY, &whole));
        assert!(world.handle.release(&run, "operator").await.unwrap().applied, "{what:?}");
        world.rest().await;
        world.pass(60_000).await;
        assert_eq!(world.run(&run).await.line.status, "done", "{what:?}");
        assert!(
            !world.handle.release(&run, "operator").await.unwrap().applied,
            "it is not set aside any more"
        );
        assert!(matches!(world.handle.release("nope", "operator").await, Err(Error::NotFound { .. })));
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_hides_no_other_and_is_made_again_from_what_it_was_made_of() {
    for table in [Table::Timer, Table::Outbox, Table::Index] {
        let world = World::with(&[]).await;
        world
            .handle
            .pause_scope(pause(PauseScope::Connector("desk".to_owned()), "test", "operator"))
            .await
            .unwrap();
        let queued = world.ran("put", "queued").await.line.id;
        let other = world.ran("post", "other").await.line.id;
        for row in journal::rows(world.journal.as_ref(), table, b"").map(Result::unwrap) {
            if String::from_utf8_lossy(&row.key).contains(&queued) {
                world.journal.spoil(Spoilt::Row(table, row.key));
            }
        }
        let world = world.killed().await;
        world.rest().await;
        assert_eq!(world.handle.runs(RunFilter::default()).await.unwrap().len(), 2, "{table:?}");
        assert!(!world.handle.audit().await.unwrap().ok, "{table:?}: it is found");
        world.handle.resume_scope(PauseScope::Connector("desk".to_owned()), "", "operator").await.unwrap();
        world.rest().await;
        for run in [&queued, &other] {
            assert_eq!(world.run(run).await.line.status, "done", "{table:?}");
        }
        assert_eq!(world.script.calls("desk.put").len(), 1, "{table:?}");
    }
}

/// The checksums are right, and the rows say nothing: they are made again, as where the checksums are wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_outbox_that_says_nothing_is_made_again_from_what_it_was_made_of() {
    let world = World::with(&[]).await;
    let desk = || PauseScope::Connector("desk".to_owned());
    world.script.unreachable.lock().unwrap().push(String::new());
    world.script.will("desk.post", [Turn::Unknown]);
    world.ran("post", "doubt").await;
    world.handle.pause_scope(pause(desk(), "test", "operator")).await.unwrap();
    let queued = world.ran("put", "queued").await.line.id;
    let rows: Vec<_> =
        journal::rows(world.journal.as_ref(), Table::Outbox, b"").collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 2, "a notice on its way, and a call in line: {rows:?}");
    let nonsense = |key| RowWrite { table: Table::Outbox, key, value: Some(b"nonsense".to_vec()) };
    let writes = rows.into_iter().map(|row| nonsense(row.key)).collect();
    world.journal.append(Batch { writes, ..Batch::default() }).unwrap();
    world.script.unreachable.lock().unwrap().clear();
    let world = world.killed().await;
    world.rest().await;
    world.handle.resume_scope(desk(), "", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&queued).await.line.status, "done");
    let told: Vec<_> =
        world.script.notices.lock().unwrap().iter().map(|notice| notice.topic.clone()).collect();
    assert_eq!(told, ["unknown"]);
    assert!(world.handle.status().await.unwrap().quarantined.is_empty(), "nothing of it was lost");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_entry_is_one_finding_and_its_run_goes_on() {
    for is_spoilt in [true, false] {
        let world = World::with(&[]).await;
        world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
        let run = world.ran("put", "k").await.line.id;
        let id = InstanceId::run(run.clone());
        grown(&world, &run).await;
        if is_spoilt {
            world.journal.spoil(Spoilt::Entry(id.clone(), 2));
        } else {
            assert!(world.journal.tamper(&id, 2, b"no entry"));
        }
        let other = world.ran("post", "other").await.line.id;
        let audit = world.handle.audit().await.unwrap();
        assert_eq!(
            audit.findings.iter().map(|found| found.instance.name.as_str()).collect::<Vec<_>>(),
            [run.as_str()]
        );
        let lines = world.handle.log(&id, 1, 100).await.unwrap();
        assert_eq!(lines[1].event["event"], "unreadable", "{lines:?}");
        assert!(world.handle.run(&run).await.is_ok() && world.handle.why(&run).await.is_ok());
        assert!(world.handle.why(&other).await.is_ok());
        world.pass(60_000).await;
        assert_eq!(world.run(&run).await.line.status, "done", "its snapshot is whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_is_gone_sets_its_run_aside_at_the_first_touch_and_is_found_by_the_audit() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("put", "k").await;
    assert!(world.journal.lose_blob(&run.line.bundle));
    let world = world.killed().await;
    let audit = world.handle.audit().await.unwrap();
    assert!(audit.findings.iter().any(|found| found.instance.name == run.line.id), "{audit:?}");
    world.pass(60_000).await;
    assert_eq!(world.handle.status().await.unwrap().quarantined.len(), 1);
    assert!(world.handle.release(&run.line.id, "operator").await.is_err());
    assert_eq!(world.ran("post", "other").await.line.status, "done");
    world.handle.kill(&run.line.id, "gone", "operator").await.unwrap();
    assert!(world.handle.status().await.unwrap().quarantined.is_empty());
    assert_eq!(world.script.calls("desk.put").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_set_aside_holds_its_playbook_up_no_more() {
    let hook = "schema = \"adjutant/v1\"\ntitle = \"Hook\"\nkind = \"webhook\"\nsecret = \"hook\"\n\
                [events.thing]\nid = \"string\"\n";
    let trigger = "[trigger]\nkind = \"event\"\nconnector = \"hook\"\nevent = \"thing\"\nkey = \"{{ event.id }}\"\n\
                   overlap = \"skip\"\n[input.text]";
    let playbook = calls("put").replace("[input.text]", trigger);
    let world = World::with(&[("playbooks/put.toml", &playbook), ("connectors/hook.toml", hook)]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let delivery = |id: &str| Delivery {
        connector: "hook".to_owned(),
        event: "thing".to_owned(),
        id: id.to_owned(),
        fields: json!({ "id": id }),
        by: "connector:hook".to_owned(),
        within: None,
    };
    let first = world.handle.intake(delivery("one")).await.unwrap().runs[0].run.clone();
    world.rest().await;
    assert_eq!(world.handle.intake(delivery("two")).await.unwrap().runs, [], "one at a time");
    damage(&world, &first, Damage::NoEntry);
    let world = world.killed().await;
    world.pass(60_000).await;
    assert_eq!(
        world.handle.intake(delivery("three")).await.unwrap().runs.len(),
        1,
        "a damaged one counts no more"
    );
}

/// Pauses and resumes a run until a snapshot of it is written, and returns the number of its last entry.
async fn grown(world: &World, run: &str) -> u64 {
    let id = InstanceId::run(run);
    while world.journal.load(&id).unwrap().unwrap().snapshot.is_none() {
        world.handle.pause(run, "it shall grow", "operator").await.unwrap();
        world.handle.resume(run, "", "operator").await.unwrap();
        world.rest().await;
    }
    world.journal.last(&id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_read_costs_nothing_but_a_longer_fold() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("put", "k").await.line.id;
    let last = grown(&world, &run).await;
    assert!(last > 4, "small runs have none");
    let id = InstanceId::run(run.clone());
    world.journal.spoil(Spoilt::Snapshot(id.clone()));
    let world = world.killed().await;
    world.rest().await;
    assert!(world.handle.status().await.unwrap().quarantined.is_empty());
    world.pass(60_000).await;
    assert_eq!(world.run(&run).await.line.status, "done");
    let stored = world.journal.load(&id).unwrap().unwrap();
    assert_eq!((stored.flaw, stored.snapshot.is_some()), (None, true), "another is written");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_the_log_does_not_lead_to_is_found_by_the_audit() {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let run = world.ran("put", "k").await.line.id;
    grown(&world, &run).await;
    let id = InstanceId::run(run.clone());
    let mut other = world.journal.load(&id).unwrap().unwrap().snapshot.unwrap().state;
    let place = other.windows(6).position(|window| window == b"desk.p").unwrap();
    other[place + 5] = b'q';
    assert!(world.journal.tamper_snapshot(&id, &other));
    let audit = world.handle.audit().await.unwrap();
    assert!(audit.findings.iter().any(|found| found.instance == id), "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nothing_will_wake_is_found_by_the_audit() {
    let resting = calls("put")
        .replace("[[step]]\nid = \"act\"", "[[step]]\nid = \"rest\"\nwait = \"1h\"\n[[step]]\nid = \"act\"");
    let world = World::with(&[("playbooks/put.toml", &resting)]).await;
    let run = world.ran("put", "k").await.line.id;
    let stored = world.journal.load(&InstanceId::run(run)).unwrap().unwrap();
    let mut state = adjutant_machine::codec::read_run(&stored).unwrap();
    assert_eq!(orphaned(&state), None, "it rests for an hour");
    state.timers.clear();
    let told = orphaned(&state).expect("its alarm is gone");
    assert!(told.contains("nothing will wake it"), "{told}");
}
