//! A record that is written begins what it should: once, whoever died in between, and not for ever.

use adjutant_machine::{life::delivery::Arrival, memory::Fault};

use super::*;
use crate::runtime::{DeliveryFilter, PauseScope, RunFilter, deliveries, views::DeliveryLine};

/// Writes a customer down.
const WRITE: &str = r#"schema = "adjutant/v1"
title = "Writes a customer"
deadline = "30d"

[input.key]
type = "string"
trust = "operator"

[input.name]
type = "string"
trust = "operator"

[[step]]
id = "write"
record = { kind = "customer", key = "{{ input.key }}", write = { name = "{{ input.name }}" } }

[[step]]
id = "done"
end = "done"
"#;

/// Writes a customer down once more whenever one was written.
const ECHO: &str = r#"schema = "adjutant/v1"
title = "Writes again"
deadline = "30d"

[trigger]
kind = "record"
record = "customer"
when = "event.value.name != 'enough'"

[input.key]
from = "{{ event.key }}"
type = "string"

[[step]]
id = "write"
record = { kind = "customer", key = "{{ input.key }}", write = { note = "again" } }

[[step]]
id = "done"
end = "done"
"#;

/// A playbook that begins with a customer, and puts what it was given.
fn begins(trigger: &str, from: &str, type_: &str) -> String {
    calls("put").replace(
        "[input.text]\ntype = \"string\"\ndefault = \"hi\"\ntrust = \"operator\"",
        &format!(
            "[trigger]\nkind = \"record\"\nrecord = \"customer\"\n{trigger}\n\
             [input.text]\nfrom = \"{{{{ {from} }}}}\"\ntype = \"{type_}\""
        ),
    )
}

fn company_with(playbooks: &[(&str, &str)]) -> Arc<Plan> {
    let named =
        playbooks.iter().filter_map(|(path, _)| path.strip_prefix("playbooks/")?.strip_suffix(".toml"));
    let granted: String =
        named.chain(["write"]).map(|playbook| grants(playbook, &["desk.put", "record.write"])).collect();
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{granted}");
    let mut files = vec![("playbooks/write.toml", WRITE), ("policies/records.toml", policy.as_str())];
    files.extend(playbooks);
    company(&files)
}

async fn world(playbooks: &[(&str, &str)]) -> World {
    let world = World::on(MemoryJournal::new(), ManualClock::at(monday()), Script::new()).await;
    world.activate(company_with(playbooks), "r1", None).await;
    world
}

fn wish(key: &str, name: &str) -> StartRun {
    let input = [("key".to_owned(), json!(key)), ("name".to_owned(), json!(name))].into();
    let (playbook, key) = ("write".to_owned(), Some(format!("{key}-{name}")));
    StartRun { playbook, input, key, speaker: Speaker::Operator, ..StartRun::default() }
}

impl World {
    async fn writes(&self, key: &str, name: &str) {
        self.handle.start(wish(key, name)).await.expect("it starts");
        self.rest().await;
    }

    async fn waits(&self) -> Vec<DeliveryLine> {
        self.handle.deliveries(DeliveryFilter::default()).await.expect("the list can be read").items
    }

    /// What the runs of a playbook were given.
    async fn begun(&self, playbook: &str) -> Vec<Value> {
        let filter = RunFilter { playbook: Some(playbook.to_owned()), ..RunFilter::default() };
        let mut given = Vec::new();
        for line in self.handle.runs(filter).await.unwrap().into_iter().rev() {
            given.push(self.run(&line.id).await.input["text"].clone());
        }
        given
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_begins_what_its_triggers_say() {
    let created = begins("on = \"created\"", "event.value.name", "string");
    let changed = begins("on = \"changed\"", "event.before.name", "string");
    let renamed = begins(
        "on = \"changed\"\nwhen = \"event.value.name != event.before.name\"",
        "event.version",
        "integer",
    )
    .replace("text = \"{{ input.text }}\"", "text = \"{{ input.text }}!\"");
    let world = world(&[
        ("playbooks/created.toml", &created),
        ("playbooks/changed.toml", &changed),
        ("playbooks/renamed.toml", &renamed),
    ])
    .await;
    world.writes("c-1", "Ada").await;
    assert_eq!(world.begun("created").await, [json!("Ada")]);
    assert_eq!((world.begun("changed").await.len(), world.begun("renamed").await.len()), (0, 0));
    world.clock.advance(1);
    world.writes("c-1", "Eve").await;
    world.clock.advance(1);
    let again = StartRun { key: Some("again".to_owned()), ..wish("c-1", "Eve") };
    world.handle.start(again).await.unwrap();
    world.rest().await;
    assert_eq!(world.begun("created").await.len(), 1);
    assert_eq!(world.begun("changed").await, [json!("Ada"), json!("Eve")]);
    assert_eq!(world.begun("renamed").await, [json!(2)], "the third write changed no name");
    assert_eq!(world.waits().await.len(), 0, "who does not want it misses nothing");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_leads_from_a_run_to_who_wrote_the_record() {
    let created = begins("on = \"created\"", "event.value.name", "string");
    let world = world(&[("playbooks/created.toml", &created)]).await;
    world.writes("c-1", "Ada").await;
    let runs = world.handle.runs(RunFilter::default()).await.unwrap();
    let run = runs.iter().find(|line| line.id.starts_with("created-")).expect("it began");
    let why = world.handle.why(&run.id).await.unwrap();
    let trigger = why.chain.iter().find(|line| line.kind == "trigger").expect("it has a trigger");
    assert!(trigger.text.contains("run:write-") && trigger.text.contains("customer/c-1/1"), "{trigger:?}");
}

/// The start is owed in the batch that writes the record: whichever batch a process dies of, one write begins one run.
#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_batch_loses_no_start_and_doubles_none() {
    for fault in [Fault::Disk, Fault::DiskAfterWrite] {
        for after in 0..12 {
            let created = begins("", "event.value.name", "string");
            let world = world(&[("playbooks/created.toml", &created)]).await;
            world.journal.inject(after, fault);
            drop(world.handle.start(wish("c-1", "Ada")).await);
            drop(tokio::time::timeout(Duration::from_secs(20), world.handle.settled()).await);
            let world = world.killed().await;
            world.handle.start(wish("c-1", "Ada")).await.expect("whoever is told nothing asks again");
            world.rest().await;
            world.pass(60_000).await;
            assert_eq!(world.begun("created").await, [json!("Ada")], "{fault:?} after {after}");
            let puts = world.script.calls("desk.put");
            assert!(puts.iter().all(|(key, _)| *key == puts[0].0), "{fault:?} after {after}: {puts:?}");
            world.sound().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_begin_is_open_with_its_reason_and_begins_once_it_can() {
    let good = begins("", "event.value.name", "string");
    let other = begins("", "event.value.name | trim", "integer");
    let world = world(&[("playbooks/created.toml", &other)]).await;
    world.writes("c-1", "Ada").await;
    let open = world.waits().await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!((open[0].connector.as_str(), open[0].event.as_str()), ("record.customer", "created"));
    assert!(open[0].reason.contains("input \"text\""), "{open:?}");
    let why = world.handle.why(&open[0].id).await.unwrap();
    assert!(why.chain.iter().any(|line| line.text.contains("wrote customer \"c-1\"")), "{why:?}");
    world.activate(company_with(&[("playbooks/created.toml", &good)]), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!((world.waits().await.len(), world.begun("created").await), (0, vec![json!("Ada")]));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overlap_holds_for_records_too() {
    let queue = begins("overlap = \"queue\"", "event.value.name", "string");
    let world = world(&[("playbooks/created.toml", &queue)]).await;
    world.script.will("desk.put", [Turn::Held(json!({ "id": "1" }))]);
    for name in ["a", "b", "c"] {
        world.handle.start(wish(name, name)).await.unwrap();
        world.until_begun(name).await;
        world.clock.advance(1);
    }
    let mut statuses: Vec<String> = world
        .handle
        .runs(RunFilter { playbook: Some("created".to_owned()), ..RunFilter::default() })
        .await
        .unwrap()
        .into_iter()
        .map(|line| line.status)
        .collect();
    statuses.sort();
    assert_eq!(statuses, ["queued", "queued", "running"]);
    world.script.released.send_replace(true);
    world.rest().await;
    assert_eq!(world.begun("created").await, [json!("a"), json!("b"), json!("c")]);
    world.sound().await;
}

impl World {
    /// Waits until a run was begun with a name.
    async fn until_begun(&self, name: &str) {
        let look = async {
            while !self.begun("created").await.contains(&json!(name)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), look).await.expect("it begins");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_itself_ends_after_sixteen_in_a_row_and_waits_for_a_person() {
    let world = world(&[("playbooks/echo.toml", ECHO)]).await;
    world.writes("c-1", "Ada").await;
    let count = async || {
        let filter = RunFilter { playbook: Some("echo".to_owned()), ..RunFilter::default() };
        world.handle.runs(filter).await.unwrap().len()
    };
    assert_eq!(count().await, 16);
    let open = world.waits().await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].reason.contains("16 runs in a row"), "{open:?}");
    world.activate(company_with(&[("playbooks/echo.toml", ECHO)]), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!(count().await, 16, "another revision alone does not make it go on");
    world.handle.start_delivery(&open[0].id).await.expect("a person may");
    world.rest().await;
    assert_eq!((count().await, world.waits().await.len()), (16 + 17, 1));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_only_observes_writes_nothing_and_begins_nothing() {
    let created = begins("", "event.value.name", "string");
    let world = world(&[("playbooks/created.toml", &created)]).await;
    world.handle.start(StartRun { dry: true, ..wish("c-1", "Ada") }).await.unwrap();
    world.rest().await;
    assert_eq!(world.begun("created").await.len(), 0);
    let scope = PauseScope::Playbook("created".to_owned());
    world.handle.pause_scope(pause(scope.clone(), "holiday", "operator")).await.unwrap();
    world.writes("c-2", "Eve").await;
    assert_eq!(world.script.calls("desk.put").len(), 0, "what a pause holds back does nothing");
    world.handle.resume_scope(scope, "", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.script.calls("desk.put").len(), 1);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_for_each_record_is_no_open_delivery_for_each_later_write() {
    let created = begins("key = \"{{ event.key }}\"", "event.value.name", "string");
    let world = world(&[("playbooks/created.toml", &created)]).await;
    world.writes("c-1", "Ada").await;
    world.writes("c-1", "Eve").await;
    assert_eq!((world.begun("created").await, world.waits().await.len()), (vec![json!("Ada")], 0));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_would_begin_nothing_is_not_held_after_sixteen_in_a_row() {
    let echo = ECHO.replace("event.value.name != 'enough'", "event.version < 17");
    let world = world(&[("playbooks/echo.toml", &echo)]).await;
    world.writes("c-1", "Ada").await;
    let filter = RunFilter { playbook: Some("echo".to_owned()), ..RunFilter::default() };
    assert_eq!(world.handle.runs(filter).await.unwrap().len(), 16);
    assert_eq!(world.waits().await.len(), 0, "nothing was to follow the last write");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_kept_however_many_are_open() {
    let other = begins("", "event.value.name | trim", "integer");
    let world = world(&[("playbooks/created.toml", &other)]).await;
    world.handle.core.open_deliveries.lock().unwrap().insert("record.customer".to_owned(), 10_000);
    world.writes("c-1", "Ada").await;
    assert_eq!(world.waits().await.len(), 1, "it has no sender that could come again");
}

/// What tells of a write of customer "c-1".
fn written(version: u64, name: &str) -> Arrival {
    let change = if version == 1 { "created" } else { "changed" };
    let content = json!({
        "record": "customer", "key": "c-1", "version": version, "change": change, "value": { "name": name },
    });
    Arrival {
        connector: "record.customer".to_owned(),
        event: change.to_owned(),
        id: format!("c-1/{version}"),
        by: "run:write-1".to_owned(),
        at: Stamp(i64::try_from(version).unwrap()),
        digest: format!("of {version}"),
        content,
        chain: 1,
        readable: true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_overtaken_takes_the_place_of_no_later_one() {
    let replace = begins("overlap = \"replace\"", "event.value.name", "string");
    let world = world(&[("playbooks/created.toml", &replace)]).await;
    world.script.will("desk.put", [Turn::Held(json!({ "id": "1" }))]);
    for arrival in [written(2, "Eve"), written(1, "Ada")] {
        deliveries::owed(&world.handle.core, b"m-none".to_vec(), arrival).await;
    }
    assert_eq!(world.begun("created").await, [json!("Eve")]);
    deliveries::owed(&world.handle.core, b"m-none".to_vec(), written(3, "Zoe")).await;
    assert_eq!(world.begun("created").await.len(), 2, "a later one takes it");
    world.script.released.send_replace(true);
    world.rest().await;
    let filter = RunFilter { playbook: Some("created".to_owned()), ..RunFilter::default() };
    let mut ends: Vec<String> =
        world.handle.runs(filter).await.unwrap().into_iter().map(|line| line.status).collect();
    ends.sort();
    assert_eq!(ends, ["cancelled", "done"]);
}
