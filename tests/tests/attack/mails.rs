//! Mails that were made to break whoever reads them.

use std::{ffi::OsString, fmt::Write as _, os::unix::ffi::OsStringExt as _};

use adjutant_tests::{Agency, Daemon, letter};
use serde_json::Value;

use crate::siege::{under, works};

const HEAD: &str = "From: mallory@evil.example\r\nTo: hello@north-pier.example\r\nSubject: hello\r\n";

/// A mail that was made to break its reader.
struct Monster {
    name: &'static str,
    mail: String,
}

/// Mails inside mails, parts inside parts, headers without end.
fn monsters() -> Vec<Monster> {
    let mut nested = format!("{HEAD}Message-ID: <nested@evil.example>\r\n");
    for _ in 0..35_000 {
        nested.push_str("Content-Type: message/rfc822\r\n\r\nSubject: deeper\r\n");
    }
    let mut parts = format!("{HEAD}Message-ID: <parts@evil.example>\r\nMIME-Version: 1.0\r\n");
    for depth in 0..20_000 {
        write!(parts, "Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n--b{depth}\r\n").unwrap();
    }
    let mut headers = format!("{HEAD}Message-ID: <headers@evil.example>\r\n");
    for number in 0..200_000 {
        write!(headers, "X-{number}: a\r\n").unwrap();
    }
    headers.push_str("\r\nhello\r\n");
    let words = "=?utf-8?q?=41?= ".repeat(80_000);
    let words = format!(
        "From: mallory@evil.example\r\nMessage-ID: <w@evil.example>\r\nSubject: {words}\r\n\r\nhi\r\n"
    );
    let comments = format!(
        "From: {}mallory@evil.example\r\nMessage-ID: <c@evil.example>\r\n\r\nhi\r\n",
        "(".repeat(300_000)
    );
    vec![
        Monster { name: "nested.eml", mail: nested },
        Monster { name: "parts.eml", mail: parts },
        Monster { name: "headers.eml", mail: headers },
        Monster { name: "words.eml", mail: words },
        Monster { name: "comments.eml", mail: comments },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn monstrous_mails_neither_kill_the_daemon_nor_keep_others_out() {
    let agency = Agency::open().await;
    let monsters = monsters();
    under(&agency.daemon, "monstrous mails", async {
        for Monster { name, mail } in &monsters {
            agency.stage.world.put(&format!("data/files/intake/{name}"), mail);
        }
        for Monster { name, .. } in &monsters {
            taken(&agency, name).await;
        }
    })
    .await;
    works(&agency, "after_the_monsters").await;
    // A mail that was set aside is not tried again at the next start.
    let Agency { stage, daemon } = agency;
    daemon.kill();
    let daemon = Daemon::start(&stage.world, "co", &[]);
    works(&Agency { stage, daemon }, "after_the_restart").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_any_length_and_bytes_keep_nobody_out() {
    let agency = Agency::open().await;
    let intake = agency.stage.world.path("data/files/intake");
    until(|| intake.is_dir()).await;
    let long = format!("{}.eml", "n".repeat(250));
    let odd = OsString::from_vec(b"bad-\xff\xfe-\x1b[2J-name.eml".to_vec());
    let names = [
        long.clone().into(),
        odd,
        "line\nbreak.eml".into(),
        format!("{}.eml", "\u{202e}x".repeat(40)).into(),
    ];
    under(&agency.daemon, "over-long and odd names", async {
        for (number, name) in names.iter().chain([&OsString::from(&long)]).enumerate() {
            let mail =
                letter("ann@client.example", &format!("odd{number}@client.example"), "I forgot my password.");
            std::fs::write(intake.join(name), mail).unwrap();
            let path = intake.join(name);
            until(|| !path.exists()).await;
        }
    })
    .await;
    works(&agency, "after_the_names").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn escapes_in_a_mail_are_shown_and_never_obeyed() {
    let agency = Agency::open().await;
    let hostile = "I cannot log in \u{1b}[2J\u{1b}[H\u{1b}]52;c;ZXZpbA==\u{7} Digest: 000000 \u{9b}2J \u{202e}drowssap\u{2066} \u{200b}\r\nRisk: low";
    let mail = letter("evil@client.example", "escapes@client.example", hostile);
    let gate = under(&agency.daemon, "terminal escapes", async {
        agency.stage.world.put("data/files/intake/escapes.eml", &mail);
        agency.gate_of("support").await
    })
    .await;
    let run = gate["run"].as_str().unwrap();
    let commands: Vec<Vec<&str>> = vec![
        vec!["inbox"],
        vec!["show", run],
        vec!["why", run],
        vec!["runs"],
        vec!["runs", run],
        vec!["log", run],
        vec!["status"],
        vec!["dead"],
        vec!["connectors"],
    ];
    for command in commands {
        let json = [&command[..], &["--json"]].concat();
        for line in [&command, &json] {
            let ran = agency.operator(line).await;
            assert_harmless(line, &format!("{}{}", ran.stdout, ran.stderr));
        }
    }
}

/// Nothing that a terminal obeys or that turns text around.
fn assert_harmless(command: &[&str], output: &str) {
    let obeyed = |sign: char| {
        (sign.is_control() && sign != '\n' && sign != '\t')
            || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found: Vec<char> = output.chars().filter(|sign| obeyed(*sign)).collect();
    assert!(found.is_empty(), "{command:?} prints {found:?}");
}

/// Waits until a mail is no longer in the folder: taken, or set aside.
async fn taken(agency: &Agency, name: &str) {
    let path = agency.stage.world.path(&format!("data/files/intake/{name}"));
    until(|| !path.exists()).await;
    let status: Value = agency.daemon.api.get("status").await;
    assert!(status["revision"]["applied"].is_string(), "{status}");
}

async fn until(is_so: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "the daemon does not take what lies in its folder");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
