//! The schemes of well-known senders. Digests were made with another implementation (Python's `hmac`) from each definition, or
//! are the providers' published examples where that is said.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{
    plans::{Room, connector, plan, table},
    webhooks::{NOW, delivered, headers, told},
};
use crate::effects::{IntakeError, Received};

/// A hook that declares these events, with a secret.
fn hook(settings: &Value, secret: &str, events: &[&str]) -> Room {
    let mut hook = connector("website", "webhook", "");
    hook.secret = Some("website".into());
    hook.settings = table(settings);
    for event in events {
        hook.events.insert((*event).into(), json!({ "type": "object" }));
    }
    Room::new(plan([hook]), &[("website", secret)])
}

fn with(base: &HeaderMap, name: &'static str, value: &str) -> HeaderMap {
    let mut changed = base.clone();
    changed.insert(name, value.parse().unwrap());
    changed
}

fn is_refused(room: &Room, headers: &HeaderMap, body: &[u8]) -> bool {
    told(room, headers, body).is_err_and(|error| error.status() == 401)
}

const STRIPE: &[u8] =
    br#"{"id":"evt_1","type":"invoice.paid","data":{"object":{"amount":1}},"pending_webhooks":1}"#;
const STRIPE_SIGNED: &str = "8fd65108de4d4b6c4e781a34c16d85dac5787e40bd472fcc4db2f896a1c286b7";

#[test]
fn stripe_signs_time_and_body_and_names_event_and_id_inside() {
    let room = hook(
        &json!({ "signature": "stripe" }),
        "whsec_the_stripe_test_secret",
        &["invoice_paid", "customer_created"],
    );
    let signed = |time: &str, rest: &str| headers(&[("stripe-signature", &format!("t={time},{rest}"))]);
    let good = signed("1763000000", &format!("v1=00ff,v1={STRIPE_SIGNED},v0=ignored"));
    let delivery = delivered(told(&room, &good, STRIPE).unwrap());
    assert_eq!((delivery.event.as_str(), delivery.id.as_str()), ("invoice_paid", "evt_1"));
    assert_eq!(delivery.fields.get("pending_webhooks"), None, "what a retry changes is no content");
    assert!(is_refused(&room, &signed("1763000001", &format!("v1={STRIPE_SIGNED}")), STRIPE));
    assert!(
        is_refused(&room, &signed("1763000000", &format!("v0={STRIPE_SIGNED}")), STRIPE),
        "v0 is for tests"
    );
    assert!(is_refused(&room, &headers(&[("stripe-signature", &format!("v1={STRIPE_SIGNED}"))]), STRIPE));
    let narrow = hook(
        &json!({ "signature": "stripe", "tolerance": "1s" }),
        "whsec_the_stripe_test_secret",
        &["invoice_paid"],
    );
    assert!(told(&narrow, &good, STRIPE).is_ok());
}

const SLACK: &[u8] = br#"{"type":"event_callback","event_id":"Ev1","event":{"type":"message","text":"hi"}}"#;

#[test]
fn slack_signs_a_version_and_a_time_and_asks_once_who_we_are() {
    let room = hook(&json!({ "signature": "slack" }), "8f742231b10e8888abcd99yyyzzz85a5", &["message"]);
    let digest = "v0=37f4";
    let time = (NOW.0 / 1_000).to_string();
    let wrong = headers(&[("x-slack-request-timestamp", &time), ("x-slack-signature", digest)]);
    assert!(is_refused(&room, &wrong, SLACK));
    let good = with(&wrong, "x-slack-signature", &format!("v0={SLACK_SIGNED}"));
    let delivery = delivered(told(&room, &good, SLACK).unwrap());
    assert_eq!((delivery.event.as_str(), delivery.id.as_str()), ("message", "Ev1"));
    assert!(
        is_refused(&room, &with(&good, "x-slack-signature", SLACK_SIGNED), SLACK),
        "the version is part of it"
    );
    assert!(is_refused(&room, &with(&good, "x-slack-request-timestamp", "1763000001"), SLACK));
    let asks: &[u8] = br#"{"type":"url_verification","challenge":"3eZbrw1a"}"#;
    let asked = with(
        &good,
        "x-slack-signature",
        "v0=fb6c3a9d239b6f6bb9626e10c17092c0c956849ea2b27088c1e3573226d6a0ab",
    );
    let expected =
        Received::Undeclared { event: "url_verification".to_owned(), challenge: Some("3eZbrw1a".to_owned()) };
    assert_eq!(told(&room, &asked, asks).unwrap(), expected);
}

const SLACK_SIGNED: &str = "bf51e8b255e505bde3a71fa85a2f9df1c6b3831bbeb5147790319487eba44dbb";

#[test]
fn github_names_event_and_delivery_in_headers() {
    // The example that GitHub publishes.
    let secret = "It's a Secret to Everybody";
    let room = hook(&json!({ "signature": "github" }), secret, &["issues"]);
    let published = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let sent = headers(&[("x-hub-signature-256", published)]);
    assert!(matches!(told(&room, &sent, b"Hello, World!"), Ok(Received::Unread(_))), "signed, and no JSON");
    let body: &[u8] = br#"{"action":"opened","issue":{"number":1}}"#;
    let sent = headers(&[
        ("x-hub-signature-256", &format!("sha256={GITHUB_SIGNED}")),
        ("x-github-event", "issues"),
        ("x-github-delivery", "72d3162e"),
    ]);
    let delivery = delivered(told(&room, &sent, body).unwrap());
    assert_eq!((delivery.event.as_str(), delivery.id.as_str()), ("issues", "72d3162e"));
    assert!(is_refused(&room, &with(&sent, "x-hub-signature-256", GITHUB_SIGNED), body));
    let mut without = sent.clone();
    without.remove("x-github-delivery");
    assert!(matches!(told(&room, &without, body), Err(IntakeError::NoId { .. })));
    // An event that nobody declared starts nothing, whatever else it is: also the simple way of signing knows the header.
    for settings in [
        json!({ "signature": "github" }),
        json!({ "signature": "sha256", "header": "X-Hub-Signature-256", "id_header": "X-GitHub-Delivery" }),
        json!({ "signature": "sha256", "header": "X-Hub-Signature-256", "id_header": "X-GitHub-Delivery", "event_header": "X-GitHub-Event" }),
    ] {
        let room = hook(&settings, secret, &["issues"]);
        for event in ["issue_comment", "ping"] {
            let other = told(&room, &with(&sent, "x-github-event", event), body).unwrap();
            let expected = Received::Undeclared { event: event.to_owned(), challenge: None };
            assert_eq!(other, expected, "{settings}");
        }
        assert_eq!(delivered(told(&room, &sent, body).unwrap()).event, "issues", "{settings}");
    }
}

const GITHUB_SIGNED: &str = "722e66b078e6397734acc83154280bccfddfadf1d6829a3e30e323e19caac82b";
const SHOPIFY: &[u8] = br#"{"id":820982911946154508,"email":"jon@example.com"}"#;

#[test]
fn shopify_signs_in_base_64_and_names_the_topic_in_a_header() {
    let room = hook(&json!({ "signature": "shopify" }), "shop-that-says-hush-4711", &["orders_create"]);
    let sent = headers(&[
        ("x-shopify-hmac-sha256", "1nuM/yf2Enw5z/uav/8MzdhpxZ8VT59UdVH7z04vSGg="),
        ("x-shopify-topic", "orders/create"),
        ("x-shopify-webhook-id", "b54557e4"),
        ("x-shopify-event-id", "98880550"),
    ]);
    let delivery = delivered(told(&room, &sent, SHOPIFY).unwrap());
    assert_eq!((delivery.event.as_str(), delivery.id.as_str()), ("orders_create", "b54557e4"));
    let mut older = sent.clone();
    older.remove("x-shopify-webhook-id");
    assert_eq!(delivered(told(&room, &older, SHOPIFY).unwrap()).id, "orders/create/98880550");
    assert!(is_refused(&room, &sent, b"{}"));
    let other = told(&room, &with(&sent, "x-shopify-topic", "orders/paid"), SHOPIFY).unwrap();
    assert!(matches!(other, Received::Undeclared { event, .. } if event == "orders/paid"));
}

#[test]
fn the_simple_form_is_read_as_the_sender_writes_it() {
    let body: &[u8] = br#"{"id":"o-1","item":"cup"}"#;
    let (hex, base64) = (
        "98db6995dbeea05f44b4718d2cba72d26ae96ff8cb7a82cd53b29d7a3b649023",
        "mNtpldvuoF9EtHGNLLpy0mrpb/jLeoLNU7KdejtkkCM=",
    );
    let cases = [
        (json!({}), "x-signature", hex.to_owned(), true),
        (json!({}), "x-signature", format!("sha256={hex}"), true),
        (json!({}), "x-signature", hex.to_uppercase(), true),
        (json!({ "header": "X-Shop-Mac", "encoding": "base64" }), "x-shop-mac", base64.to_owned(), true),
        (json!({ "encoding": "base64" }), "x-signature", base64.trim_end_matches('=').to_owned(), true),
        (json!({ "encoding": "base64", "prefix": "hmac " }), "x-signature", format!("hmac {base64}"), true),
        (json!({ "encoding": "base64", "prefix": "hmac " }), "x-signature", base64.to_owned(), false),
        (json!({ "prefix": "v2=" }), "x-signature", format!("sha256={hex}"), false),
        (json!({}), "x-signature", base64.to_owned(), false),
        (json!({ "encoding": "base64" }), "x-signature", hex.to_owned(), false),
    ];
    for (more, header, value, fits) in cases {
        let mut settings = json!({ "signature": "sha256", "id_field": "id" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let room = hook(&settings, "website-webhook-secret", &["order"]);
        let sent = headers(&[(header, &value)]);
        assert_eq!(told(&room, &sent, body).is_ok(), fits, "{settings} {value}");
    }
}

#[test]
fn while_a_secret_is_replaced_the_old_and_the_new_one_sign() {
    let mut hook = connector("website", "webhook", "");
    hook.settings = table(&json!({ "signature": "sha256", "id_field": "id", "secrets": ["new", "old"] }));
    hook.events.insert("order".into(), json!({ "type": "object" }));
    let body: &[u8] = br#"{"id":"o-1","item":"cup"}"#;
    let sent =
        headers(&[("x-signature", "98db6995dbeea05f44b4718d2cba72d26ae96ff8cb7a82cd53b29d7a3b649023")]);
    for (new, old, fits) in [
        ("website-webhook-secret", "other", true),
        ("other", "website-webhook-secret", true),
        ("other", "another", false),
    ] {
        let room = Room::new(plan([hook.clone()]), &[("new", new), ("old", old)]);
        assert_eq!(told(&room, &sent, body).is_ok(), fits, "{new} {old}");
    }
    let half = Room::new(plan([hook.clone()]), &[("new", "website-webhook-secret")]);
    assert!(told(&half, &sent, body).is_ok(), "one that can be opened is enough");
    assert_eq!(told(&Room::new(plan([hook]), &[]), &sent, body).unwrap_err().status(), 503);
}
