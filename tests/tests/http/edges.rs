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
    let large = post("/hooks/website").body("x".repeat(1024 * 1024 + 1)).send().await.unwrap();
    assert_eq!(refused(large, 413).await, "too_large");
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
