//! What the world is answered: webhooks, health, figures, hints; and how the server closes.

use adjutant_tests::desk::{Desk, PATIENCE, client};
use futures::StreamExt;
use serde_json::json as value;

use super::{Browser, Operator, json, refused};

fn lead(id: &str) -> serde_json::Value {
    value!({ "name": "Ada", "email": "ada@engines.example", "message": "a website", "message_id": id })
}

#[tokio::test]
async fn a_delivery_is_answered_202_once_it_is_durable_and_200_again() {
    let desk = Desk::open().await;
    let send = |id: &'static str, signature: &'static str| {
        let request =
            client().post(desk.url("/hooks/website")).header("x-signature", signature).header("x-id", id);
        request.header("host", "tunnel.example").json(&lead(id)).send()
    };
    let first = send("m-1", "right").await.unwrap();
    assert_eq!(first.status(), 202);
    let first = json(first).await;
    assert_eq!(first["runs"].as_array().unwrap().len(), 1, "{first}");
    let again = send("m-1", "right").await.unwrap();
    assert_eq!(again.status(), 200);
    let again = json(again).await;
    assert_eq!((&again["runs"], &again["duplicate"]), (&first["runs"], &value!(true)));
    assert_eq!(refused(send("m-2", "wrong").await.unwrap(), 401).await, "unauthorized");
    desk.close().await;
}

#[tokio::test]
async fn a_delivery_that_is_wrong_says_what_is_wrong() {
    let desk = Desk::open().await;
    let post = |path: &str| client().post(desk.url(path)).header("x-signature", "right");
    assert_eq!(refused(post("/hooks/nobody").send().await.unwrap(), 404).await, "not_found");
    assert_eq!(refused(post("/hooks/website").body("{").send().await.unwrap(), 422).await, "invalid");
    desk.close().await;
}

#[tokio::test]
async fn an_event_that_nobody_declared_is_answered_and_starts_nothing() {
    let desk = Desk::open().await;
    let post =
        client().post(desk.url("/hooks/website")).header("x-signature", "right").header("x-event", "ping");
    let answer = post.json(&value!({})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = json(answer).await;
    assert_eq!((&answer["ignored"], &answer["runs"]), (&value!("ping"), &value!([])), "{answer}");
    desk.close().await;
}

#[tokio::test]
async fn a_delivery_that_starts_nothing_is_kept_shown_and_dropped_with_a_reason() {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    let send = |body: serde_json::Value| {
        client()
            .post(desk.url("/hooks/website"))
            .header("x-signature", "right")
            .header("x-id", "m-9")
            .json(&body)
            .send()
    };
    let answer = send(value!({ "email": "ada@engines.example" })).await.unwrap();
    assert_eq!(answer.status(), 202);
    let answer = json(answer).await;
    let id = answer["open"].as_str().unwrap().to_owned();
    assert!(answer["message"].as_str().unwrap().contains("message"), "{answer}");
    let open = json(operator.get("/api/v1/deliveries").await).await;
    assert_eq!(
        (open.as_array().unwrap().len(), &open[0]["id"], &open[0]["delivery"]),
        (1, &value!(id), &value!("m-9"))
    );
    assert_eq!(json(operator.get("/api/v1/status").await).await["deliveries"], 1);
    let shown = json(operator.get(&format!("/api/v1/deliveries/{id}")).await).await;
    assert_eq!(shown["content"]["email"], "ada@engines.example");
    let other = send(value!({ "email": "eve@engines.example" })).await.unwrap();
    assert_eq!(refused(other, 409).await, "conflict");
    let start = operator.post(&format!("/api/v1/deliveries/{id}/start"), &value!({})).await;
    assert_eq!(refused(start, 409).await, "conflict");
    let drop = format!("/api/v1/deliveries/{id}/drop");
    assert_eq!(refused(operator.post(&drop, &value!({ "reason": " " })).await, 422).await, "invalid");
    let browser = Browser::login(&desk).await;
    let page = browser.get("/connectors").await.text().await.unwrap();
    assert!(page.contains("Open deliveries") && page.contains(&id), "{page}");
    assert!(browser.get("/").await.text().await.unwrap().contains("delivery starts"));
    let dropped = browser.send(&format!("/deliveries/{id}"), &[("verb", "drop"), ("reason", "a test")]).await;
    assert_eq!(dropped.status(), 303);
    assert_eq!(refused(operator.post(&drop, &value!({ "reason": "again" })).await, 409).await, "conflict");
    let all = json(operator.get("/api/v1/deliveries?all=true").await).await;
    assert_eq!((&all[0]["state"], &all[0]["reason"]), (&value!("dropped"), &value!("a test")));
    let repeated = json(send(value!({ "email": "ada@engines.example" })).await.unwrap()).await;
    assert_eq!((&repeated["duplicate"], &repeated["runs"]), (&value!(true), &value!([])), "{repeated}");
    let log = json(operator.get(&format!("/api/v1/log/delivery/{id}")).await).await;
    assert_eq!((log.as_array().unwrap().len(), &log[1]["by"]), (2, &value!("operator")), "{log}");
    assert_eq!(operator.get("/api/v1/deliveries/nope").await.status(), 404);
    desk.close().await;
}

#[tokio::test]
async fn ready_means_that_a_revision_is_in_force() {
    let desk = Desk::empty().await;
    assert_eq!(client().get(desk.url("/healthz")).send().await.unwrap().status(), 200);
    assert_eq!(client().get(desk.url("/readyz")).send().await.unwrap().status(), 503);
    desk.activate().await;
    assert_eq!(client().get(desk.url("/readyz")).send().await.unwrap().status(), 200);
    desk.close().await;
}

#[tokio::test]
async fn figures_are_text_that_prometheus_reads() {
    let desk = Desk::open().await;
    let gate = desk.gate("a website").await;
    let text = Operator::of(&desk).get("/metrics").await.text().await.unwrap();
    for line in [
        "# TYPE adjutant_runs gauge",
        "adjutant_runs{status=\"waiting\"} 1",
        "adjutant_inbox 1",
        "adjutant_revision_applied{revision=\"4f1c9e2b7a",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(
        text.lines().all(|line| line.starts_with('#')
            || line.rsplit_once(' ').is_some_and(|(_, figure)| figure.parse::<f64>().is_ok())),
        "{text}"
    );
    let summary = json(Operator::of(&desk).get("/api/v1/metrics").await).await;
    assert_eq!(summary["adjutant_inbox"], 1.0);
    assert_eq!(gate.state, "open");
    desk.close().await;
}

#[tokio::test]
async fn a_decision_is_hinted_to_open_pages() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    let gate = desk.gate("unclear").await;
    let mut hints = browser.get("/events").await.bytes_stream();
    let operator = Operator::of(&desk);
    let approve = format!("/api/v1/gates/{}/approve", gate.id);
    assert_eq!(operator.post(&approve, &value!({ "digest": gate.digest })).await.status(), 200);
    let heard = async {
        let mut text = String::new();
        while !text.contains(&format!("run/{}", gate.run)) {
            text.push_str(std::str::from_utf8(&hints.next().await.unwrap().unwrap()).unwrap());
        }
        text
    };
    let text = tokio::time::timeout(PATIENCE, heard).await.unwrap();
    assert!(text.contains("event: change") && text.contains("\"seq\":"), "{text}");
    desk.close().await;
}

#[tokio::test]
async fn closing_ends_streams_and_frees_the_socket() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    let mut hints = browser.get("/events").await.bytes_stream();
    let socket = desk.server().socket().to_owned();
    tokio::time::timeout(PATIENCE, desk.close()).await.unwrap();
    while let Some(Ok(_)) = tokio::time::timeout(PATIENCE, hints.next()).await.unwrap() {}
    assert!(!socket.exists());
}
