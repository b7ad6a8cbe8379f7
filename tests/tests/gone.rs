//! Clients that close their connection in the middle of a change to the real daemon.
//!
//! Whatever moment they choose: the change has happened or it has not, in memory as on disk, and the next change goes on from there.

#![expect(clippy::print_stdout, reason = "the seed and the shares are what somebody looks for")]

use std::{io::Write as _, os::unix::net::UnixStream, path::Path, time::Duration};

use adjutant_tests::{Daemon, Dice, Stage};
use serde_json::{Value, json};

/// How often each change is cut off.
const CUTS: u32 = 60;

/// Asks for a change over the control socket, and is gone before the answer.
async fn cut(socket: &Path, path: &str, body: &Value, after: Duration) {
    let body = body.to_string();
    let mut stream = UnixStream::connect(socket).expect("the daemon listens");
    let head = format!(
        "POST /api/v1/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("the daemon reads");
    // The moment is what is random here: nothing is waited for.
    tokio::time::sleep(after).await;
    drop(stream);
}

/// Cuts each of the changes off, many times and at random moments; they undo each other.
async fn cut_off(daemon: &Daemon, changes: &[(&str, Value)]) {
    let (mut dice, seed) = Dice::from_env();
    println!("seed {seed}");
    for _ in 0..CUTS {
        for (path, body) in changes {
            let after = Duration::from_micros(dice.between(0, 4_000));
            cut(&daemon.socket, path, body, after).await;
        }
    }
}

/// Looks at a part of the status until it holds still: what was cut off last may still be under way.
async fn settled(daemon: &Daemon, part: &str) -> Value {
    let mut seen = daemon.api.get("status").await[part].clone();
    let mut same = 0;
    while same < 60 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = daemon.api.get("status").await[part].clone();
        same = if now == seen { same + 1 } else { 0 };
        seen = now;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_in_memory_what_they_are_on_disk() {
    let stage = Stage::load().await;
    let daemon = Daemon::start(&stage.world, "co", &[]);
    drop(daemon.api.until("status", |status| status["ready"] == true).await);
    let reason = json!({ "reason": "a look" });
    cut_off(&daemon, &[("hold", reason.clone()), ("release", json!({}))]).await;
    let held = settled(&daemon, "hold").await;
    daemon.kill();
    let daemon = Daemon::start(&stage.world, "co", &[]);
    assert_eq!(settled(&daemon, "hold").await, held, "it is held or not, as it was");
    for (path, is_held) in [("hold", true), ("release", false), ("hold", true), ("release", false)] {
        drop(daemon.api.post(path, &reason).await);
        assert_eq!(!daemon.api.get("status").await["hold"].is_null(), is_held, "after {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_are_in_memory_what_they_are_on_disk() {
    let stage = Stage::load().await;
    let mut daemon = Daemon::start(&stage.world, "co", &[]);
    drop(daemon.api.until("status", |status| status["ready"] == true).await);
    for scope in ["everything", "playbook:order", "connector:mail"] {
        let wish = json!({ "scope": scope, "reason": "a look" });
        cut_off(&daemon, &[("pause", wish.clone()), ("resume", wish.clone())]).await;
        cut(&daemon.socket, "pause", &wish, Duration::from_millis(1)).await;
        let paused = settled(&daemon, "pauses").await;
        daemon.kill();
        daemon = Daemon::start(&stage.world, "co", &[]);
        assert_eq!(settled(&daemon, "pauses").await, paused, "{scope}: what is paused is what was paused");
        drop(daemon.api.post("resume", &wish).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_was_cut_off_does_not_stand_in_the_way_of_the_next() {
    let stage = Stage::load().await;
    let daemon = Daemon::start(&stage.world, "co", &[]);
    drop(daemon.api.until("status", |status| status["ready"] == true).await);
    let reason = json!({ "reason": "a look" });
    cut_off(&daemon, &[("hold", reason.clone()), ("release", json!({}))]).await;
    for (path, is_held) in [("release", false), ("hold", true), ("release", false)] {
        drop(settled(&daemon, "hold").await);
        drop(daemon.api.post(path, &reason).await);
        assert_eq!(!daemon.api.get("status").await["hold"].is_null(), is_held, "after {path}");
    }
}
