//! Branches as a file has them, on the runtime: a list of records with a person asked for each, lanes side by side, and deaths between.

use adjutant_machine::call::Call;

use super::*;
use crate::runtime::Error;

const HOUR: u64 = 3_600_000;

/// Writes a customer down.
const ADD: &str = r#"schema = "adjutant/v1"
title = "Adds a customer"

[input.name]
type = "string"
trust = "operator"

[[step]]
id = "write"
record = { kind = "customer", key = "{{ input.name }}", write = { name = "{{ input.name }}" } }

[[step]]
id = "done"
end = "done"
"#;

/// Greets every customer: a note for each, then a person, then a post that nothing takes back; then two lanes.
const GREET: &str = r#"schema = "adjutant/v1"
title = "Greets everybody"
deadline = "30d"

[input.word]
type = "string"
trust = "operator"
default = "hello"

[[step]]
id = "all"
record = { kind = "customer", read = "list" }

[[step]]
id = "greet"
each = "{{ steps.all.items }}"
as = "customer"
max_items = 10
max_parallel = 2
min_ok = 1

[[step]]
id = "note"
in = "greet"
call = "desk.put"
with = { text = "{{ input.word }} {{ customer.value.name }} {{ customer_index }}" }
undo = { call = "desk.cancel", with = { id = "{{ steps.note.id }}" } }

[[step]]
id = "ask"
in = "greet"
gate = "Post to {{ customer.value.name }}?"
show = ["customer.value.name"]
risk = "low"
expires = "7d"
on = { denied = "no", expired = "no" }

[[step]]
id = "post"
in = "greet"
call = "desk.post"
with = { text = "{{ customer.value.name }} has note {{ steps.note.id }}" }
next = "sent"

[[step]]
id = "no"
in = "greet"
end = "cancelled"

[[step]]
id = "sent"
in = "greet"
end = "done"

[[step]]
id = "fan"
parallel = ["quick", "slow"]

[[step]]
id = "first"
in = "fan.quick"
call = "desk.put"
with = { text = "quick {{ steps.greet.ok }}" }
undo = { call = "desk.cancel", with = { id = "{{ steps.first.id }}" } }

[[step]]
id = "rest"
in = "fan.slow"
wait = "1h"

[[step]]
id = "second"
in = "fan.slow"
call = "desk.put"
with = { text = "slow" }
undo = { call = "desk.cancel", with = { id = "{{ steps.second.id }}" } }

[[step]]
id = "tell"
call = "desk.put"
with = { text = "{{ steps.greet.ok }} of {{ steps.greet.items | length }}, {{ steps.fan.lanes.quick.value.first.id }}" }
undo = { call = "desk.cancel", with = { id = "{{ steps.tell.id }}" } }

[[step]]
id = "done"
end = "done"
"#;

/// A world with so many customers, whose greeting has come to its gates.
async fn greeting(names: &[&str]) -> (World, String) {
    let grants = format!(
        "schema = \"adjutant/v1\"\ntitle = \"Greetings\"\n{}{}",
        grants("add", &["record.write"]),
        grants("greet", &["desk.*"])
    );
    let files = [
        ("playbooks/add.toml", ADD),
        ("playbooks/greet.toml", GREET),
        ("policies/greet.toml", grants.as_str()),
    ];
    let world = World::with(&files).await;
    for name in names {
        let input = [("name".to_owned(), json!(name))].into();
        let wish = StartRun {
            playbook: "add".to_owned(),
            key: Some((*name).to_owned()),
            input,
            speaker: Speaker::Operator,
            ..StartRun::default()
        };
        world.handle.start(wish).await.expect("the customer is added");
        world.rest().await;
    }
    let run = world.ran("greet", "k").await.line.id;
    (world, run)
}

async fn inbox(world: &World) -> Vec<GateView> {
    world.handle.inbox(PageWish::default()).await.expect("the inbox is readable").items
}

/// Returns what a run called verbs with.
async fn texts(world: &World, run: &str) -> Vec<String> {
    let calls = world.handle.calls(run).await.expect("it is readable");
    let text = |call: Call| match call {
        Call::Verb(verb) => Some(verb.args["text"].as_str()?.to_owned()),
        _ => None,
    };
    calls.into_iter().filter_map(text).collect()
}

async fn answer(world: &World, gate: &GateView, decision: Decision) {
    let decided = super::decision(gate, decision);
    assert!(world.handle.decide(decided, "operator").await.expect("it is decided").applied);
    world.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_records_is_gone_through_and_a_person_is_asked_for_each() {
    let (world, run) = greeting(&["ada", "bob", "cy"]).await;
    let gates = inbox(&world).await;
    let questions: Vec<&str> = gates.iter().map(|gate| gate.question.as_str()).collect();
    assert_eq!(questions, ["Post to ada?", "Post to bob?"], "so many go on at once");
    assert_eq!(gates[0].card.effects[0].args["text"], "ada has note 1", "what will be posted is on the card");
    answer(&world, &gates[0], Decision::Approved { form: None }).await;
    answer(&world, &gates[1], Decision::Denied).await;
    let last = inbox(&world).await;
    assert_eq!(last.iter().map(|gate| gate.question.as_str()).collect::<Vec<_>>(), ["Post to cy?"]);
    answer(&world, &last[0], Decision::Approved { form: None }).await;
    world.pass(HOUR).await;
    let done = world.run(&run).await;
    assert_eq!(done.line.status, "done", "{done:#?}");
    assert_eq!(texts(&world, &format!("{run}~greet.1.1")).await[0], "hello bob 1");
    assert_eq!(world.script.calls("desk.post").len(), 2);
    assert_eq!(world.script.calls("desk.cancel").len(), 1, "who was denied has no note any more");
    assert_eq!(texts(&world, &run).await, ["2 of 3, 1"]);
    let items = done.steps.iter().find(|step| step.id == "greet").and_then(|step| step.value.clone());
    let items = items.expect("it has a result");
    assert_eq!(
        (&items["items"][1]["ok"], &items["items"][1]["status"]),
        (&json!(false), &json!("cancelled"))
    );
    assert_eq!(items["items"][2]["value"]["note"]["id"], "1");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_at_every_halt_asks_and_acts_once_for_each() {
    let (mut world, run) = greeting(&["ada", "bob", "cy"]).await;
    loop {
        world = world.killed().await;
        world.rest().await;
        let Some(gate) = inbox(&world).await.into_iter().next() else { break };
        answer(&world, &gate, Decision::Approved { form: None }).await;
    }
    world = world.killed().await;
    world.rest().await;
    world.pass(HOUR).await;
    assert_eq!(world.run(&run).await.line.status, "done");
    for (verb, count) in [("desk.post", 3), ("desk.put", 6), ("desk.cancel", 0)] {
        let keys: std::collections::BTreeSet<String> =
            world.script.calls(verb).into_iter().map(|(key, _)| key).collect();
        assert_eq!((keys.len(), world.script.calls(verb).len()), (count, count), "{verb}");
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_says_how_far_branches_are_and_what_each_is_about() {
    let (world, run) = greeting(&["ada", "bob", "cy"]).await;
    let shown = world.run(&run).await;
    let [round] = shown.rounds.as_slice() else { panic!("one round: {:#?}", shown.rounds) };
    assert_eq!(
        (round.step.as_str(), round.number, round.count, round.begun, round.open),
        ("greet", 1, 3, 2, 2)
    );
    let branches: Vec<_> = round.unfinished.iter().map(|line| (line.id.clone(), line.step.clone())).collect();
    let at = |index: u32| (format!("{run}~greet.1.{index}"), Some("ask".to_owned()));
    assert_eq!(branches, [at(0), at(1)]);
    let part = round.unfinished[1].part.as_deref().expect("a branch is a part");
    assert!(part.starts_with("customer 2 of \"greet\": ") && part.contains("bob"), "{part}");
    let gate = inbox(&world).await.remove(0);
    assert!(gate.part.as_deref().is_some_and(|part| part.contains("ada")), "{gate:#?}");
    let why = world.handle.why(&run).await.unwrap();
    let causes: Vec<_> = why.chain.iter().filter(|line| line.kind == "branch").collect();
    assert_eq!(causes.len(), 2, "{why:#?}");
    assert!(
        causes[0].text.contains("~greet.1.0 is not over: gate") && causes[0].text.contains("waits for you")
    );
    let why = world.handle.why(&format!("{run}~greet.1.1")).await.unwrap();
    assert!(
        why.chain.iter().any(|line| line.kind == "run" && line.id == run),
        "it leads to the run: {why:#?}"
    );
    assert!(why.chain.iter().any(|line| line.kind == "file"), "{why:#?}");
    let branch = world.run(&format!("{run}~greet.1.0")).await;
    let steps: Vec<&str> = branch.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["note", "ask", "post", "no", "sent"], "its own, and those of nobody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_are_listed_page_by_page_in_the_order_of_the_items() {
    let names: Vec<String> = (0..10).map(|at| format!("c{at}")).collect();
    let (world, run) = greeting(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for _ in 0..10 {
        let gate = inbox(&world).await.remove(0);
        answer(&world, &gate, Decision::Approved { form: None }).await;
    }
    let page = |after: Option<String>| world.handle.branches(&run, PageWish { after, limit: 8 });
    let first = page(None).await.unwrap();
    let ids: Vec<&str> = first.items.iter().map(|line| line.id.as_str()).collect();
    assert_eq!(first.total, 12, "ten items and two lanes");
    assert!(ids[0].ends_with("~fan.1.0") && ids[1].ends_with("~fan.1.1"), "{ids:?}");
    assert!(ids[2].ends_with("~greet.1.0") && ids[7].ends_with("~greet.1.5"), "{ids:?}");
    let second = page(first.next).await.unwrap();
    let ids: Vec<&str> = second.items.iter().map(|line| line.id.as_str()).collect();
    assert!(ids.len() == 4 && ids[3].ends_with("~greet.1.9") && second.next.is_none(), "{ids:?}");
    let missing = world.handle.branches("nobody-1", PageWish::default()).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
}
