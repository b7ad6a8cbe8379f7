//! What comes in is never lost without a word: open deliveries, their waking, their dropping, and who may speak for them.

use adjutant_machine::{life::delivery::Unmet, trust::Speaker};
use adjutant_spec::{files::FileSet, value::Trust};

use super::*;
use crate::runtime::{
    Delivery, DeliveryFilter, Error, Heard, PauseScope, SetAside, Taken, views::DeliveryLine,
};

const HOOK: &str = "schema = \"adjutant/v1\"\ntitle = \"Form\"\nkind = \"webhook\"\nsecret = \"form\"\n\
                    [events]\nlead = { id = \"string\", text = \"string\" }\n";
const DROP: &str = "schema = \"adjutant/v1\"\ntitle = \"Mails\"\nkind = \"mail_drop\"\nendpoint = \"intake\"\nsecret = \"form\"\n";

/// A playbook that begins with the form's event and writes its text down.
pub(super) fn leads(from: &str, more: &str) -> String {
    calls("put").replace(
        "[input.text]\ntype = \"string\"\ndefault = \"hi\"\ntrust = \"operator\"",
        &format!(
            "[trigger]\nkind = \"event\"\nconnector = \"form\"\nevent = \"lead\"\nkey = \"{{{{ event.id }}}}\"\n{more}\
             [input.text]\nfrom = \"{{{{ {from} }}}}\"\ntype = \"string\"\ntrust = \"verified\""
        ),
    )
}

/// The same with a number in place of the text: what a filter gives has no type that `check` could judge.
fn of_another_type() -> String {
    leads("event.text | trim", "").replace("\"string\"\ntrust", "\"integer\"\ntrust")
}

pub(super) fn plan_of(playbooks: &[(&str, &str)]) -> Arc<Plan> {
    let named =
        playbooks.iter().filter_map(|(path, _)| path.strip_prefix("playbooks/")?.strip_suffix(".toml"));
    let granted: String = named.map(|playbook| grants(playbook, &["desk.put"])).collect();
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{granted}");
    let mut files = vec![("connectors/form.toml", HOOK)];
    if !playbooks.is_empty() {
        files.push(("policies/leads.toml", &policy));
    }
    files.extend(playbooks);
    company(&files)
}

pub(super) fn delivery(id: &str, text: &str) -> Delivery {
    Delivery {
        connector: "form".to_owned(),
        event: "lead".to_owned(),
        id: id.to_owned(),
        fields: json!({ "id": id, "text": text, "message_id": id }),
        by: "connector:form".to_owned(),
        within: None,
    }
}

pub(super) async fn opened(playbooks: &[(&str, &str)]) -> World {
    let world = World::on(MemoryJournal::new(), ManualClock::at(monday()), Script::new()).await;
    world.activate(plan_of(playbooks), "r1", None).await;
    world
}

impl World {
    pub(super) async fn takes(&self, delivery: Delivery) -> Taken {
        self.handle.intake(delivery).await.expect("it is taken in")
    }

    async fn open(&self) -> Vec<DeliveryLine> {
        self.handle.deliveries(DeliveryFilter::default()).await.expect("the list can be read").items
    }

    pub(super) async fn all(&self) -> Vec<DeliveryLine> {
        let all = DeliveryFilter { all: true, ..DeliveryFilter::default() };
        self.handle.deliveries(all).await.expect("the list can be read").items
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_starts_a_run_once() {
    let leads = leads("event.text", "");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    let first = world.takes(delivery("d1", "hello")).await;
    assert!(first.runs.len() == 1 && first.runs[0].created && first.open.is_none());
    let again = world.takes(delivery("d1", "hello")).await;
    assert_eq!(again.runs, [Started { run: first.runs[0].run.clone(), created: false }]);
    let fields = json!({ "id": "d1", "text": "hello" });
    let same_key = world.takes(Delivery { fields, ..delivery("d2", "") }).await;
    assert_eq!(same_key.runs, again.runs, "another delivery of the same message is the same run");
    world.rest().await;
    assert_eq!(world.script.calls("desk.put").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_nobody_wants_yet_waits_and_starts_by_itself() {
    let world = opened(&[]).await;
    let taken = world.takes(delivery("m-1", "hello")).await;
    assert!(taken.runs.is_empty() && !taken.known, "{taken:?}");
    let open = world.open().await;
    assert_eq!((open.len(), open[0].id.as_str()), (1, taken.open.as_deref().unwrap()));
    assert!(open[0].reason.contains("no playbook"), "{open:?}");
    assert_eq!(world.handle.status().await.unwrap().deliveries, 1);
    assert_eq!(
        world.takes(delivery("m-1", "hello")).await.open,
        taken.open,
        "its repetition is the same one"
    );
    world.rest().await;
    let notices = world.script.notices.lock().unwrap().clone();
    assert_eq!(notices.len(), 1, "told once: {notices:?}");
    assert_eq!(notices[0].action, format!("adjutant deliveries {}", open[0].id));

    let leads = leads("event.text", "");
    world.activate(plan_of(&[("playbooks/leads.toml", &leads)]), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!(world.open().await, []);
    assert_eq!(world.script.calls("desk.put").len(), 1);
    let again = world.takes(delivery("m-1", "hello")).await;
    assert!(again.known && again.runs.len() == 1 && !again.runs[0].created, "{again:?}");
    let story = world.handle.delivery(&open[0].id).await.unwrap();
    assert_eq!((story.line.state.as_str(), story.line.runs.len()), ("started", 1));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reason_why_a_playbook_cannot_take_it_leaves_it_open_until_it_can() {
    let good = leads("event.text", "");
    let broken = [
        ("the input has another type", of_another_type()),
        ("the key is empty", good.replace("key = \"{{ event.id }}\"", "key = \"{{ '' }}\"")),
    ];
    for (what, playbook) in &broken {
        let world = opened(&[("playbooks/leads.toml", playbook)]).await;
        let taken = world.takes(delivery("m-1", "hello")).await;
        assert!(taken.open.is_some() && taken.why.is_some(), "{what}: {taken:?}");
        world.activate(plan_of(&[("playbooks/leads.toml", &good)]), "r2", Some("r1")).await;
        world.rest().await;
        assert_eq!((world.open().await.len(), world.script.calls("desk.put").len()), (0, 1), "{what}");
    }
    // What does not fit the event's own schema is kept as it came.
    let world = opened(&[("playbooks/leads.toml", &good)]).await;
    let wrong = Delivery { fields: json!({ "id": "m-2", "text": 7 }), ..delivery("m-2", "") };
    let taken = world.takes(wrong.clone()).await;
    assert!(taken.why.as_deref().unwrap().contains("/text"), "{taken:?}");
    assert_eq!(world.handle.delivery(taken.open.as_deref().unwrap()).await.unwrap().content, wrong.fields);
    let other = Delivery { event: "other".to_owned(), ..delivery("m-3", "x") };
    assert!(world.takes(other).await.why.unwrap().contains("declares no event"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_slice_is_named_as_the_reason() {
    let world = World::on(MemoryJournal::new(), ManualClock::at(monday()), Script::new()).await;
    let activation = Activation {
        plan: plan_of(&[]),
        revision: "r1".to_owned(),
        expected: None,
        held: [("sales".to_owned(), "playbooks/leads.toml has a mistake".to_owned())].into(),
        detail: Default::default(),
        story: None,
        by: "operator".to_owned(),
    };
    world.handle.activate(activation).await.unwrap();
    let why = world.takes(delivery("m-1", "x")).await.why.unwrap();
    assert!(why.contains("sales") && why.contains("has a mistake"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_playbook_that_cannot_take_it_keeps_no_other_and_is_not_forgotten() {
    let (good, bad) = (leads("event.text", ""), of_another_type());
    let world = opened(&[("playbooks/leads.toml", &good), ("playbooks/seconds.toml", &bad)]).await;
    let taken = world.takes(delivery("m-1", "hello")).await;
    assert_eq!((taken.runs.len(), taken.open.is_some()), (1, true), "{taken:?}");
    world
        .activate(
            plan_of(&[("playbooks/leads.toml", &good), ("playbooks/seconds.toml", &good)]),
            "r2",
            Some("r1"),
        )
        .await;
    world.rest().await;
    assert_eq!(world.open().await, []);
    let known = world.takes(delivery("m-1", "hello")).await;
    assert_eq!((known.runs.len(), known.known), (2, true), "each has its one run: {known:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_survives_the_process_and_a_crash_in_the_middle_of_waking() {
    let world = opened(&[]).await;
    for id in ["m-1", "m-2", "m-3"] {
        world.takes(delivery(id, id)).await;
    }
    let world = world.killed().await;
    assert_eq!(world.open().await.len(), 3);
    let leads = leads("event.text", "");
    world.activate(plan_of(&[("playbooks/leads.toml", &leads)]), "r2", Some("r1")).await;
    // The process dies right after the revision came into force: the next one goes on where it was.
    let world = world.killed().await;
    world.rest().await;
    assert_eq!(world.open().await, []);
    let keys: std::collections::BTreeSet<String> =
        world.script.calls("desk.put").into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 3, "each delivery once");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_delivery_starts_nothing_any_more() {
    let world = opened(&[]).await;
    let id = world.takes(delivery("m-1", "spam")).await.open.unwrap();
    let no_reason = world.handle.drop_delivery(&id, " ", "operator").await;
    assert!(matches!(no_reason, Err(Error::Invalid { .. })), "{no_reason:?}");
    assert!(
        matches!(world.handle.start_delivery(&id).await, Err(Error::Conflict { .. })),
        "nobody can take it yet"
    );
    world.handle.drop_delivery(&id, "spam", "operator").await.unwrap();
    let again = world.handle.drop_delivery(&id, "spam", "operator").await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    let leads = leads("event.text", "");
    world.activate(plan_of(&[("playbooks/leads.toml", &leads)]), "r2", Some("r1")).await;
    world.rest().await;
    let repeated = world.takes(delivery("m-1", "spam")).await;
    assert!(
        repeated.known && repeated.runs.is_empty() && repeated.why.as_deref() == Some("spam"),
        "{repeated:?}"
    );
    let all = world.all().await;
    assert_eq!((all.len(), all[0].state.as_str(), all[0].reason.as_str()), (1, "dropped", "spam"));
    assert!(matches!(world.handle.drop_delivery("nope", "x", "operator").await, Err(Error::NotFound { .. })));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_content_under_a_known_id_is_a_conflict() {
    let leads = leads("event.text", "");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    let first = world.takes(delivery("m-1", "one cup")).await;
    let conflict = world.handle.intake(delivery("m-1", "two cups")).await.unwrap_err();
    assert!(
        matches!(&conflict, Error::Conflict { reason } if reason.contains(&first.runs[0].run)),
        "{conflict}"
    );
    let order = json!({ "message_id": "m-1", "text": "one cup", "id": "m-1" });
    let same = Delivery { fields: order, ..delivery("m-1", "") };
    assert!(world.takes(same).await.known, "the order of fields says nothing");
    // Of an open one too: the operator must not find another message than the one that was told.
    let world = opened(&[]).await;
    world.takes(delivery("m-2", "one")).await;
    assert!(matches!(world.handle.intake(delivery("m-2", "two")).await, Err(Error::Conflict { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_cannot_be_read_is_kept_once_and_only_shown() {
    let leads = leads("event.text", "");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    let item = SetAside {
        connector: "form".to_owned(),
        event: String::new(),
        id: "blake3-1".to_owned(),
        by: "connector:form".to_owned(),
        content: json!({ "name": "bad.eml" }),
        reason: "it has no `From` address".to_owned(),
    };
    let id = world.handle.set_aside(item.clone()).await.unwrap();
    assert_eq!(world.handle.set_aside(item.clone()).await.unwrap(), id);
    let shown = world.handle.delivery(&id).await.unwrap();
    assert_eq!(shown.reasons, [Unmet { playbook: None, reason: item.reason.clone() }]);
    assert_eq!(shown.actions, [format!("adjutant deliveries drop {id} -m WHY")]);
    assert!(matches!(world.handle.start_delivery(&id).await, Err(Error::Conflict { .. })));
    world.activate(plan_of(&[("playbooks/leads.toml", &leads)]), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!(world.open().await.len(), 1, "a revision does not make it readable");
    // Its sender brings it again in a form that can be read.
    let taken = world.takes(delivery("blake3-1", "hello")).await;
    assert_eq!((taken.runs.len(), world.open().await.len()), (1, 0), "{taken:?}");
    // What cannot be read never takes the place of a message that can, known or open.
    world.activate(plan_of(&[]), "r3", Some("r2")).await;
    world.takes(delivery("m-2", "hello")).await;
    for id in ["blake3-1", "m-2"] {
        let refused = world.handle.set_aside(SetAside { id: id.to_owned(), ..item.clone() }).await;
        assert!(matches!(refused, Err(Error::Conflict { .. })), "{id}: {refused:?}");
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_contents_without_an_id_are_one_within_their_window_alone() {
    let leads = leads("event.text", "").replace("{{ event.id }}", "{{ event.message_id }}");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    let order = |text: &str| Delivery {
        id: String::new(),
        fields: json!({ "id": "x", "text": text }),
        within: Some(600_000),
        ..delivery("", "")
    };
    let first = world.takes(order("a cup")).await;
    let again = world.takes(order("a cup")).await;
    assert!(again.known && again.why.as_deref().unwrap().contains("600 s"), "the sender is told: {again:?}");
    assert_eq!(again.runs[0].run, first.runs[0].run);
    assert!(!world.takes(order("a plate")).await.known);
    world.pass(600_000).await;
    let later = world.takes(order("a cup")).await;
    assert!(!later.known && later.runs[0].created && later.runs[0].run != first.runs[0].run, "{later:?}");
    let world = world.killed().await;
    assert_eq!(
        world.takes(order("a cup")).await.runs[0].run,
        later.runs[0].run,
        "the window outlives the process"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_is_known_by_every_name_of_its_connector() {
    let world = opened(&[]).await;
    world.takes(delivery("m-1", "hello")).await;
    let leads = leads("event.text", "").replace("connector = \"form\"", "connector = \"door\"");
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{}", grants("leads", &["desk.put"]));
    let door = HOOK.replace("kind = \"webhook\"", "kind = \"webhook\"\nwas = [\"form\"]");
    let renamed = company(&[
        ("connectors/door.toml", &door),
        ("policies/leads.toml", &policy),
        ("playbooks/leads.toml", &leads),
    ]);
    world.activate(renamed, "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!((world.open().await.len(), world.script.calls("desk.put").len()), (0, 1));
    // Its sender still knows the old name only.
    assert_eq!(world.takes(delivery("m-2", "again")).await.runs.len(), 1);
    world.handle.hear("form", Heard::Taken);
    assert_eq!(world.handle.hooks()[0].connector, "door");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_by_a_paused_connector_is_open_and_starts_when_the_pause_ends() {
    let leads = leads("event.text", "");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    let before = world.takes(delivery("m-0", "before")).await;
    let scope = PauseScope::Connector("form".to_owned());
    world.handle.pause_scope(pause(scope.clone(), "somebody has its key", "operator")).await.unwrap();
    assert!(world.takes(delivery("m-0", "before")).await.known, "what came before keeps its answer");
    for id in ["m-1", "m-2", "m-3"] {
        let taken = world.takes(delivery(id, id)).await;
        assert!(taken.runs.is_empty() && taken.why.unwrap().contains("somebody has its key"), "{id}");
    }
    let open = world.open().await;
    let early = world.handle.start_delivery(&open[0].id).await;
    assert!(open.len() == 3 && matches!(early, Err(Error::Conflict { .. })), "{early:?}");
    // The pause outlives the process, and a revision that comes into force ends no pause.
    let world = world.killed().await;
    world.activate(plan_of(&[("playbooks/leads.toml", &leads)]), "r2", Some("r1")).await;
    world.rest().await;
    assert_eq!(world.open().await.len(), 3);
    world.handle.resume_scope(scope, "", "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.open().await, []);
    let again = world.takes(delivery("m-1", "m-1")).await;
    assert!(again.known && again.runs.len() == 1 && again.runs != before.runs, "{again:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_another_message_leaves_a_delivery_open() {
    let leads = leads("event.text", "");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    world.takes(delivery("m-1", "one cup")).await;
    let fields = json!({ "id": "m-1", "text": "two cups", "message_id": "m-2" });
    let taken = world.takes(Delivery { fields, ..delivery("m-2", "") }).await;
    assert!(taken.runs.is_empty() && taken.open.is_some() && taken.why.is_some(), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hook_refuses_is_counted_told_once_and_kept() {
    let world = opened(&[]).await;
    let refuse = || world.handle.hear("form", Heard::Refused("the signature does not fit".to_owned()));
    (0..4).for_each(|_| refuse());
    world.handle.hear("form", Heard::Taken);
    (0..4).for_each(|_| refuse());
    assert!(!world.handle.hooks()[0].failing);
    refuse();
    refuse();
    let hook = world.handle.hooks().remove(0);
    assert_eq!((hook.taken, hook.refused, hook.refused_in_a_row, hook.failing), (1, 10, 6, true));
    world.handle.hear("form", Heard::Undeclared("ping".to_owned()));
    assert!(!world.handle.hooks()[0].failing, "who signs an event that nobody wants is who it should be");
    (0..9).for_each(|_| refuse());
    world.handle.shutdown().await;
    let kept = Arc::clone(&world.journal);
    let next = World::on(kept.crash(0), world.clock.clone(), Arc::clone(&world.script)).await;
    let hook = next.handle.hooks().remove(0);
    assert_eq!((hook.refused, hook.undeclared, hook.last_undeclared.as_deref()), (19, 1, Some("ping")));
    assert_eq!(hook.last_reason.as_deref(), Some("the signature does not fit"));
    next.rest().await;
    let told: Vec<Notice> = next.script.notices.lock().unwrap().clone();
    assert!(told.iter().all(|notice| notice.action == "adjutant connectors"), "{told:?}");
    // When the first counts follow to the store decides whether the first row of refusals was told, too; never one row twice.
    let rows: std::collections::BTreeSet<&String> = told.iter().map(|notice| &notice.id).collect();
    assert!((1..=2).contains(&told.len()) && rows.len() == told.len(), "{told:?}");
}

/// Returns how far the input of the only run of a playbook is trusted, as its log has it.
async fn trust_of(world: &World, run: &str) -> (Trust, Option<Speaker>) {
    let log = world.handle.log(&adjutant_machine::id::InstanceId::run(run), 1, 1).await.unwrap();
    let started = &log[0].event;
    let labels = &started["input"]["text"]["labels"];
    (
        serde_json::from_value(labels["trust"].clone()).unwrap(),
        serde_json::from_value(started["speaker"].clone()).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_a_run_caps_what_its_inputs_are_trusted() {
    let world = World::with(&[]).await;
    for (speaker, expected) in [
        (Speaker::Operator, Trust::Operator),
        (Speaker::Token, Trust::Verified),
        (Speaker::Agent, Trust::External),
        (Speaker::Outside, Trust::External),
    ] {
        let wish = StartRun {
            playbook: "put".to_owned(),
            key: Some(format!("{speaker:?}")),
            input: [("text".to_owned(), json!("hello"))].into(),
            speaker,
            ..StartRun::default()
        };
        let run = world.handle.start(wish).await.unwrap().run;
        assert_eq!(trust_of(&world, &run).await, (expected, Some(speaker)));
    }
    // What the playbook itself says is the operator's word, whoever starts it.
    let default = world.start("put", "default").await;
    assert_eq!(trust_of(&world, &default.run).await.0, Trust::Operator);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_hook_is_verified_at_most_and_a_dropped_mail_is_from_outside() {
    let leads = leads("event.text", "");
    let world = opened(&[("playbooks/leads.toml", &leads)]).await;
    let run = world.takes(delivery("m-1", "hello")).await.runs.remove(0).run;
    assert_eq!(trust_of(&world, &run).await, (Trust::Verified, Some(Speaker::Signed)));
    // A secret that a mail drop names proves nothing about who wrote the mail.
    let claims = leads
        .replace("\"form\"", "\"mails\"")
        .replace("\"lead\"", "\"message\"")
        .replace("event.id", "event.message_id");
    let policy = format!("schema = \"adjutant/v1\"\ntitle = \"P\"\n{}", grants("leads", &["desk.put"]));
    let mut files = FileSet::new();
    for (path, text) in [
        ("adjutant.toml", COMPANY),
        ("connectors/desk.toml", DESK),
        ("connectors/mails.toml", DROP),
        ("playbooks/leads.toml", &claims),
        ("policies/leads.toml", &policy),
    ] {
        files.insert(path, text.as_bytes().to_vec());
    }
    let report = adjutant_spec::load(&files).report.render();
    assert!(report.contains("E0504"), "{report}");
}
