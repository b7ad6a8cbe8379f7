//! The ledger across restarts and processes, the control endpoint, and the binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where they stand")]

mod world;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use adjutant_doubles::{BILLING_TOKEN, Books, Doubles, Error, Options};
use serde_json::{Value, json};
use world::{Dialogue, QUOTE, doubles, http, json, post_billing};

async fn keeping(path: &Path) -> Doubles {
    Doubles::start(Options { ledger: Some(path.into()), ..Options::default() }).await.unwrap()
}

fn invoice() -> Value {
    json!({ "customer": "Maya", "amount": 100, "currency": "eur" })
}

#[tokio::test]
async fn restarted_doubles_know_mails_invoices_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let doubles = keeping(&path).await;
    Dialogue::greeted(&doubles).await.deliver("maya@client.example", QUOTE).await;
    let create = |doubles: &Doubles| {
        post_billing(doubles, "/v1/invoices", &invoice()).header("Idempotency-Key", "k-1").send()
    };
    let first = json(create(&doubles).await.unwrap()).await;
    let before = doubles.books();
    assert_eq!(Books::read(&path).unwrap(), before, "another process reads the same");
    doubles.shutdown().await;

    let doubles = keeping(&path).await;
    assert_eq!(doubles.books(), before);
    let again = create(&doubles).await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(json(again).await, first);
    Dialogue::greeted(&doubles).await.deliver("maya@client.example", QUOTE).await;
    let numbers: Vec<u64> = doubles.smtp().mails().iter().map(|mail| mail.number).collect();
    assert_eq!((numbers, doubles.billing().invoices().len()), (vec![1, 2], 1));
}

#[tokio::test]
async fn one_ledger_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let first = keeping(&path).await;
    let second = Doubles::start(Options { ledger: Some(path.clone()), ..Options::default() }).await;
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    first.shutdown().await;
    keeping(&path).await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = doubles().await;
    let options = Options { smtp_port: first.addresses.smtp.port(), ..Options::default() };
    let error = Doubles::start(options).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the smtp double cannot listen on {}", first.addresses.smtp));
}

#[tokio::test]
async fn the_control_endpoint_shows_the_books_and_scripts_faults() {
    let doubles = doubles().await;
    let at = |path: &str| format!("{}{path}", doubles.addresses.control);
    let faults = json!([{ "double": "smtp", "fault": "reject_recipient", "code": 450, "only": "maya@" },
                        { "double": "billing", "fault": "status", "code": 429, "retry_after": 1 }]);
    let waiting = json(http().post(at("/faults")).body(faults.to_string()).send().await.unwrap()).await;
    assert_eq!(waiting.as_array().unwrap().len(), 2, "{waiting}");
    let mistake =
        json!([{ "double": "smtp", "fault": "delay", "delay_ms": 1 }, { "double": "smtp", "fault": "?" }]);
    let refused = http().post(at("/faults")).body(mistake.to_string()).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(doubles.faults().waiting().len(), 2, "a list with a mistake scripts nothing");

    assert_eq!(post_billing(&doubles, "/v1/invoices", &invoice()).send().await.unwrap().status(), 429);
    http().delete(at("/faults")).send().await.unwrap();
    Dialogue::greeted(&doubles).await.deliver("maya@client.example", QUOTE).await;
    let raw = http().get(at("/mails/1")).send().await.unwrap();
    assert_eq!(raw.headers()["content-type"], "message/rfc822");
    assert_eq!(raw.text().await.unwrap(), format!("{QUOTE}\r\n"));
    assert_eq!(http().get(at("/mails/2")).send().await.unwrap().status(), 404);
    let counts = json(http().get(at("/counts")).send().await.unwrap()).await;
    assert_eq!(
        (&counts["mails"], &counts["invoices"], &counts["billing_calls"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let ledger = json(http().get(at("/ledger")).send().await.unwrap()).await;
    assert_eq!(ledger["mails"][0]["message_id"], "run-7.2@agency.example");
    assert!(http().get(at("/")).send().await.unwrap().text().await.unwrap().contains("not real"));
}

/// The binary; killed with -9 when dropped.
struct Running {
    child: Child,
    addresses: Value,
}

impl Running {
    fn start(ledger: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_adjutant-doubles"))
            .arg("--ledger")
            .arg(ledger)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, addresses: serde_json::from_str(&line).unwrap() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn what_the_binary_answered_survives_its_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    for round in 1..=3 {
        let running = Running::start(&path);
        let url = format!("{}/v1/invoices", running.addresses["billing"].as_str().unwrap());
        let created = http().post(url).bearer_auth(BILLING_TOKEN).json(&invoice()).send().await.unwrap();
        assert_eq!(created.status(), 200);
        drop(running);
        assert_eq!(Books::read(&path).unwrap().invoices.len(), round);
    }
}

#[tokio::test]
async fn the_binary_says_why_it_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no such folder/ledger.jsonl");
    let output =
        Command::new(env!("CARGO_BIN_EXE_adjutant-doubles")).arg("--ledger").arg(missing).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("error: the ledger cannot be opened") && text.contains("caused by:"), "{text}");
}
