//! Retention on the runtime: what is over goes, whole; what is open stays; that it was there is known.

use adjutant_machine::{
    id::InstanceId,
    journal::{self, Journal, RowWrite, Table},
    memory::Fault,
};
use adjutant_sim::{Company, Many};
use adjutant_spec::{
    plan::{Retention, RetentionClass},
    value::Period,
};

use super::*;
use crate::runtime::{
    Error, RunFilter, StartRun, rows,
    views::{RemovedView, When},
};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

const KEEP: (&str, &str) = (
    "policies/keep.toml",
    "schema = \"adjutant/v1\"\ntitle = \"Keep\"\n[[retention]]\nclass = \"runs\"\nkeep = \"30d\"\n\
     [[retention]]\nclass = \"runs\"\nkeep = \"2d\"\n",
);

fn runs(runs: u64) -> RemovedView {
    RemovedView { runs, deliveries: 0 }
}

impl World {
    async fn removes(&self) -> RemovedView {
        self.handle.remove_old("operator").await.expect("the pass ends")
    }

    async fn names(&self) -> Vec<String> {
        let runs = self.handle.runs(RunFilter::default()).await.expect("the list is readable");
        runs.into_iter().map(|line| line.id).collect()
    }

    /// Waits until the passes by the hour have counted up to a moment.
    async fn counts_up_to(&self, wanted: Stamp) {
        let counted = || {
            let row = self.journal.row(Table::Host, rows::host::RETENTION).unwrap();
            row.map(|row| serde_json::from_slice::<When>(&row.value).unwrap().0)
        };
        let look = async {
            while counted() != Some(wanted) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), look).await.expect("it has counted");
    }

    /// The instances of the store that have a run's state.
    fn stored(&self) -> usize {
        let all = journal::instances(&*self.journal, None).map(|id| id.expect("it is read"));
        all.filter(InstanceId::is_run).count()
    }
}

/// A run over a list in branches of its own, that has ended, with a rule for how long runs are kept.
async fn digs() -> (World, String) {
    let places: Vec<_> = (0..3).map(|at| json!({ "name": format!("place {at}"), "bad": false })).collect();
    let mut company = Company::digs(&places, Many { max_parallel: 2, min_ok: None });
    let keep: Period = "30d".parse().unwrap();
    company.plan.policies.retention.push(Retention { class: RetentionClass::Runs, keep });
    let world = World::on(MemoryJournal::new(), ManualClock::at(monday()), Script::new()).await;
    world.activate(Arc::new(company.plan.clone()), "r1", None).await;
    world.counts_up_to(monday()).await;
    let input = company.inputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let (key, playbook) = (Some("k".to_owned()), company.playbook.to_owned());
    let wish = StartRun { playbook, key, input, speaker: Speaker::Operator, ..StartRun::default() };
    let started = world.handle.start(wish).await.expect("the run starts");
    world.rest().await;
    assert_eq!(world.run(&started.run).await.line.status, "done");
    (world, started.run)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_long_enough_goes_and_is_known_to_have_been_there() {
    let world = World::with(&[KEEP]).await;
    let old = world.ran("put", "k").await.line.id;
    world.pass(29 * DAY).await;
    assert_eq!(world.removes().await, runs(0), "of two rules the longer counts");
    world.pass(DAY + 1).await;
    let young = world.ran("put", "young").await.line.id;
    assert_eq!(world.removes().await, runs(1));
    assert_eq!(world.names().await, [young.as_str()]);
    world.sound().await;
    let world = world.killed().await;
    let because = world.handle.run(&old).await.unwrap_err();
    assert!(
        matches!(&because, Error::Gone { reason } if reason.contains("retention removed it")),
        "{because}"
    );
    let refused = [
        world.handle.log(&InstanceId::run(old.clone()), 1, 0).await.err(),
        world.handle.why(&old).await.err(),
        world.handle.cancel(&old, "why", "operator").await.err(),
        world.handle.release(&old, "operator").await.err(),
    ];
    assert!(refused.iter().all(|error| matches!(error, Some(Error::Gone { .. }))), "{refused:?}");
    let again = world.start("put", "k").await;
    assert_eq!((again.run.as_str(), again.created), (old.as_str(), false), "its key still means it");
    assert_eq!(world.names().await, [young.as_str()]);
    assert_eq!(world.script.calls("desk.put").len(), 2);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_run_that_was_removed_is_not_given_again() {
    let world = World::with(&[KEEP]).await;
    let old = world.ran("put", "k").await.line.id;
    world.pass(31 * DAY).await;
    assert_eq!(world.removes().await, runs(1));
    let key = rows::dedupe::run(&adjutant_spec::plan::OldestId::never_renamed("put"), "k");
    let forgotten = RowWrite { table: Table::Dedupe, key, value: None };
    world
        .journal
        .append(adjutant_machine::journal::Batch { writes: vec![forgotten], ..Default::default() })
        .unwrap();
    let again = world.start("put", "k").await;
    assert!(again.created && again.run.starts_with(&old) && again.run != old, "{again:?}");
    world.rest().await;
    assert_eq!(world.run(&again.run).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_anything_is_open_of_stays() {
    let world = World::with(&[KEEP]).await;
    world.script.will("desk.post", [Turn::Unknown]);
    let doubt = world.ran("post", "doubt").await.line.id;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Invalid)]);
    let failed = world.ran("put", "failed").await.line;
    world.pass(20 * DAY).await;
    world.handle.kill(&doubt, "enough", "operator").await.unwrap();
    world.rest().await;
    world.pass(40 * DAY).await;
    assert!(world.dead().await.iter().any(|dead| dead.effect.id.run == failed.id), "{failed:?}");
    assert_eq!(world.removes().await, runs(0));
    let left = world.names().await;
    assert!(left.contains(&doubt), "nobody knows yet whether it happened: {left:?}");
    assert!(left.contains(&failed.id), "its call waits for somebody: {left:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_with_all_that_it_began() {
    let (world, run) = digs().await;
    assert_eq!(world.stored(), 4);
    world.pass(31 * DAY).await;
    assert_eq!(world.removes().await, runs(1));
    assert_eq!(world.stored(), 0);
    let branch = world.handle.run(&format!("{run}~dig.1.1")).await.unwrap_err();
    assert!(matches!(&branch, Error::Gone { .. }), "{branch}");
    world.sound().await;
}

/// A company whose playbook "outer" runs "put" as a child.
async fn family() -> (World, String, String) {
    let outer = "schema = \"adjutant/v1\"\ntitle = \"Outer\"\ndeadline = \"30d\"\n\
                 [[step]]\nid = \"inner\"\nrun = \"put\"\nwith = { text = \"hi\" }\non = { failed = \"done\" }\nnext = \"done\"\n\
                 [[step]]\nid = \"done\"\nend = \"done\"\n";
    let world = World::with(&[KEEP, ("playbooks/outer.toml", outer)]).await;
    let parent = world.ran("outer", "k").await;
    assert_eq!((parent.line.status.as_str(), parent.children.len()), ("done", 1));
    (world, parent.line.id, parent.children[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_goes_with_who_started_it_and_its_story_ends_there() {
    let (world, parent, child) = family().await;
    world.pass(31 * DAY).await;
    assert_eq!(world.removes().await, runs(1));
    assert_eq!(world.stored(), 0);
    for gone in [&parent, &child] {
        assert!(matches!(world.handle.run(gone).await, Err(Error::Gone { .. })), "{gone}");
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_stays_while_any_of_it_is_young() {
    let (world, parent, child) = family().await;
    world.pass(20 * DAY).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Invalid)]);
    let other = world.ran("outer", "other").await;
    world.pass(20 * DAY).await;
    assert_eq!(world.removes().await, runs(1), "only the first family is old enough");
    assert!(matches!(world.handle.run(&parent).await, Err(Error::Gone { .. })));
    assert!(matches!(world.handle.run(&child).await, Err(Error::Gone { .. })));
    let after = world.handle.runs(RunFilter { after: Some(parent), ..RunFilter::default() }).await;
    assert!(after.is_ok_and(|runs| runs.is_empty()), "a list that was begun before goes on behind it");
    world.pass(20 * DAY).await;
    assert_eq!(world.removes().await, runs(0), "a dead call of its child waits for somebody");
    assert!(world.names().await.contains(&other.line.id));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_a_run_goes_leaves_nothing_half_gone() {
    for batches in 0..7 {
        let (world, run) = digs().await;
        world.pass(31 * DAY).await;
        world.journal.inject(batches, Fault::Disk);
        drop(world.handle.remove_old("operator").await);
        let world = world.killed().await;
        let is_there = world.handle.run(&run).await;
        match &is_there {
            Ok(view) => {
                assert_eq!((view.line.status.as_str(), world.stored()), ("done", 4), "after {batches}");
            }
            Err(error) => assert!(matches!(error, Error::Gone { .. }), "{error}"),
        }
        assert_eq!(world.names().await.len(), usize::from(is_there.is_ok()));
        world.sound().await;
        world.removes().await;
        assert_eq!(world.stored(), 0, "after {batches} batches");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_far_ahead_takes_away_a_day_s_worth() {
    let world = World::with(&[KEEP]).await;
    let begin = monday();
    world.counts_up_to(begin).await;
    let run = world.ran("put", "k").await.line.id;
    world.clock.advance(365 * DAY);
    world.counts_up_to(begin.plus(DAY)).await;
    assert_eq!(world.names().await, [run.as_str()]);
    for days in 2..32 {
        world.clock.advance(HOUR);
        world.counts_up_to(begin.plus(days * DAY)).await;
    }
    let gone = async {
        while !world.names().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it goes in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_is_kept_and_what_may_go() {
    let world = World::with(&[KEEP]).await;
    world.ran("put", "k").await;
    world.pass(31 * DAY).await;
    world.ran("put", "young").await;
    let report = world.handle.retention().await.unwrap();
    assert_eq!((report.ended, report.due, report.oldest.map(|when| when.0)), (2, 1, Some(monday())));
    let kept: Vec<_> = report.kept.iter().map(|kept| (kept.class.as_str(), kept.keep.as_deref())).collect();
    assert_eq!(kept, [("runs", Some("30d")), ("deliveries", None)]);
    world.removes().await;
    let report = world.handle.retention().await.unwrap();
    assert_eq!((report.ended, report.due), (1, 0));
}
