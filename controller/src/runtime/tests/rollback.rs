//! Runs that are taken back: what is shown before, and that exactly that happens.

use adjutant_machine::{id::InstanceId, memory::Spoilt};
use adjutant_sim::{Company, Many, companies::small};
use serde_json::json;

use super::{branches::ran, *};
use crate::runtime::{Error, RollBack, RunFilter, views::RollbackView};

const HOUR: u64 = 3_600_000;

pub(super) async fn digs() -> (World, String) {
    let places: Vec<_> = (0..3).map(|at| json!({ "name": format!("place {at}"), "bad": false })).collect();
    ran(&Company::digs(&places, Many { max_parallel: 2, min_ok: None })).await
}

/// Brings a run with gates and waits to its end.
pub(super) async fn finished(company: &Company) -> (World, String) {
    let (world, run) = ran(company).await;
    loop {
        let open = world.handle.inbox(PageWish::default()).await.unwrap().items;
        if open.is_empty() && world.handle.run(&run).await.unwrap().ended.is_some() {
            return (world, run);
        }
        for gate in open {
            world.handle.decide(approve(&gate), "operator").await.unwrap();
        }
        world.rest().await;
        world.pass(HOUR).await;
    }
}

async fn preview(world: &World, run: &str) -> RollbackView {
    world.handle.rollback(run).await.expect("it can be shown")
}

async fn confirm(world: &World, run: &str, token: &str) -> Result<crate::runtime::Answer, Error> {
    let wish = RollBack { token: token.to_owned(), reason: "it was wrong".to_owned() };
    world.handle.roll_back(run, wish, "ada").await
}

fn steps(preview: &RollbackView) -> Vec<(&str, &str)> {
    preview.taken.iter().map(|one| (one.deed.run.as_str(), one.deed.step.as_str())).collect()
}

fn reason(refused: Result<crate::runtime::Answer, Error>) -> String {
    match refused {
        Err(Error::Conflict { reason }) => reason,
        other => panic!("it was no conflict but {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_what_is_taken_back_and_in_which_order_and_then_that_happens() {
    let (world, run) = digs().await;
    let before = world.run(&run).await;
    let shown = preview(&world, &run).await;
    assert_eq!((shown.stays.len(), shown.blocked.len(), shown.taken_total), (0, 0, 8), "{shown:#?}");
    let branch = |index: u32| format!("{run}~dig.1.{index}");
    let (last, middle, first) = (branch(2), branch(1), branch(0));
    assert_eq!(
        steps(&shown),
        [
            (run.as_str(), "after"),
            (&last, "dig-keep"),
            (&last, "dig-mark"),
            (&middle, "dig-keep"),
            (&middle, "dig-mark"),
            (&first, "dig-keep"),
            (&first, "dig-mark"),
            (&run, "first"),
        ]
    );
    assert_eq!(shown.taken[0].undo, "desk.erase");
    assert_eq!(shown.taken[0].args, Some(json!({ "id": "1" })));
    assert_eq!(world.run(&run).await, before, "nothing was changed");
    assert_eq!(preview(&world, &run).await, shown, "and it is shown once more as it was");
    assert!(confirm(&world, &run, &shown.token).await.unwrap().applied);
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "rolled_back");
    assert_eq!(world.run(&last).await.line.status, "rolled_back");
    assert_eq!(world.script.calls("desk.erase").len(), 5);
    assert_eq!(world.script.calls("desk.unmark").len(), 3);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_took_a_run_back_and_why_stands_in_its_log_and_lists_have_the_word() {
    let (world, run) = digs().await;
    confirm(&world, &run, &preview(&world, &run).await.token).await.unwrap();
    world.rest().await;
    let log = world.handle.log(&InstanceId::run(&run), 1, 1_000).await.unwrap();
    let told = log.iter().find(|line| line.event["event"] == "run_rolled_back").expect("it is in the log");
    assert_eq!((told.by.as_str(), told.said.as_str()), ("ada", "run rolled back: it was wrong"));
    let filter = RunFilter { status: Some("rolled_back".to_owned()), ..RunFilter::default() };
    let listed = world.handle.runs(filter).await.unwrap();
    assert_eq!(listed.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), [run.as_str()]);
    assert_eq!(world.handle.status().await.unwrap().runs, [("rolled_back".to_owned(), 1)].into());
    let why = world.handle.why(&run).await.unwrap();
    assert!(why.chain.iter().any(|line| line.text == "it ended, taken back: it was wrong"), "{why:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_taken_back_once_and_not_tried_again() {
    let (world, run) = digs().await;
    let token = preview(&world, &run).await.token;
    confirm(&world, &run, &token).await.unwrap();
    world.rest().await;
    let shown = preview(&world, &run).await;
    assert_eq!(shown.blocked[0].reason, "it is taken back already");
    assert!(reason(confirm(&world, &run, &token).await).contains("taken back already"));
    assert!(world.handle.retry(&run, Default::default(), "operator").await.is_err());
    assert_eq!(world.script.calls("desk.erase").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_token_than_the_one_that_was_shown_is_refused() {
    let (world, run) = ran(&Company::workshop()).await;
    let early = preview(&world, &run).await;
    world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
    world.rest().await;
    assert!(reason(confirm(&world, &run, &early.token).await).contains("not as it was shown"));
    assert_eq!(world.run(&run).await.line.status, "waiting");
    let late = preview(&world, &run).await;
    assert_eq!(steps(&late), [(run.as_str(), "charge"), (&run, "book")]);
    confirm(&world, &run, &late.token).await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "rolled_back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_back_is_told() {
    let (world, run) = finished(&Company::workshop()).await;
    let shown = preview(&world, &run).await;
    let stays: Vec<_> = shown.stays.iter().map(|one| (one.deed.verb.as_str(), one.reason.as_str())).collect();
    assert_eq!(stays, [("desk.announce", "nothing takes it back: its step and its verb have no undo")]);
    assert_eq!(steps(&shown), [(run.as_str(), "charge"), (&run, "book")]);
    assert!(shown.taken.iter().all(|one| !one.asks), "the gate showed the ways back: {shown:#?}");
    assert!(shown.hint.is_some_and(|hint| hint.contains("`adjutant revert`")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_taken_back_with_its_parent_also_by_the_next_process() {
    let (world, run) = finished(&Company::foreman()).await;
    let child = world.run(&run).await.children[0].clone();
    let shown = preview(&world, &run).await;
    assert_eq!(shown.runs, [child.as_str()]);
    let runs: Vec<&str> = steps(&shown).into_iter().map(|(run, _)| run).collect();
    assert_eq!(runs, [child.as_str(), &child, &run, &run]);
    world.script.will("desk.refund", [Turn::Silent]);
    confirm(&world, &run, &shown.token).await.unwrap();
    world.until(|script| !script.calls("desk.refund").is_empty()).await;
    let world = world.killed().await;
    world.rest().await;
    world.pass(HOUR).await;
    assert_eq!(world.run(&child).await.line.status, "rolled_back");
    assert_eq!(world.run(&run).await.line.status, "rolled_back");
    let mut keys: Vec<_> = world.script.calls("desk.refund").into_iter().map(|(key, _)| key).collect();
    keys.dedup();
    assert_eq!(keys.len(), 3, "one key for each, however often it was sent: {keys:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_doubt_is_settled_first() {
    let (world, run) = ran(&Company::workshop()).await;
    world.script.will("desk.charge", [Turn::Silent]);
    world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
    world.until(|script| !script.calls("desk.charge").is_empty()).await;
    world.handle.kill(&run, "stop", "operator").await.unwrap();
    let world = world.killed().await;
    let shown = preview(&world, &run).await;
    let dead = world.dead().await.remove(0).effect.id;
    let next = shown.blocked[0].next.clone().unwrap();
    assert_eq!(next, format!("adjutant dead settle {dead} --happened"), "{shown:#?}");
    assert!(reason(confirm(&world, &run, &shown.token).await).contains("stands in the way"));
    let value = json!({ "id": "c" });
    let happened = adjutant_machine::event::Settlement::Happened(value);
    world.handle.settle(&dead, happened, "operator").await.unwrap();
    let shown = preview(&world, &run).await;
    assert_eq!(steps(&shown), [(run.as_str(), "charge"), (&run, "book")]);
    confirm(&world, &run, &shown.token).await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "rolled_back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_taken_back_with_its_run_and_not_alone() {
    let (world, run) = digs().await;
    let refused = world.handle.rollback(&format!("{run}~dig.1.0")).await;
    assert!(matches!(&refused, Err(Error::Invalid { .. })), "{refused:?}");
    let missing = world.handle.rollback("dig-nothing").await;
    assert!(matches!(&missing, Err(Error::NotFound { .. })), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_asks_says_so_before_and_does() {
    let files =
        [("playbooks/mark.toml", MARK), ("connectors/desk.toml", DESK), ("policies/grants.toml", GRANT)];
    let company = Company {
        plan: small(&files),
        playbook: "mark",
        inputs: Vec::new(),
        answers: BTreeMap::new(),
        queues: false,
    };
    let (world, run) = ran(&company).await;
    let shown = preview(&world, &run).await;
    assert!(shown.taken[0].asks, "{shown:#?}");
    assert_eq!(shown.taken[0].deed.whom.as_deref(), Some("ada@example.com"));
    assert_eq!(shown.taken[0].deed.amount.as_deref(), Some("12 EUR"));
    confirm(&world, &run, &shown.token).await.unwrap();
    world.rest().await;
    assert_eq!(world.script.calls("desk.unmark"), []);
    world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "rolled_back");
}

/// A run keeps no children of its branches: each is named, and taken back by itself before.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_branch_knows_of_is_taken_back_first() {
    let (world, run) = ran(&herd()).await;
    let shown = preview(&world, &run).await;
    let first: Vec<String> = shown.blocked.iter().filter_map(|one| one.next.clone()).collect();
    assert_eq!(first.len(), 2, "{shown:#?}");
    assert!(reason(confirm(&world, &run, &shown.token).await).contains("a branch started it"));
    for next in first {
        let child = next.strip_prefix("adjutant rollback ").expect("it names the child");
        let own = preview(&world, child).await;
        assert_eq!(own.taken_total, 1, "{own:#?}");
        confirm(&world, child, &own.token).await.unwrap();
        world.rest().await;
        world.handle.decide(approve(&world.gate().await), "operator").await.unwrap();
        world.rest().await;
        assert_eq!(world.run(child).await.line.status, "rolled_back");
    }
    let shown = preview(&world, &run).await;
    assert_eq!((shown.blocked.len(), shown.taken_total), (0, 0), "{shown:#?}");
    confirm(&world, &run, &shown.token).await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "rolled_back");
}

/// What is lost of a child is not taken for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_was_lost_stands_in_the_way() {
    let (world, run) = finished(&Company::foreman()).await;
    let child = world.run(&run).await.children[0].clone();
    world.journal.spoil(Spoilt::Entry(InstanceId::run(&child), 2));
    let world = world.killed().await;
    world.rest().await;
    let shown = preview(&world, &run).await;
    assert_eq!(shown.blocked.len(), 1, "{shown:#?}");
    assert_eq!(
        (shown.blocked[0].run.as_str(), shown.blocked[0].next.clone()),
        (child.as_str(), Some(format!("adjutant release {child}")))
    );
    assert!(reason(confirm(&world, &run, &shown.token).await).contains("stands in the way"));
    assert_eq!(world.run(&run).await.line.status, "done");
}

/// A company whose branches each let a run of their own mark something.
fn herd() -> Company {
    let files = [
        ("playbooks/herd.toml", HERD),
        ("playbooks/mark.toml", MARK),
        ("connectors/desk.toml", DESK),
        ("policies/grants.toml", GRANT),
    ];
    let inputs = vec![("places", json!(["here", "there"]))];
    Company { plan: small(&files), playbook: "herd", inputs, answers: BTreeMap::new(), queues: false }
}

const HERD: &str = r#"schema = "adjutant/v1"
title = "Lets others mark"

[input.places]
type = "list"
trust = "operator"

[[step]]
id = "spread"
each = "{{ input.places }}"
as = "place"
max_items = 5
next = "done"

[[step]]
id = "hand"
in = "spread"
run = "mark"

[[step]]
id = "done"
end = "done"
"#;

const MARK: &str = r#"schema = "adjutant/v1"
title = "Marks"

[[step]]
id = "mark"
call = "desk.mark"
with = { to = "ada@example.com", amount = "12 EUR" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;

const GRANT: &str = r#"schema = "adjutant/v1"
title = "What may be done without asking"

[[autonomy]]
subject = "playbook:mark"
verb = "desk.mark"
level = "act"
"#;

const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.mark]
method = "POST"
path = "/mark"
effect = "write"
idempotency = "native_key"
key_valid = "30d"
undo = "unmark"
input = { to = "string", amount = "string" }
output = { id = "string" }

[verbs.unmark]
method = "POST"
path = "/unmark"
effect = "delete"
idempotency = "at_most_once"
input = { id = "string" }
"#;
