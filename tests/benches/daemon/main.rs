//! What the operator feels, on the real binary: save to applied, push to applied, boot, memory and CPU while idle.
//!
//! `cargo bench -p adjutant-tests --bench daemon` prints one JSON object with the hardware; further words choose among
//! `saves`, `pushes`, `reconcile`, `idle`, `boot` and `parked` (a million runs at a gate, which takes a quarter of an hour and is
//! only done where it is named; `parked=100000` parks so many). Figures of the daemon are read off its own control socket, a push
//! stands beside one of the same commit to a bare repository without hooks; nothing is asserted.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod reconcile;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use adjutant_tests::{World, binary};
use serde_json::{Value, json};

/// So many that a 99th percentile is more than the worst of a few.
const ROUNDS: usize = 100;
const IDLE: Duration = Duration::from_secs(20);

fn main() {
    // Cargo adds `--bench`.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let measure = |name: &str, parts: &dyn Fn() -> Value| {
        let is_chosen = chosen.is_empty() || chosen.iter().any(|word| word == name);
        is_chosen.then(parts).unwrap_or_default()
    };
    let report = json!({
        "hardware": hardware(),
        "save_to_applied_ms": measure("saves", &|| json!({ "10": saves(10), "1000": saves(1_000) })),
        "push_to_applied_ms": measure("pushes", &|| json!({ "10": pushes(10), "1000": pushes(1_000) })),
        "reconcile_ms": measure("reconcile", &|| json!({ "10000": reconcile::measure(10_000) })),
        "idle": measure("idle", &idle),
        "boot": measure("boot", &|| json!({ "1000": boot(1_000), "10000": boot(10_000) })),
    });
    let many = |word: &String| {
        let count = word.strip_prefix("parked")?.strip_prefix('=');
        count.map_or(Some(1_000_000), |count| count.parse().ok())
    };
    let parked = chosen.iter().find_map(many).map(boot);
    let report = parked.map_or(report.clone(), |parked| json!({ "others": report, "parked": parked }));
    println!("{report:#}");
}

/// A daemon over a company of so many files.
struct Daemon {
    world: World,
    child: Child,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().expect("the daemon can be killed");
        self.child.wait().expect("the daemon ends");
    }
}

impl Daemon {
    fn start(world: World, arguments: &[&str]) -> Self {
        let mut command = world.command(&binary("adjutant"));
        command.args(["up", "--listen", "127.0.0.1:0"]).args(arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the daemon starts");
        let daemon = Self { world, child };
        daemon.wait(|status| status["ready"] == true);
        daemon
    }

    fn ask(&self, path: &str) -> Option<Value> {
        let body = self.text(path)?;
        serde_json::from_str(&body[body.find('{')?..=body.rfind('}')?]).ok()
    }

    fn text(&self, path: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.world.data().join("control.sock")).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer
            .starts_with("HTTP/1.1 200")
            .then(|| answer.split_once("\r\n\r\n"))?
            .map(|found| found.1.to_owned())
    }

    fn wait(&self, done: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if self.ask("/api/v1/status").is_some_and(|status| done(&status)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the daemon did not come to it within a minute");
    }

    fn applied(&self) -> Value {
        self.ask("/api/v1/status").map(|status| status["revision"]["applied"].clone()).unwrap_or_default()
    }

    fn until_applied(&self, before: &Value) {
        self.wait(|status| status["revision"]["applied"] != *before);
    }
}

/// A company of so many files: the smallest example and playbooks that only render.
fn company(files: usize) -> World {
    let world = World::new();
    assert_eq!(world.adjutant(&["init", "company", "--example", "hello"]).code, 0, "init");
    for number in 0..files.saturating_sub(6) {
        world.write(&format!("company/playbooks/filler-{number}.toml"), &filler(number, 0));
    }
    world.git("company", &["init", "--quiet", "--initial-branch=main"]);
    world.git("company", &["add", "."]);
    world.git("company", &["commit", "--quiet", "-m", "begin"]);
    world
}

pub(crate) fn filler(number: usize, round: usize) -> String {
    format!(
        "schema = \"adjutant/v1\"\ntitle = \"Filler {number}, round {round}\"\n\n[[step]]\nid = \"greeting\"\nrender = \
         \"templates/hello.md\"\n\n[[step]]\nid = \"done\"\nend = \"done\"\n\n[input.name]\ntype = \"string\"\ndefault = \
         \"world\"\ntrust = \"operator\"\n"
    )
}

fn saves(files: usize) -> Value {
    let daemon = Daemon::start(company(files), &["--repo", "company"]);
    let times = (0..ROUNDS).map(|round| {
        let before = daemon.applied();
        let start = Instant::now();
        daemon.world.write("company/playbooks/filler-0.toml", &filler(0, round + 1));
        daemon.until_applied(&before);
        start.elapsed()
    });
    spread(times.collect())
}

fn pushes(files: usize) -> Value {
    let daemon = Daemon::start(company(files), &["--mode", "push", "--repo", "company"]);
    let target = daemon.world.data().join("company.git").display().to_string();
    let plain = daemon.world.path("plain.git").display().to_string();
    daemon.world.git("company", &["clone", "--quiet", "--bare", ".", &plain]);
    let push = |target: &str| {
        daemon.world.git("company", &["push", "--quiet", target, "HEAD:refs/heads/main"]);
    };
    // The first push brings all there is: the others are of one commit, as for an operator.
    push(&target);
    let mut times = Pushes::default();
    for round in 0..ROUNDS {
        daemon.world.write("company/playbooks/filler-0.toml", &filler(0, round + 1));
        daemon.world.git("company", &["commit", "--quiet", "-am", "round"]);
        let start = Instant::now();
        push(&plain);
        let by_git_alone = start.elapsed();
        let before = daemon.applied();
        let start = Instant::now();
        push(&target);
        let returned = start.elapsed();
        daemon.until_applied(&before);
        let applied = start.elapsed();
        times.git_alone.push(by_git_alone);
        times.returned.push(returned);
        times.applied.push(applied);
        times.beyond_git.push(applied.saturating_sub(by_git_alone));
    }
    let Pushes { git_alone, returned, applied, beyond_git } = times;
    json!({
        "git_alone": spread(git_alone),
        "push_returned": spread(returned),
        "applied": spread(applied),
        "applied_beyond_git_alone": spread(beyond_git),
    })
}

/// What was timed of pushes of the same commits.
#[derive(Default)]
struct Pushes {
    /// To a bare repository without hooks.
    git_alone: Vec<Duration>,
    /// To the daemon, until git returned: checked and planned.
    returned: Vec<Duration>,
    /// To the daemon, until the commit was in force.
    applied: Vec<Duration>,
    /// How much longer that took, push by push.
    beyond_git: Vec<Duration>,
}

fn idle() -> Value {
    let daemon = Daemon::start(company(10), &["--repo", "company"]);
    let before = cpu_ticks(daemon.child.id());
    std::thread::sleep(IDLE);
    let used = cpu_ticks(daemon.child.id()) - before;
    let percent = used as f64 / 100.0 / IDLE.as_secs_f64() * 100.0;
    json!({ "rss_mib": rss_mib(daemon.child.id()), "cpu_percent_of_a_core": percent })
}

/// Boots over so many runs that wait at a gate.
fn boot(runs: usize) -> Value {
    let daemon = Daemon::start(company(10), &["--repo", "company"]);
    let fresh = rss_mib(daemon.child.id());
    let start = Instant::now();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let socket = daemon.world.data().join("control.sock");
            std::thread::spawn(move || {
                (0..runs / 8).for_each(|number| start_run(&socket, worker * runs + number));
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().expect("a worker ends"));
    let filled = start.elapsed();
    let parked = rss_mib(daemon.child.id());
    let world = killed(daemon);
    let start = Instant::now();
    let daemon = Daemon::start(world, &["--repo", "company"]);
    let ready = start.elapsed();
    json!({
        "live_runs": runs / 8 * 8,
        "rss_mib_without_runs": fresh,
        "rss_mib_when_all_are_parked": parked,
        "acknowledged_starts_per_s": (runs as f64 / filled.as_secs_f64()).round(),
        "kill_to_ready_ms": ready.as_millis() as u64,
        "lists_ms": lists(&daemon),
        "rss_mib": rss_mib(daemon.child.id()),
    })
}

/// How long the first page of each list takes, and what counts all runs.
fn lists(daemon: &Daemon) -> Value {
    let ask = |path: &str| {
        let times = (0..5).map(|_| {
            let start = Instant::now();
            daemon.text(path).expect("it is answered");
            start.elapsed()
        });
        spread(times.collect())
    };
    json!({ "runs": ask("/api/v1/runs"), "inbox": ask("/api/v1/inbox"), "status": ask("/api/v1/status") })
}

/// Kills a daemon and returns the world that it was in.
fn killed(mut daemon: Daemon) -> World {
    // What is dropped is the daemon; its world is another one's by then.
    std::mem::take(&mut daemon.world)
}

fn start_run(socket: &Path, key: usize) {
    let body =
        json!({ "playbook": "hello", "input": { "name": "Ada" }, "key": format!("bench-{key}") }).to_string();
    let mut stream = UnixStream::connect(socket).expect("the control socket takes a call");
    let head = format!(
        "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body.as_bytes()))
        .expect("the call is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the call is answered");
    assert!(answer.starts_with("HTTP/1.1 2"), "a run is refused: {answer}");
}

pub(crate) fn spread(mut times: Vec<Duration>) -> Value {
    times.sort();
    let at = |share: f64| {
        let index = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1;
        times[index].as_secs_f64() * 1e3
    };
    // Tenths: some of these are a few milliseconds.
    let tenths = |millis: f64| (millis * 10.0).round() / 10.0;
    json!({ "n": times.len(), "p50": tenths(at(0.50)), "p99": tenths(at(0.99)) })
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = read(format!("/proc/{pid}/stat"));
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap_or(0) + fields[12].parse::<u64>().unwrap_or(0)
}

fn rss_mib(pid: u32) -> u64 {
    let status = read(format!("/proc/{pid}/status"));
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn hardware() -> Value {
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = read("/proc/loadavg");
    json!({
        "cpu": model.trim_start_matches(['\t', ' ', ':']),
        "cores": cores,
        "load": load.split(' ').next(),
        "profile": if cfg!(debug_assertions) { "dev" } else { "release" },
        "sync": "every group",
    })
}

fn read(path: impl Into<PathBuf>) -> String {
    fs::read_to_string(path.into()).unwrap_or_default()
}
