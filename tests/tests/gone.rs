//! Clients that close their connection in the middle of a change to the real daemon.
//!
//! Whatever moment they choose: the change has happened or it has not, in memory as on disk, and the next change goes on from there.

#![expect(clippy::print_stdout, reason = "the seed and the shares are what somebody looks for")]

use std::{path::Path, time::Duration};

use adjutant_tests::{Daemon, Dice, Stage};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

/// How often each change is cut off.
const CUTS: u32 = 60;
/// How long a daemon may take, on a slow machine, to see that a client is gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for a change over the control socket, and is gone before the answer, or just after it. Comes back once the daemon has let
/// go of the connection: from then on nothing begins for it any more. Returns whether it was answered.
async fn cut(socket: &Path, path: &str, body: &Value, after: Duration) -> bool {
    let body = body.to_string();
    let mut stream = UnixStream::connect(socket).await.expect("the daemon listens");
    let head = format!(
        "POST /api/v1/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.expect("the daemon reads");
    // The moment is what is random here: nothing is waited for.
    tokio::time::sleep(after).await;
    // The daemon reads the end of the connection, as it does of a client that has died.
    stream.shutdown().await.expect("a connection ends");
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // An error says the same as an end: the daemon has closed.
    drop(ended.expect("the daemon lets go of who is gone"));
    !answer.is_empty()
}

/// Cuts each of the changes off, many times and at random moments; they undo each other. Then nothing of them is under way.
async fn cut_off(daemon: &Daemon, changes: &[(&str, Value)]) {
    let mut dice = Dice::from_env();
    let seed = dice.seed;
    let (mut all, mut answered) = (0, 0);
    for _ in 0..CUTS {
        for (path, body) in changes {
            let after = Duration::from_micros(dice.between(0, 4_000));
            all += 1;
            answered += u32::from(cut(&daemon.socket, path, body, after).await);
        }
    }
    println!("seed {seed}: {answered} of {all} were answered before their client was gone");
    at_rest(daemon).await;
}

/// Waits until no change runs any more: those that began are counted to their end, and no other one can begin.
async fn at_rest(daemon: &Daemon) {
    // The figures are asked for by a read, which is no change itself.
    drop(daemon.api.until("metrics", |figures| figures["adjutant_changes"] == 0.0).await);
}

/// Returns a part of the status.
async fn part(daemon: &Daemon, part: &str) -> Value {
    daemon.api.get("status").await[part].clone()
}

/// Starts a daemon, and waits until it has read what the one before it left.
async fn started(stage: &Stage) -> Daemon {
    let daemon = Daemon::start(&stage.world, "co", &[]);
    drop(daemon.api.until("status", |status| !status["revision"]["applied"].is_null()).await);
    daemon
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_in_memory_what_they_are_on_disk() {
    let stage = Stage::load().await;
    let daemon = Daemon::start(&stage.world, "co", &[]);
    drop(daemon.api.until("status", |status| status["ready"] == true).await);
    let reason = json!({ "reason": "a look" });
    cut_off(&daemon, &[("hold", reason.clone()), ("release", json!({}))]).await;
    let held = part(&daemon, "hold").await;
    daemon.kill();
    let daemon = started(&stage).await;
    assert_eq!(part(&daemon, "hold").await, held, "it is held or not, as it was");
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
        at_rest(&daemon).await;
        let paused = part(&daemon, "pauses").await;
        daemon.kill();
        daemon = started(&stage).await;
        assert_eq!(part(&daemon, "pauses").await, paused, "{scope}: what is paused is what was paused");
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
        drop(daemon.api.post(path, &reason).await);
        assert_eq!(!daemon.api.get("status").await["hold"].is_null(), is_held, "after {path}");
    }
}
