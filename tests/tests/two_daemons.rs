//! Two daemons on one data folder: the second one is told who has it and touches nothing, and whoever comes after the first goes on.

use std::{
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use adjutant_tests::{Daemon, World};

/// How long a daemon that may not start takes to say so, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a daemon ended that came too late, and what it said.
struct Refused {
    ended: ExitStatus,
    said: String,
}

/// Starts a daemon that does not become one.
fn too_late(command: &mut Command) -> Refused {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program starts");
    let began = Instant::now();
    while child.try_wait().expect("a child can be asked").is_none() {
        if began.elapsed() > PATIENCE {
            drop(child.kill());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("it has ended");
    Refused { ended: output.status, said: String::from_utf8_lossy(&output.stderr).into_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_is_told_who_has_the_store_and_disturbs_nobody() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let daemon = Daemon::start(&world, "co", &[]);
    let ready = |status: &serde_json::Value| status["ready"] == true;
    drop(daemon.api.until("status", ready).await);
    for _ in 0..2 {
        let mut command = world.command(&adjutant_tests::adjutant());
        command.args(["up", "--listen", "127.0.0.1:0", "--repo", "co"]);
        let Refused { ended, said } = tokio::task::block_in_place(|| too_late(&mut command));
        assert_eq!(ended.code(), Some(75), "{said}");
        assert!(said.contains(&format!("process {}", daemon.pid())), "it says who: {said}");
        assert!(said.contains("one daemon serves one data folder"), "and what to do: {said}");
        assert!(ready(&daemon.api.get("status").await), "the first one answers as before");
    }
    let asked = world.asked(&["status"]).await;
    assert_eq!(asked.code, 0, "a command finds the first one: {}", asked.all());
    daemon.kill();
    let next = Daemon::start(&world, "co", &[]);
    drop(next.api.until("status", ready).await);
}
