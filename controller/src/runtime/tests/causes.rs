//! Dead letters by their cause: what one outage struck is dealt with at once, as it was shown.

use super::*;
use crate::runtime::{Error, ForAll, SettleAll, views::CauseView};

fn wish(cause: &CauseView, how: ForAll) -> SettleAll {
    SettleAll {
        cause: cause.id.clone(),
        token: cause.token.clone(),
        how,
        reason: "the desk is up again".to_owned(),
        by: "operator".to_owned(),
        speaker: Speaker::Operator,
    }
}

async fn struck() -> (World, Vec<CauseView>) {
    let world = World::with(&[]).await;
    world.script.will("desk.put", [0; 3].map(|_| Turn::Fail(ErrorClass::Invalid)));
    world.script.will("desk.post", [Turn::Unknown]);
    for key in ["a", "b", "c"] {
        world.ran("put", key).await;
    }
    world.ran("post", "d").await;
    let causes = world.handle.causes().await.expect("they are read");
    (world, causes)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_in_the_same_way_is_one_cause() {
    let (world, causes) = struck().await;
    let told: Vec<_> =
        causes.iter().map(|cause| (cause.target.as_str(), cause.phase.as_str(), cause.count)).collect();
    assert_eq!(told, [("desk.put", "dead", 3), ("desk.post", "unknown", 1)]);
    assert_eq!(causes[0].playbooks, ["put"]);
    assert_eq!(world.handle.status().await.unwrap().dead, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_cause_are_tried_again_with_a_reason_each() {
    let (world, causes) = struck().await;
    let settled = world.handle.settle_all(wish(&causes[0], ForAll::Retry)).await.expect("it is taken");
    assert_eq!((settled.settled, settled.refused.len()), (3, 0));
    world.rest().await;
    let left = world.handle.causes().await.unwrap();
    assert_eq!(left, causes[1..], "the other cause is untouched");
    let runs = world.handle.runs(crate::runtime::RunFilter::default()).await.unwrap();
    for run in runs.iter().filter(|run| run.playbook == "put") {
        assert_eq!(run.status, "done");
        let log =
            world.handle.log(&adjutant_machine::id::InstanceId::run(run.id.clone()), 1, 0).await.unwrap();
        assert!(log.iter().any(|line| line.said.contains("the desk is up again")), "{log:?}");
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cause_that_struck_others_since_is_shown_again_first() {
    let (world, causes) = struck().await;
    world.script.will("desk.put", [Turn::Fail(ErrorClass::Invalid)]);
    world.ran("put", "later").await;
    let refused = world.handle.settle_all(wish(&causes[0], ForAll::Drop)).await;
    assert!(matches!(&refused, Err(Error::Conflict { reason }) if reason.contains("4 now")), "{refused:?}");
    let mut unfounded = wish(&causes[1], ForAll::Drop);
    unfounded.reason = " ".to_owned();
    let refused = world.handle.settle_all(unfounded).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "nobody learns why");
    assert_eq!(world.handle.status().await.unwrap().dead, 5);
    let now = world.handle.causes().await.unwrap();
    assert_eq!(now[0].id, causes[0].id, "it is the same cause");
    let settled = world.handle.settle_all(wish(&now[0], ForAll::Undo)).await.unwrap();
    assert_eq!((settled.settled, settled.refused.len()), (0, 4), "what did not happen is not taken back");
    let unknown = world.handle.settle_all(wish(&now[1], ForAll::Retry)).await.unwrap();
    assert_eq!(
        (unknown.settled, unknown.refused.len()),
        (0, 1),
        "what may have happened is not simply sent again"
    );
    let dropped = world.handle.settle_all(wish(&now[0], ForAll::Drop)).await.unwrap();
    assert_eq!(dropped.settled, 4);
    world.rest().await;
    assert_eq!(world.handle.status().await.unwrap().dead, 1);
    world.sound().await;
}
