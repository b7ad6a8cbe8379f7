//! A small WebDriver client: what these tests need, over plain HTTP to a `chromedriver` of their own.

use std::{process::Stdio, time::Duration};

use adjutant_tests::desk::client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::Instant,
};

/// Far above what a page takes; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);
/// The key under which WebDriver names elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    Allowed,
    Blocked,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    width: u32,
    is_phone: bool,
    scheme: &'static str,
}

impl Look {
    pub(crate) fn phone(scheme: &'static str) -> Self {
        Self { width: 390, is_phone: true, scheme }
    }

    pub(crate) fn desk(scheme: &'static str) -> Self {
        Self { width: 1280, is_phone: false, scheme }
    }
}

/// A browser of its own, with a profile of its own.
pub(crate) struct Browser {
    driver: Child,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser; nothing where there is none, which is a failure on CI.
    pub(crate) async fn start(scripts: Scripts) -> Option<Self> {
        let spawned = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut driver) = spawned else {
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "chromedriver is missing: .ci/setup installs it"
            );
            eprintln!("skipped: chromedriver is not installed (.ci/setup installs it)");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
            if let Some(port) = line.rsplit_once("started successfully on port ") {
                break port.1.trim_end_matches('.').to_owned();
            }
        };
        // Its later lines are read to nowhere, so that it never blocks on a full pipe.
        drop(tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} }));
        let profile = tempfile::tempdir().unwrap();
        let capabilities = capabilities(profile.path(), scripts);
        let made = send("POST", &format!("http://127.0.0.1:{port}/session"), &capabilities).await.unwrap();
        let session = format!("http://127.0.0.1:{port}/session/{}", made["sessionId"].as_str().unwrap());
        Some(Self { driver, session, _profile: profile })
    }

    /// Ends the browser.
    pub(crate) async fn stop(mut self) {
        self.ask("DELETE", "", &Value::Null).await;
        self.driver.kill().await.unwrap();
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        send(method, &format!("{}{path}", self.session), body)
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Opens an address.
    pub(crate) async fn open(&self, address: &str) {
        self.ask("POST", "/url", &json!({ "url": address })).await;
    }

    /// Runs a script and returns what it returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": [] })).await
    }

    /// Sets size and colour scheme.
    pub(crate) async fn look(&self, look: Look) {
        let size =
            json!({ "width": look.width, "height": 844, "deviceScaleFactor": 1, "mobile": look.is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &size).await;
        // Without motion, what is painted is what stays.
        let features = json!([{ "name": "prefers-color-scheme", "value": look.scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features })).await;
    }

    async fn devtools(&self, command: &str, params: &Value) {
        self.ask("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": params })).await;
    }

    /// Returns the text of the first element that fits.
    pub(crate) async fn text(&self, css: &str) -> String {
        let element = self.find(css).await;
        self.ask("GET", &format!("/element/{element}/text"), &Value::Null).await.as_str().unwrap().to_owned()
    }

    /// Clicks the first element that fits.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.find(css).await;
        self.ask("POST", &format!("/element/{element}/click"), &json!({})).await;
    }

    /// Empties a field and types a text into it.
    pub(crate) async fn retype(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        self.ask("POST", &format!("/element/{element}/clear"), &json!({})).await;
        self.ask("POST", &format!("/element/{element}/value"), &json!({ "text": text })).await;
    }

    /// Presses keys where the focus is.
    pub(crate) async fn keys(&self, keys: &str) {
        let presses: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
            })
            .collect();
        self.ask(
            "POST",
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": presses }] }),
        )
        .await;
    }

    /// Waits until the first element that fits holds a text: pages load and follow hints when they can.
    pub(crate) async fn until(&self, css: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let script =
            "const found = document.querySelector(arguments[0]); return found ? found.textContent : null";
        loop {
            let body = json!({ "script": script, "args": [css] });
            // A page that is being replaced answers with an error: that is "not yet".
            let found =
                send("POST", &format!("{}/execute/sync", self.session), &body).await.unwrap_or_default();
            if found.as_str().is_some_and(|found| found.contains(text)) {
                return;
            }
            if Instant::now() > deadline {
                let page = self.script("return location.href + '\\n' + document.body.innerText").await;
                panic!(
                    "\"{css}\" does not show \"{text}\" but {found}:\n{}",
                    page.as_str().unwrap_or_default()
                );
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn find(&self, css: &str) -> String {
        let found = self.ask("POST", "/element", &json!({ "using": "css selector", "value": css })).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }
}

fn capabilities(profile: &std::path::Path, scripts: Scripts) -> Value {
    let mut arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let mut options = json!({ "args": arguments });
    if scripts == Scripts::Blocked {
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    if let Some(binary) = std::env::var_os("CHROMIUM") {
        options["binary"] = Value::from(binary.to_string_lossy().into_owned());
    }
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "timeouts": { "implicit": 5_000, "pageLoad": 20_000 },
        "goog:chromeOptions": options,
    } } })
}

async fn send(method: &str, address: &str, body: &Value) -> Result<Value, String> {
    let request = client().request(method.parse().unwrap(), address);
    let request = if body.is_null() { request } else { request.json(body) };
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let is_good = answer.status().is_success();
    let value = answer.json::<Value>().await.map_err(|error| error.to_string())?["value"].take();
    if is_good { Ok(value) } else { Err(value.to_string()) }
}
