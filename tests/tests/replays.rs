//! A real run of the agency is played again, and becomes a scenario of its repository.

#![expect(clippy::unwrap_used, reason = "a story that breaks off has failed")]

use adjutant_tests::{Agency, LEAD, lead};
use serde_json::Value;

/// A lead that was answered: the quote is sent, the invoice is made, and the run waits for the client.
async fn answered() -> (Agency, String) {
    let agency = Agency::open().await;
    let run = agency.webhook("msg_1", &lead()).await;
    let gate = agency.gate(&run).await;
    agency.approve(&gate).await;
    agency.at(&run, "patience").await;
    (agency, run)
}

fn marks<'a>(view: &'a Value, step: &str) -> Vec<&'a str> {
    let steps = view["steps"].as_array().unwrap().iter().filter(|found| found["step"] == step);
    steps.map(|found| found["mark"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_played_again_and_nothing_is_sent() {
    let (agency, run) = answered().await;
    let sent = agency.stage.mails_to(LEAD).len();
    let same = agency.operator(&["replay", &run, "--json", "--exit-code"]).await;
    let view = same.json();
    assert_eq!(
        (same.code, &view["same"], &view["decided"]["equal"]),
        (0, &Value::from(true), &Value::from(true)),
        "{view:#}"
    );
    let denied = agency
        .operator(&["replay", &run, "--set", "steps.approve.outcome=denied", "--json", "--exit-code"])
        .await;
    let view: Value = serde_json::from_str(&denied.stdout).unwrap();
    assert_eq!((denied.code, view["ended"].as_str()), (10, Some("cancelled")), "{view:#}");
    assert_eq!(
        (marks(&view, "approve"), marks(&view, "send"), marks(&view, "invoice")),
        (vec!["changed"], vec!["gone"], vec!["gone"])
    );
    assert_eq!(view["records"][0]["mark"], "gone", "no customer is kept: {view:#}");
    let told = agency.operator(&["replay", &run, "--set", "steps.qualify.budget=900"]).await;
    assert!(told.ok().contains("answered as in the run, although asked otherwise: "), "{}", told.all());
    let nowhere = agency.operator(&["replay", &run, "--set", "input.colour=red"]).await;
    assert_eq!(nowhere.code, 1, "{}", nowhere.all());
    assert_eq!(agency.stage.mails_to(LEAD).len(), sent, "nothing left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_becomes_a_scenario_that_holds_until_the_playbook_is_another() {
    let (agency, run) = answered().await;
    let folder = agency.stage.world.path("co").display().to_string();
    let record = ["test", "record", run.as_str(), "--dir", &folder, "--name", "maya"];
    let recorded = agency.operator(&record).await;
    assert_eq!(recorded.code, 0, "{}", recorded.all());
    assert!(recorded.stdout.contains("tests/maya.toml"), "{}", recorded.all());
    assert_eq!(agency.operator(&record).await.code, 5, "a file that is there is not written over");
    let away = ["test", "record", run.as_str(), "--dir", &folder, "--name", "../maya"];
    assert_eq!(agency.operator(&away).await.code, 1, "a name is no path");
    let text = agency.stage.world.read("co/tests/maya.toml");
    assert!(text.starts_with(&format!("# What run {run} was asked and answered.\n")), "{text}");
    let formatted = agency.operator(&["fmt", "--check", &folder]).await;
    assert_eq!(formatted.code, 0, "{}", formatted.all());
    let words = agency.stage.world.read("co/templates/quote.md");
    agency.stage.world.write("co/templates/quote.md", &words.replace("Kind regards", "Yours"));
    let other = agency.operator(&["test", "tests/maya.toml", "--dir", &folder]).await;
    assert_eq!(other.code, 1, "{}", other.all());
    assert!(other.all().contains("expected \""), "the difference is shown: {}", other.all());
}
