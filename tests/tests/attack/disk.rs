//! A disk that is full: a file system of a few megabytes under the data folder.

use std::{fs, path::PathBuf, process::Command};

use adjutant_tests::{Daemon, Stage};
use serde_json::json;

/// Room for an empty store and little more.
const MEGABYTES: u64 = 96;

/// A small file system, taken away again when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; `None` where this user may not.
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let size = format!("size={MEGABYTES}m,mode=0700");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "small"]).arg(&at).status();
        done.is_ok_and(|status| status.success()).then_some(Self(at))
    }

    /// Fills it but for a rest.
    fn fill(&self, rest_kib: u64) -> PathBuf {
        let filler = self.0.join("filler");
        let output = Command::new("df").args(["--output=avail", "-k"]).arg(&self.0).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let free: u64 = text.lines().last().unwrap().trim().parse().unwrap();
        fs::write(&filler, vec![1_u8; usize::try_from(free.saturating_sub(rest_kib) * 1024).unwrap()])
            .unwrap();
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let stage = Stage::load().await;
    let Some(disk) = SmallDisk::mount(stage.world.data()) else {
        println!("skipped: only root may mount the small file system of this attack");
        return;
    };
    let mut daemon = Daemon::start(&stage.world, "co", &[]);
    drop(daemon.api.until("status", |status| status["revision"]["applied"].is_string()).await);
    let filler = disk.fill(1_500);
    let mut told = Vec::new();
    for number in 0..20_000_u32 {
        let wish = json!({ "playbook": "order", "input": { "n": number }, "key": format!("order-{number}") });
        let Some(answer) = daemon.api.try_post("runs", &wish).await else { break };
        if ![200, 201].contains(&answer.status) {
            break;
        }
        told.push(answer.body["run"].as_str().unwrap().to_owned());
    }
    let ended = daemon.ended();
    println!("full after {} acknowledged runs, exit code {:?}", told.len(), ended.code());
    assert_eq!(ended.code(), Some(74), "a disk error ends the daemon by its own exit code");
    assert!(!told.is_empty(), "the disk was full before anything began");
    fs::remove_file(filler).unwrap();
    let daemon = Daemon::start(&stage.world, "co", &[]);
    for run in &told {
        let view = daemon.api.get(&format!("runs/{run}")).await;
        assert_eq!(view["id"], run.as_str(), "what was acknowledged is there: {view}");
    }
    let audit = daemon.api.get("audit").await;
    assert_eq!(audit["ok"], true, "{audit:#}");
    daemon.kill();
}
