//! REST verbs against the billing double, and against servers that do not behave.

use adjutant_doubles::{BILLING_TOKEN, Doubles, Fault, HttpFault, Options, Script};
use adjutant_machine::{
    call::{Call, VerbCall},
    event::{ErrorClass, Event, Finding},
};
use adjutant_spec::plan::{Effect, Idempotency, Mode};
use serde_json::{Value, json};

use super::{
    class_of, is_unknown, message_of,
    plans::{Room, billing, connector, job, plan, table, verb, verb_call},
    server::{self, Server},
    value_of,
};

const KEY: &str = "adjutant-inbound-abcdefgh.3.0";

async fn doubles() -> Doubles {
    Doubles::start(Options::default()).await.unwrap()
}

fn room(doubles: &Doubles) -> Room {
    Room::new(plan([billing(&doubles.addresses.billing)]), &[("billing", BILLING_TOKEN)])
}

fn order() -> Value {
    json!({ "customer_email": "ana@client.example", "amount": 1200, "currency": "EUR" })
}

fn keyed() -> VerbCall {
    verb_call("billing.invoice", order(), Effect::Spend, Idempotency::NativeKey)
}

async fn invoice(room: &Room) -> Event {
    room.perform(&job(Call::Verb(keyed()))).await
}

/// A room whose connector `api` has the one verb `do`.
fn api(endpoint: &str, idempotency: Idempotency, settings: &Value) -> Room {
    let mut api = connector("api", "http", endpoint);
    let effect = if idempotency == Idempotency::Pure { Effect::Read } else { Effect::Write };
    api.verbs.insert("do".into(), verb(effect, idempotency, settings));
    Room::new(plan([api]), &[])
}

async fn call_api(room: &Room, args: Value, idempotency: Idempotency) -> Event {
    let call = verb_call("api.do", args, Effect::Write, idempotency);
    room.perform(&job(Call::Verb(call))).await
}

#[tokio::test]
async fn the_key_is_on_the_wire_and_a_repetition_makes_one_invoice() {
    let doubles = doubles().await;
    let room = room(&doubles);
    let (first, again) = (invoice(&room).await, invoice(&room).await);
    assert_eq!(value_of(&first)["id"], value_of(&again)["id"]);
    let Event::EffectSucceeded { provenance, .. } = &again else { panic!("{again:?}") };
    assert_eq!((&provenance["status"], &provenance["replayed"]), (&json!(200), &json!(true)));
    assert_eq!(doubles.billing().invoices().len(), 1);
    assert!(doubles.billing().calls().iter().all(|call| call.key.as_deref() == Some(KEY)));
}

#[tokio::test]
async fn an_answer_that_is_lost_is_unknown_and_the_probe_finds_out() {
    let doubles = doubles().await;
    let room = room(&doubles);
    let probe = || job(Call::Probe { of: keyed(), probe: "billing.find".into() });
    let finding = |event: Event| match event {
        Event::EffectProbed { finding, .. } => finding,
        other => panic!("{other:?}"),
    };
    assert_eq!(finding(room.perform(&probe()).await), Finding::DidNotHappen);
    for fault in [HttpFault::CloseAfter, HttpFault::CutBody { after_bytes: 5 }] {
        doubles.faults().script(Script::new(Fault::Billing(fault)));
        let event = invoice(&room).await;
        assert!(is_unknown(&event), "{fault:?}: {event:?}");
    }
    let Finding::Happened(found) = finding(room.perform(&probe()).await) else { panic!("not found") };
    assert_eq!(found["id"], json!(doubles.billing().invoices()[0].id));
    doubles.faults().script(Script::new(Fault::Billing(HttpFault::Status { code: 500, retry_after: None })));
    assert!(matches!(finding(room.perform(&probe()).await), Finding::Unclear(_)));
}

#[tokio::test]
async fn a_status_decides_the_class() {
    let doubles = doubles().await;
    let room = room(&doubles);
    let script = |code| {
        let fault = HttpFault::Status { code, retry_after: Some(7) };
        doubles.faults().script(Script::new(Fault::Billing(fault)));
    };
    script(429);
    match invoice(&room).await {
        Event::EffectFailed { class: ErrorClass::RateLimited, retry_after: Some(7_000), .. } => {}
        other => panic!("{other:?}"),
    }
    script(503);
    assert_eq!(class_of(&invoice(&room).await), Ok(ErrorClass::Transient));
    script(500);
    assert!(is_unknown(&invoice(&room).await));
    let once = verb_call("billing.invoice_once", order(), Effect::Spend, Idempotency::AtMostOnce);
    script(503);
    assert!(is_unknown(&room.perform(&job(Call::Verb(once))).await));
    let missing = verb_call("billing.get", json!({ "id": "in_0" }), Effect::Read, Idempotency::Pure);
    assert_eq!(class_of(&room.perform(&job(Call::Verb(missing))).await), Ok(ErrorClass::Gone));
}

#[tokio::test]
async fn a_wrong_token_is_auth_and_no_message_has_it() {
    const CANARY: &str = "canary-token-3f9a/77+x=";
    let doubles = doubles().await;
    let room = Room::new(plan([billing(&doubles.addresses.billing)]), &[("billing", CANARY)]);
    let event = invoice(&room).await;
    assert_eq!(class_of(&event), Ok(ErrorClass::Auth));
    assert!(!format!("{event:?}").contains("canary-token"));
}

#[tokio::test]
async fn a_server_that_repeats_the_secret_does_not_get_it_stored() {
    const CANARY: &str = "canary-token-3f9a77x";
    let body = format!(r#"{{"error":"bad token Bearer {CANARY}","echo":"{CANARY}"}}"#);
    for status in ["200 OK", "400 Bad Request", "500 Oops"] {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let server = Server::saying(Some(&answer)).await;
        let mut api = connector("api", "http", &server.url);
        api.secret = Some("api".into());
        api.verbs.insert("do".into(), verb(Effect::Write, Idempotency::NativeKey, &json!({})));
        let room = Room::new(plan([api]), &[("api", CANARY)]);
        let event = call_api(&room, json!({}), Idempotency::NativeKey).await;
        assert!(!serde_json::to_string(&event).unwrap().contains("canary"), "{status}: {event:?}");
        assert!(
            server.heard()[0].contains(&format!("authorization: Bearer {CANARY}")),
            "{:?}",
            server.heard()
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_to_a_private_host() {
    let inside = Server::saying(Some("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nLocation: {}/metadata\r\nContent-Length: 0\r\n\r\n", inside.url);
    let outside = Server::saying(Some(&answer)).await;
    let room = api(&outside.url, Idempotency::Pure, &json!({}));
    let event = call_api(&room, json!({}), Idempotency::Pure).await;
    assert_eq!(class_of(&event), Ok(ErrorClass::Invalid));
    assert!(message_of(&event).contains("redirects are not followed"));
    assert!(inside.heard().is_empty());
}

#[tokio::test]
async fn a_host_that_is_not_named_is_never_called() {
    let server = Server::saying(None).await;
    let room = api(&server.url, Idempotency::Pure, &json!({}));
    room.edit(|plan| plan.connectors.get_mut("api").unwrap().hosts = vec!["api.example.com".into()]);
    assert_eq!(class_of(&call_api(&room, json!({}), Idempotency::Pure).await), Ok(ErrorClass::Invalid));
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn nobody_there_is_transient_for_every_idempotency() {
    let endpoint = format!("http://{}", server::nobody().await);
    for idempotency in
        [Idempotency::Pure, Idempotency::NativeKey, Idempotency::Probe, Idempotency::AtMostOnce]
    {
        let room = api(&endpoint, idempotency, &json!({}));
        let event = call_api(&room, json!({}), idempotency).await;
        assert_eq!(class_of(&event), Ok(ErrorClass::Transient), "{idempotency:?}");
    }
}

#[tokio::test]
async fn one_attempt_is_one_request() {
    let server = Server::saying(None).await;
    let room = api(&server.url, Idempotency::AtMostOnce, &json!({}));
    assert!(is_unknown(&call_api(&room, json!({}), Idempotency::AtMostOnce).await));
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_off() {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{}", "x".repeat(4_000));
    let server = Server::saying(Some(&answer)).await;
    let room = api(&server.url, Idempotency::Pure, &json!({}));
    room.edit(|plan| {
        plan.connectors.get_mut("api").unwrap().settings = table(&json!({ "max_response": 1_000 }));
    });
    let event = call_api(&room, json!({}), Idempotency::Pure).await;
    assert!(message_of(&event).contains("larger than 1000 bytes"), "{event:?}");
}

#[tokio::test]
async fn a_request_is_what_the_repository_declares() {
    let server =
        Server::saying(Some("HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{\"n\": \"7\"}")).await;
    let settings = json!({
        "method": "PUT", "path": "/v1/{id}/items", "query": { "q": "{{ args.search }}" }, "headers": { "X-Kind": "{{ args.kind }}" },
        "body": { "amount": "{{ args.amount }}", "memo": "for {{ args.kind }}" }, "expect": [201],
        "result": { "number": "{{ body.n | int }}", "code": "{{ status }}" },
    });
    let room = api(&server.url, Idempotency::NativeKey, &settings);
    let args = json!({ "id": "a b", "search": "x&y", "kind": "quote", "amount": 12.5 });
    let event = call_api(&room, args, Idempotency::NativeKey).await;
    assert_eq!(value_of(&event), &json!({ "number": 7, "code": 201 }));
    let heard = server.heard().remove(0);
    assert!(heard.starts_with("PUT /v1/a%20b/items?q=x%26y HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains("x-kind: quote") && heard.contains(&format!("idempotency-key: {KEY}")), "{heard}");
    assert!(heard.ends_with(r#"{"amount":12.5,"memo":"for quote"}"#), "{heard}");
}

#[tokio::test]
async fn a_call_that_happened_but_answers_wrongly_is_not_called_failed() {
    let server = Server::saying(Some("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await;
    for (idempotency, is_lost) in [(Idempotency::Pure, false), (Idempotency::NativeKey, true)] {
        let room = api(&server.url, idempotency, &json!({}));
        room.edit(|plan| {
            let verbs = &mut plan.connectors.get_mut("api").unwrap().verbs;
            verbs.get_mut("do").unwrap().output = json!({ "type": "object", "required": ["id"] });
        });
        let event = call_api(&room, json!({}), idempotency).await;
        assert_eq!(is_unknown(&event), is_lost, "{event:?}");
    }
}

#[tokio::test]
async fn a_fixture_answers_in_place_of_the_world() {
    let room = api("", Idempotency::NativeKey, &json!({ "fixture": { "id": "in_{{ args.n }}" } }));
    room.edit(|plan| plan.connectors.get_mut("api").unwrap().mode = Mode::Fixture);
    let event = call_api(&room, json!({ "n": 7 }), Idempotency::NativeKey).await;
    assert_eq!(value_of(&event), &json!({ "id": "in_7" }));
}

#[tokio::test]
async fn a_fixture_answers_without_the_secret_of_the_world() {
    let room = api("", Idempotency::NativeKey, &json!({ "fixture": { "id": "in_1" } }));
    room.edit(|plan| {
        let api = plan.connectors.get_mut("api").unwrap();
        (api.mode, api.secret) = (Mode::Fixture, Some("api".to_owned()));
    });
    let event = call_api(&room, json!({}), Idempotency::NativeKey).await;
    assert_eq!(value_of(&event), &json!({ "id": "in_1" }));
}

#[tokio::test]
async fn a_missing_key_is_auth_before_anybody_is_called() {
    let server = Server::saying(None).await;
    let room = Room::new(plan([billing(&server.url)]), &[]);
    let event = invoice(&room).await;
    assert_eq!(class_of(&event), Ok(ErrorClass::Auth));
    assert!(message_of(&event).contains("secrets/billing.age"), "{event:?}");
    assert!(server.heard().is_empty());
}
