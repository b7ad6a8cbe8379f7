//! Signals: who waits is told once, whatever came first and whoever died in between.

use adjutant_machine::{
    journal::{self, Table},
    memory::Spoilt,
};

use super::*;
use crate::runtime::{Error, SignalWish, rows};

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

pub(super) async fn begun(world: &World, playbook: &str, invoice: Option<&str>) -> String {
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
    let empty = wish(paid(" ", "s1")).await;
    assert!(matches!(empty, Err(Error::Invalid { .. })), "{empty:?}");
    let long = wish(SignalWish { data: json!({ "text": "x".repeat(70_000) }), ..paid("i-1", "s1") }).await;
    assert!(matches!(long, Err(Error::Invalid { .. })), "{long:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_the_same_with_blanks_around_it() {
    let world = world().await;
    let run = begun(&world, "invoice", Some("i-1")).await;
    world.handle.signal(paid(" i-1 ", "s1")).await.unwrap();
    assert_eq!(status(&world, &run).await, "done");
}

/// Pauses, then waits in two lanes: for a word to the run, and for a payment.
const LANES: &str = r#"schema = "adjutant/v1"
title = "Lanes"
deadline = "60d"
[input.invoice]
type = "string"
trust = "operator"
[[step]]
id = "pause"
wait = "1h"
[[step]]
id = "fan"
parallel = ["word", "money"]
next = "done"
[[step]]
id = "said"
in = "fan.word"
wait = { signal = "said", expires = "1d" }
on = { expired = "unsaid" }
next = "heard"
[[step]]
id = "unsaid"
in = "fan.word"
end = "failed"
[[step]]
id = "heard"
in = "fan.word"
end = "done"
[[step]]
id = "paid"
in = "fan.money"
wait = { signal = "paid", key = "{{ input.invoice }}", expires = "1d" }
on = { expired = "unpaid" }
next = "had"
[[step]]
id = "unpaid"
in = "fan.money"
end = "failed"
[[step]]
id = "had"
in = "fan.money"
end = "done"
[[step]]
id = "done"
end = "done"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_hears_what_came_before_it_began_and_what_is_sent_to_it() {
    let world = World::with(&[("playbooks/lanes.toml", LANES)]).await;
    let early = begun(&world, "lanes", Some("i-1")).await;
    world.clock.advance(1_000);
    world.handle.signal(said(&early, "s1")).await.unwrap();
    world.handle.signal(paid("i-1", "s2")).await.unwrap();
    world.pass(3_600_000).await;
    assert_eq!(status(&world, &early).await, "done");
    let late = begun(&world, "lanes", Some("i-2")).await;
    world.pass(3_600_000).await;
    let told = world.handle.signal(said(&format!("{late}~fan.1.0"), "s3")).await.unwrap();
    assert!(told.message.contains("1 run"), "{told:?}");
    world.handle.signal(paid("i-2", "s4")).await.unwrap();
    assert_eq!(status(&world, &late).await, "done");
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playbook_that_cannot_begin_keeps_nobody_from_hearing_the_signal() {
    let wants = THANKS.replace("event.key", "event.data.who");
    let skips = THANKS.replace("key = \"{{ event.id }}\"", "key = \"{{ event.id }}\", overlap = \"skip\"");
    let skips = skips.replace("[[step]]\nid", "[[step]]\nid = \"rest\"\nwait = \"1d\"\n[[step]]\nid");
    let world = World::with(&[
        ("playbooks/aaa.toml", &wants),
        ("playbooks/invoice.toml", INVOICE),
        ("playbooks/skips.toml", &skips),
        ("playbooks/teller.toml", TELLER),
        ("playbooks/thanks.toml", THANKS),
    ])
    .await;
    let waits = begun(&world, "invoice", Some("i-1")).await;
    let tells = begun(&world, "teller", Some("i-1")).await;
    assert_eq!((status(&world, &tells).await, status(&world, &waits).await), ("done".into(), "done".into()));
    let told = world.handle.signal(paid("i-1", "s1")).await.unwrap().message;
    for part in ["it starts thanks-", "\"aaa\" does not begin", "\"skips\" does not begin: another run"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_of_a_mailbox_is_made_again_from_its_log() {
    let mut damaged = 0;
    for after in 0..12 {
        let world = world().await;
        let waits = begun(&world, "invoice", Some("i-1")).await;
        world.journal.inject(after, adjutant_machine::memory::Fault::DiskAfterWrite);
        let handle = world.handle.clone();
        let sent = tokio::spawn(async move { handle.signal(paid("i-1", "s1")).await });
        tokio::select! {
            _ = world.handle.failed() => {}
            () = async { drop(sent.await); world.rest().await } => {}
        }
        let prefix = rows::outbox::MESSAGES;
        for row in journal::rows(&*world.journal, Table::Outbox, prefix).map(Result::unwrap) {
            let from = rows::outbox::message_of(&row.key).unwrap().from;
            if from.kind == adjutant_machine::id::InstanceKind::Mailbox {
                world.journal.spoil(Spoilt::Row(Table::Outbox, row.key));
                damaged += 1;
            }
        }
        let world = world.killed().await;
        world.rest().await;
        world.handle.signal(paid("i-1", "s1")).await.unwrap();
        assert_eq!(status(&world, &waits).await, "done", "{after}");
        assert!(world.handle.status().await.unwrap().quarantined.is_empty(), "{after}");
    }
    assert!(damaged > 0, "no death left a row behind");
}
