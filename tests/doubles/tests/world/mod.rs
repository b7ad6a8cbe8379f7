//! The vocabulary of these tests: doubles on free ports, an SMTP client that types lines, an HTTP client.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Once;
use std::time::Duration;

use adjutant_doubles::{BILLING_TOKEN, Doubles, Fixtures, MODEL_TOKEN, Options};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Far above what anything here takes; only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn doubles() -> Doubles {
    Doubles::start(Options::default()).await.unwrap()
}

pub(crate) async fn answering(fixtures: &Value) -> Doubles {
    let fixtures = Fixtures::parse(&fixtures.to_string()).unwrap();
    Doubles::start(Options { fixtures, ..Options::default() }).await.unwrap()
}

/// An HTTP client; the TLS provider is a formality of the client, no test speaks TLS.
pub(crate) fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

pub(crate) fn post_billing(doubles: &Doubles, path: &str, body: &Value) -> RequestBuilder {
    http().post(format!("{}{path}", doubles.addresses.billing)).bearer_auth(BILLING_TOKEN).json(body)
}

pub(crate) async fn get_billing(doubles: &Doubles, path: &str) -> Response {
    let url = format!("{}{path}", doubles.addresses.billing);
    http().get(url).bearer_auth(BILLING_TOKEN).send().await.unwrap()
}

pub(crate) async fn chat(doubles: &Doubles, body: &Value) -> Response {
    let url = format!("{}/chat/completions", doubles.addresses.model);
    http().post(url).bearer_auth(MODEL_TOKEN).json(body).send().await.unwrap()
}

pub(crate) async fn json(response: Response) -> Value {
    response.json().await.unwrap()
}

/// A client that types SMTP.
pub(crate) struct Dialogue(BufReader<TcpStream>);

impl Dialogue {
    /// Connects and reads the greeting.
    pub(crate) async fn open(doubles: &Doubles) -> Self {
        let stream = TcpStream::connect(doubles.addresses.smtp).await.unwrap();
        let mut dialogue = Self(BufReader::new(stream));
        assert!(dialogue.reply().await.starts_with("220 adjutant double ESMTP"));
        dialogue
    }

    /// Connects and says EHLO.
    pub(crate) async fn greeted(doubles: &Doubles) -> Self {
        let mut dialogue = Self::open(doubles).await;
        assert!(dialogue.say("EHLO client.example").await.contains("250-PIPELINING"));
        dialogue
    }

    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        self.reply().await
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads one reply, all its lines; empty when the connection has ended.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut reply)).await;
            let is_last = reply.as_bytes().get(start + 3) != Some(&b'-');
            if read.expect("the double answers").unwrap() == 0 || is_last {
                return reply;
            }
        }
    }

    /// Reads until the connection ends.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        tokio::time::timeout(PATIENCE, self.0.read_to_string(&mut rest)).await.unwrap().unwrap();
        rest
    }

    /// Goes through the envelope and the message, and returns the last reply.
    pub(crate) async fn deliver(&mut self, to: &str, message: &str) -> String {
        assert!(self.say("MAIL FROM:<studio@agency.example>").await.starts_with("250"));
        assert!(self.say(&format!("RCPT TO:<{to}>")).await.starts_with("250"));
        assert!(self.say("DATA").await.starts_with("354"));
        self.say(&format!("{message}\r\n.")).await
    }
}

pub(crate) const QUOTE: &str = "From: Studio <studio@agency.example>\r\nTo: Maya Okafor <maya@client.example>\r\n\
    Subject: =?utf-8?q?Your_quote=3A_website?=\r\nMessage-ID: <run-7.2@agency.example>\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nHello Maya";
