//! Scopes on the runtime: what is shown of them, a process that dies in them, and their budgets.

use super::*;

const HOUR: u64 = 3_600_000;

/// Does a piece of work that waits for a while.
const WORK: &str = r#"schema = "adjutant/v1"
title = "Works"

[[step]]
id = "first"
call = "desk.put"
with = { text = "first" }
undo = { call = "desk.cancel", with = { id = "{{ steps.first.id }}" } }
next = "work"

[[step]]
id = "work"
scope = "the work"
deadline = "2h"
on = { error = "sorry", expired = "sorry" }
next = "done"

[[step]]
id = "one"
in = "work"
call = "desk.put"
with = { text = "one" }
undo = { call = "desk.cancel", with = { id = "{{ steps.one.id }}" } }

[[step]]
id = "two"
in = "work"
call = "desk.put"
with = { text = "two" }
undo = { call = "desk.cancel", with = { id = "{{ steps.two.id }}" } }

[[step]]
id = "rest"
in = "work"
wait = "WAIT"

[[step]]
id = "sorry"
call = "desk.put"
with = { text = "sorry: {{ steps.work.status }}" }
undo = { call = "desk.cancel", with = { id = "{{ steps.sorry.id }}" } }
next = "done"

[[step]]
id = "done"
end = "done"
"#;

async fn working(wait: &str) -> (World, RunView) {
    let grants = format!(
        "schema = \"adjutant/v1\"\ntitle = \"Works\"\n{}",
        grants("work", &["desk.put", "desk.cancel"])
    );
    let text = WORK.replace("WAIT", wait);
    let world = World::with(&[("playbooks/work.toml", &text), ("policies/work.toml", &grants)]).await;
    let run = world.ran("work", "k").await;
    (world, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_whose_time_is_over_takes_back_what_it_did_once_whoever_dies_meanwhile() {
    let (world, run) = working("9h").await;
    let mut world = world.killed().await;
    world.pass(2 * HOUR - 1).await;
    assert_eq!(world.script.calls("desk.cancel").len(), 0);
    world.script.will("desk.cancel", [Turn::Shut, Turn::Ok(json!({}))]);
    world.pass(1).await;
    for _ in 0..4 {
        world = world.killed().await;
        world.pass(60_000).await;
    }
    let run = world.run(&run.line.id).await;
    assert_eq!(run.line.status, "done", "{run:#?}");
    let keys: std::collections::BTreeSet<String> =
        world.script.calls("desk.cancel").into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 2, "what was done in it, and not what came before");
    assert_eq!(world.script.calls("desk.put").len(), 4);
    let work = run.steps.iter().find(|step| step.id == "work").expect("it is a step");
    assert_eq!(work.outcome.as_deref(), Some("expired"));
    assert!(run.scopes.is_empty() && run.timers.is_empty(), "{run:#?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_says_which_scope_a_run_is_in_and_that_it_takes_back() {
    let (world, run) = working("9h").await;
    let [scope] = run.scopes.as_slice() else { panic!("one scope: {:#?}", run.scopes) };
    assert_eq!((scope.step.as_str(), scope.number, scope.ends.is_some()), ("work", 1, true));
    let told = |why: &crate::runtime::views::WhyView| {
        why.chain.iter().filter(|line| line.kind == "scope").map(|line| line.text.clone()).collect::<Vec<_>>()
    };
    let why = world.handle.why(&run.line.id).await.unwrap();
    assert!(told(&why)[0].starts_with("in scope \"work\", which ends at "), "{why:#?}");
    world.script.will("desk.cancel", [Turn::Fail(ErrorClass::Invalid)]);
    world.pass(2 * HOUR).await;
    let run = world.run(&run.line.id).await;
    assert_eq!((run.line.status.as_str(), run.line.step.as_deref()), ("running", None));
    assert_eq!(run.scopes[0].failing.as_deref(), Some("its deadline passed"));
    let why = world.handle.why(&run.line.id).await.unwrap();
    assert_eq!(told(&why), ["scope \"work\" takes back what it did: its deadline passed"]);
    assert!(why.chain.iter().any(|line| line.kind == "waits"), "a person is waited for: {why:#?}");
    let log = world.handle.log(&adjutant_machine::id::InstanceId::run(run.line.id), 1, 0).await.unwrap();
    assert!(log.iter().any(|line| line.said.contains("Scope(\"work\")")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_ends_in_time_leaves_nothing_behind() {
    let (world, run) = working("1h").await;
    world.pass(HOUR).await;
    let run = world.run(&run.line.id).await;
    assert_eq!((run.line.status.as_str(), run.timers.len()), ("done", 0));
    world.pass(9 * HOUR).await;
    assert_eq!(world.script.calls("desk.cancel").len(), 0);
    world.sound().await;
}

/// Asks an agent again and again, until something goes wrong.
const AGAIN: &str = "visits = 5\nnext = \"again\"\n\n[[step]]\nid = \"again\"\nin = \"group\"\n\
    choose = [{ when = \"steps.think.answer == 'x'\", to = \"think\" }]\nelse = \"poor\"";

/// Asks an agent in a container with a budget, and once more behind it.
fn thinking(group: &str, then: &str) -> String {
    format!(
        r#"schema = "adjutant/v1"
title = "Thinks"

[input.texts]
type = "list"
trust = "operator"
default = ["a", "b", "c"]

[[step]]
id = "group"
{group}
budget = "0.25 EUR"
next = "last"

[[step]]
id = "begin"
in = "group"
choose = [{{ when = "input.texts | length > 5", to = "poor" }}]
else = "think"

[[step]]
id = "poor"
in = "group"
end = "failed"

[[step]]
id = "think"
in = "group"
agent = "thinker"
with = {{ text = "hi" }}
on = {{ over_budget = "poor" }}
{then}

[[step]]
id = "last"
agent = "thinker"
with = {{ text = "hi" }}
next = "done"

[[step]]
id = "done"
end = "done"
"#
    )
}

async fn thought(group: &str, then: &str) -> (World, RunView) {
    let text = thinking(group, then);
    let world = World::with(&[("playbooks/thinks.toml", &text)]).await;
    *world.script.worst.lock().unwrap() = Some("0.10 EUR");
    world.script.will("thinker", std::iter::repeat_n(Turn::Costs(json!({ "answer": "x" }), "0.10 EUR"), 9));
    let run = world.ran("thinks", "k").await;
    (world, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_pass_the_budget_of_a_scope_is_not_asked_and_what_comes_behind_it_is() {
    let (world, run) = thought("scope = \"the work\"\non = { error = \"last\" }", AGAIN).await;
    assert_eq!(run.line.status, "done", "{run:#?}");
    let visits = |id: &str| run.steps.iter().find(|step| step.id == id).map(|step| step.visits);
    assert_eq!((visits("think"), visits("last")), (Some(3), Some(1)), "the third was too much");
    assert_eq!(world.script.calls("thinker").len(), 3);
    let group = run.steps.iter().find(|step| step.id == "group").expect("it is a step");
    assert_eq!(group.outcome.as_deref(), Some("error"));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_items_of_an_each_share_its_budget() {
    let each = "each = \"{{ input.texts }}\"\nas = \"text\"\nmax_items = 9\nmax_parallel = 3\nmin_ok = 2";
    let (world, run) = thought(each, "").await;
    let group = run.steps.iter().find(|step| step.id == "group").expect("it is a step");
    let value = group.value.as_ref().expect("it has a result");
    assert_eq!((&value["ok"], &value["failed"]), (&json!(2), &json!(1)), "{run:#?}");
    assert_eq!(run.line.status, "done", "{run:#?}");
    assert_eq!(world.script.calls("thinker").len(), 3, "two items, and what comes behind them");
    let spend = world.handle.spend().await.unwrap();
    assert_eq!(spend.by["agent:thinker"], "0.30 EUR".parse().unwrap());
    world.sound().await;
}
