//! The real daemon as a child, and its API over the control socket.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Once,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Ran, World};

/// How long anything that is waited for may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);

static TLS: Once = Once::new();

/// A daemon that is running; killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    /// Where webhooks and the dashboard are.
    pub url: String,
    /// Where the control socket is.
    pub socket: PathBuf,
    /// The API of the daemon, over its control socket.
    pub api: Api,
}

/// A company in a world, with its daemon at work.
#[derive(Debug)]
pub struct Office {
    /// The world; the company is in `co`.
    pub world: World,
    /// The daemon that works with that company.
    pub daemon: Daemon,
}

/// The API over a control socket.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
}

/// An answer: the status and its JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Daemon {
    /// Starts `up` on a company folder of a world, with further variables, and waits until it serves.
    ///
    /// # Panics
    /// Where it does not get ready: with the end of its log.
    #[must_use]
    pub fn start(world: &World, company: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = world.command(&crate::adjutant());
        command.args(["up", "--json", "--listen", "127.0.0.1:0", "--repo"]).arg(world.path(company));
        command.envs(variables.iter().copied());
        Self::spawn(world, &mut command)
    }

    /// Commits the company in `co`, and starts a daemon that takes pushes of it.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    #[must_use]
    pub fn takes_pushes(world: &World) -> Self {
        world.git("co", &["init", "-q", "-b", "main"]);
        world.git("co", &["add", "."]);
        world.git("co", &["commit", "-qm", "begin"]);
        let mut command = world.command(&crate::adjutant());
        command.args(["up", "--json", "--mode", "push", "--listen", "127.0.0.1:0", "--repo", "co"]);
        Self::spawn(world, &mut command)
    }

    /// Starts a command that is a daemon.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    #[must_use]
    pub fn spawn(world: &World, command: &mut Command) -> Self {
        let log = world.path("daemon.log");
        let file =
            std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("the log can be written");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("the daemon starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        // It ends or tells: either way the read comes back.
        let read = BufReader::new(stdout).read_line(&mut line);
        let ready: Value = match read.map(|_| serde_json::from_str(&line)) {
            Ok(Ok(ready)) => ready,
            _ => panic!("the daemon did not get ready: {}", tail(&log)),
        };
        let text = |key: &str| ready[key].as_str().expect("it tells where it is").to_owned();
        let socket = PathBuf::from(text("socket"));
        Self { child, url: text("url"), api: Api::at(&socket), socket }
    }

    /// Kills it: signal 9, at once.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        let _: ExitStatus = self.child.wait().expect("it has ended");
    }

    /// Asks it to stop and returns how it ended.
    ///
    /// # Panics
    /// Where it does not stop.
    pub fn stop(mut self) -> ExitStatus {
        self.ask_to_stop();
        self.ended()
    }

    /// Asks it to stop and does not wait.
    ///
    /// # Panics
    /// Where it has ended already.
    pub fn ask_to_stop(&self) {
        terminate(self.pid());
    }

    /// Waits until it has died by itself.
    ///
    /// # Panics
    /// Where it lives on.
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(Instant::now() < deadline, "the daemon does not end");
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // One that has ended already cannot be killed again.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Api {
    /// Returns the API behind a socket.
    ///
    /// # Panics
    /// Without a client.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        TLS.call_once(install_tls);
        let http = reqwest::Client::builder().unix_socket(PathBuf::from(socket)).no_proxy();
        Self { http: http.timeout(Duration::from_secs(120)).build().expect("a client") }
    }

    /// Asks; `None` where nobody answers.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        answer(self.http.get(format!("http://localhost/api/v1/{path}")).send().await).await
    }

    /// Commands; `None` where nobody answers, which says nothing about what was done.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let request = self.http.post(format!("http://localhost/api/v1/{path}"));
        let request = request.header("content-type", "application/json").body(body.to_string());
        answer(request.send().await).await
    }

    /// Asks and expects success.
    ///
    /// # Panics
    /// With what was answered instead.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.try_get(path).await.expect("the daemon answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Commands and expects success.
    ///
    /// # Panics
    /// With what was answered instead.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.try_post(path, body).await.expect("the daemon answers");
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
        answer.body
    }

    /// Looks again until something is so, and returns what it looked at.
    ///
    /// # Panics
    /// With the last look, when it takes too long.
    pub async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.get(path).await;
            if is_so(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "waited too long on {path}: {seen:#}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn answer(sent: reqwest::Result<reqwest::Response>) -> Option<Answer> {
    let response = sent.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    Some(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}

/// Clients panic without a provider of cryptography.
fn install_tls() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Asks a process of ours to stop, with the signal that service managers send.
///
/// # Panics
/// Where it has ended already.
pub fn terminate(pid: u32) {
    let status = Command::new("kill").args(["-TERM", &pid.to_string()]).status();
    assert!(status.expect("kill runs").success(), "a running child takes a signal");
}

/// Returns the last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

impl World {
    /// Runs the binary while a daemon of this process may be needed to answer it.
    pub async fn asked(&self, arguments: &[&str]) -> Ran {
        // The doubles live on this runtime: a blocking wait must not hold its only thread.
        tokio::task::block_in_place(|| self.adjutant(arguments))
    }
}
