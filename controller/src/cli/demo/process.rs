//! Child processes of the demo: each tells one JSON line when it is ready, and can be stopped or killed.

use std::{path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::cli::failure::{Exit, Failure};

/// How long a child may take until it is ready, and until it has stopped.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child that is running.
#[derive(Debug)]
pub(super) struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    /// Starts this binary with other arguments and waits for its line; what else it says goes to a file.
    ///
    /// # Errors
    /// A child that ends or stays silent, with the end of its log.
    pub(super) async fn start<T: DeserializeOwned>(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<(Self, T), Failure> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let file = file.map_err(Failure::file("write", log))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file).kill_on_drop(true);
        // Ctrl-C in a terminal reaches the whole foreground group; the demo itself stops its children, in order.
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| Failure::of(Exit::Disk, &error))?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::new(Exit::Bug, "stdout is no pipe"))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.ok().and_then(Result::ok).flatten();
        match line.as_deref().map(serde_json::from_str) {
            Some(Ok(ready)) => Ok((Self { name, child }, ready)),
            _ => Err(not_ready(name, log)),
        }
    }

    /// Waits until the child has ended by itself.
    ///
    /// # Errors
    /// One that does not end.
    pub(super) async fn ended(&mut self) -> Result<std::process::ExitStatus, Failure> {
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.map_err(|error| Failure::of(Exit::Bug, &error)),
            Err(_) => Err(Failure::new(Exit::Bug, format!("the {} does not end", self.name))),
        }
    }

    /// Asks the child to stop, and waits.
    ///
    /// # Errors
    /// One that does not.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.signal(Signal::TERM);
        let status = self.ended().await?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(Exit::Bug, format!("the {} ended with {status}", self.name)))
    }

    /// Closes the child's stdin, which it takes as the end, and waits.
    ///
    /// # Errors
    /// One that does not end.
    pub(super) async fn end_stdin(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        self.ended().await.map(drop)
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // A child that has ended already needs no signal.
        pid.and_then(|pid| kill_process(pid, signal).err())
            .iter()
            .for_each(|error| tracing::debug!(%error, name = self.name, "no signal"));
    }
}

fn not_ready(name: &str, log: &Path) -> Failure {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(8)..].join("\n    ");
    let failure = Failure::new(Exit::Again, format!("the {name} did not get ready"));
    failure.hint(format!("the end of {}:\n    {tail}", log.display()))
}
