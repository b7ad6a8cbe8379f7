//! Signals from outside: an event of a connector, and a mail that answers another one.

use adjutant_machine::{
    id::EffectId,
    life::mailbox::{Addressed, MailboxId},
};

use super::{deliveries::delivery, signals::begun, *};
use crate::runtime::Delivery;

/// A hook that tells of payments, by the id of the invoice.
const BILLING: &str = r#"schema = "adjutant/v1"
title = "Billing"
kind = "webhook"
secret = "billing"
events = { paid = { invoice_id = "string", amount = "string" } }
signals = { paid = "invoice_id" }
"#;

/// A folder of mails.
const INBOX: &str = r#"schema = "adjutant/v1"
title = "Inbox"
kind = "mail_drop"
endpoint = "intake"
"#;

/// Waits for the event of a connector, and for the answer to a mail.
const FOLLOWS: &str = r#"schema = "adjutant/v1"
title = "Follows"
deadline = "60d"
[input.invoice]
type = "string"
trust = "operator"
[[step]]
id = "paid"
wait = { signal = "billing.paid", key = "{{ input.invoice }}", expires = "14d" }
on = { expired = "gone" }
[[step]]
id = "answer"
wait = { signal = "reply", key = "{{ input.invoice }}@studio.example", expires = "14d" }
on = { expired = "gone" }
next = "done"
[[step]]
id = "gone"
end = "cancelled"
[[step]]
id = "done"
end = "done"
"#;

/// Returns a mail that answers others.
fn mail(id: &str, answers: &[&str]) -> Delivery {
    let mut fields = json!({ "references": answers, "attachments": [] });
    for name in [
        "from",
        "from_name",
        "reply_to",
        "to",
        "cc",
        "subject",
        "text",
        "date",
        "in_reply_to",
        "auto",
        "list",
        "bounce",
        "bounce_of",
        "doubt",
    ] {
        fields[name] = json!("");
    }
    fields["message_id"] = json!(format!("{id}@client.example"));
    let (connector, event) = ("inbox".to_owned(), "message".to_owned());
    Delivery { connector, event, fields, ..delivery(id, "") }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_answers_to_mails_are_signals_and_need_no_playbook() {
    let world = World::with(&[
        ("connectors/billing.toml", BILLING),
        ("connectors/inbox.toml", INBOX),
        ("playbooks/follows.toml", FOLLOWS),
    ])
    .await;
    let run = begun(&world, "follows", Some("i-1")).await;
    let payment = Delivery {
        connector: "billing".to_owned(),
        event: "paid".to_owned(),
        fields: json!({ "invoice_id": "i-1", "amount": "100.00 EUR", "message_id": "e1" }),
        ..delivery("e1", "")
    };
    let taken = world.handle.intake(payment).await.unwrap();
    assert_eq!((taken.open, taken.runs.len()), (None, 0), "nobody else has to want it");
    world.rest().await;
    assert_eq!(world.run(&run).await.line.step.as_deref(), Some("answer"));
    world.handle.intake(mail("m1", &["a@b.example", "i-1@studio.example"])).await.unwrap();
    world.rest().await;
    assert_eq!(world.run(&run).await.line.status, "done");
    world.sound().await;
}

fn answers_of(world: &World, id: &str) -> u64 {
    let of = Addressed::Key(id.to_owned());
    world.journal.last(&MailboxId { signal: "reply".to_owned(), of }.instance()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_nobody_waited_for_stays_open_and_its_ids_fill_no_disk() {
    let world = World::with(&[
        ("connectors/billing.toml", BILLING),
        ("connectors/inbox.toml", INBOX),
        ("playbooks/follows.toml", FOLLOWS),
    ])
    .await;
    let run = begun(&world, "follows", Some("i-1")).await;
    // A client writes in a thread of their own, and no playbook takes mails.
    let taken = world.takes(mail("m1", &["one@client.example", "two@client.example"])).await;
    assert!(taken.open.is_some(), "{taken:?}");
    assert_eq!(answers_of(&world, "one@client.example"), 0, "nothing is kept for the ids of others");
    // It answers a mail of ours, and the run does not wait for that yet: it is kept for it, and open for the operator.
    let ours = EffectId { run, seq: 1, index: 0 }.key() + "@studio.example";
    let taken = world.takes(mail("m2", &[&ours])).await;
    assert!(taken.open.is_some(), "{taken:?}");
    assert_eq!(answers_of(&world, &ours), 1);
    // The form alone is none of ours: there is no such run.
    world.takes(mail("m3", &["adjutant-follows-x.1.0@studio.example"])).await;
    assert_eq!(answers_of(&world, "adjutant-follows-x.1.0@studio.example"), 0);
    assert_eq!(world.handle.status().await.unwrap().deliveries, 3);
    world.sound().await;
}
