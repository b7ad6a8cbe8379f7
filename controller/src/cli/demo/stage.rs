//! The stage: a folder with company, data, key and ledger, and the two processes on it.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use adjutant_doubles::Addresses;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;

use super::{company, process::Running};
use crate::{
    cli::{
        args::{DEFAULT_LISTEN, DemoArgs},
        client::Client,
        failure::{Exit, Failure},
        offline,
    },
    desk::views::{FullStatus, GateView, RunView},
    effects::secrets::Keys,
};

/// How long the three messages may take until each waits for a person.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How often something that is waited for is looked at.
const PAUSE: Duration = Duration::from_millis(40);

/// Everything that the demo stands on.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
    /// Removed when the demo ends, unless a person goes on with it.
    scratch: Option<TempDir>,
    pub(super) has_model: bool,
    /// They stop when this process ends: their stdin ends then.
    doubles: Running,
}

/// A daemon on the stage.
#[derive(Debug)]
pub(super) struct Daemon {
    process: Running,
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) login: String,
}

/// What `up --json` tells when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    url: String,
    login: String,
    socket: PathBuf,
}

impl Stage {
    /// Makes the folder, starts the doubles and writes the company.
    ///
    /// # Errors
    /// A folder that is not empty; doubles that do not start.
    pub(super) async fn set(args: &DemoArgs) -> Result<Self, Failure> {
        let (folder, scratch) = folder(args.dir.as_deref())?;
        let log = folder.join("doubles.log");
        let mut command = this_binary()?;
        command.arg("demo-doubles").arg("--ledger").arg(folder.join("ledger.jsonl"));
        let (doubles, addresses) = Running::start::<Addresses>("doubles", &mut command, &log).await?;
        let keys = Keys::at(folder.join("key.txt"));
        keys.generate_key()?;
        let files = company::files(&addresses, &keys, !args.no_model)?;
        offline::write_files(&folder.join("company"), &files)?;
        Ok(Self { folder, scratch, has_model: !args.no_model, doubles })
    }

    /// Starts the real daemon; it may be told to die at a named point.
    ///
    /// # Errors
    /// A daemon that does not get ready.
    pub(super) async fn start_daemon(&self, dies_at: Option<&str>) -> Result<Daemon, Failure> {
        let mut command = this_binary()?;
        command.arg("up").arg("--json").arg("--repo").arg(self.company()).arg("--data").arg(self.data());
        command.arg("--listen").arg(address()).env("ADJUTANT_KEY_FILE", self.folder.join("key.txt"));
        match dies_at {
            Some(point) => command.env("ADJUTANT_CRASH", point),
            None => command.env_remove("ADJUTANT_CRASH"),
        };
        let log = self.folder.join("daemon.log");
        let (process, ready) = Running::start::<Ready>("daemon", &mut command, &log).await?;
        let client = Client::at_socket(&ready.socket)?;
        let daemon = Daemon { process, client, url: ready.url, login: ready.login };
        self.wait_for_company(&daemon).await?;
        Ok(daemon)
    }

    /// Waits until the company is in force.
    async fn wait_for_company(&self, daemon: &Daemon) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status: FullStatus = daemon.client.view(&["status"]).await?;
            if status.revision.applied.is_some() {
                return Ok(());
            }
            let unmet = || status.conditions.iter().map(|found| found.message.as_str()).collect::<Vec<_>>();
            self.pause(deadline, || format!("the company to be in force: {}", unmet().join("; "))).await?;
        }
    }

    /// Waits until so many gates wait for a person.
    ///
    /// # Errors
    /// When they do not in time.
    pub(super) async fn wait_for_gates(
        &self,
        daemon: &Daemon,
        count: usize,
        patience: Duration,
    ) -> Result<Vec<GateView>, Failure> {
        let deadline = Instant::now() + patience;
        loop {
            let gates: Vec<GateView> = daemon.client.view(&["inbox"]).await?;
            if gates.len() >= count {
                return Ok(gates);
            }
            self.pause(deadline, || format!("{count} questions, {} are there", gates.len())).await?;
        }
    }

    /// Waits until a run is as it should be.
    ///
    /// # Errors
    /// When it is not in time.
    pub(super) async fn wait_for_run(
        &self,
        daemon: &Daemon,
        run: &str,
        (what, is_so): (&str, impl Fn(&RunView) -> bool),
    ) -> Result<RunView, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view: RunView = daemon.client.view(&["runs", run]).await?;
            if is_so(&view) {
                return Ok(view);
            }
            let line = &view.line;
            let now =
                || format!("{what}; \"{run}\" is {} at {}", line.status, line.step.as_deref().unwrap_or("-"));
            self.pause(deadline, now).await?;
        }
    }

    async fn pause(&self, deadline: Instant, waited_for: impl FnOnce() -> String) -> Result<(), Failure> {
        if Instant::now() < deadline {
            tokio::time::sleep(PAUSE).await;
            return Ok(());
        }
        Err(Failure::new(Exit::Bug, format!("waited too long for {}", waited_for()))
            .hint(format!("see {}", self.folder.join("daemon.log").display())))
    }

    /// Leaves the folder in place for a person.
    pub(super) fn keep(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.folder = scratch.keep();
        }
    }

    /// Stops the doubles.
    ///
    /// # Errors
    /// Doubles that do not stop.
    pub(super) async fn clear(self) -> Result<(), Failure> {
        let Self { doubles, scratch, .. } = self;
        doubles.end_stdin().await?;
        if let Some(scratch) = scratch {
            scratch.close().map_err(|error| Failure::of(Exit::Disk, &error))?;
        }
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn company(&self) -> PathBuf {
        self.folder.join("company")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.folder.join("ledger.jsonl")
    }

    /// Where mails are dropped: the connector's folder, below the data folder's files.
    pub(super) fn intake(&self) -> PathBuf {
        self.data().join("files/intake")
    }
}

impl Daemon {
    /// Waits until the daemon has died by itself, as it was told to.
    ///
    /// # Errors
    /// A daemon that lives on, or ends in good order.
    pub(super) async fn died(mut self) -> Result<std::process::ExitStatus, Failure> {
        let status = self.process.ended().await?;
        if status.code().is_some() {
            return Err(Failure::new(
                Exit::Bug,
                format!("the daemon was to be killed, and ended with {status}"),
            ));
        }
        Ok(status)
    }

    /// Asks the daemon to stop, and waits.
    ///
    /// # Errors
    /// One that does not.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.process.stop().await
    }
}

fn this_binary() -> Result<Command, Failure> {
    let binary = std::env::current_exe().map_err(Failure::file("find", Path::new("adjutant")))?;
    let mut command = Command::new(binary);
    for name in ["ADJUTANT_DATA", "ADJUTANT_SERVER", "ADJUTANT_TOKEN", "ADJUTANT_KEY_FILE"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// A folder that the person named must be new or empty; otherwise one of the demo's own.
fn folder(named: Option<&Path>) -> Result<(PathBuf, Option<TempDir>), Failure> {
    let Some(named) = named else {
        let scratch = tempfile::Builder::new().prefix("adjutant-demo-").tempdir();
        let scratch = scratch.map_err(|error| Failure::of(Exit::Disk, &error))?;
        return Ok((scratch.path().to_owned(), Some(scratch)));
    };
    std::fs::create_dir_all(named).map_err(Failure::file("make", named))?;
    let mut entries = std::fs::read_dir(named).map_err(Failure::file("read", named))?;
    if entries.next().is_some() {
        return Err(Failure::new(Exit::Conflict, format!("\"{}\" is not empty", named.display()))
            .hint("give a new folder, or leave `--dir` out"));
    }
    let folder = std::fs::canonicalize(named).map_err(Failure::file("find", named))?;
    Ok((folder, None))
}

/// The usual address where it is free, so that links stay the same; else one that is.
fn address() -> &'static str {
    let is_free = TcpListener::bind(DEFAULT_LISTEN).is_ok();
    if is_free { DEFAULT_LISTEN } else { "127.0.0.1:0" }
}
