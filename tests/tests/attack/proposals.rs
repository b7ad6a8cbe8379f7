//! Proposals of somebody who may propose and nothing else.

use std::fmt::Write as _;

use adjutant_tests::{Agency, Stage};
use serde_json::{Value, json};

use crate::siege::{under, works};

/// Returns a patch that adds files of a mode.
fn patch(files: impl IntoIterator<Item = (String, String)>, mode: &str) -> String {
    let mut patch = String::new();
    for (path, text) in files {
        let lines: Vec<&str> = text.lines().collect();
        write!(patch, "diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n")
            .unwrap();
        writeln!(patch, "@@ -0,0 +1,{} @@", lines.len()).unwrap();
        lines.iter().for_each(|line| writeln!(patch, "+{line}").unwrap());
        if mode == "120000" {
            patch.push_str("\\ No newline at end of file\n");
        }
    }
    patch
}

/// The agency in a repository with a first commit: what a proposal is a change of.
async fn committed() -> Agency {
    let stage = Stage::agency().await;
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message=begin"],
    ] {
        drop(stage.world.git("co", arguments));
    }
    let agency = Agency::on(stage).await;
    let has_main = |status: &Value| status["revision"]["main"].is_string() || status["main"].is_string();
    drop(agency.daemon.api.until("status", has_main).await);
    agency
}

/// What an attacker is told.
struct Told {
    status: u16,
    text: String,
}

/// Proposes with a token that may only propose; returns what is answered.
async fn propose(agency: &Agency, title: &str, patch: String) -> Told {
    let token: Value = agency
        .daemon
        .api
        .post("tokens", &json!({ "name": title.replace(' ', "-"), "scopes": ["propose"] }))
        .await;
    let secret = token["secret"].as_str().or_else(|| token["token"].as_str()).expect("a token is told once");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/api/v1/proposals", agency.daemon.url)).bearer_auth(secret);
    let body = json!({ "title": title, "reason": "an attack", "patch": patch }).to_string();
    let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
    Told { status: answer.status().as_u16(), text: answer.text().await.unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_between_folders_end_no_walk() {
    let agency = committed().await;
    let links = (0..20)
        .flat_map(|from| (0..20).map(move |to| (format!("playbooks/d{from}/l{to}"), format!("../d{to}"))));
    let patch = patch(links, "120000");
    let Told { status, text } =
        under(&agency.daemon, "folders of links to each other", propose(&agency, "links", patch)).await;
    println!("  answered {status}: {}", text.chars().take(160).collect::<String>());
    assert!(status < 500, "{status}: {text}");
    under(&agency.daemon, "a saved file after the links", async {
        let before = agency.daemon.api.get("status").await["revision"]["applied"].clone();
        let quote = agency.stage.world.read("co/templates/quote.md");
        agency.stage.world.write("co/templates/quote.md", &format!("{quote}\nWith kind regards\n"));
        drop(agency.daemon.api.until("status", |status| status["revision"]["applied"] != before).await);
    })
    .await;
    assert!(agency.daemon.stop().code().is_some_and(|code| code == 0), "it ends when it is asked to");
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_that_grow_are_stopped() {
    let agency = committed().await;
    // The rehearsal evaluates a proposed rule on recorded texts: there must be one.
    works(&agency, "recorded").await;
    let rules = [
        "'aaaaaaaaaa' * 400000000 == 'b'",
        "('aaaaaaaaaa' * 100000) * 100000 == 'b'",
        "(range(100000) | list | tojson) * 10000 == 'b'",
        "('a' | replace('', 'aaaaaaaaaa' * 100000)) * 100000 == ''",
        "([0] * 100000) | map('string') | join('aaaaaaaaaa' * 10000) == ''",
    ];
    for (number, rule) in rules.iter().enumerate() {
        let route = agency.stage.world.read("co/routes/inbound.toml");
        let bomb = format!("\n[[rule]]\nwhen = \"{rule}\"\nclass = \"lead\"\n");
        let patch = append(&route, &bomb);
        let name = format!("a rule that grows ({number})");
        let Told { status, text } =
            under(&agency.daemon, &name, propose(&agency, &format!("bomb {number}"), patch)).await;
        println!("  answered {status}: {}", text.chars().take(160).collect::<String>());
        assert!(status < 500, "{status}: {text}");
    }
    works(&agency, "after_the_bombs").await;
}

/// Returns a patch that adds lines to the end of the agency's route.
fn append(present: &str, lines: &str) -> String {
    let count = present.lines().count();
    let last = present.lines().last().unwrap();
    let added: String = lines.lines().map(|line| format!("+{line}\n")).collect();
    let path = "routes/inbound.toml";
    format!(
        "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -{count},1 +{count},{} @@\n {last}\n{added}",
        1 + lines.lines().count()
    )
}
