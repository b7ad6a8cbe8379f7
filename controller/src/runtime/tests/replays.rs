//! Runs that are played again, and written down as scenarios.

use std::collections::BTreeMap;

use adjutant_sim::Company;
use adjutant_spec::value::Template;
use serde_json::{Value, json};

use super::{
    branches::ran,
    rollback::{digs, finished},
    *,
};
use crate::runtime::{
    Another, Error, PlayAgain,
    views::{ReplayView, ReplayedStep},
};

async fn again(world: &World, run: &str, wish: PlayAgain) -> ReplayView {
    world.handle.replay(run, wish).await.expect("it can be played")
}

fn set(path: &str, value: Value) -> PlayAgain {
    PlayAgain { changes: BTreeMap::from([(path.to_owned(), value)]), ..PlayAgain::default() }
}

fn of<'a>(view: &'a ReplayView, step: &str) -> &'a ReplayedStep {
    view.steps.iter().find(|found| found.step == step).unwrap_or_else(|| panic!("no step {step}: {view:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_branches_is_played_again_as_it_was_and_nothing_happens() {
    let (world, run) = digs().await;
    let before = world.run(&run).await;
    let calls = world.script.seen.lock().unwrap().len();
    let view = again(&world, &run, PlayAgain::default()).await;
    assert!(view.same, "{view:#?}");
    let decided = view.decided.expect("nothing was changed");
    assert!(decided.equal && decided.again.as_ref() == Some(&decided.state), "{decided:?}");
    assert!(decided.entries > before.seq, "those of the branches as well: {decided:?}");
    assert!(view.steps.iter().any(|step| step.branch == "dig.1.2"), "{:#?}", view.steps);
    assert_eq!((world.run(&run).await, world.script.seen.lock().unwrap().len()), (before, calls));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_would_have_decided_otherwise_is_told() {
    let (world, run) = finished(&Company::workshop()).await;
    let gate = world.run(&run).await.gates.remove(0);
    let path = format!("steps.{}.outcome", gate.step);
    let view = again(&world, &run, set(&path, json!("denied"))).await;
    assert!(!view.same && view.decided.is_none(), "{view:#?}");
    let step = of(&view, &gate.step);
    assert_eq!((step.mark.as_str(), step.is.as_deref()), ("changed", Some("denied")));
    assert_eq!(view.ended_was.as_deref(), Some("done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_is_played_as_far_as_it_has_come() {
    let (world, run) = ran(&Company::workshop()).await;
    assert_eq!(world.run(&run).await.ended, None, "it waits for a person");
    let view = again(&world, &run, PlayAgain::default()).await;
    assert!(view.same && view.ended.is_none(), "{view:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_another_revision_it_is_told_where_it_is_decided_otherwise() {
    let (world, run) = digs().await;
    let bundles = world.handle.plan().expect("a plan is in force");
    let mut plan = (*bundles).clone();
    let playbook = world.run(&run).await.line.playbook;
    let mut bundle = (*plan.bundles[&playbook]).clone();
    let last =
        bundle.playbook.steps.iter_mut().find(|step| step.id == "after").expect("there is such a step");
    last.when = Some(Template::parse_expression("false").expect("it is an expression"));
    plan.bundles.insert(playbook, Arc::new(bundle));
    let by = Some(Another { revision: "r2".to_owned(), plan: Arc::new(plan) });
    let view = again(&world, &run, PlayAgain { by, ..PlayAgain::default() }).await;
    assert_eq!((view.to.as_deref(), view.same), (Some("r2"), false));
    assert_eq!(of(&view, "after").is.as_deref(), Some("skipped"), "{view:#?}");
    let decided = view.decided.expect("nothing was changed");
    assert!(!decided.equal && decided.differs_at.is_some(), "{decided:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_and_what_leads_nowhere_are_refused() {
    let (world, run) = digs().await;
    let refused = |asked: Result<ReplayView, Error>| asked.expect_err("it is refused").to_string();
    let branch = world.handle.replay(&format!("{run}~dig.1.0"), PlayAgain::default()).await;
    assert!(refused(branch).contains("which can be played again as a whole"));
    let nowhere = world.handle.replay(&run, set("input.nothing", json!(1))).await;
    assert!(refused(nowhere).contains("the playbook has no such input"));
    assert!(matches!(world.handle.scenario("nobody").await, Err(Error::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_written_down_as_a_scenario_that_names_what_it_was_answered() {
    let (world, run) = digs().await;
    let view = world.handle.scenario(&run).await.expect("it can be written down");
    assert_eq!(view.file, format!("tests/{run}.toml"));
    for part in
        ["schema = \"adjutant/v1\"", "end = \"done\"", "step = \"dig[2].dig-mark\"", "step = \"after\""]
    {
        assert!(view.text.contains(part), "{part} in\n{}", view.text);
    }
    assert_eq!(view.unsaid, Vec::<String>::new());
}
