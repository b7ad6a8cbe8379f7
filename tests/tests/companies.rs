//! The example studio and the example newsletter with the real daemon: their main playbooks, from the first question to the last record.

#![expect(clippy::unwrap_used, reason = "a story that breaks off has failed")]

use adjutant_doubles::InvoiceStatus;
use adjutant_tests::{Agency, Stage};
use serde_json::{Value, json};

const CLIENT: &str = "ada@mill.example";

/// Starts a playbook by hand and returns its run.
async fn start(company: &Agency, playbook: &str, input: &Value) -> String {
    let ran = company.operator(&["run", playbook, "--input", &input.to_string()]).await;
    ran.ok().trim().to_owned()
}

/// Waits for the one question that is open.
async fn question(company: &Agency) -> Value {
    let inbox = company.daemon.api.until("inbox", |inbox| inbox.as_array().unwrap().len() == 1).await;
    inbox[0].clone()
}

/// Returns the value of a record.
async fn record(company: &Agency, kind: &str, key: &str) -> Value {
    let all = company.operator(&["records", kind, "--json"]).await.json();
    let found = all.as_array().unwrap().iter().find(|record| record["key"] == key);
    found.map(|record| record["value"].clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_billed_once_and_its_invoices_are_taken_back_together() {
    let studio = Agency::on(Stage::studio().await).await;
    let client = json!({ "name": "Ada", "email": CLIENT, "plan": "two" });
    let welcome = start(&studio, "welcome", &client).await;
    drop(studio.approve(&question(&studio).await).await);
    drop(studio.is(&welcome, "done").await);
    assert_eq!(studio.stage.mails_to(CLIENT).len(), 1, "the welcome");

    let month = json!({ "period": "2026-03" });
    let billing = start(&studio, "billing", &month).await;
    drop(studio.approve(&question(&studio).await).await);
    drop(studio.is(&billing, "done").await);
    let again = start(&studio, "billing", &month).await;
    drop(studio.is(&again, "done").await);
    let invoices = studio.stage.doubles.billing().invoices();
    assert_eq!(invoices.len(), 1, "the second run finds the first one's");
    assert_eq!(invoices[0].fields["amount"], 2200);
    assert_eq!(record(&studio, "invoice", &format!("2026-03/{CLIENT}")).await["status"], "open");
    let watches = |run: &Value| run["playbook"] == "collect" && run["step"] == "fortnight";
    let runs = studio.daemon.api.until("runs", |runs| runs.as_array().unwrap().iter().any(watches)).await;
    let collect = runs.as_array().unwrap().iter().find(|run| watches(run)).unwrap()["id"].as_str().unwrap();
    let why = studio.operator(&["why", collect]).await;
    assert!(why.ok().contains("file: slices/money/playbooks/collect.toml"), "{}", why.all());

    let shown = studio.operator(&["rollback", &billing, "--json"]).await.json();
    let token = shown["token"].as_str().unwrap();
    let back = studio.operator(&["rollback", &billing, "--confirm", token, "-m", "the wrong fee"]).await;
    assert_eq!(back.code, 0, "{}", back.all());
    drop(studio.is(&billing, "rolled_back").await);
    assert_eq!(studio.stage.doubles.billing().invoices()[0].status, InvoiceStatus::Void);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_goes_out_once_as_the_editor_has_changed_it() {
    let paper = Agency::on(Stage::newsletter().await).await;
    let first = start(&paper, "weekly", &json!({ "day": "2026-03-05" })).await;
    let second = start(&paper, "weekly", &json!({ "day": "2026-03-06" })).await;
    let (ask, other) = (paper.gate(&first).await, paper.gate(&second).await);
    let edits = json!({ "edits": { "steps.draft.subject": "Slow and small" } });
    drop(paper.decide(&ask, edits).await);
    drop(paper.is(&first, "done").await);
    let issue = record(&paper, "issue", "1").await;
    assert_eq!((&issue["status"], &issue["subject"]), (&json!("sent"), &json!("Slow and small")));
    assert_eq!(record(&paper, "publication", "weekly").await["next"], 2);

    drop(paper.approve(&other).await);
    let view = paper.at(&second, "twice").await;
    let called = view["effects"].as_array().unwrap().iter().any(|effect| effect["step"] == "send");
    assert!(!called, "nothing was sent: {view:#}");
    assert_eq!(record(&paper, "issue", "1").await, issue, "the second run has changed nothing");
}
