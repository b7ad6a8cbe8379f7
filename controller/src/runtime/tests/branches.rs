//! Branches on the runtime: who is asked, what lists show, what a kill reaches, what a restart finds.

use adjutant_machine::{id::InstanceId, journal::Journal, memory::Spoilt};
use adjutant_sim::{Company, Many};
use adjutant_spec::plan::Join;
use serde_json::json;

use super::*;
use crate::runtime::{Error, RunFilter, StartRun};

const HOUR: u64 = 3_600_000;

/// A run of a company, up to where it waits for a person, for time, or for nothing.
pub(super) async fn ran(company: &Company) -> (World, String) {
    let world = World::on(MemoryJournal::new(), ManualClock::at(monday()), Script::new()).await;
    world.activate(Arc::new(company.plan.clone()), "r1", None).await;
    let input = company.inputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let key = Some("k".to_owned());
    let playbook = company.playbook.to_owned();
    let wish = StartRun { playbook, key, input, speaker: Speaker::Operator, ..StartRun::default() };
    let started = world.handle.start(wish).await.expect("the run starts");
    world.rest().await;
    (world, started.run)
}

async fn digs() -> (World, String) {
    let places: Vec<_> = (0..6).map(|at| json!({ "name": format!("place {at}"), "bad": false })).collect();
    ran(&Company::digs(&places, Many { max_parallel: 2, min_ok: None })).await
}

async fn status(world: &World, run: &str) -> String {
    world.run(run).await.line.status
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_is_done_and_lists_have_the_run_alone() {
    let (world, run) = digs().await;
    assert_eq!(status(&world, &run).await, "done");
    assert_eq!(world.script.calls("desk.mark").len(), 6);
    let keys: Vec<String> = world.script.calls("desk.mark").into_iter().map(|(key, _)| key).collect();
    assert!(keys.iter().all(|key| key.starts_with(&format!("adjutant-{run}~dig.1."))), "{keys:?}");
    let listed = world.handle.runs(RunFilter::default()).await.unwrap();
    assert_eq!(listed.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), [run.as_str()]);
    assert_eq!(world.handle.status().await.unwrap().runs, [("done".to_owned(), 1)].into());
    let branch = world.run(&format!("{run}~dig.1.5")).await;
    assert_eq!(branch.line.status, "done");
    let log = world.handle.log(&InstanceId::run(branch.line.id), 1, 0).await.unwrap();
    assert!(log.len() > 3, "{log:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_inside_a_branch_is_in_the_inbox_and_is_decided_there() {
    let (world, run) = ran(&Company::splits(Join::All)).await;
    let gate = world.gate().await;
    assert_eq!(gate.id, format!("{run}~split.1.0.split-ask-gate.1"));
    assert!(world.handle.decide(approve(&gate), "operator").await.unwrap().applied);
    world.rest().await;
    world.pass(HOUR).await;
    assert_eq!(status(&world, &run).await, "done");
    assert_eq!(world.script.calls("desk.book").len(), 1);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_finds_every_branch_where_it_was() {
    let (world, run) = ran(&Company::splits(Join::All)).await;
    let world = world.killed().await;
    world.rest().await;
    let gate = world.gate().await;
    // The process may die while the call is under way: then the other side is asked whether it happened.
    world.script.will("desk.look", [Turn::Found(Some(json!({ "id": "1" })))]);
    assert!(world.handle.decide(approve(&gate), "operator").await.unwrap().applied);
    let world = world.killed().await;
    world.rest().await;
    world.pass(HOUR).await;
    assert_eq!(status(&world, &run).await, "done", "{:?}", world.handle.why(&run).await);
    for verb in ["desk.mark", "desk.book"] {
        let mut keys: Vec<_> = world.script.calls(verb).into_iter().map(|(key, _)| key).collect();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count, "{verb} was sent once for each branch that wants it");
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_the_whole_run_s_and_reaches_its_branches() {
    let (world, run) = ran(&Company::splits(Join::All)).await;
    let lane = format!("{run}~split.1.1");
    for refused in [
        world.handle.pause(&lane, "wait", "operator").await,
        world.handle.resume(&lane, "", "operator").await,
    ] {
        assert!(matches!(&refused, Err(Error::Invalid { .. })), "{refused:?}");
    }
    world.handle.pause(&run, "wait", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(status(&world, &lane).await, "paused");
    world.pass(2 * HOUR).await;
    assert_eq!(world.script.calls("desk.note").len(), 2, "nothing leaves meanwhile");
    world.handle.resume(&run, "", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(status(&world, &lane).await, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_reaches_branches_even_where_their_run_cannot_be_read() {
    for is_damaged in [false, true] {
        let (world, run) = ran(&Company::splits(Join::All)).await;
        if is_damaged {
            world.journal.spoil(Spoilt::Entry(InstanceId::run(run.clone()), 2));
        }
        let world = world.killed().await;
        world.rest().await;
        let killed = world.handle.kill(&run, "stop", "operator").await;
        let killed = match killed {
            Err(Error::Quarantined { .. }) => world.handle.kill(&run, "stop", "operator").await,
            other => other,
        };
        assert!(killed.as_ref().is_ok_and(|answer| answer.applied), "{killed:?}");
        world.rest().await;
        for lane in 0..2 {
            assert_eq!(status(&world, &format!("{run}~split.1.{lane}")).await, "killed", "{is_damaged}");
        }
        let inbox = world.handle.inbox(PageWish::default()).await.unwrap().items;
        assert!(inbox.is_empty(), "{inbox:?}");
        assert!(world.journal.last(&InstanceId::run(run)).unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_takes_its_branches_back() {
    let (world, run) = ran(&Company::splits(Join::All)).await;
    world.handle.cancel(&run, "not wanted", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(status(&world, &run).await, "cancelled");
    assert_eq!(
        world.script.calls("desk.unmark").len(),
        2,
        "of the lane that waited, and of the one that was done"
    );
    assert_eq!(status(&world, &format!("{run}~split.1.2")).await, "rolled_back");
    assert_eq!(world.script.calls("desk.erase").len(), 2);
    world.sound().await;
}
