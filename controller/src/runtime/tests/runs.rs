use adjutant_machine::journal::{Batch, RowWrite, Table};
use serde_json::json;

use super::*;
use crate::runtime::{Error, RunFilter, rows};

pub(super) const GATED: &str = r#"schema = "adjutant/v1"
title = "Asks first"
deadline = "30d"
[input.text]
type = "string"
default = "hi"
trust = "operator"
[[step]]
id = "approve"
gate = "Post {{ input.text }}?"
show = ["input.text"]
risk = "low"
expires = "72h"
on = { denied = "close", expired = "close" }
[[step]]
id = "act"
call = "desk.post"
with = { text = "{{ input.text }}" }
next = "done"
[[step]]
id = "close"
end = "cancelled"
[[step]]
id = "done"
end = "done"
"#;

const REMEMBERS: &str = r#"schema = "adjutant/v1"
title = "Writes a record"
deadline = "30d"
[input.name]
type = "string"
default = "Ada"
trust = "operator"
[[step]]
id = "write"
on = { conflict = "close" }
next = "done"
[step.record]
kind = "customer"
key = "ada"
write = { name = "{{ input.name }}" }
[[step]]
id = "close"
end = "cancelled"
[[step]]
id = "done"
end = "done"
"#;

pub(super) fn remembering() -> Vec<(&'static str, String)> {
    let grants =
        format!("schema = \"adjutant/v1\"\ntitle = \"Records\"\n{}", grants("remembers", &["record.write"]));
    vec![("playbooks/remembers.toml", REMEMBERS.to_owned()), ("policies/records.toml", grants)]
}

pub(super) async fn world(files: &[(&'static str, String)]) -> World {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    World::with(&files).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_calls_and_ends() {
    let world = World::with(&[]).await;
    let run = world.ran("put", "k").await;
    assert_eq!(run.line.status, "done", "{run:#?}");
    assert_eq!(world.script.calls("desk.put").len(), 1);
    assert!(run.line.id.starts_with("put-") && run.line.id.len() == 12, "{}", run.line.id);
    assert_eq!(run.steps[0].value, Some(json!({ "id": "1" })));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_one_keyed_call_costs_two_batches() {
    let world = World::with(&[]).await;
    let before = world.journal.verify().unwrap().batches;
    world.ran("put", "k").await;
    assert_eq!(world.journal.verify().unwrap().batches - before, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_run() {
    let world = World::with(&[]).await;
    let starts = futures::future::join_all((0..20).map(|_| world.start("put", "k"))).await;
    assert_eq!(starts.iter().filter(|started| started.created).count(), 1);
    assert!(starts.iter().all(|started| started.run == starts[0].run));
    let other = world.start("put", "l").await;
    assert!(other.created && other.run != starts[0].run);
    world.rest().await;
    assert_eq!(world.script.calls("desk.put").len(), 2);
    let world = world.killed().await;
    assert!(!world.start("put", "k").await.created);
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_are_checked_all_at_once() {
    let world = World::with(&[]).await;
    let input = BTreeMap::from([("text".to_owned(), json!(5)), ("other".to_owned(), json!(1))]);
    let wish = StartRun { playbook: "put".to_owned(), input, ..StartRun::default() };
    let Err(Error::Invalid { problems }) = world.handle.start(wish).await else { panic!("it is refused") };
    assert_eq!(
        problems,
        ["input \"text\" must be a text, it is a number", "playbook \"put\" has no input \"other\""]
    );
    let unknown = StartRun { playbook: "nowhere".to_owned(), ..StartRun::default() };
    assert!(matches!(world.handle.start(unknown).await, Err(Error::NotFound { what: "playbook", .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_is_decided_once() {
    let world = World::with(&[("playbooks/gated.toml", GATED)]).await;
    let run = world.ran("gated", "k").await;
    assert_eq!(run.line.status, "waiting");
    let gate = world.gate().await;
    let stale = GateDecided { digest: "0".repeat(64), ..approve(&gate) };
    assert!(matches!(world.handle.decide(stale, "operator").await, Err(Error::Conflict { .. })));
    assert!(world.handle.decide(approve(&gate), "operator").await.unwrap().applied);
    let again = world.handle.decide(approve(&gate), "operator").await.unwrap();
    assert!(
        !again.applied && again.message.starts_with("already approved at 2026-05-04T06:00:00"),
        "{again:?}"
    );
    let denied = world.handle.decide(decision(&gate, Decision::Denied), "operator").await;
    assert!(matches!(denied, Err(Error::Conflict { .. })), "{denied:?}");
    world.rest().await;
    assert_eq!(world.run(&run.line.id).await.line.status, "done");
    assert!(world.handle.inbox(PageWish::default()).await.unwrap().items.is_empty());
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_nobody_answers_expires_and_not_early() {
    let world = World::with(&[("playbooks/gated.toml", GATED)]).await;
    let run = world.ran("gated", "k").await.line.id;
    world.pass(72 * 3_600_000 - 1).await;
    assert_eq!(world.run(&run).await.line.status, "waiting");
    let world = world.killed().await;
    world.pass(1).await;
    assert_eq!(world.run(&run).await.line.status, "cancelled");
    assert_eq!(world.script.calls("desk.post"), []);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_written_with_their_provenance() {
    let world = world(&remembering()).await;
    let run = world.ran("remembers", "k").await;
    assert_eq!(run.line.status, "done", "{run:#?}");
    let records = world.handle.records("customer", PageWish::default()).await.unwrap().items;
    assert_eq!((records.len(), records[0].key.as_str(), records[0].version), (1, "ada", 1));
    assert_eq!(records[0].value, json!({ "name": "Ada" }));
    assert_eq!((records[0].run.as_ref(), records[0].step.as_deref()), (Some(&run.line.id), Some("write")));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_record_never_lose_a_version() {
    let world = world(&remembering()).await;
    futures::future::join_all((0..40).map(|n| {
        let key = n.to_string();
        let world = &world;
        async move { world.start("remembers", &key).await }
    }))
    .await;
    world.rest().await;
    assert_eq!(world.handle.records("customer", PageWish::default()).await.unwrap().items[0].version, 40);
    let done = world
        .handle
        .runs(RunFilter { status: Some("done".to_owned()), ..RunFilter::default() })
        .await
        .unwrap();
    assert_eq!(done.len(), 40);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_newest_first() {
    let world = World::with(&[]).await;
    for n in 0..5 {
        world.start("put", &n.to_string()).await;
        world.pass(1_000).await;
    }
    let all = world.handle.runs(RunFilter::default()).await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|a, b| a.started > b.started));
    let page = RunFilter { after: Some(all[1].id.clone()), limit: 2, ..RunFilter::default() };
    assert_eq!(world.handle.runs(page).await.unwrap(), all[2..4]);
    let none = RunFilter { playbook: Some("post".to_owned()), ..RunFilter::default() };
    assert_eq!(world.handle.runs(none).await.unwrap(), []);
    assert_eq!(world.handle.status().await.unwrap().runs, BTreeMap::from([("done".to_owned(), 5)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_shown_as_it_was_and_why_it_is() {
    let world = World::with(&[("playbooks/gated.toml", GATED)]).await;
    let run = world.ran("gated", "k").await.line.id;
    let gate = world.gate().await;
    world.handle.decide(approve(&gate), "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.handle.run_at(&run, 1).await.unwrap().line.status, "waiting");
    let now = world.run(&run).await;
    assert_eq!(world.handle.run_at(&run, now.seq).await.unwrap().line, now.line);
    assert!(matches!(world.handle.run_at(&run, now.seq + 1).await, Err(Error::NotFound { .. })));
    let why = world.handle.why(&gate.id).await.unwrap();
    let kinds: Vec<&str> = why.chain.iter().map(|line| line.kind.as_str()).collect();
    assert_eq!(kinds, ["gate", "step", "end", "run", "trigger", "file"]);
    let log = world.handle.log(&adjutant_machine::id::InstanceId::run(&*run), 1, 0).await.unwrap();
    assert_eq!(log.len() as u64, now.seq);
    assert_eq!(log[1].by, "operator");
}

/// A playbook that is about somebody, and ends at once.
fn about(title: &str, kind: &str, key: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\ntitle = \"{title}\"\nabout = {{ kind = \"{kind}\", key = \"{key}\" }}\n\
         [input.who]\ntype = \"string\"\ndefault = \"\"\n[input.worth]\ntype = \"money\"\ndefault = \"12.50 EUR\"\n\
         [[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_found_by_whom_they_are_about() {
    let offer = about("Write an offer", "customer", "{{ input.who }}");
    let fix = about("Mend the site", "project", "{{ input.who | upper }}");
    let world = World::with(&[("playbooks/offer.toml", &offer), ("playbooks/fix.toml", &fix)]).await;
    for (playbook, who) in
        [("offer", "Ada@example.com"), ("offer", "bob@example.com"), ("fix", "pier"), ("offer", "")]
    {
        let input = BTreeMap::from([("who".to_owned(), json!(who))]);
        let wish = StartRun {
            playbook: playbook.to_owned(),
            key: Some(format!("k-{who}")),
            input,
            ..StartRun::default()
        };
        world.handle.start(wish).await.unwrap();
    }
    world.start("put", "unrelated").await;
    world.rest().await;
    let found = async |about: Option<&str>, text: Option<&str>| {
        let filter = RunFilter {
            about: about.map(str::to_owned),
            text: text.map(str::to_owned),
            ..RunFilter::default()
        };
        let mut keys: Vec<String> =
            world.handle.runs(filter).await.unwrap().into_iter().map(|line| line.key).collect();
        keys.sort();
        keys
    };
    assert_eq!(found(Some("customer/ada@example.com"), None).await, ["k-Ada@example.com"]);
    assert_eq!(found(Some("PIER"), None).await, ["k-pier"]);
    assert_eq!(found(Some("project/ada@example.com"), None).await, Vec::<String>::new());
    assert_eq!(found(None, Some("an OFFER")).await, ["k-", "k-Ada@example.com", "k-bob@example.com"]);
    assert_eq!(found(None, Some("bob@")).await, ["k-bob@example.com"]);
    assert_eq!(found(None, Some("unrel")).await, ["unrelated"]);
    assert_eq!(found(Some("bob@example.com"), Some("mend")).await, Vec::<String>::new());
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_says_what_a_run_is_whom_it_is_about_and_how_much_it_holds() {
    let offer = about("Write an offer", "customer", " {{ input.who }} ");
    let world = World::with(&[("playbooks/offer.toml", &offer)]).await;
    let line = |who: &str| {
        let input = BTreeMap::from([("who".to_owned(), json!(who))]);
        let wish = StartRun { playbook: "offer".to_owned(), input, ..StartRun::default() };
        let handle = world.handle.clone();
        async move {
            let run = handle.start(wish).await.unwrap().run;
            handle.settled().await;
            handle.run(&run).await.unwrap().line
        }
    };
    let ada = line("ada@example.com").await;
    assert_eq!(ada.title, "Write an offer");
    assert_eq!(
        ada.about.map(|about| (about.kind, about.key)),
        Some(("customer".into(), "ada@example.com".into()))
    );
    assert_eq!(ada.amount.as_deref(), Some("12.50 EUR"));
    assert_eq!(line("").await.about, None, "nobody is named: the run begins all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_an_older_build_is_found_though_its_row_is_not_there() {
    let world = World::with(&[]).await;
    let run = world.start("put", "old").await.run;
    world.start("post", "other").await;
    world.rest().await;
    let key = rows::index::head(&run);
    assert!(world.journal.row(Table::Index, &key).unwrap().is_some(), "a run has this row");
    let row = RowWrite { table: Table::Index, key, value: None };
    world.journal.append(Batch { writes: vec![row], ..Batch::default() }).unwrap();
    for (playbook, text) in [(Some("put"), None), (None, Some("old")), (Some("put"), Some(run.as_str()))] {
        let (playbook, text) = (playbook.map(str::to_owned), text.map(str::to_owned));
        let filter = RunFilter { playbook, text, ..RunFilter::default() };
        let found: Vec<String> =
            world.handle.runs(filter.clone()).await.unwrap().into_iter().map(|line| line.id).collect();
        assert_eq!(found, std::slice::from_ref(&run), "{filter:?}");
    }
}
