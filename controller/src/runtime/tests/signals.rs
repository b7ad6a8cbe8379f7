//! Signals: who waits is told once, whatever came first and whoever died in between.

use super::{deliveries::delivery, *};
use crate::runtime::{Delivery, Error, SignalWish};

const DAY: u64 = 86_400_000;

/// Waits for the payment of an invoice, and writes down what came.
const INVOICE: &str = r#"schema = "adjutant/v1"
title = "Invoice"
deadline = "60d"
[input.invoice]
type = "string"
trust = "operator"
[[step]]
id = "paid"
wait = { signal = "paid", key = "{{ input.invoice }}", expires = "14d" }
on = { expired = "remind" }
[[step]]
id = "whole"
choose = [{ when = "steps.paid.data.amount == '100.00 EUR'", to = "done" }]
else = "remind"
[[step]]
id = "remind"
end = "cancelled"
[[step]]
id = "done"
end = "done"
"#;

/// Waits twice for a word to itself, with a pause before.
const TALK: &str = r#"schema = "adjutant/v1"
title = "Talk"
deadline = "60d"
[[step]]
id = "pause"
wait = "1h"
[[step]]
id = "first"
wait = { signal = "said", expires = "1d" }
on = { expired = "gone" }
[[step]]
id = "second"
wait = { signal = "said", expires = "1d" }
on = { expired = "gone" }
next = "done"
[[step]]
id = "gone"
end = "cancelled"
[[step]]
id = "done"
end = "done"
"#;

/// Tells that an invoice was paid.
const TELLER: &str = r#"schema = "adjutant/v1"
title = "Teller"
deadline = "60d"
[input.invoice]
type = "string"
trust = "operator"
[[step]]
id = "tell"
emit = "paid"
key = "{{ input.invoice }}"
with = { amount = "100.00 EUR" }
next = "done"
[[step]]
id = "done"
end = "done"
"#;

/// Begins whenever something was paid.
const THANKS: &str = r#"schema = "adjutant/v1"
title = "Thanks"
deadline = "60d"
trigger = { kind = "signal", signal = "paid", key = "{{ event.id }}" }
[input.invoice]
from = "{{ event.key }}"
type = "string"
[[step]]
id = "done"
end = "done"
"#;

async fn world() -> World {
    let all = [
        ("playbooks/invoice.toml", INVOICE),
        ("playbooks/talk.toml", TALK),
        ("playbooks/teller.toml", TELLER),
    ];
    World::with(&all).await
}

async fn begun(world: &World, playbook: &str, invoice: Option<&str>) -> String {
    let input = invoice.map(|invoice| ("invoice".to_owned(), json!(invoice)));
    let wish = StartRun {
        playbook: playbook.to_owned(),
        input: input.into_iter().collect(),
        key: Some(format!("{playbook}-{}", invoice.unwrap_or_default())),
        speaker: Speaker::Operator,
        ..StartRun::default()
    };
    let run = world.handle.start(wish).await.expect("the run starts").run;
    world.rest().await;
    run
}

fn paid(key: &str, id: &str) -> SignalWish {
    SignalWish {
        signal: "paid".to_owned(),
        key: Some(key.to_owned()),
        data: json!({ "amount": "100.00 EUR" }),
        id: Some(id.to_owned()),
        by: "operator".to_owned(),
        speaker: Speaker::Operator,
        to: None,
    }
}

fn said(run: &str, id: &str) -> SignalWish {
    SignalWish { signal: "said".to_owned(), to: Some(run.to_owned()), key: None, ..paid("", id) }
}

async fn status(world: &World, run: &str) -> String {
    world.rest().await;
    world.run(run).await.line.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_wait_of_whoever_waits_for_its_key() {
    let world = world().await;
    let (mine, other) =
        (begun(&world, "invoice", Some("i-1")).await, begun(&world, "invoice", Some("i-2")).await);
    assert_eq!(status(&world, &mine).await, "waiting");
    let why = world.handle.why(&mine).await.unwrap();
    assert!(why.chain.iter().any(|line| line.text.contains("the signal \"paid\" about \"i-1\"")), "{why:?}");
    let answer = world.handle.signal(paid("i-1", "s1")).await.unwrap();
    assert!(answer.applied && answer.message.contains("1 run"), "{answer:?}");
    assert_eq!(
        (status(&world, &mine).await, status(&world, &other).await),
        ("done".into(), "waiting".into())
    );
    let again = world.handle.signal(paid("i-1", "s1")).await.unwrap();
    assert!(!again.applied, "the same signal twice is one: {again:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_without_its_signal_expires() {
    let world = world().await;
    let run = begun(&world, "invoice", Some("i-1")).await;
    world.pass(14 * DAY).await;
    assert_eq!(status(&world, &run).await, "cancelled");
    let late = world.handle.signal(paid("i-1", "s1")).await.unwrap();
    assert!(late.message.contains("nobody waits"), "{late:?}");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_too_early_is_kept_and_each_is_given_once() {
    let world = world().await;
    let run = begun(&world, "talk", None).await;
    world.handle.signal(said(&run, "s1")).await.unwrap();
    world.pass(3_600_000).await;
    assert_eq!(
        world.run(&run).await.line.step.as_deref(),
        Some("second"),
        "the first wait took what was kept"
    );
    world.handle.signal(said(&run, "s2")).await.unwrap();
    assert_eq!(status(&world, &run).await, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_from_before_the_run_is_not_meant_for_it() {
    let world = world().await;
    world.handle.signal(paid("i-1", "s0")).await.unwrap();
    world.clock.advance(1_000);
    let run = begun(&world, "invoice", Some("i-1")).await;
    assert_eq!(status(&world, &run).await, "waiting");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_tells_who_waits_and_starts_what_it_triggers_once() {
    let world = world().await;
    world
        .activate(
            company(&[
                ("playbooks/invoice.toml", INVOICE),
                ("playbooks/teller.toml", TELLER),
                ("playbooks/thanks.toml", THANKS),
            ]),
            "r2",
            Some("r1"),
        )
        .await;
    let waits = begun(&world, "invoice", Some("i-1")).await;
    let tells = begun(&world, "teller", Some("i-1")).await;
    assert_eq!((status(&world, &tells).await, status(&world, &waits).await), ("done".into(), "done".into()));
    let thanks = world.handle.runs(crate::runtime::RunFilter {
        playbook: Some("thanks".to_owned()),
        ..crate::runtime::RunFilter::default()
    });
    let thanks = thanks.await.unwrap();
    assert_eq!(thanks.len(), 1, "{thanks:?}");
    world.sound().await;
}

fn teller() -> StartRun {
    StartRun {
        playbook: "teller".to_owned(),
        input: [("invoice".to_owned(), json!("i-1"))].into(),
        key: Some("t".to_owned()),
        speaker: Speaker::Operator,
        ..StartRun::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_batch_loses_no_signal_and_doubles_none() {
    for after in 0..12 {
        let world = world().await;
        let waits = begun(&world, "invoice", Some("i-1")).await;
        // The batch is on the disk, nobody is told, and the process dies of it.
        world.journal.inject(after, adjutant_machine::memory::Fault::DiskAfterWrite);
        let handle = world.handle.clone();
        let started = tokio::spawn(async move { handle.start(teller()).await });
        tokio::select! {
            _ = world.handle.failed() => {}
            () = async { drop(started.await); world.rest().await } => {}
        }
        let world = world.killed().await;
        world.rest().await;
        let teller = world.handle.start(teller());
        let teller = teller.await.unwrap().run;
        // What died with its process is tried again after a pause.
        world.pass(60_000).await;
        assert_eq!(
            (status(&world, &teller).await, status(&world, &waits).await),
            ("done".into(), "done".into()),
            "{after}"
        );
        world.sound().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_be_for_nobody_is_refused() {
    let world = world().await;
    let wish = |wish: SignalWish| world.handle.signal(wish);
    let none = wish(SignalWish { key: None, ..paid("", "s1") }).await;
    assert!(matches!(none, Err(Error::Invalid { .. })), "{none:?}");
    let missing = wish(said("talk-nope", "s1")).await;
    assert!(matches!(missing, Err(Error::NotFound { what: "run", .. })), "{missing:?}");
    let word = wish(SignalWish { signal: "Not a word".to_owned(), ..paid("i-1", "s1") }).await;
    assert!(matches!(word, Err(Error::Invalid { .. })), "{word:?}");
    let long = wish(SignalWish { data: json!({ "text": "x".repeat(70_000) }), ..paid("i-1", "s1") }).await;
    assert!(matches!(long, Err(Error::Invalid { .. })), "{long:?}");
}

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
    let mut mail = json!({ "references": ["a@b.example", "i-1@studio.example"], "attachments": [] });
    for name in [
        "message_id",
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
        mail[name] = json!("");
    }
    mail["message_id"] = json!("m1@client.example");
    let mail = Delivery {
        connector: "inbox".to_owned(),
        event: "message".to_owned(),
        fields: mail,
        ..delivery("m1", "")
    };
    world.handle.intake(mail).await.unwrap();
    assert_eq!(status(&world, &run).await, "done");
    world.sound().await;
}
