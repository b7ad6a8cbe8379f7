//! The plan in force has one home, and travels with what it let go.

use adjutant_machine::{
    call::{Perform, VerbCall},
    id::EffectId,
    projection::Lane,
};
use adjutant_spec::{
    plan::{Effect, Idempotency},
    value::Labels,
};
use futures::StreamExt;
use serde_json::json;

use super::*;
use crate::runtime::{
    PauseScope,
    draft::{Action, Leased},
    outbox,
};

/// The test company under another name: one can tell under which plan something was done.
fn named(name: &str) -> Arc<Plan> {
    company(&[("adjutant.toml", &COMPANY.replace("\"Test\"", &format!("\"{name}\"")))])
}

fn call() -> Perform {
    let key = "k".to_owned();
    let (effect, idempotency) = (Effect::Write, Idempotency::NativeKey);
    let call = VerbCall { verb: "desk.put".into(), args: json!({}), key, effect, idempotency, undo_of: None };
    Perform {
        effect: EffectId { run: "put-abcdefgh".into(), seq: 1, index: 0 },
        step: "act".into(),
        attempt: 1,
        call: Call::Verb(call).into(),
        labels: Labels::default(),
        approval: None,
        timeout: 2_000,
        dry: false,
        chain: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_performs_a_call_sees_the_plan_that_let_it_go() {
    let world = World::with(&[]).await;
    let old = world.handle.plan().unwrap();
    // Another plan comes into force between the decision and the call: while the lease is being synced.
    world.activate(named("Later"), "r2", Some("r1")).await;
    let core = &world.handle.core;
    let perform = call();
    let permit = core.pools.try_take(&Lane::of(&perform.call)).unwrap();
    let until = monday().plus(60_000);
    outbox::act(core, Action::Send(Box::new(Leased { perform, plan: old, until, permit })));
    world.until(|script| !script.plans.lock().unwrap().is_empty()).await;
    assert_eq!(*world.script.plans.lock().unwrap(), ["Test"]);
    world.rest().await;
    world.ran("put", "k").await;
    assert_eq!(*world.script.plans.lock().unwrap(), ["Test", "Later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_leaves_under_the_plan_that_is_in_force_then() {
    let world = World::with(&[("playbooks/gated.toml", runs::GATED)]).await;
    *world.script.is_shut.lock().unwrap() = true;
    world.start("gated", "k").await;
    world.until(|script| !script.told.lock().unwrap().is_empty()).await;
    *world.script.is_shut.lock().unwrap() = false;
    // It waits for its door, and the plan that comes meanwhile is the one that it leaves by.
    world.activate(named("Later"), "r2", Some("r1")).await;
    world.until(|script| !script.notices.lock().unwrap().is_empty()).await;
    let plans = world.script.plans.lock().unwrap().clone();
    assert_eq!((plans.first().unwrap().as_str(), plans.last().unwrap().as_str()), ("Test", "Later"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_plans_is_told_of_each_other_one_and_of_nothing_else() {
    let world = World::on(MemoryJournal::new(), ManualClock::at(monday()), Script::new()).await;
    let mut plans = world.handle.plans();
    world.activate(named("First"), "r1", None).await;
    assert_eq!(plans.next().await.unwrap().company.name, "First");
    world.handle.pause_scope(pause(PauseScope::Everything, "test", "operator")).await.unwrap();
    world.activate(named("Second"), "r2", Some("r1")).await;
    assert_eq!(plans.next().await.unwrap().company.name, "Second");
    let mut late = world.handle.plans();
    assert_eq!(late.next().await.unwrap().company.name, "Second");
}
