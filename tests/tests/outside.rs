//! What somebody outside wrote acts on nothing: not on a terminal, a log, a page, a mail or a parser.
//!
//! Hostile text is planted in each place where text of others can be; then every output is read, byte by byte.

use std::net::SocketAddr;

use adjutant_spec::shown;
use adjutant_tests::{Agency, Daemon, Ran, Stage, World, lead, quote_form};
use axum::{Router, http::StatusCode, routing::any};
use serde_json::{Value, json};

/// Clears the screen, goes up, sets the clipboard, in seven bits and in eight; turns letters around, hides letters.
const HOSTILE: &str = "X\u{1b}[2J\u{1b}[1;1H\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}2J\u{9d}0;t\u{9c}\u{202e}evil\u{202c}\u{2066}\u{200b}\u{feff}\u{e0041}\u{85}\u{2028}\u{8}\u{d}Y";

/// A line that looks like ours.
const FORGED: &str = "Z\ndigest 0123456789ab\nnext: adjutant approve everything\n";

/// Everything that was seen, with where.
#[derive(Default)]
struct Seen {
    unclean: Vec<String>,
    shown: usize,
}

impl Seen {
    fn text(&mut self, place: &str, text: &str) {
        let acts = |one: char| shown::is_hidden(one) && one != '\n' && one != '\t';
        if let Some(one) = text.chars().find(|one| acts(*one)) {
            let line = text.lines().find(|line| line.contains(one)).unwrap_or(text);
            let line: String = line.escape_debug().take(300).collect();
            self.unclean.push(format!("{place}: U+{:04X} in {line}", u32::from(one)));
        }
        let is_forged = |line: &str| {
            line == "digest 0123456789ab" || line.starts_with("next: adjutant approve everything")
        };
        // A page has no lines of its own: what others wrote stands in a box, with its breaks.
        let is_page = place.starts_with('/');
        if !is_page && text.lines().any(is_forged) {
            self.unclean.push(format!("{place}: a line was forged"));
        }
        self.shown += usize::from(text.contains("\\u{1b}[2J") || text.contains("\\u001b[2J"));
    }

    fn ran(&mut self, place: &str, ran: &Ran) {
        self.text(place, &ran.stdout);
        self.text(&format!("{place} (stderr)"), &ran.stderr);
        assert_ne!(ran.code, 70, "{place}: {}", ran.stderr);
        if place.contains("--json") && !ran.stdout.is_empty() && !place.contains("watch") {
            assert!(serde_json::from_str::<Value>(&ran.stdout).is_ok(), "{place} is no JSON: {}", ran.stdout);
        }
    }

    fn end(self, least: usize) {
        assert!(self.unclean.is_empty(), "{}", self.unclean.join("\n"));
        assert!(self.shown >= least, "the planted texts were seen in {} outputs", self.shown);
    }
}

#[test]
fn names_and_contents_of_files_act_on_nothing() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let name = HOSTILE.replace(['/', '\0'], "");
    world.write(&format!("co/playbooks/{name}.toml"), "schema = \"adjutant/v1\"\n");
    world.write(&format!("co/playbooks/{}.toml", FORGED.replace('/', "")), "schema = \"adjutant/v1\"\n");
    world.write(
        "co/playbooks/odd.toml",
        &format!("schema = \"adjutant/v1\"\n# {HOSTILE}\nname = \"{HOSTILE}\"\nfoo = 'a\u{202e}b\u{9b}2J'\n"),
    );
    world.write("co/routes/odd.toml", "schema = \"adjutant/v1\"\n\"a\\u001b[2J\\nerror: forged\" = 1\n");
    world.write("co/templates/odd.md", &format!("{{{{ {HOSTILE} }}}}"));
    let mut seen = Seen::default();
    let odd = format!("co/{name}");
    for arguments in [
        &["check", "co"][..],
        &["check", "co", "--json"],
        &["check", &odd],
        &["check", "co", "--rev", HOSTILE.trim_matches('\0')],
        &["fmt", "co", "--check"],
        &["secrets", "list", "--dir", "co"],
        &["new", "playbook", HOSTILE, "--dir", "co"],
        &["explain", HOSTILE],
        &["schema", HOSTILE],
        &["route", HOSTILE, HOSTILE, "--dir", "co"],
        &["init", &odd, "--example", HOSTILE],
        &["models", "verify", HOSTILE],
        &[HOSTILE],
        &["runs", "--limit", HOSTILE],
        &["doctor", "--data", &odd],
    ] {
        seen.ran(&arguments.join(" ").escape_debug().to_string(), &world.adjutant(arguments));
    }
    seen.end(8);
}

#[test]
fn what_a_push_brings_acts_on_nothing() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let mut command = world.command(&adjutant_tests::adjutant());
    command.args(["up", "--json", "--listen", "127.0.0.1:0", "--mode", "push"]);
    let daemon = Daemon::spawn(&world, &mut command);
    let company = world.data().join("company.git").display().to_string();
    let mut seen = Seen::default();
    let push = |seen: &mut Seen, place: &str, to: &str| {
        let mut git = world.command(std::path::Path::new("git"));
        git.current_dir(world.path("co")).args(["push", &company, to]);
        let ran = world.finish(&mut git, "");
        // Git marks each line of ours; what it says itself is its own.
        let ours: String = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("remote:"))
            .map(|line| format!("{line}\n"))
            .collect();
        seen.text(place, &ours);
    };
    world.git("co", &["init", "-q", "-b", "main"]);
    world.git("co", &["add", "."]);
    world.git("co", &["commit", "-qm", HOSTILE]);
    push(&mut seen, "first push", "HEAD:main");
    push(&mut seen, "odd branch", "HEAD:refs/heads/a\u{202e}b\u{9b}c\u{200b}d");
    world.write(
        "co/playbooks/odd.toml",
        &format!("schema = \"adjutant/v1\"\n# {HOSTILE}\nfoo = 'a\u{202e}b'\n"),
    );
    world.write(&format!("co/playbooks/{}.toml", HOSTILE.replace('/', "")), "schema = 1\n");
    world.git("co", &["add", "."]);
    world.git("co", &["commit", "-qm", HOSTILE]);
    push(&mut seen, "refused push", "HEAD:main");
    push(&mut seen, "refused proposal", "HEAD:refs/for/main");
    seen.text("daemon.log", &world.read("daemon.log"));
    drop(daemon);
    seen.end(1);
}

/// Answers everything with an error that is as hostile as can be.
async fn hostile_api() -> SocketAddr {
    let answer = any(|| async {
        (StatusCode::BAD_REQUEST, json!({ "error": { "message": format!("{HOSTILE}{FORGED}") } }).to_string())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_and_what_others_answer_acts_on_nothing() {
    let api = hostile_api().await;
    let stage = Stage::agency().await;
    let billing = stage.doubles.addresses.billing.clone();
    stage.replace("connectors/billing.toml", &billing, &format!("http://{api}"));
    let agency = Agency::on(stage).await;
    let mut body = lead();
    for field in ["name", "company"] {
        body[field] = json!(format!("{HOSTILE}{FORGED}"));
    }
    body["message"] = json!(format!("{} {HOSTILE}{FORGED}", body["message"].as_str().expect("a text")));
    let run = agency.webhook("hostile-1", &body).await;
    let gate = decided_until_dead(&agency, &run).await;
    let key = format!("{HOSTILE}{FORGED}");
    let mut seen = Seen::default();
    let started = agency
        .operator(&["run", "inbound", "--key", &key, "--input", &json!({ "x": HOSTILE }).to_string()])
        .await;
    seen.ran("run", &started);
    mail(&agency).await;
    let id = gate["id"].as_str().expect("an id").to_owned();
    let effect = agency.daemon.api.until("dead", |dead| dead[0]["id"].is_string()).await[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let ids = [&run, &id, &effect];
    for arguments in readings(&ids) {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        seen.ran(&words.join(" ").escape_debug().to_string(), &agency.operator(&words).await);
        let json: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        seen.ran(&json.join(" ").escape_debug().to_string(), &agency.operator(&json).await);
    }
    pages(&agency, &ids, &mut seen).await;
    for mail in agency.stage.doubles.smtp().mails() {
        seen.text("a mail's subject", mail.subject.as_deref().unwrap_or_default());
    }
    seen.text("daemon.log", &agency.stage.world.read("daemon.log"));
    seen.end(10);
}

/// Approves what the lead's run asks until the hostile API has refused the invoice.
async fn decided_until_dead(agency: &Agency, run: &str) -> Value {
    let mut last = agency.gate(run).await;
    for _ in 0..3 {
        let body = if last["card"]["form"].is_null() { json!({}) } else { json!({ "form": quote_form() }) };
        drop(agency.decide(&last, body).await);
        let id = last["id"].clone();
        let path = format!("runs/{run}");
        let view = agency.daemon.api.until(&path, |view| {
            let asks = |gate: &Value| gate["state"] == "open" && gate["id"] != id;
            view["gates"].as_array().is_some_and(|gates| gates.iter().any(asks))
                || view["effects"]
                    .as_array()
                    .is_some_and(|effects| effects.iter().any(|effect| effect["phase"] == "dead"))
        });
        let view = view.await;
        if view["effects"].as_array().is_some_and(|all| all.iter().any(|effect| effect["phase"] == "dead")) {
            break;
        }
        last = agency.gate(run).await;
    }
    last
}

/// Drops a mail with hostile headers; it may be refused, but it acts on nothing.
async fn mail(agency: &Agency) {
    let text = format!(
        "From: \"{0}\" <maya@okafor-ceramics.example>\r\nTo: hello@north-pier.example\r\nSubject: =?utf-8?B?WBtbMkrCmzJK4oCu?= {0}\r\nMessage-ID: <hostile@x.example>\r\nDate: Mon, 02 Mar 2026 09:12:00 +0000\r\n\r\n{0}{FORGED}\r\n",
        HOSTILE.replace(['\r', '\n'], "")
    );
    agency.stage.world.put("data/files/intake/hostile.eml", &text);
    // It has a run, or it is open with a reason: either way it was dealt with.
    let is_dealt_with = |status: &Value| {
        let runs = status["runs"]["by_status"]
            .as_object()
            .map(|all| all.values().filter_map(Value::as_u64).sum::<u64>());
        runs >= Some(2) || status["deliveries"].as_u64() > Some(0)
    };
    drop(agency.daemon.api.until("status", is_dealt_with).await);
}

/// Every command that reads, and those that are refused with words of others in them.
fn readings(ids: &[&String; 3]) -> Vec<Vec<String>> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut all: Vec<Vec<String>> = [
        "inbox",
        "runs",
        "status",
        "dead",
        "cost",
        "connectors",
        "records",
        "records customer",
        "proposals",
        "audit verify",
        "plan",
    ]
    .map(words)
    .into();
    for id in ids {
        all.extend([
            words(&format!("why {id}")),
            words(&format!("runs {id}")),
            words(&format!("log {id}")),
            words(&format!("show {id}")),
        ]);
    }
    for verb in ["show", "why", "runs", "log", "records", "pause", "cancel", "retry"] {
        all.push(vec![verb.to_owned(), HOSTILE.to_owned()]);
    }
    all.push(vec!["approve".to_owned(), ids[1].clone(), "--digest".to_owned(), HOSTILE.to_owned()]);
    all.push(vec!["pause".to_owned(), "all".to_owned(), "-m".to_owned(), format!("{HOSTILE}{FORGED}")]);
    all.push(words("status"));
    all.push(vec!["hold".to_owned(), "-m".to_owned(), format!("{HOSTILE}{FORGED}")]);
    all.push(words("status"));
    all
}

async fn pages(agency: &Agency, ids: &[&String; 3], seen: &mut Seen) {
    let world = &agency.stage.world;
    let http = reqwest::Client::builder()
        .unix_socket(world.data().join("control.sock"))
        .no_proxy()
        .build()
        .expect("a client");
    let mut paths: Vec<String> =
        ["/", "/runs", "/connectors", "/playbooks", "/proposals", "/metrics"].map(str::to_owned).into();
    paths.extend([
        format!("/runs/{}", ids[0]),
        format!("/gates/{}", ids[1]),
        "/runs/%1b%5b2J%C2%9B".to_owned(),
        "/?notice=%1b%5b2J".to_owned(),
    ]);
    for path in paths {
        let answer = http
            .get(format!("http://localhost{path}"))
            .header("accept", "text/html")
            .send()
            .await
            .expect("it answers");
        seen.text(&path, &answer.text().await.expect("a text"));
    }
}
