//! The HTTP interface over real sockets: who may come in, what decisions do, what the world is answered.
#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod contract;
mod edges;
mod floods;
mod gates;
mod pages;

use adjutant_tests::desk::{Desk, client, socket_client};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

/// A browser: a session's cookie and the mark that its forms carry.
struct Browser<'a> {
    desk: &'a Desk,
    cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    async fn login(desk: &'a Desk) -> Self {
        let link = desk.server().login_link().unwrap();
        let answer = client().post(link).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut browser = Self { desk, cookie, csrf: String::new() };
        let page = browser.get("/").await.text().await.unwrap();
        browser.csrf =
            page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        browser
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, self.desk.url(path)).header("cookie", &self.cookie)
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// Sends a form as one of our pages would.
    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let fields = [&[("csrf", self.csrf.as_str())], fields].concat();
        self.request(Method::POST, path).form(&fields).send().await.unwrap()
    }
}

/// The operator at the control socket.
struct Operator(reqwest::Client);

impl Operator {
    fn of(desk: &Desk) -> Self {
        Self(socket_client(desk.server().socket()))
    }

    async fn get(&self, path: &str) -> Response {
        self.0.get(format!("http://adjutant{path}")).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.0.post(format!("http://adjutant{path}")).json(body).send().await.unwrap()
    }

    async fn token(&self, wish: Value) -> String {
        let answer = self.post("/api/v1/tokens", &wish).await;
        assert_eq!(answer.status(), 201);
        json(answer).await["token"].as_str().unwrap().to_owned()
    }
}

async fn json(response: Response) -> Value {
    response.json().await.unwrap()
}

/// Asserts an answer's status and returns the code of its refusal.
async fn refused(response: Response, status: u16) -> String {
    let found = response.status();
    let body = json(response).await;
    assert_eq!(found, status, "{body}");
    assert!(body["message"].is_string() && body.get("help").is_some(), "{body}");
    body["code"].as_str().unwrap().to_owned()
}
