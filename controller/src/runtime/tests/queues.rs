//! `overlap = "queue"`: one works, the others stand, and whoever stands is released, whatever happens to those before it.

use adjutant_machine::{
    id::InstanceId,
    journal::{self, RowWrite, Table},
    memory::{Fault, Spoilt},
    run::Place,
};
use adjutant_spec::plan::OldestId;

use super::{
    deliveries::{delivery, leads, opened, plan_of},
    *,
};
use crate::runtime::{DeliveryFilter, Error, PauseScope, Retry, RollBack, RunFilter, queues, rows};

const DAY: u64 = 86_400_000;

/// A company whose playbook takes leads one after the other.
fn queueing() -> String {
    leads("event.text", "overlap = \"queue\"\n")
}

/// A world in which so many calls never end before they are released.
async fn world(held: usize) -> World {
    let leads = queueing();
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    world.script.will("desk.put", (0..held).map(|_| Turn::Held(json!({ "id": "1" }))));
    world
}

/// What a person types.
fn by_hand() -> StartRun {
    let input = [("text".to_owned(), json!("hi"))].into();
    StartRun { playbook: "leads".to_owned(), input, ..StartRun::default() }
}

impl World {
    /// Takes in a lead, and returns its run.
    async fn lead(&self, id: &str) -> String {
        let taken = self.takes(delivery(id, id)).await;
        assert!(taken.open.is_none(), "{taken:?}");
        taken.runs[0].run.clone()
    }

    /// Takes in so many leads, the first of which is at its call when this returns.
    async fn leads(&self, ids: &[&str]) -> Vec<String> {
        let mut runs = Vec::new();
        for id in ids {
            runs.push(self.lead(id).await);
        }
        self.until(|script| !script.calls("desk.put").is_empty()).await;
        runs
    }

    async fn statuses(&self, runs: &[String]) -> Vec<String> {
        let mut all = Vec::new();
        for run in runs {
            all.push(self.run(run).await.line.status);
        }
        all
    }

    /// Waits until a run has a status.
    async fn comes_to(&self, run: &str, status: &str) {
        let look = async {
            while self.run(run).await.line.status != status {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), look).await;
        assert!(waited.is_ok(), "{run} does not come to {status}: {:?}", self.run(run).await.waiting);
    }

    fn release_all(&self) {
        self.script.released.send_replace(true);
    }

    /// The order in which runs came to their calls.
    fn called(&self) -> Vec<String> {
        let calls = self.script.calls("desk.put").into_iter();
        let run = |key: &str| key.trim_start_matches("adjutant-").split('.').next().map(str::to_owned);
        calls.filter_map(|(key, _)| run(&key)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_works_and_the_others_begin_in_the_order_in_which_they_came() {
    let world = world(1).await;
    let runs = world.leads(&["z", "a", "m", "b"]).await;
    assert_eq!(world.statuses(&runs).await, ["running", "queued", "queued", "queued"]);
    assert_eq!(world.called().len(), 1);
    let filter = RunFilter { status: Some("queued".to_owned()), ..RunFilter::default() };
    assert_eq!(world.handle.runs(filter).await.unwrap().len(), 3);
    assert!(world.takes(delivery("a", "a")).await.known, "the same message stands once");
    world.release_all();
    world.rest().await;
    assert_eq!(world.statuses(&runs).await, ["done"; 4]);
    assert_eq!(world.called(), runs, "{runs:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_says_behind_whom_a_run_stands() {
    let world = world(1).await;
    let runs = world.leads(&["1", "2", "3"]).await;
    let why = world.handle.why(&runs[2]).await.unwrap();
    let text = why.chain.iter().find(|line| line.kind == "waits").map(|line| line.text.clone());
    let text = text.expect("it waits");
    let works = format!("run \"{}\" works, one other stands before it", runs[0]);
    assert!(text.contains(&works), "{text}");
    let next = world.run(&runs[1]).await.waiting;
    assert!(next.iter().any(|text| text.contains("it is the next")), "{next:?}");
    world.release_all();
    world.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_started_by_hand_stands_too_and_a_dry_run_does_not() {
    let world = world(1).await;
    let first = world.leads(&["1"]).await.remove(0);
    let by_hand = world.handle.start(by_hand()).await.unwrap().run;
    let dry = world.handle.start(StartRun { dry: true, ..self::by_hand() }).await.unwrap().run;
    world.comes_to(&dry, "done").await;
    assert_eq!(world.statuses(&[first, by_hand.clone()]).await, ["running", "queued"]);
    world.release_all();
    world.rest().await;
    assert_eq!(world.run(&by_hand).await.line.status, "done");
    world.sound().await;
}

/// Whatever ends the one that works, the next one begins; and one that stands is ended without a word to the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_a_kill_and_a_rollback_free_the_place() {
    for what in ["cancel", "kill", "rollback"] {
        let world = world(1).await;
        let runs = world.leads(&["1", "2", "3"]).await;
        let end = async |run: &String| match what {
            "cancel" => drop(world.handle.cancel(run, "no", "operator").await.unwrap()),
            "kill" => drop(world.handle.kill(run, "no", "operator").await.unwrap()),
            _ => {
                let token = world.handle.rollback(run).await.unwrap().token;
                let wish = RollBack { token, reason: "no".to_owned() };
                drop(world.handle.roll_back(run, wish, "operator").await.unwrap());
            }
        };
        end(&runs[1]).await;
        assert_eq!(world.run(&runs[0]).await.line.status, "running", "{what}");
        end(&runs[0]).await;
        world.release_all();
        world.comes_to(&runs[2], "done").await;
        world.rest().await;
        assert_ne!(world.run(&runs[1]).await.line.status, "queued", "{what}");
        assert!(!world.called().contains(&runs[1]), "{what}: it never began");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_paused_where_it_stands_lets_the_others_go_first() {
    let world = world(1).await;
    let runs = world.leads(&["1", "2", "3"]).await;
    world.handle.pause(&runs[1], "not now", "operator").await.unwrap();
    world.release_all();
    world.comes_to(&runs[2], "done").await;
    assert_eq!(world.run(&runs[1]).await.line.status, "paused");
    world.handle.resume(&runs[1], "", "operator").await.unwrap();
    world.comes_to(&runs[1], "done").await;
    world.rest().await;
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_the_playbook_keeps_everybody_standing() {
    let world = world(1).await;
    let runs = world.leads(&["1", "2"]).await;
    let scope = PauseScope::Playbook("leads".to_owned());
    world.handle.pause_scope(pause(scope.clone(), "holiday", "operator")).await.unwrap();
    world.release_all();
    world.comes_to(&runs[0], "done").await;
    world.rest().await;
    assert_eq!(world.run(&runs[1]).await.line.status, "queued");
    world.handle.resume_scope(scope, "", "operator").await.unwrap();
    world.comes_to(&runs[1], "done").await;
    world.rest().await;
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_tried_again_stands_behind_those_that_came_meanwhile() {
    let world = world(0).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Invalid), Turn::Held(json!({ "id": "1" }))]);
    let first = world.lead("1").await;
    world.rest().await;
    assert_eq!(world.run(&first).await.line.status, "failed");
    let (second, third) = (world.lead("2").await, world.lead("3").await);
    world.until(|script| script.calls("desk.put").len() == 2).await;
    world.clock.advance(1_000);
    world.handle.retry(&first, Retry::default(), "operator").await.unwrap();
    assert_eq!(world.run(&first).await.line.status, "queued");
    world.release_all();
    world.rest().await;
    assert_eq!(world.called(), [first.clone(), second, third, first]);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stood_for_thirty_days_fails_aloud_and_the_others_go_on() {
    let world = world(0).await;
    world.script.will("desk.put", [Turn::Silent]);
    let runs = world.leads(&["1", "2"]).await;
    world.handle.pause(&runs[0], "for long", "operator").await.unwrap();
    world.clock.advance(30 * DAY + 1);
    world.comes_to(&runs[1], "failed").await;
    world
        .until(|script| {
            let notices = script.notices.lock().unwrap();
            notices.iter().any(|notice| notice.title.contains("stood in the queue"))
        })
        .await;
    assert!(!world.called().contains(&runs[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_aside_holds_nobody_up_and_is_not_released_into_the_place_of_another() {
    let world = world(3).await;
    let runs = world.leads(&["1", "2"]).await;
    let bad = InstanceId::run(&runs[0]);
    let tail = world.journal.load(&bad).unwrap().unwrap().tail;
    let (seq, whole) = tail.into_iter().map(|(seq, content)| (seq, content.payload)).next_back().unwrap();
    assert!(world.journal.tamper(&bad, seq, b"{"));
    let world = world.killed().await;
    world.comes_to(&runs[1], "running").await;
    let status = world.handle.status().await.unwrap();
    assert_eq!(status.quarantined.len(), 1, "{status:?}");
    world.until(|script| script.calls("desk.put").len() == 2).await;
    assert!(world.journal.tamper(&bad, seq, &whole), "it is repaired");
    let refused = world.handle.release(&runs[0], "operator").await.unwrap_err();
    assert!(matches!(&refused, Error::Conflict { reason } if reason.contains(&runs[1])), "{refused}");
    world.release_all();
    world.comes_to(&runs[1], "done").await;
    world.handle.release(&runs[0], "operator").await.unwrap();
    world.rest().await;
    world.pass(60_000).await;
    assert_eq!(world.run(&runs[0]).await.line.status, "done");
}

/// It waits to try again, and nothing of it is in the outbox: only its place is left to find it by.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_sets_aside_who_works_and_cannot_be_read() {
    let world = world(0).await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Transient)]);
    let runs = world.leads(&["1", "2"]).await;
    world.rest().await;
    assert_eq!(world.statuses(&runs).await[1], "queued");
    world.journal.spoil(Spoilt::Entry(InstanceId::run(&runs[0]), 1));
    let world = world.killed().await;
    world.comes_to(&runs[1], "done").await;
    assert_eq!(world.handle.status().await.unwrap().quarantined.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_of_what_cannot_be_read_frees_its_place_for_good() {
    let world = world(3).await;
    let runs = world.leads(&["1", "2"]).await;
    world.journal.spoil(Spoilt::Entry(InstanceId::run(&runs[0]), 1));
    let world = world.killed().await;
    world.comes_to(&runs[1], "running").await;
    world.handle.kill(&runs[0], "it is damaged", "operator").await.unwrap();
    let oldest = OldestId::never_renamed("leads");
    let prefix = rows::index::queue_of(&oldest);
    let places = journal::rows(world.journal.as_ref(), Table::Index, &prefix).count();
    assert_eq!(places, 1, "only who works has a place");
    world.release_all();
    world.rest().await;
}

/// At every batch between the end of one and the beginning of the next the process dies once.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_batch_neither_loses_a_turn_nor_lets_two_work() {
    for after in 0..14 {
        let mut world = world(0).await;
        let ids = ["1", "2", "3"];
        world.journal.inject(after, Fault::DiskAfterWrite);
        for id in ids {
            // Whoever is told that it failed brings it again.
            drop(world.handle.intake(delivery(id, id)).await);
        }
        drop(tokio::time::timeout(Duration::from_secs(20), world.handle.settled()).await);
        world = world.killed().await;
        let mut runs = Vec::new();
        for id in ids {
            runs.push(world.lead(id).await);
        }
        world.rest().await;
        world.pass(60_000).await;
        assert_eq!(world.statuses(&runs).await, ["done"; 3], "a crash after batch {after}");
        let mut order = world.called();
        order.dedup();
        assert_eq!(order, runs, "each by itself and in its order: a crash after batch {after}");
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_whose_turn_it_is() {
    let world = world(1).await;
    let runs = world.leads(&["1", "2", "3"]).await;
    let world = world.killed().await;
    world.release_all();
    world.rest().await;
    world.pass(60_000).await;
    assert_eq!(world.statuses(&runs).await, ["done"; 3]);
    world.sound().await;
}

/// Rows follow from states, so only a hand can leave a place behind whose run has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_whose_run_has_ended_is_given_up_at_the_start() {
    let world = world(0).await;
    let over = world.lead("1").await;
    world.rest().await;
    let key = rows::index::queue(&OldestId::never_renamed("leads"), Place::Works, &over);
    let row = RowWrite { table: Table::Index, key, value: Some(Vec::new()) };
    let batch = journal::Batch { writes: vec![row], ..journal::Batch::default() };
    world.journal.append(batch).unwrap();
    let waits = world.lead("2").await;
    world.rest().await;
    assert_eq!(world.run(&waits).await.line.status, "queued", "the place is nobody's, and is not free");
    let world = world.killed().await;
    world.rest().await;
    assert_eq!(world.run(&waits).await.line.status, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playbook_that_is_gone_or_queues_no_longer_leaves_nobody_standing() {
    for after in [None, Some(leads("event.text", "")), Some(leads("event.text", "overlap = \"skip\"\n"))] {
        let world = world(1).await;
        let runs = world.leads(&["1", "2", "3"]).await;
        let files: Vec<(&str, &str)> =
            after.iter().map(|text| ("playbooks/leads.toml", text.as_str())).collect();
        world.activate(plan_of(&files), "r2", Some("r1")).await;
        assert_eq!(world.statuses(&runs).await, ["running", "queued", "queued"]);
        world.release_all();
        world.rest().await;
        for run in &runs {
            let view = world.run(run).await;
            assert_ne!(view.line.status, "queued", "{after:?}: {:?}", view.waiting);
        }
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_keeps_the_queue() {
    let world = world(1).await;
    let old = world.leads(&["1", "2"]).await;
    let renamed = queueing().replace("title = ", "was = [\"leads\"]\ntitle = ");
    world.activate(plan_of(&[("playbooks/enquiries.toml", &renamed)]), "r2", Some("r1")).await;
    let new = world.lead("3").await;
    assert_eq!(world.run(&new).await.line.status, "queued");
    world.release_all();
    world.rest().await;
    assert_eq!(world.called(), [old[0].clone(), old[1].clone(), new]);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_aloud_and_what_came_waits_for_room() {
    let world = world(1).await;
    let first = world.lead("first").await;
    world.until(|script| !script.calls("desk.put").is_empty()).await;
    let (mut before_last, mut last) = (String::new(), String::new());
    for number in 0..queues::MOST {
        let next = world.lead(&format!("n-{number:04}")).await;
        before_last = std::mem::replace(&mut last, next);
    }
    let refused = world.takes(delivery("late", "late")).await;
    assert!(refused.open.is_some() && refused.runs.is_empty(), "{refused:?}");
    assert!(refused.why.as_deref().is_some_and(|why| why.contains("1000 runs")), "{refused:?}");
    assert!(world.takes(delivery("later", "later")).await.open.is_some());
    let refused = world.handle.start(by_hand()).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    assert!(world.takes(delivery("n-0007", "n-0007")).await.known, "who stands already is not refused");
    let waiting = async |count: usize| {
        let look = async {
            while world.handle.deliveries(DeliveryFilter::default()).await.unwrap().items.len() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), look).await.expect("there is room again");
    };
    world.handle.cancel(&last, "no", "operator").await.unwrap();
    waiting(1).await;
    world.handle.cancel(&before_last, "no", "operator").await.unwrap();
    waiting(0).await;
    let late = world.takes(delivery("late", "late")).await;
    assert!(late.known && late.runs.len() == 1, "{late:?}");
    assert_eq!(world.run(&late.runs[0].run).await.line.status, "queued");
    world.handle.kill(&first, "the test is over", "operator").await.unwrap();
    world.handle.shutdown().await;
}
