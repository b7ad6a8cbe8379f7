//! A run of the example agency is taken back: the command, what it shows first, and what comes of it outside.

#![expect(clippy::unwrap_used, reason = "a story that breaks off has failed")]

use adjutant_tests::{Agency, LEAD, lead};

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_that_went_out_is_taken_back_as_it_was_shown() {
    let agency = Agency::open().await;
    let run = agency.webhook("msg_1", &lead()).await;
    drop(agency.approve(&agency.gate(&run).await).await);
    drop(agency.at(&run, "patience").await);
    let shown = agency.operator(&["rollback", &run]).await;
    let place = |text: &str| shown.ok().find(text).unwrap_or_else(|| panic!("{text}: {}", shown.all()));
    assert!(place("Cannot be taken back") < place("Is taken back, in this order"));
    assert!(place("billing.create_invoice to ") < place("mail.send to "), "the last first: {}", shown.all());
    assert_eq!(agency.stage.mails_to(LEAD).len(), 1, "nothing was changed");
    let stale = agency.operator(&["rollback", &run, "--confirm", "0123456789abcdef", "-m", "wrong"]).await;
    assert_eq!(stale.code, 5, "{}", stale.all());
    assert!(stale.stdout.contains("Is taken back, in this order"), "it is shown again: {}", stale.all());
    assert_eq!(agency.operator(&["rollback", &run, "--confirm", "x"]).await.code, 2, "why is not said");
    let preview = agency.operator(&["rollback", &run, "--json"]).await.json();
    let token = preview["token"].as_str().unwrap();
    let done = agency.operator(&["rollback", &run, "--confirm", token, "-m", "the wrong client"]).await;
    assert_eq!(done.code, 0, "{}", done.all());
    drop(agency.is(&run, "rolled_back").await);
    assert_eq!(agency.stage.mails_to(LEAD).len(), 2, "the second one takes the first one back");
    let log = agency.operator(&["log", &run]).await;
    assert!(log.ok().contains("run rolled back: the wrong client"), "{}", log.all());
    let listed = agency.operator(&["runs", "--status", "rolled_back", "--json"]).await.json();
    assert_eq!(listed[0]["id"], run.as_str());
}
