//! A disk that is full: a file system of a few megabytes under the data folder.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use adjutant_tests::{Api, Daemon, Stage};
use serde_json::{Value, json};

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

/// Starts runs until the disk takes no more, and returns those that were acknowledged.
async fn fill_up(api: &Api, first: u32) -> Vec<String> {
    let mut told = Vec::new();
    for number in first..first + 20_000 {
        let wish = json!({ "playbook": "order", "input": { "n": number }, "key": format!("order-{number}") });
        let Some(answer) = api.try_post("runs", &wish).await else { break };
        if ![200, 201].contains(&answer.status) {
            break;
        }
        told.push(answer.body["run"].as_str().unwrap().to_owned());
    }
    told
}

/// Starts a daemon where there is room again, and looks for everything that was acknowledged.
async fn nothing_is_lost(stage: &Stage, told: &[String]) {
    let daemon = Daemon::start(&stage.world, "co", &[]);
    for run in told {
        let view = daemon.api.get(&format!("runs/{run}")).await;
        assert_eq!(view["id"], run.as_str(), "what was acknowledged is there: {view}");
    }
    let audit = daemon.api.get("audit").await;
    assert_eq!(audit["ok"], true, "{audit:#}");
    daemon.kill();
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
    let told = fill_up(&daemon.api, 0).await;
    let ended = daemon.ended();
    println!("full after {} acknowledged runs, exit code {:?}", told.len(), ended.code());
    assert_eq!(ended.code(), Some(74), "a disk error ends the daemon by its own exit code");
    assert!(!told.is_empty(), "the disk was full before anything began");
    fs::remove_file(filler).unwrap();
    nothing_is_lost(&stage, &told).await;
}

/// A supervisor starts it again and again, and nobody makes room.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_stays_full_is_said_at_each_start_and_all_is_there_once_there_is_room() {
    const STARTS: u32 = 4;
    let stage = Stage::load().await;
    let Some(disk) = SmallDisk::mount(stage.world.data()) else {
        println!("skipped: only root may mount the small file system of this attack");
        return;
    };
    let mut daemon = Daemon::start(&stage.world, "co", &[]);
    drop(daemon.api.until("status", |status| status["revision"]["applied"].is_string()).await);
    let filler = disk.fill(1_500);
    let mut told = fill_up(&daemon.api, 0).await;
    assert_eq!(daemon.ended().code(), Some(74));
    for start in 1..=STARTS {
        let Again { more, ended } = again(&stage, start * 20_000).await;
        println!("start {start} on the full disk: {} runs more, exit code {:?}", more.len(), ended.code());
        assert_eq!(ended.code(), Some(74), "start {start}: it says that it is the disk");
        told.extend(more);
    }
    fs::remove_file(filler).unwrap();
    nothing_is_lost(&stage, &told).await;
}

/// What a start on a full disk came to.
struct Again {
    /// The runs that it acknowledged before it ended.
    more: Vec<String>,
    ended: ExitStatus,
}

/// Starts the daemon on a disk that is full: it does not come up, or takes what still fits.
async fn again(stage: &Stage, first: u32) -> Again {
    let mut command = stage.world.command(&adjutant_tests::adjutant());
    command.args(["up", "--json", "--listen", "127.0.0.1:0", "--repo", "co"]);
    let log = fs::OpenOptions::new().append(true).open(stage.world.path("daemon.log")).unwrap();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    // It ends or tells: either way the read comes back.
    let _read = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
    let more = match serde_json::from_str::<Value>(&line) {
        Ok(ready) => fill_up(&Api::at(Path::new(ready["socket"].as_str().unwrap())), first).await,
        Err(_) => Vec::new(),
    };
    Again { more, ended: ended(&mut child) }
}

/// Waits until a process has ended by itself.
fn ended(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > Duration::from_secs(60) {
            drop(child.kill());
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
