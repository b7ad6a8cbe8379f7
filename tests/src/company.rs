//! Companies on a stage: their files, pointed at doubles, and what comes to them from outside.

use std::{fs, path::Path};

use adjutant_doubles::{BILLING_TOKEN, Doubles, MODEL_TOKEN, Options, fixtures};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{Answer, World};

/// Who asks for a quote.
pub const LEAD: &str = "maya@okafor-ceramics.example";
/// What the lead can spend.
pub const BUDGET: u32 = 4_500;

const WEBSITE_SECRET: &str = "test-website-key";
const PAYMENTS_SECRET: &str = "test-payments-key";

/// A world with doubles of the outside.
#[derive(Debug)]
pub struct Stage {
    /// The scratch folder in which the company and its daemon live.
    pub world: World,
    /// The doubles of mail, billing and model that it talks to.
    pub doubles: Doubles,
}

impl Stage {
    /// Makes the example agency in `co`, pointed at fresh doubles.
    ///
    /// # Panics
    /// Where anything of it fails.
    pub async fn agency() -> Self {
        let stage = Self::empty().await;
        let world = &stage.world;
        let _ = world.adjutant(&["init", "co", "--example", "agency"]).ok();
        let addresses = stage.doubles.addresses.clone();
        stage.replace("connectors/mail.toml", "smtp://127.0.0.1:9401", &format!("smtp://{}", addresses.smtp));
        stage.replace("connectors/billing.toml", "http://127.0.0.1:9402", &addresses.billing);
        stage.replace("connectors/llm.toml", "http://127.0.0.1:9403/v1", &addresses.model);
        let secrets = [
            ("website", WEBSITE_SECRET),
            ("payments", PAYMENTS_SECRET),
            ("billing", BILLING_TOKEN),
            ("llm", MODEL_TOKEN),
        ];
        for (name, value) in secrets {
            let _ = world.adjutant_with(&["secrets", "set", name, "--dir", "co"], value).ok();
        }
        stage
    }

    /// Makes the example studio in `co`, pointed at fresh doubles.
    ///
    /// # Panics
    /// Where anything of it fails.
    pub async fn studio() -> Self {
        let stage = Self::empty().await;
        let _ = stage.world.adjutant(&["init", "co", "--example", "studio"]).ok();
        let addresses = stage.doubles.addresses.clone();
        stage.replace("connectors/mail.toml", "smtp://127.0.0.1:9401", &format!("smtp://{}", addresses.smtp));
        stage.replace("connectors/billing.toml", "http://127.0.0.1:9402", &addresses.billing);
        let _ = stage.world.adjutant_with(&["secrets", "set", "billing", "--dir", "co"], BILLING_TOKEN).ok();
        stage
    }

    /// Makes the example newsletter in `co`, where every connector answers from its fixtures.
    ///
    /// # Panics
    /// Where anything of it fails.
    pub async fn newsletter() -> Self {
        let stage = Self::empty().await;
        let _ = stage.world.adjutant(&["init", "co", "--example", "newsletter"]).ok();
        for (name, kind) in [("mail", "mail"), ("llm", "openai"), ("feeds", "http"), ("publisher", "http")] {
            let line = format!("kind = \"{kind}\"");
            stage.replace(&format!("connectors/{name}.toml"), &line, &format!("{line}\nmode = \"fixture\""));
        }
        stage
    }

    /// Makes the company of the load in `co`.
    ///
    /// # Panics
    /// Where anything of it fails.
    pub async fn load() -> Self {
        let stage = Self::empty().await;
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/load"), &stage.world.path("co"));
        let addresses = stage.doubles.addresses.clone();
        stage.replace("connectors/mail.toml", "smtp://127.0.0.1:9401", &format!("smtp://{}", addresses.smtp));
        stage.replace("connectors/billing.toml", "http://127.0.0.1:9402", &addresses.billing);
        let _ = stage.world.adjutant_with(&["secrets", "set", "billing", "--dir", "co"], BILLING_TOKEN).ok();
        stage
    }

    async fn empty() -> Self {
        let world = World::new();
        let options = Options {
            ledger: Some(world.path("ledger.jsonl")),
            fixtures: fixtures::agency(),
            ..Options::default()
        };
        let doubles = Doubles::start(options).await.expect("the doubles start");
        Self { world, doubles }
    }

    /// Replaces a text in a file of the company.
    ///
    /// # Panics
    /// Where the text is not in it.
    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let path = format!("co/{file}");
        let text = self.world.read(&path);
        assert!(text.contains(from), "{file} has no \"{from}\"");
        self.world.write(&path, &text.replace(from, to));
    }

    /// Returns the mails that went to somebody.
    #[must_use]
    pub fn mails_to(&self, address: &str) -> Vec<adjutant_doubles::Mail> {
        let mails = self.doubles.smtp().mails();
        mails.into_iter().filter(|mail| mail.envelope_to.iter().any(|to| to == address)).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the fixture is there") {
        let entry = entry.expect("the fixture can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            let _: u64 = fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

/// Returns the body of the website's form.
#[must_use]
pub fn lead() -> Value {
    json!({
        "name": "Maya Okafor",
        "email": LEAD,
        "company": "Okafor Ceramics",
        "message": format!("We need a new website. Could you send us a quote? Our budget is around {BUDGET} euros."),
    })
}

/// Returns what the operator fills in where no model answers.
#[must_use]
pub fn quote_form() -> Value {
    json!({
        "lead": { "name": "Maya Okafor", "email": LEAD, "company": "Okafor Ceramics", "need": "a new website" },
        "budget": BUDGET,
        "fit": "good",
        "confidence": 1,
        "reasons": ["asks for a website"],
        "summary": "Maya Okafor asks for a quote.",
    })
}

/// Returns a mail as a delivery agent drops it.
#[must_use]
pub fn letter(from: &str, id: &str, text: &str) -> String {
    format!(
        "From: Tom Reyes <{from}>\r\nTo: hello@north-pier.example\r\nSubject: Question\r\nMessage-ID: <{id}>\r\n\
         Date: Mon, 02 Mar 2026 09:12:00 +0000\r\n\r\n{text}\r\n"
    )
}

/// Posts a signed webhook and returns what the sender is told.
///
/// # Panics
/// Where nobody answers.
pub(crate) async fn webhook(url: &str, id: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let seconds = now.as_secs().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(WEBSITE_SECRET.as_bytes()).expect("keys of any length");
    mac.update([id, seconds.as_str(), body.as_str()].join(".").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(format!("{url}/hooks/website")).header("content-type", "application/json");
    let request = request.header("webhook-id", id).header("webhook-timestamp", seconds);
    let answer = request.header("webhook-signature", signature).body(body).send().await.expect("it answers");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
}
