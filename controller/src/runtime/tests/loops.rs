use super::*;
use crate::runtime::Delivery;

const MAIL: &str = r#"schema = "adjutant/v1"
title = "Mail"
kind = "mail"
endpoint = "smtp://127.0.0.1:9"
from = "me@test.example"
per_address = 3
"#;

/// A playbook that mails by itself.
fn nags(to: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\ntitle = \"Nags\"\ndeadline = \"30d\"\n\
         [[step]]\nid = \"ask\"\ngate = \"Send it?\"\nexpires = \"1h\"\nauto = {{ when = \"true\" }}\n\
         on = {{ denied = \"close\", expired = \"close\" }}\n\
         [[step]]\nid = \"send\"\ncall = \"mail.send\"\nretry = {{ attempts = 3, backoff = \"1s..4s\" }}\n\
         with = {{ to = {to}, subject = \"s\", body = \"b\" }}\nnext = \"done\"\n\
         [[step]]\nid = \"done\"\nend = \"done\"\n[[step]]\nid = \"close\"\nend = \"cancelled\"\n"
    )
}

async fn world() -> World {
    let grants = format!(
        "schema = \"adjutant/v1\"\ntitle = \"Mails\"\n{}{}",
        grants("ann", &["mail.send"]),
        grants("both", &["mail.send"])
    );
    let (ann, both) = (nags("\"Ann <ANN@x.example>\""), nags("[\"bob@x.example\", \"ann@x.example\"]"));
    let files = [
        ("connectors/mail.toml", MAIL),
        ("playbooks/ann.toml", ann.as_str()),
        ("playbooks/both.toml", both.as_str()),
        ("policies/mails.toml", grants.as_str()),
    ];
    World::with(&files).await
}

async fn send(world: &World, playbook: &str, key: &str) -> String {
    world.script.will("mail.send", [Turn::Ok(json!({ "message_id": "m@test.example" }))]);
    let run = world.ran(playbook, key).await;
    if run.line.status == "done" { "done".to_owned() } else { run.effects[0].phase.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_so_many_mails_a_day_and_then_a_person_is_asked() {
    let world = world().await;
    for key in ["1", "2", "3"] {
        assert_eq!(send(&world, "ann", key).await, "done");
    }
    assert_eq!(send(&world, "ann", "4").await, "waiting_for_approval");
    assert_eq!(send(&world, "both", "5").await, "waiting_for_approval", "whoever else it goes to");
    assert_eq!(world.script.calls("mail.send").len(), 3);
    // What a person approves goes out, and uses up nothing.
    let gates = world.handle.inbox(PageWish::default()).await.unwrap().items;
    assert!(
        gates.iter().all(|gate| format!("{gate:?}").contains("ann@x.example has had 3 mails today")),
        "{gates:#?}"
    );
    world.handle.decide(approve(&gates[0]), "operator").await.unwrap();
    world.rest().await;
    assert_eq!(world.script.calls("mail.send").len(), 4);
    world.pass(18 * 3_600_000).await;
    assert_eq!(send(&world, "ann", "6").await, "done", "another day");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_made_again_is_the_same_mail() {
    let world = world().await;
    for key in ["1", "2", "3"] {
        world.script.will("mail.send", [Turn::Fail(ErrorClass::Transient)]);
        world.script.will("mail.send", [Turn::Ok(json!({ "message_id": "m@test.example" }))]);
        let run = world.ran("ann", key).await.line.id;
        world.pass(60_000).await;
        assert_eq!(world.run(&run).await.line.status, "done");
    }
    assert_eq!(send(&world, "ann", "4").await, "waiting_for_approval");
}

const INTAKE: &str =
    "schema = \"adjutant/v1\"\ntitle = \"In\"\nkind = \"mail_drop\"\nendpoint = \"intake\"\n";

fn takes(accept: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\ntitle = \"Takes\"\ndeadline = \"30d\"\n[trigger]\nkind = \"event\"\n\
         connector = \"intake\"\nevent = \"message\"\n{accept}\n[[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

/// A mail as the intake makes it.
fn mail(id: &str, automatic: &[(&str, &str)]) -> Delivery {
    let texts = ["from", "from_name", "reply_to", "to", "cc", "subject", "text", "date", "in_reply_to"];
    let machine = ["auto", "list", "bounce", "bounce_of", "doubt"];
    let mut fields: serde_json::Map<String, Value> =
        texts.into_iter().chain(machine).map(|name| (name.to_owned(), json!(""))).collect();
    let rest = [("references", json!([])), ("attachments", json!([])), ("message_id", json!(id))];
    fields.extend(rest.map(|(name, value)| (name.to_owned(), value)));
    fields.extend(automatic.iter().map(|(name, text)| ((*name).to_owned(), json!(text))));
    Delivery {
        connector: "intake".to_owned(),
        event: "message".to_owned(),
        id: id.to_owned(),
        fields: Value::Object(fields),
        by: "connector:intake".to_owned(),
        within: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_no_person_wrote_starts_what_asks_for_it_and_nothing_else() {
    let (none, bounces) = (takes(""), takes("accept = [\"bounce\"]"));
    let all = takes("accept = [\"auto\", \"bounce\", \"list\"]");
    let files = [
        ("connectors/intake.toml", INTAKE),
        ("playbooks/people.toml", none.as_str()),
        ("playbooks/bounces.toml", bounces.as_str()),
        ("playbooks/all.toml", all.as_str()),
    ];
    let world = World::with(&files).await;
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let table: [Row<'_>; 6] = [
        ("person", &[], &["all", "bounces", "people"]),
        ("away", &[("auto", "auto-replied")], &["all"]),
        ("news", &[("list", "news.shop.example")], &["all"]),
        ("machine on a list", &[("list", "bulk"), ("auto", "auto-generated")], &["all"]),
        ("bounce", &[("bounce", "5.1.1"), ("auto", "auto-replied")], &["all", "bounces"]),
        ("bounce on a list", &[("bounce", "failed"), ("list", "list")], &["all", "bounces"]),
    ];
    for (id, automatic, playbooks) in table {
        let started = world.handle.intake(mail(id, automatic)).await.unwrap();
        let mut found = Vec::new();
        for run in started.runs {
            found.push(world.run(&run.run).await.line.playbook);
        }
        found.sort();
        assert_eq!(found, playbooks, "{id}");
    }
    world.sound().await;
}
