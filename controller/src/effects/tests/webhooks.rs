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
use crate::effects::{Delivery, IntakeError, Webhook};

const SECRET: &str = "website-webhook-secret";
const NOW: Stamp = Stamp(1_763_000_000_000);

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

fn mac(parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&parts.join(&b'.'));
    mac.finalize().into_bytes().to_vec()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

/// The headers of a Standard Webhooks sender.
fn signed(id: &str, at: i64, body: &[u8]) -> HeaderMap {
    let at = at.to_string();
    let signature = format!("v1,{}", STANDARD.encode(mac(&[id.as_bytes(), at.as_bytes(), body])));
    headers(&[("webhook-id", id), ("webhook-timestamp", &at), ("webhook-signature", &signature)])
}

fn body() -> Vec<u8> {
    json!({ "email": "ana@client.example", "message": "a website, please" }).to_string().into_bytes()
}

fn receive(room: &Room, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, IntakeError> {
    room.effects.verify_webhook(&Webhook { connector: "website", headers, body, now: NOW })
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
    assert_eq!(delivery.fields["message_id"], "msg_1");
    let again = receive(&room, &signed("msg_1", NOW.0 / 1_000 + 60, &body()), &body()).unwrap();
    assert_eq!(again.id, delivery.id);
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
fn the_simple_form_knows_a_repetition_by_its_body() {
    let room = room(&json!({ "signature": "sha256", "header": "X-Hub-Signature-256" }));
    let sign = |body: &[u8]| {
        headers(&[("x-hub-signature-256", &format!("sha256={}", HEXLOWER.encode(&mac(&[body]))))])
    };
    let first = receive(&room, &sign(&body()), &body()).unwrap();
    assert_eq!(receive(&room, &sign(&body()), &body()).unwrap().id, first.id);
    assert!(matches!(receive(&room, &sign(b"{}"), &body()), Err(IntakeError::BadSignature)));
    room.edit(|plan| {
        let settings = json!({ "signature": "sha256", "id_field": "message_id" });
        plan.connectors.get_mut("website").unwrap().settings = table(&settings);
    });
    let with_id =
        json!({ "email": "a@b.example", "message": "m", "message_id": "42" }).to_string().into_bytes();
    let plain = headers(&[("x-signature", &HEXLOWER.encode(&mac(&[&with_id])))]);
    assert_eq!(receive(&room, &plain, &with_id).unwrap().id, "42");
}

#[test]
fn fields_are_checked_against_the_events_schema() {
    let room = room(&json!({ "event_field": "type", "data_field": "data" }));
    let at = NOW.0 / 1_000;
    let send = |body: Value| {
        let bytes = body.to_string().into_bytes();
        receive(&room, &signed("m", at, &bytes), &bytes)
    };
    let data = json!({ "email": "a@b.example", "message": "m" });
    assert_eq!(send(json!({ "type": "lead", "data": data })).unwrap().fields["email"], "a@b.example");
    let missing = send(json!({ "type": "lead", "data": { "email": "a@b.example" } })).unwrap_err();
    assert!(missing.to_string().contains("message"), "{missing}");
    assert_eq!(missing.status(), 422);
    assert!(matches!(send(json!({ "type": "other", "data": {} })), Err(IntakeError::UnknownEvent { .. })));
    assert!(matches!(send(json!({ "type": "lead" })), Err(IntakeError::NotJson)));
    assert!(matches!(receive(&room, &signed("m", at, b"no json"), b"no json"), Err(IntakeError::NotJson)));
}

#[test]
fn what_cannot_be_verified_is_not_taken() {
    let large = room(&json!({ "max_body": 10 }));
    let refused = receive(&large, &signed("m", NOW.0 / 1_000, &body()), &body());
    assert!(matches!(refused, Err(IntakeError::TooLarge { limit: 10 })));
    let without = Room::new(plan([website(&json!({}))]), &[]);
    let refused = receive(&without, &signed("m", NOW.0 / 1_000, &body()), &body()).unwrap_err();
    assert_eq!(refused.status(), 503);
    let nobody = Webhook { connector: "billing", headers: &HeaderMap::new(), body: b"{}", now: NOW };
    let unknown = without.effects.verify_webhook(&nobody).unwrap_err();
    assert_eq!(unknown.status(), 404);
}
