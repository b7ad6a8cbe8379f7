//! The three messages of the demo: a lead by the website's webhook, trouble by mail, and one that nobody can place.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    company::WEBSITE_SECRET,
    stage::{Daemon, Stage},
};
use crate::cli::{
    failure::{Exit, Failure},
    moments,
};

/// Who asks for a quote.
pub(super) const LEAD: &str = "maya@okafor-ceramics.example";
/// Who has trouble.
pub(super) const CLIENT: &str = "tom@harbour-books.example";
/// Who wants something, perhaps.
pub(super) const SOMEBODY: &str = "jo@northlight.example";
/// What the lead can spend.
pub(super) const BUDGET: u32 = 4_500;

/// Sends messages from outside, over the ways that outside has.
pub(super) struct Letters {
    http: reqwest::Client,
    url: String,
    intake: std::path::PathBuf,
}

impl Letters {
    /// Returns what sends messages to a daemon.
    ///
    /// # Errors
    /// Our own bug.
    pub(super) fn new(stage: &Stage, daemon: &Daemon) -> Result<Self, Failure> {
        let http =
            reqwest::Client::builder().no_proxy().build().map_err(|error| Failure::of(Exit::Bug, &error))?;
        Ok(Self { http, url: format!("{}/hooks/website", daemon.url), intake: stage.intake() })
    }

    /// Sends all three.
    ///
    /// # Errors
    /// One that is not taken.
    pub(super) async fn send_all(&self) -> Result<(), Failure> {
        self.lead().await?;
        self.trouble()?;
        self.unclear().await.map(drop)
    }

    /// The website's form: somebody wants a quote. Sent twice, as senders do that got no answer.
    ///
    /// # Errors
    /// An answer other than 202.
    pub(super) async fn lead(&self) -> Result<Value, Failure> {
        let message = format!(
            "Hello, we need a new website for our pottery shop. Could you send us a quote? Our budget is around {BUDGET} euros."
        );
        let body = json!({
            "name": "Maya Okafor",
            "email": LEAD,
            "company": "Okafor Ceramics",
            "message": message,
        });
        let first = self.hook("msg_demo_lead", &body).await?;
        self.hook("msg_demo_lead", &body).await?;
        Ok(first)
    }

    /// The website's form: nobody can tell what is wanted.
    ///
    /// # Errors
    /// An answer other than 202.
    pub(super) async fn unclear(&self) -> Result<Value, Failure> {
        let message = "Hi! I saw your talk and had a thought. Coffee some time?";
        let body = json!({ "name": "Jo Lindqvist", "email": SOMEBODY, "message": message });
        self.hook("msg_demo_unclear", &body).await
    }

    /// A mail in the intake folder: a client cannot log in.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(super) fn trouble(&self) -> Result<(), Failure> {
        let mail = format!(
            "From: Tom Reyes <{CLIENT}>\r\nTo: hello@north-pier.example\r\nSubject: Cannot log in\r\n\
             Message-ID: <demo-trouble@harbour-books.example>\r\nDate: Mon, 02 Mar 2026 09:12:00 +0000\r\n\r\n\
             Since this morning I cannot log in to the editor of our site. I forgot my password, I think.\r\n"
        );
        std::fs::create_dir_all(&self.intake).map_err(Failure::file("make", &self.intake))?;
        let (draft, file) = (self.intake.join(".trouble.eml"), self.intake.join("trouble.eml"));
        std::fs::write(&draft, mail).map_err(Failure::file("write", &draft))?;
        std::fs::rename(&draft, &file).map_err(Failure::file("write", &file))
    }

    /// Posts a signed webhook, as Standard Webhooks has it.
    async fn hook(&self, id: &str, body: &Value) -> Result<Value, Failure> {
        let body = body.to_string();
        let seconds = (moments::now().0 / 1_000).to_string();
        let signed = [id, seconds.as_str(), body.as_str()].join(".");
        let mut mac = Hmac::<Sha256>::new_from_slice(WEBSITE_SECRET.as_bytes())
            .map_err(|error| Failure::of(Exit::Bug, &error))?;
        mac.update(signed.as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let request = self.http.post(&self.url).header("content-type", "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", seconds);
        let sent = request.header("webhook-signature", signature).body(body).send().await;
        let answer = sent.map_err(|error| Failure::of(Exit::Unreachable, &error))?;
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        if status.is_success() {
            return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        Err(Failure::new(Exit::Bug, format!("the webhook \"{id}\" was answered with {status}: {text}")))
    }
}
