//! Decisions: compare-and-set, step-up, and the links in mails.

use adjutant_tests::desk::{Desk, client};
use serde_json::json as value;

use super::{Browser, Operator, json, refused};

#[tokio::test]
async fn approving_needs_the_digest_that_was_shown() {
    let desk = Desk::open().await;
    let (operator, gate) = (Operator::of(&desk), desk.gate("a website").await);
    let approve = format!("/api/v1/gates/{}/approve", gate.id);
    assert_eq!(
        refused(operator.post(&approve, &value!({ "digest": "0".repeat(64) })).await, 409).await,
        "conflict"
    );
    assert_eq!(refused(operator.post(&approve, &value!({})).await, 422).await, "invalid");
    assert!(desk.sent("mail.send").is_empty());

    let answer = operator.post(&approve, &value!({ "digest": gate.digest[..8] })).await;
    assert_eq!(json(answer).await["applied"], true);
    desk.until(&gate.run, |run| run.line.step.as_deref() == Some("patience")).await;
    assert_eq!(desk.sent("mail.send").len(), 1);
    assert_eq!(desk.sent("billing.create_invoice")[0]["amount"], 1260);
    desk.close().await;
}

#[tokio::test]
async fn a_second_equal_decision_is_told_and_an_opposite_one_conflicts() {
    let desk = Desk::open().await;
    let (operator, gate) = (Operator::of(&desk), desk.gate("unclear").await);
    let approve = format!("/api/v1/gates/{}/approve", gate.id);
    assert_eq!(
        json(operator.post(&approve, &value!({ "digest": gate.digest })).await).await["applied"],
        true
    );
    let again = json(operator.post(&approve, &value!({ "digest": gate.digest })).await).await;
    assert_eq!(again["applied"], false);
    assert!(again["message"].as_str().unwrap().contains("operator"), "{again}");
    let deny = operator.post(&format!("/api/v1/gates/{}/deny", gate.id), &value!({ "reason": "no" })).await;
    assert_eq!(refused(deny, 409).await, "conflict");
    desk.close().await;
}

#[tokio::test]
async fn denying_needs_a_reason_which_the_record_keeps() {
    let desk = Desk::open().await;
    let (operator, gate) = (Operator::of(&desk), desk.gate("unclear").await);
    let deny = format!("/api/v1/gates/{}/deny", gate.id);
    assert_eq!(refused(operator.post(&deny, &value!({ "reason": "  " })).await, 422).await, "invalid");
    assert_eq!(operator.post(&deny, &value!({ "reason": "spam" })).await.status(), 200);
    let shown = json(operator.get(&format!("/api/v1/gates/{}", gate.id)).await).await;
    assert_eq!((shown["state"].as_str(), shown["reason"].as_str()), (Some("denied"), Some("spam")));
    desk.close().await;
}

#[tokio::test]
async fn edited_values_are_what_goes_out() {
    let desk = Desk::open().await;
    let (operator, gate) = (Operator::of(&desk), desk.gate("a website").await);
    let edits = value!({ "steps.quote.text": "Dear Ada, 4000 EUR it is." });
    let answer = operator
        .post(
            &format!("/api/v1/gates/{}/approve", gate.id),
            &value!({ "digest": gate.digest, "edits": edits }),
        )
        .await;
    assert_eq!(answer.status(), 200);
    desk.until(&gate.run, |run| run.line.step.as_deref() == Some("patience")).await;
    assert_eq!(desk.sent("mail.send")[0]["body"], "Dear Ada, 4000 EUR it is.");
    desk.close().await;
}

#[tokio::test]
async fn high_risk_needs_a_login_within_ten_minutes_and_no_token_will_do() {
    let desk = Desk::open().await;
    let (browser, gate) = (Browser::login(&desk).await, desk.gate("a website").await);
    desk.clock.advance(10 * 60 * 1_000);
    let decide = format!("/gates/{}/decide", gate.id);
    let approval = [("decision", "approve"), ("digest", gate.digest.as_str())];
    assert_eq!(browser.send(&decide, &approval).await.status(), 403);
    let token = Operator::of(&desk).token(value!({ "name": "desk", "scopes": ["read", "approve"] })).await;
    let answer = client().post(desk.url(&format!("/api/v1/gates/{}/approve", gate.id))).bearer_auth(token);
    assert_eq!(
        refused(answer.json(&value!({ "digest": gate.digest })).send().await.unwrap(), 403).await,
        "step_up"
    );
    assert_eq!(desk.handle.gate(&gate.id).await.unwrap().state, "open");

    let fresh = Browser::login(&desk).await;
    assert_eq!(fresh.send(&decide, &approval).await.status(), 303);
    assert_eq!(desk.handle.gate(&gate.id).await.unwrap().state, "approved");
    desk.close().await;
}

#[tokio::test]
async fn a_link_in_a_mail_decides_once_and_only_when_posted() {
    let desk = Desk::open().await;
    let gate = desk.gate("unclear").await;
    let link = desk.server().gate_link(&gate, "founder");
    for _ in 0..10 {
        assert_eq!(client().get(&link).send().await.unwrap().status(), 200);
        assert_eq!(client().head(&link).send().await.unwrap().status(), 200);
    }
    assert_eq!(desk.handle.gate(&gate.id).await.unwrap().state, "open");

    let form = [("decision", "approve"), ("digest", gate.digest.as_str())];
    assert_eq!(client().post(&link).form(&form).send().await.unwrap().status(), 303);
    assert_eq!(desk.handle.gate(&gate.id).await.unwrap().by.as_deref(), Some("founder by link"));
    let again = client().post(&link).form(&form).send().await.unwrap();
    assert_eq!(again.status(), 200);
    assert!(again.text().await.unwrap().contains("founder by link"));
    let opposite = [("decision", "deny"), ("reason", "no"), ("digest", gate.digest.as_str())];
    assert_eq!(client().post(&link).form(&opposite).send().await.unwrap().status(), 409);
    desk.close().await;
}

#[tokio::test]
async fn a_link_is_bound_to_its_card_and_its_end_and_cannot_be_forged() {
    let desk = Desk::open().await;
    let gate = desk.gate("unclear").await;
    let link = desk.server().gate_link(&gate, "founder");
    let (start, end) = link.split_at(link.len() - 1);
    let forged = format!("{start}{}", if end == "A" { "E" } else { "A" });
    let another = [("decision", "approve"), ("digest", "0000")];
    assert_eq!(client().post(&link).form(&another).send().await.unwrap().status(), 409);
    assert_eq!(client().get(format!("{start}.{end}")).send().await.unwrap().status(), 404);
    assert_eq!(client().get(forged.replace("/gate/", "/gate/e")).send().await.unwrap().status(), 404);
    desk.clock.advance(8 * 24 * 60 * 60 * 1_000);
    assert_eq!(client().get(&link).send().await.unwrap().status(), 404);
    desk.close().await;
}

#[tokio::test]
async fn high_risk_has_no_one_click_link() {
    let desk = Desk::open().await;
    let gate = desk.gate("a website").await;
    assert_eq!(desk.server().gate_link(&gate, "founder"), desk.url(&format!("/gates/{}", gate.id)));
    desk.close().await;
}
