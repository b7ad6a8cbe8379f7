//! The billing double over real HTTP: keys, faults, and what is left after an unknown outcome.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail where they stand")]

mod world;

use std::num::NonZeroU32;
use std::time::Duration;

use adjutant_doubles::{Doubles, Fault, HttpFault, Script};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;
use world::{PATIENCE, doubles, get_billing, http, json, post_billing};

fn invoice() -> Value {
    json!({ "customer_email": "maya@client.example", "amount": "4500.00", "currency": "eur", "description": "website" })
}

fn scripted(doubles: &Doubles, fault: HttpFault) {
    doubles.faults().script(Script::new(Fault::Billing(fault)).only("POST /v1/invoices"));
}

async fn create(doubles: &Doubles, key: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
    post_billing(doubles, "/v1/invoices", body).header("Idempotency-Key", key).send().await
}

#[tokio::test]
async fn the_same_key_and_body_create_one_invoice() {
    let doubles = doubles().await;
    let first = create(&doubles, "k-1", &invoice()).await.unwrap();
    assert_eq!(first.status(), 200);
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let first = json(first).await;
    // Another order of fields is the same JSON.
    let again = json!({ "description": "website", "currency": "eur", "amount": "4500.00",
                        "customer_email": "maya@client.example" });
    let second = create(&doubles, "k-1", &again).await.unwrap();
    assert_eq!(second.headers()["idempotent-replayed"], "true");
    assert_eq!(json(second).await, first);

    assert_eq!(first["amount"], "4500.00");
    assert_eq!(first["status"], "open");
    assert_eq!(doubles.billing().invoices().len(), 1);
    let usage = doubles.billing().keys().remove("k-1").unwrap();
    assert_eq!((usage.calls, usage.replays, usage.changes), (2, 1, 1));
}

#[tokio::test]
async fn another_body_or_path_under_a_key_is_refused() {
    let doubles = doubles().await;
    create(&doubles, "k-1", &invoice()).await.unwrap();
    let mut other = invoice();
    other["amount"] = json!("1.00");
    let refused = create(&doubles, "k-1", &other).await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(json(refused).await["error"]["type"], "idempotency_error");
    let customer = json!({ "email": "maya@client.example" });
    let refused = post_billing(&doubles, "/v1/customers", &customer).header("Idempotency-Key", "k-1");
    assert_eq!(refused.send().await.unwrap().status(), 400);
    assert_eq!(doubles.billing().invoices().len(), 1);
    assert!(doubles.billing().customers().is_empty());
}

#[tokio::test]
async fn without_a_key_every_call_creates_an_invoice() {
    let doubles = doubles().await;
    for _ in 0..2 {
        assert_eq!(post_billing(&doubles, "/v1/invoices", &invoice()).send().await.unwrap().status(), 200);
    }
    assert_eq!(doubles.billing().invoices().len(), 2);
}

#[tokio::test]
async fn a_key_whose_request_still_runs_is_refused_and_freed_with_the_connection() {
    let doubles = doubles().await;
    let slow = Script::new(Fault::Billing(HttpFault::Delay)).delay(Duration::from_secs(3600));
    doubles.faults().script(slow);
    let request = post_billing(&doubles, "/v1/invoices", &invoice()).header("Idempotency-Key", "k-1");
    let running = tokio::spawn(request.send());
    timeout(PATIENCE, doubles.wait_until(|books| books.invoices.len() == 1)).await.unwrap();

    let refused = create(&doubles, "k-1", &invoice()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert_eq!(json(refused).await["error"]["code"], "idempotency_key_in_use");
    running.abort();
    // The server learns of the closed connection when it reads it: ask until it has.
    let replayed = async {
        loop {
            let answer = create(&doubles, "k-1", &invoice()).await.unwrap();
            if answer.status() == 200 {
                return answer;
            }
        }
    };
    let replayed = timeout(PATIENCE, replayed).await.unwrap();
    assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    assert_eq!(doubles.billing().invoices().len(), 1);
}

#[tokio::test]
async fn many_calls_at_once_with_one_key_create_one_invoice() {
    let doubles = doubles().await;
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let request = post_billing(&doubles, "/v1/invoices", &invoice());
            tokio::spawn(request.header("Idempotency-Key", "k-1").send())
        })
        .collect();
    for call in calls {
        let status = call.await.unwrap().unwrap().status();
        assert!(status == 200 || status == 409, "{status}");
    }
    assert_eq!(doubles.billing().invoices().len(), 1);
    assert_eq!(doubles.billing().keys()["k-1"].calls, 16);
}

#[tokio::test]
async fn an_unknown_outcome_can_be_probed_and_repeated() {
    let doubles = doubles().await;
    scripted(&doubles, HttpFault::CloseAfter);
    let lost = create(&doubles, "k-1", &invoice()).await;
    assert!(lost.is_err(), "{lost:?}");
    assert!(!doubles.billing().calls()[0].is_answered);

    let found = json(get_billing(&doubles, "/v1/invoices?key=k-1").await).await;
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    let again = create(&doubles, "k-1", &invoice()).await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(doubles.billing().invoices().len(), 1);
}

#[tokio::test]
async fn a_connection_closed_before_processing_leaves_nothing_to_find() {
    let doubles = doubles().await;
    scripted(&doubles, HttpFault::CloseBefore);
    assert!(create(&doubles, "k-1", &invoice()).await.is_err());
    let found = json(get_billing(&doubles, "/v1/invoices?key=k-1").await).await;
    assert_eq!(found["data"], json!([]));
    let created = create(&doubles, "k-1", &invoice()).await.unwrap();
    assert!(!created.headers().contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn a_cut_body_arrives_in_part() {
    let doubles = doubles().await;
    scripted(&doubles, HttpFault::CutBody { after_bytes: 10 });
    let mut cut = create(&doubles, "k-1", &invoice()).await.unwrap();
    assert_eq!(cut.status(), 200);
    let mut arrived = Vec::new();
    let ended = loop {
        match cut.chunk().await {
            Ok(Some(bytes)) => arrived.extend_from_slice(&bytes),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(ended.is_err(), "a cut is no proper end");
    assert_eq!(arrived, br#"{"id":"in_"#);
    assert_eq!(doubles.billing().invoices().len(), 1);
}

#[tokio::test]
async fn scripted_statuses_process_nothing_and_say_when_to_return() {
    let doubles = doubles().await;
    scripted(&doubles, HttpFault::Status { code: 429, retry_after: Some(7) });
    let down = Fault::Billing(HttpFault::Status { code: 500, retry_after: None });
    doubles.faults().script(Script::new(down).times(NonZeroU32::new(2).unwrap()));
    let limited = create(&doubles, "k-1", &invoice()).await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(json(limited).await["error"]["type"], "rate_limit_error");
    for _ in 0..2 {
        let down = create(&doubles, "k-1", &invoice()).await.unwrap();
        assert_eq!(down.status(), 500);
        assert_eq!(json(down).await["error"]["type"], "api_error");
    }
    assert!(doubles.billing().invoices().is_empty());
    assert_eq!(create(&doubles, "k-1", &invoice()).await.unwrap().status(), 200, "a refusal keeps nothing");
}

#[tokio::test]
async fn an_invoice_is_voided_once() {
    let doubles = doubles().await;
    let created = json(create(&doubles, "k-1", &invoice()).await.unwrap()).await;
    let path = format!("/v1/invoices/{}", created["id"].as_str().unwrap());
    let void = || {
        let request = http().post(format!("{}{path}/void", doubles.addresses.billing));
        request.bearer_auth(adjutant_doubles::BILLING_TOKEN)
    };
    let voided = json(void().header("Idempotency-Key", "undo-1").send().await.unwrap()).await;
    assert_eq!(voided["status"], "void");
    let again = void().header("Idempotency-Key", "undo-1").send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(void().send().await.unwrap().status(), 400, "another request to void it");
    assert_eq!(json(get_billing(&doubles, &path).await).await["status"], "void");
    assert!(doubles.billing().open_invoices().is_empty());
    assert_eq!(get_billing(&doubles, "/v1/invoices/in_999999").await.status(), 404);
}

#[tokio::test]
async fn customers_are_created_listed_and_referred_to() {
    let doubles = doubles().await;
    let ana = json!({ "name": "Ana", "email": "ana@studio.example" });
    let customer = json(post_billing(&doubles, "/v1/customers", &ana).send().await.unwrap()).await;
    assert_eq!(customer["object"], "customer");
    let found = json(get_billing(&doubles, "/v1/customers?email=ana@studio.example").await).await;
    assert_eq!(found["data"], json!([customer]));
    let mut invoice = invoice();
    invoice["customer_email"] = Value::Null;
    invoice["customer"] = customer["id"].clone();
    assert_eq!(create(&doubles, "k-1", &invoice).await.unwrap().status(), 200);
    invoice["customer"] = json!("cus_777777");
    let refused = json(create(&doubles, "k-2", &invoice).await.unwrap()).await;
    assert_eq!(refused["error"]["code"], "resource_missing");
}

#[tokio::test]
async fn lists_go_page_by_page_and_refuse_filters_they_do_not_know() {
    let doubles = doubles().await;
    for key in ["a", "b", "c"] {
        create(&doubles, key, &invoice()).await.unwrap();
    }
    let page = json(get_billing(&doubles, "/v1/invoices?limit=2").await).await;
    let ids = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((ids(&page), &page["has_more"]), (vec!["in_000003".into(), "in_000002".into()], &json!(true)));
    let rest = json(get_billing(&doubles, "/v1/invoices?starting_after=in_000002").await).await;
    assert_eq!((ids(&rest), &rest["has_more"]), (vec!["in_000001".into()], &json!(false)));
    assert_eq!(get_billing(&doubles, "/v1/invoices?kee=a").await.status(), 400);
    assert_eq!(get_billing(&doubles, "/v1/invoices?limit=0").await.status(), 400);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let doubles = doubles().await;
    let wrong = [
        (json!({ "amount": 1, "currency": "eur" }), "customer"),
        (json!({ "customer_email": "x", "amount": 1, "currency": "eur" }), "customer_email"),
        (json!({ "customer": "Ana", "amount": "1e9", "currency": "eur" }), "amount"),
        (json!({ "customer": "Ana", "amount": 0, "currency": "eur" }), "amount"),
        (json!({ "customer": "Ana", "amount": 1, "currency": "euro" }), "currency"),
        (json!({ "customer": "Ana", "amount": 1, "currency": "eur", "status": "void" }), "status"),
        (json!([]), "body"),
    ];
    for (body, param) in wrong {
        let refused = post_billing(&doubles, "/v1/invoices", &body).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{body}");
        assert_eq!(json(refused).await["error"]["param"], param, "{body}");
    }
    let url = format!("{}/v1/invoices", doubles.addresses.billing);
    let stranger = http().post(&url).bearer_auth("wrong").json(&invoice()).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    let form = http().post(&url).bearer_auth(adjutant_doubles::BILLING_TOKEN).form(&[("amount", "1")]);
    assert_eq!(form.send().await.unwrap().status(), 415);
    assert!(doubles.billing().invoices().is_empty());
}
