//! Strangers in great numbers, slow ones, and such that never end: the operator, the signed sender and whoever watches the
//! process are answered all the same.

use std::{net::SocketAddr, time::Duration};

use adjutant_tests::desk::{Desk, HOOK_LIMIT, PATIENCE, client};
use futures::future::join_all;
use serde_json::json as value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Browser, Operator, json, refused};

/// How long somebody who does nothing wrong may have to wait under a flood: far less than any deadline of the server.
const SOON: Duration = Duration::from_secs(4);

fn address(desk: &Desk) -> SocketAddr {
    desk.server().address().unwrap()
}

/// Opens a connection, says something, and keeps it open.
async fn says(at: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    // Whoever is pushed out while it speaks has been answered well enough.
    drop(stream.write_all(text.as_bytes()).await);
    stream
}

async fn crowd(at: SocketAddr, count: usize, text: &str) -> Vec<TcpStream> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        streams.push(says(at, text).await);
    }
    streams
}

fn slow_body(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-signature: right\r\ncontent-length: 1000\r\n\r\n{{")
}

fn lead(id: &str) -> serde_json::Value {
    value!({ "name": "Ada", "email": "ada@engines.example", "message": "a website", "message_id": id })
}

async fn delivers(desk: &Desk, id: &str) -> u16 {
    let post = client().post(desk.url("/hooks/website")).header("x-signature", "right").header("x-id", id);
    let sent = tokio::time::timeout(SOON, post.json(&lead(id)).send()).await;
    sent.expect("a signed delivery is answered soon").unwrap().status().as_u16()
}

async fn soon<T>(round: &str, what: &str, answer: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(SOON, answer).await;
    answer.unwrap_or_else(|_| panic!("{round}: {what} is not answered soon"))
}

/// Everybody who has a right to an answer gets one soon.
async fn all_is_well(desk: &Desk, round: &str) {
    let health = soon(round, "/healthz", client().get(desk.url("/healthz")).send()).await;
    assert_eq!(health.unwrap().status(), 200, "{round}");
    let operator = Operator::of(desk);
    let status = soon(round, "status", operator.get("/api/v1/status")).await;
    assert_eq!(status.status(), 200, "{round}");
    let pause = value!({ "scope": "everything", "reason": round });
    let paused = soon(round, "pause all", operator.post("/api/v1/pause", &pause)).await;
    assert_eq!(paused.status(), 200, "{round}");
    let resumed = operator.post("/api/v1/resume", &value!({ "scope": "everything" })).await;
    assert_eq!(resumed.status(), 200, "{round}");
    assert!(matches!(delivers(desk, round).await, 200 | 202), "{round}");
}

#[tokio::test]
async fn whoever_sends_slowly_or_never_ends_is_before_nobody() {
    let desk = Desk::open().await;
    let at = address(&desk);
    for (round, text) in [
        ("unknown hooks with slow bodies", slow_body("/hooks/nosuch")),
        ("a known hook with slow bodies", slow_body("/hooks/website")),
        (
            "chunks that never end",
            "POST /hooks/website HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n"
                .to_owned(),
        ),
        ("headers that never end", "GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ".to_owned()),
        ("connections that say nothing", String::new()),
        ("connections that rest", "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned()),
        (
            "links with slow forms",
            "POST /gate/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\na".to_owned(),
        ),
        ("many requests at once", "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50)),
    ] {
        let flood = crowd(at, 300, &text).await;
        all_is_well(&desk, round).await;
        drop(flood);
    }
    desk.close().await;
}

#[tokio::test]
async fn a_hook_that_is_not_there_is_refused_before_its_body() {
    let desk = Desk::open().await;
    let mut stream = says(address(&desk), &slow_body("/hooks/nosuch")).await;
    let mut answer = String::new();
    let read = tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await;
    read.expect("answered, and closed").unwrap();
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("connection: close"), "{answer}");
    desk.close().await;
}

#[tokio::test]
async fn a_flood_of_unknown_hooks_takes_nothing_from_a_signed_sender() {
    let desk = Desk::open().await;
    let flood = (0..400).map(|_| client().post(desk.url("/hooks/nosuch")).body("x").send());
    let statuses: Vec<u16> =
        join_all(flood).await.into_iter().flatten().map(|answer| answer.status().as_u16()).collect();
    assert!(statuses.contains(&429), "the peer itself is slowed");
    assert!(statuses.iter().all(|status| matches!(status, 404 | 429)), "{statuses:?}");
    for number in 0..40 {
        assert_eq!(delivers(&desk, &format!("m-{number}")).await, 202);
    }
    desk.close().await;
}

#[tokio::test]
async fn a_connectors_own_limit_is_the_limit_whether_the_length_is_told_or_not() {
    let desk = Desk::open().await;
    let post = |body: reqwest::Body| {
        client().post(desk.url("/hooks/website")).header("x-signature", "right").body(body).send()
    };
    // Larger than what other requests may have, smaller than the connector's own limit.
    let text = "x".repeat(2 * 1024 * 1024);
    let large =
        value!({ "name": "Ada", "email": "a@b.example", "message": text, "message_id": "1" }).to_string();
    assert_eq!(post(large.clone().into()).await.unwrap().status(), 202);
    let chunks = |text: String| {
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
            text.into_bytes().chunks(64 * 1024).map(|piece| Ok(piece.to_vec())).collect();
        reqwest::Body::wrap_stream(futures::stream::iter(pieces))
    };
    assert_eq!(post(chunks(large)).await.unwrap().status(), 200, "the same again, in chunks");
    let head =
        format!("POST /hooks/website HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", HOOK_LIMIT + 1);
    let mut told = says(address(&desk), &head).await;
    let mut answer = String::new();
    tokio::time::timeout(SOON, told.read_to_string(&mut answer)).await.expect("before the body").unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let mut stream =
        says(address(&desk), "POST /hooks/website HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
    let piece = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    for _ in 0..4 {
        // It may be refused while the rest is still being sent.
        drop(stream.write_all(piece.as_bytes()).await);
    }
    let mut answer = vec![0; 12];
    if tokio::time::timeout(SOON, stream.read_exact(&mut answer)).await.expect("an end").is_ok() {
        assert_eq!(answer, b"HTTP/1.1 413");
    }
    let hook = json(Operator::of(&desk).get("/api/v1/connectors").await).await;
    let website = hook.as_array().unwrap().iter().find(|one| one["id"] == "website").unwrap().clone();
    assert_eq!(website["told"]["refused"], 2, "{website}");
    desk.close().await;
}

#[tokio::test]
async fn a_body_that_trickles_is_ended() {
    let desk = Desk::open().await;
    let (mut read, mut write) = says(address(&desk), &slow_body("/hooks/website")).await.into_split();
    let trickle = tokio::spawn(async move {
        while write.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut answer = vec![0; 12];
    tokio::time::timeout(PATIENCE, read.read_exact(&mut answer)).await.expect("it is ended").unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    trickle.abort();
    desk.close().await;
}

#[tokio::test]
async fn one_callers_streams_are_bounded_and_nobody_elses() {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    let token = operator.token(value!({ "name": "watcher", "scopes": ["read"] })).await;
    let stream = || client().get(desk.url("/events")).bearer_auth(&token).send();
    let mut open = Vec::new();
    let refusal = loop {
        let answer = stream().await.unwrap();
        if answer.status() != 200 {
            break answer;
        }
        open.push(answer);
        assert!(open.len() <= 64, "there is an end");
    };
    assert_eq!(refused(refusal, 429).await, "too_many");
    assert_eq!(Browser::login(&desk).await.get("/events").await.status(), 200);
    assert_eq!(operator.get("/events").await.status(), 200);
    drop(open);
    desk.close().await;
}

#[tokio::test]
async fn what_is_refused_is_counted_shown_and_told_as_one_thing() {
    let desk = Desk::open().await;
    for number in 0..6 {
        let post = client().post(desk.url("/hooks/website")).header("x-signature", "wrong");
        assert_eq!(post.json(&lead(&format!("m-{number}"))).send().await.unwrap().status(), 401);
    }
    let event = client().post(desk.url("/hooks/nosuch")).send().await.unwrap();
    assert_eq!(event.status(), 404);
    let operator = Operator::of(&desk);
    let shown = json(operator.get("/api/v1/connectors").await).await;
    let told = |id: &str| {
        shown.as_array().unwrap().iter().find(|one| one["id"] == id).map(|one| one["told"].clone())
    };
    let website = told("website").unwrap();
    assert_eq!((&website["refused"], &website["failing"]), (&value!(6), &value!(true)), "{website}");
    assert_eq!(website["last_reason"], "the signature is wrong");
    assert_eq!(told("nosuch"), None, "a name that a stranger made up is none of ours");
    let text = operator.get("/metrics").await.text().await.unwrap();
    assert!(text.contains("adjutant_hook_refused_total{connector=\"website\"} 6"), "{text}");
    let today = Browser::login(&desk).await.get("/").await.text().await.unwrap();
    assert!(today.contains("only refused"), "{today}");
    assert_eq!(delivers(&desk, "good").await, 202);
    let shown = json(operator.get("/api/v1/connectors").await).await;
    let website = shown.as_array().unwrap().iter().find(|one| one["id"] == "website").unwrap();
    assert_eq!((&website["told"]["failing"], &website["told"]["taken"]), (&value!(false), &value!(1)));
    desk.close().await;
}
