//! The real daemon is told to stop while something in it hangs: it ends within its grace all the same.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::{
        fs::{OpenOptionsExt as _, PermissionsExt as _},
        process::ExitStatusExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use adjutant_tests::{Daemon, Office, World, terminate};

/// How long a daemon may take that was told to stop: its grace, the kill after it, and a slow machine.
const GRACE: Duration = Duration::from_secs(30);
/// How long one may take that was told twice.
const AT_ONCE: Duration = Duration::from_secs(10);
/// How long anything else that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `git` that answers nothing while a file called `hang` lies in the world.
struct SlowGit {
    path: String,
    hang: PathBuf,
    called: PathBuf,
}

impl SlowGit {
    fn install(world: &World) -> Self {
        let path = std::env::var("PATH").expect("programs are found by a path");
        let git = path.split(':').map(|folder| Path::new(folder).join("git")).find(|git| git.is_file());
        let git = git.expect("git is installed");
        let (hang, called) = (world.path("hang"), world.path("called"));
        world.write(
            "bin/git",
            &format!(
                "#!/bin/sh\nwhile [ -e '{}' ]; do : > '{}'; sleep 0.1; done\nexec '{}' \"$@\"\n",
                hang.display(),
                called.display(),
                git.display()
            ),
        );
        let stub = world.path("bin/git");
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).expect("a program can be run");
        let path = format!("{}:{path}", world.path("bin").display());
        Self { path, hang, called }
    }

    /// From here on git does not answer.
    fn hangs(&self) {
        fs::write(&self.hang, "").expect("a file can be written");
    }

    /// Waits until somebody asked git and has no answer.
    fn wait_for_a_call(&self) {
        let began = Instant::now();
        while !self.called.exists() {
            assert!(began.elapsed() < PATIENCE, "git is never asked");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A daemon that waits for a git that never answers.
struct Hanging {
    office: Office,
    _git: SlowGit,
}

/// A company in a repository, its daemon, and a look at the files that never ends.
async fn hangs_in_git() -> Hanging {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    world.git("co", &["init", "-q", "-b", "main"]);
    let git = SlowGit::install(&world);
    let daemon = Daemon::start(&world, "co", &[("PATH", &git.path)]);
    drop(daemon.api.until("status", |status| status["ready"] == true).await);
    git.hangs();
    let text = world.read("co/templates/hello.md");
    world.write("co/templates/hello.md", &format!("{text}\nUntil tomorrow\n"));
    git.wait_for_a_call();
    Hanging { office: Office { world, daemon }, _git: git }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_files_that_never_ends_does_not_hold_the_process() {
    let Hanging { office: Office { world, daemon }, _git } = hangs_in_git().await;
    let began = Instant::now();
    let ended = daemon.stop();
    assert!(began.elapsed() < GRACE, "it took {:?}", began.elapsed());
    assert_eq!(ended.code(), Some(0), "who was told to stop and stopped has done what it was told");
    let log = world.read("daemon.log");
    assert!(log.contains("it took too long to stop"), "nothing hung, so nothing was tested: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let Hanging { office: Office { world, mut daemon }, _git } = hangs_in_git().await;
    daemon.ask_to_stop();
    let heard = Instant::now();
    while !world.read("daemon.log").contains("stopping") {
        assert!(heard.elapsed() < PATIENCE, "the first signal is not heard");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    daemon.ask_to_stop();
    let ended = daemon.ended();
    assert!(began.elapsed() < AT_ONCE, "it took {:?}", began.elapsed());
    assert_eq!(ended.code(), Some(0));
    let log = world.read("daemon.log");
    assert!(log.contains("told to stop twice"), "it ended by itself, so nothing was tested: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_does_not_hold_the_process() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    let log = world.path("daemon.log");
    let made = Command::new("mkfifo").arg(&log).status().expect("mkfifo runs");
    assert!(made.success(), "the pipe can be made");
    // Whoever holds both ends of a pipe keeps it open, and need not read.
    let _held = fs::OpenOptions::new().read(true).write(true).open(&log).expect("the pipe opens");
    let daemon = Daemon::start(&world, "co", &[]);
    drop(daemon.api.until("status", |status| status["ready"] == true).await);
    fill(&log);
    let began = Instant::now();
    let ended = daemon.stop();
    assert!(began.elapsed() < GRACE, "it took {:?}", began.elapsed());
    assert_eq!(ended.signal(), Some(9), "even the last word hangs, so it is killed: {ended}");
}

#[test]
fn a_start_that_hangs_can_be_stopped() {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    world.git("co", &["init", "-q", "-b", "main"]);
    let git = SlowGit::install(&world);
    git.hangs();
    let mut command = world.command(&adjutant_tests::adjutant());
    command.args(["up", "--mode", "push", "--listen", "127.0.0.1:0", "--repo", "co"]).env("PATH", &git.path);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the daemon starts");
    git.wait_for_a_call();
    let began = Instant::now();
    terminate(child.id());
    let output = child.wait_with_output().expect("it ends");
    assert!(began.elapsed() < GRACE, "it took {:?}", began.elapsed());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("it took too long to stop"), "nothing hung, so nothing was tested: {said}");
}

/// Writes to a pipe until it takes nothing more.
fn fill(pipe: &Path) {
    const WITHOUT_WAITING: i32 = 0o4000;
    let mut pipe =
        fs::OpenOptions::new().write(true).custom_flags(WITHOUT_WAITING).open(pipe).expect("the pipe opens");
    loop {
        match pipe.write(b".") {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("the pipe fails: {error}"),
        }
    }
}
