//! Webhooks: what is tampered with, replayed, stale or too large does not come in.

use adjutant_machine::id::Stamp;
use adjutant_spec::plan::Connector;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use sha2::Sha256;

use super::plans::{Room, connector, plan, table};
use crate::effects::{Delivery, IntakeError, Received, Unread, Webhook};

const SECRET: &str = "website-webhook-secret";
pub(super) const NOW: Stamp = Stamp(1_763_000_000_000);

fn website(settings: &Value) -> Connector {
    let mut website = connector("website", "webhook", "");
    website.secret = Some("website".into());
    website.settings = table(settings);
    let schema = json!({ "type": "object", "required": ["email", "message"], "properties": {
        "email": { "type": "string" }, "message": { "type": "string" }, "message_id": { "type": "string" } } });
    website.events.insert("lead".into(), schema);
    website
}

fn room(settings: &Value) -> Room {
    Room::new(plan([website(settings)]), &[("website", SECRET)])
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(&parts.join(&b'.'));
    mac.finalize().into_bytes().to_vec()
}

pub(super) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

/// The headers of a Standard Webhooks sender, under the names that it uses.
fn signed_as(names: &str, id: &str, at: i64, body: &[u8]) -> HeaderMap {
    let at = at.to_string();
    let digest = mac(SECRET.as_bytes(), &[id.as_bytes(), at.as_bytes(), body]);
    let signature = format!("v1,{}", STANDARD.encode(digest));
    let name = |part: &str| format!("{names}-{part}");
    headers(&[(&name("id"), id), (&name("timestamp"), &at), (&name("signature"), &signature)])
}

fn signed(id: &str, at: i64, body: &[u8]) -> HeaderMap {
    signed_as("webhook", id, at, body)
}

fn simple(name: &str, body: &[u8]) -> HeaderMap {
    headers(&[(name, &format!("sha256={}", HEXLOWER.encode(&mac(SECRET.as_bytes(), &[body]))))])
}

fn body() -> Vec<u8> {
    json!({ "email": "ana@client.example", "message": "a website, please" }).to_string().into_bytes()
}

pub(super) fn told(room: &Room, headers: &HeaderMap, body: &[u8]) -> Result<Received, IntakeError> {
    room.verify_webhook(&Webhook { connector: "website", headers, body, now: NOW })
}

fn receive(room: &Room, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, IntakeError> {
    told(room, headers, body).map(delivered)
}

pub(super) fn delivered(received: Received) -> Delivery {
    match received {
        Received::Delivery(delivery) => delivery,
        other => panic!("no delivery: {other:?}"),
    }
}

fn unread(received: Received) -> Unread {
    match received {
        Received::Unread(item) => item,
        other => panic!("it could be read: {other:?}"),
    }
}

#[test]
fn a_signed_message_becomes_a_delivery_with_the_senders_id() {
    let room = room(&json!({}));
    let delivery = receive(&room, &signed("msg_1", NOW.0 / 1_000, &body()), &body()).unwrap();
    assert_eq!(
        (delivery.connector.as_str(), delivery.event.as_str(), delivery.id.as_str()),
        ("website", "lead", "msg_1")
    );
    assert_eq!(delivery.by, "connector:website");
    assert_eq!((&delivery.fields["message_id"], delivery.within), (&json!("msg_1"), None));
    let again = receive(&room, &signed("msg_1", NOW.0 / 1_000 + 60, &body()), &body()).unwrap();
    assert_eq!(again.id, delivery.id);
    let old_name = receive(&room, &signed_as("svix", "msg_1", NOW.0 / 1_000, &body()), &body()).unwrap();
    assert_eq!(old_name.id, "msg_1");
}

#[test]
fn one_changed_byte_anywhere_is_refused() {
    let room = room(&json!({}));
    let at = NOW.0 / 1_000;
    let good = signed("msg_1", at, &body());
    let mut tampered = body();
    tampered[15] ^= 1;
    assert!(matches!(receive(&room, &good, &tampered), Err(IntakeError::BadSignature)));
    for (name, value) in
        [("webhook-id", "msg_2"), ("webhook-timestamp", "1763000001"), ("webhook-signature", "v1,AAAA")]
    {
        let mut changed = good.clone();
        changed.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        assert!(matches!(receive(&room, &changed, &body()), Err(IntakeError::BadSignature)), "{name}");
    }
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut without = good.clone();
        without.remove(name);
        let error = receive(&room, &without, &body()).unwrap_err();
        assert!(matches!(&error, IntakeError::MissingHeader(missing) if missing == name), "{error}");
        assert_eq!(error.status(), 401);
    }
}

#[test]
fn a_message_from_another_time_is_refused() {
    let room = room(&json!({}));
    let at = NOW.0 / 1_000;
    assert!(receive(&room, &signed("m", at - 299, &body()), &body()).is_ok());
    for seconds in [-301, 301] {
        let stale = receive(&room, &signed("m", at + seconds, &body()), &body());
        assert!(matches!(stale, Err(IntakeError::Stale { seconds: 301, tolerance: 300 })), "{stale:?}");
    }
}

#[test]
fn the_simple_form_takes_the_id_from_where_it_is_told() {
    let with_id =
        json!({ "email": "a@b.example", "message": "m", "order": { "id": 42 } }).to_string().into_bytes();
    let inside =
        room(&json!({ "signature": "sha256", "header": "X-Hub-Signature-256", "id_field": "order.id" }));
    assert_eq!(receive(&inside, &simple("x-hub-signature-256", &with_id), &with_id).unwrap().id, "42");
    assert!(matches!(
        receive(&inside, &simple("x-hub-signature-256", b"{}"), &with_id),
        Err(IntakeError::BadSignature)
    ));
    let beside = room(&json!({ "signature": "sha256", "id_header": "X-Delivery" }));
    let mut sent = simple("x-signature", &body());
    let missing = told(&beside, &sent, &body()).unwrap_err();
    assert!(matches!(&missing, IntakeError::NoId { place } if place == "X-Delivery"), "{missing}");
    sent.insert("x-delivery", "d-7".parse().unwrap());
    assert_eq!(receive(&beside, &sent, &body()).unwrap().id, "d-7");
}

#[test]
fn a_sender_without_ids_is_counted_by_content_within_the_window_alone() {
    let room = room(&json!({ "signature": "sha256", "dedupe": "10m" }));
    let delivery = receive(&room, &simple("x-signature", &body()), &body()).unwrap();
    assert_eq!((delivery.id.as_str(), delivery.within), ("", Some(600_000)), "the runtime gives the id");
    assert_eq!(delivery.fields.get("message_id"), None);
}

#[test]
fn what_does_not_fit_the_schema_comes_in_all_the_same() {
    let room = room(&json!({ "event_field": "type", "data_field": "data" }));
    let send = |body: Value| {
        let bytes = body.to_string().into_bytes();
        told(&room, &signed("m", NOW.0 / 1_000, &bytes), &bytes)
    };
    let data = json!({ "email": "a@b.example", "message": "m" });
    assert_eq!(
        delivered(send(json!({ "type": "lead", "data": data })).unwrap()).fields["email"],
        "a@b.example"
    );
    let missing = delivered(send(json!({ "type": "lead", "data": { "email": "a@b.example" } })).unwrap());
    assert_eq!(missing.fields, json!({ "email": "a@b.example", "message_id": "m" }));
}

#[test]
fn what_was_signed_and_cannot_be_read_is_an_item_to_look_at() {
    let room = room(&json!({ "event_field": "type", "data_field": "data" }));
    let send = |bytes: &[u8]| unread(told(&room, &signed("m", NOW.0 / 1_000, bytes), bytes).unwrap());
    assert!(send(b"no json").content["begins"] == "no json");
    let without = send(br#"{"type":"lead"}"#);
    assert_eq!((without.event.as_str(), without.id.as_str()), ("lead", "m"));
    assert!(without.reason.contains("data"), "{}", without.reason);
    let list = send(br#"{"type":"lead","data":[1]}"#);
    assert!(list.reason.contains("data"), "{}", list.reason);
    let long = send("ü".repeat(100_000).as_bytes());
    assert_eq!(long.content["begins"].as_str().unwrap().chars().count(), 4_000);
}

#[test]
fn what_cannot_be_verified_is_not_taken() {
    let large = room(&json!({ "max_body": 10 }));
    assert_eq!(large.webhook_limit("website").unwrap(), 10);
    let refused = receive(&large, &signed("m", NOW.0 / 1_000, &body()), &body());
    assert!(matches!(refused, Err(IntakeError::TooLarge { limit: 10 })));
    let without = Room::new(plan([website(&json!({}))]), &[]);
    let refused = receive(&without, &signed("m", NOW.0 / 1_000, &body()), &body()).unwrap_err();
    assert_eq!(refused.status(), 503);
    let nobody = Webhook { connector: "billing", headers: &HeaderMap::new(), body: b"{}", now: NOW };
    let unknown = without.verify_webhook(&nobody).unwrap_err();
    assert_eq!(unknown.status(), 404);
    assert_eq!(without.webhook_limit("billing").unwrap_err().status(), 404);
    for empty in ["whsec_", ""] {
        let room = Room::new(plan([website(&json!({}))]), &[("website", empty)]);
        let forged = mac(b"", &[b"m", b"1763000000", &body()]);
        let forged = format!("v1,{}", STANDARD.encode(forged));
        let headers = headers(&[
            ("webhook-id", "m"),
            ("webhook-timestamp", "1763000000"),
            ("webhook-signature", &forged),
        ]);
        let refused = receive(&room, &headers, &body()).unwrap_err();
        assert_eq!(refused.status(), 503, "an empty key is everybody's: {refused}");
    }
}
