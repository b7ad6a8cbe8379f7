//! Who may come in, and as whom.

use std::os::unix::fs::PermissionsExt;

use adjutant_tests::desk::{Desk, client};
use reqwest::Method;
use serde_json::json as value;

use super::{Browser, Operator, json, refused};

#[tokio::test]
async fn nobody_gets_in_over_tcp_without_credentials() {
    let desk = Desk::open().await;
    for path in ["/api/v1/status", "/api/v1/inbox", "/metrics", "/events", "/api/openapi.json"] {
        assert_eq!(
            refused(client().get(desk.url(path)).send().await.unwrap(), 401).await,
            "unauthorized",
            "{path}"
        );
    }
    for path in ["/", "/runs", "/gates/x", "/proposals", "/connectors"] {
        let answer = client().get(desk.url(path)).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
            (303, "/login"),
            "{path}"
        );
    }
    let answer = client()
        .post(desk.url("/api/v1/runs"))
        .json(&value!({ "playbook": "inbound" }))
        .send()
        .await
        .unwrap();
    assert_eq!(refused(answer, 401).await, "unauthorized");
    desk.close().await;
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused_on_loopback_too() {
    let desk = Desk::open().await;
    let answer = client().get(desk.url("/login")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(refused(answer, 403).await, "forbidden");
    let port = desk.server().address().unwrap().port();
    let answer =
        client().get(desk.url("/login")).header("host", format!("localhost:{port}")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    desk.close().await;
}

#[tokio::test]
async fn another_site_cannot_change_anything() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    for (name, text) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let form = [("csrf", browser.csrf.as_str()), ("scope", "everything"), ("verb", "pause")];
        let request = browser.request(Method::POST, "/pause").header(name, text).form(&form);
        assert_eq!(refused(request.send().await.unwrap(), 403).await, "forbidden", "{name}: {text}");
    }
    let own = desk.url("");
    let form = [("csrf", browser.csrf.as_str()), ("scope", "everything"), ("verb", "pause")];
    let request = browser.request(Method::POST, "/pause").header("origin", own).form(&form);
    assert_eq!(request.send().await.unwrap().status(), 303);
    desk.close().await;
}

#[tokio::test]
async fn a_form_without_the_sessions_mark_changes_nothing() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    let request = browser.request(Method::POST, "/pause").form(&[("scope", "everything"), ("verb", "pause")]);
    assert_eq!(request.send().await.unwrap().status(), 403);
    let request = browser.request(Method::POST, "/api/v1/pause").json(&value!({ "scope": "everything" }));
    assert_eq!(refused(request.send().await.unwrap(), 403).await, "forbidden");
    assert!(desk.handle.status().await.unwrap().paused.is_empty());
    let request = browser.request(Method::POST, "/api/v1/pause").header("x-csrf-token", &browser.csrf);
    assert_eq!(request.json(&value!({ "scope": "everything" })).send().await.unwrap().status(), 200);
    desk.close().await;
}

#[tokio::test]
async fn a_login_link_is_used_up_by_its_button_alone_and_once() {
    let desk = Desk::open().await;
    let link = desk.server().login_link().unwrap();
    for _ in 0..10 {
        assert_eq!(client().get(&link).send().await.unwrap().status(), 200);
        assert_eq!(client().head(&link).send().await.unwrap().status(), 200);
    }
    let entered = client().post(&link).send().await.unwrap();
    assert_eq!(entered.status(), 303);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"),
        "{cookie}"
    );
    assert_eq!(client().post(&link).send().await.unwrap().status(), 401);
    assert_eq!(client().get(&link).send().await.unwrap().status(), 401);
    desk.close().await;
}

#[tokio::test]
async fn a_login_link_lapses_after_ten_minutes_and_a_session_after_two_weeks() {
    let desk = Desk::open().await;
    let late = desk.server().login_link().unwrap();
    desk.clock.advance(10 * 60 * 1_000);
    assert_eq!(client().post(late).send().await.unwrap().status(), 401);
    let browser = Browser::login(&desk).await;
    assert_eq!(browser.get("/runs").await.status(), 200);
    desk.clock.advance(14 * 24 * 60 * 60 * 1_000);
    assert_eq!(browser.get("/runs").await.status(), 303);
    desk.close().await;
}

#[tokio::test]
async fn logging_out_ends_the_session_on_the_server() {
    let desk = Desk::open().await;
    let browser = Browser::login(&desk).await;
    assert_eq!(browser.send("/logout", &[]).await.status(), 303);
    assert_eq!(browser.get("/runs").await.status(), 303);
    desk.close().await;
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say_until_it_is_revoked() {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    let token = operator.token(value!({ "name": "watcher" })).await;
    let get = |path: &'static str| client().get(desk.url(path)).bearer_auth(&token).send();
    assert_eq!(get("/api/v1/status").await.unwrap().status(), 200);
    assert_eq!(get("/metrics").await.unwrap().status(), 200);
    let start =
        client().post(desk.url("/api/v1/runs")).bearer_auth(&token).json(&value!({ "playbook": "inbound" }));
    assert_eq!(refused(start.send().await.unwrap(), 403).await, "forbidden");
    let more =
        client().post(desk.url("/api/v1/tokens")).bearer_auth(&token).json(&value!({ "name": "more" }));
    assert_eq!(refused(more.send().await.unwrap(), 403).await, "forbidden");

    let listed = json(operator.get("/api/v1/tokens").await).await;
    // `adj_ID_SECRET`; a secret may hold `_` itself.
    let secret = token.splitn(3, '_').nth(2).unwrap();
    assert!(!listed.to_string().contains(secret), "the secret is not stored");
    let gone =
        operator.0.delete(format!("http://adjutant/api/v1/tokens/{}", listed[0]["id"].as_str().unwrap()));
    assert_eq!(gone.send().await.unwrap().status(), 204);
    assert_eq!(refused(get("/api/v1/status").await.unwrap(), 401).await, "unauthorized");
    desk.close().await;
}

#[tokio::test]
async fn an_agents_token_can_never_approve_or_operate() {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    for scope in ["approve", "operate"] {
        let wish = value!({ "name": "bot", "agent": "qualifier", "scopes": ["read", scope] });
        assert_eq!(refused(operator.post("/api/v1/tokens", &wish).await, 403).await, "forbidden", "{scope}");
    }
    let token = operator
        .token(value!({ "name": "bot", "agent": "qualifier", "scopes": ["read", "run", "propose"] }))
        .await;
    let gate = desk.gate("unclear").await;
    let approve = client().post(desk.url(&format!("/api/v1/gates/{}/approve", gate.id))).bearer_auth(&token);
    let answer = approve.json(&value!({ "digest": gate.digest })).send().await.unwrap();
    assert_eq!(refused(answer, 403).await, "forbidden");
    let propose =
        client().post(desk.url("/api/v1/proposals")).bearer_auth(&token).json(&value!({ "title": "more" }));
    let proposal = json(propose.send().await.unwrap()).await;
    assert_eq!(proposal["author"], "agent:qualifier");
    let approve = client().post(desk.url("/api/v1/proposals/p-1/approve")).bearer_auth(&token);
    assert_eq!(
        refused(approve.json(&value!({ "digest": "feedbeef" })).send().await.unwrap(), 403).await,
        "forbidden"
    );
    desk.close().await;
}

#[tokio::test]
async fn guessing_is_slowed_for_those_who_guess() {
    let desk = Desk::open().await;
    let token = Operator::of(&desk).token(value!({ "name": "watcher" })).await;
    let with = |token: String| async {
        client().get(desk.url("/api/v1/status")).bearer_auth(token).send().await.unwrap()
    };
    for guess in 0..30 {
        assert_eq!(with(format!("adj_{guess}_x")).await.status(), 401);
    }
    assert_eq!(refused(with("adj_1_y".to_owned()).await, 429).await, "too_many");
    assert_eq!(with(token).await.status(), 200);
    desk.close().await;
}

#[tokio::test]
async fn the_control_socket_is_the_operators_alone() {
    let desk = Desk::open().await;
    let mode = std::fs::metadata(desk.server().socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(adjutant::http::find_control(&desk.data), desk.server().socket());
    let operator = Operator::of(&desk);
    assert_eq!(operator.get("/api/v1/status").await.status(), 200);
    let hook = operator.post("/api/v1/hook/pre-receive", &value!({ "updates": [] })).await;
    assert_eq!(json(hook).await["text"], "pre-receive");
    let link = json(operator.post("/api/v1/login", &value!({})).await).await;
    assert_eq!(client().post(link["url"].as_str().unwrap()).send().await.unwrap().status(), 303);
    desk.close().await;
}

#[tokio::test]
async fn a_long_data_path_names_its_socket_in_a_file() {
    let desk = Desk::far_away().await;
    let named = std::fs::read_to_string(desk.data.join("control")).unwrap();
    assert_eq!(named.trim(), desk.server().socket().to_str().unwrap());
    assert_eq!(adjutant::http::find_control(&desk.data), desk.server().socket());
    assert_eq!(Operator::of(&desk).get("/api/v1/status").await.status(), 200);
    desk.close().await;
}

#[tokio::test]
async fn a_token_lasts_a_number_of_days_that_can_be_counted() {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    for days in [0_u64, 3_651, u64::from(u32::MAX)] {
        let answer = operator.post("/api/v1/tokens", &value!({ "name": "long", "days": days })).await;
        assert_eq!(refused(answer, 422).await, "invalid", "{days}");
    }
    for days in [1, 3_650] {
        operator.token(value!({ "name": "fine", "days": days })).await;
    }
    let listed = json(operator.get("/api/v1/tokens").await).await;
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    desk.close().await;
}

#[tokio::test]
async fn an_agents_token_that_starts_a_run_speaks_for_nobody_but_itself() {
    let desk = Desk::open().await;
    let operator = Operator::of(&desk);
    let input = value!({ "message": "hi", "sender": "a@b.example", "name": "A" });
    let agent =
        operator.token(value!({ "name": "helper", "agent": "helper", "scopes": ["read", "run"] })).await;
    let program = operator.token(value!({ "name": "script", "scopes": ["read", "run"] })).await;
    for (token, word) in [(agent, "agent"), (program, "token")] {
        let start = value!({ "playbook": "inbound", "input": input, "key": word });
        let answer =
            client().post(desk.url("/api/v1/runs")).bearer_auth(token).json(&start).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let run = json(answer).await["run"].as_str().unwrap().to_owned();
        let log = json(operator.get(&format!("/api/v1/runs/{run}/log?limit=1")).await).await;
        assert_eq!(log[0]["event"]["speaker"], word, "{log}");
    }
    desk.close().await;
}
