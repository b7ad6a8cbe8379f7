//! The `git` program as a subprocess: fixed arguments, an environment of our own, a deadline, capped output.
//!
//! Calls block and belong on the source's own thread or in `spawn_blocking`; [`Git::run_async`] does the latter. The child
//! gets its own process group, so that a deadline ends its helpers (ssh, index-pack) too. Nothing can prompt: stdin is what
//! the caller gives or nothing, terminal prompts and ask-pass programs are off.

use std::{
    ffi::{OsStr, OsString},
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use adjutant_spec::spoken;

use super::{
    error::Error,
    stderr::{GitCode, classify},
};

/// What is kept of stderr: the end of it is where git says why.
const STDERR_LIMIT: usize = 16 * 1024;
/// How long a finished command may keep its pipes open through children that it left behind.
const PIPE_GRACE: Duration = Duration::from_secs(1);
/// Variables that pass through: where programs and keys are, and how the network is reached.
const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
];
/// Settings that hold for every command, whatever the user's configuration says.
const CONFIG: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
];
const SSH: &str =
    "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=3";

/// The `git` program to run and the deadline of its commands.
#[derive(Debug, Clone)]
pub struct Git {
    program: OsString,
    deadline: Duration,
}

/// One command: its arguments and what it reads.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    arguments: Vec<OsString>,
    stdin: Vec<u8>,
    stdout_limit: Option<usize>,
    accepted: Option<i32>,
}

/// What a command that succeeded wrote to stdout.
#[derive(Debug, Clone)]
#[must_use]
pub struct Output {
    /// The bytes of stdout.
    pub stdout: Vec<u8>,
}

impl Output {
    /// Returns stdout as text without its last line break.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }
}

impl Invocation {
    /// Returns a command that works in a bare repository of ours.
    #[must_use]
    pub fn bare(repository: &Path, command: &str) -> Self {
        let mut option = OsString::from("--git-dir=");
        option.push(repository);
        Self::default().arg(option).arg(command)
    }

    /// Returns a command that only reads, in a folder of the operator.
    #[must_use]
    pub fn reading(folder: &Path, command: &str) -> Self {
        Self::default().arg("-C").arg(folder).arg(command)
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<'a>(self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        arguments.into_iter().fold(self, |invocation, argument| invocation.arg(argument))
    }

    /// Gives the command something to read.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Sets how much the command may write; 16 MiB unless told.
    #[must_use]
    pub fn stdout_limit(mut self, bytes: usize) -> Self {
        self.stdout_limit = Some(bytes);
        self
    }

    /// Takes another exit status than 0 for success too, for commands that answer a question with it.
    #[must_use]
    pub fn accept_status(mut self, status: i32) -> Self {
        self.accepted = Some(status);
        self
    }

    fn accepts(&self, status: ExitStatus) -> bool {
        status.success() || (self.accepted.is_some() && status.code() == self.accepted)
    }

    /// Returns the subcommand for messages: the first argument that is neither an option nor an option's value.
    fn name(&self) -> String {
        let skip = if self.arguments.first().is_some_and(|first| first == "-C") { 2 } else { 0 };
        let mut words = self.arguments.iter().skip(skip).map(|word| word.to_string_lossy());
        words.find(|word| !word.starts_with('-')).map_or_else(String::new, |word| word.into_owned())
    }
}

impl Default for Git {
    fn default() -> Self {
        Self { program: OsString::from("git"), deadline: Duration::from_secs(120) }
    }
}

impl Git {
    /// Returns a runner of another program that speaks like `git`.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    /// Returns a runner with another deadline per command.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs a command and returns what it wrote.
    ///
    /// # Errors
    /// [`Error::Git`] if it cannot start, fails, runs past the deadline or writes more than its limit.
    pub fn run(&self, invocation: &Invocation) -> Result<Output, Error> {
        let failed = |code, message: String| Error::Git { command: invocation.name(), code, message };
        let mut child = self.command(invocation).spawn().map_err(|error| {
            failed(GitCode::NoProgram, format!("{}: {error}", self.program.to_string_lossy()))
        })?;
        let pipes = Pipes::attach(&mut child, invocation);
        let status = wait(child, self.deadline);
        let Drained { stdout, stderr } = pipes.finish();
        match status {
            None => {
                Err(failed(GitCode::Timeout, format!("no answer within {}", spoken::limit(self.deadline))))
            }
            Some(_) if stdout.overflowed => {
                Err(failed(GitCode::TooMuchOutput, "stdout over its limit".to_owned()))
            }
            Some(status) if invocation.accepts(status) => Ok(Output { stdout: stdout.bytes }),
            Some(status) => {
                let text = String::from_utf8_lossy(&stderr.bytes).trim().to_owned();
                let message = if text.is_empty() { status.to_string() } else { text };
                Err(failed(classify(&message), message))
            }
        }
    }

    /// Runs a command off the async threads.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub async fn run_async(&self, invocation: Invocation) -> Result<Output, Error> {
        let git = self.clone();
        let name = invocation.name();
        let run = tokio::task::spawn_blocking(move || git.run(&invocation));
        run.await.unwrap_or_else(|error| {
            Err(Error::Git { command: name, code: GitCode::Unknown, message: error.to_string() })
        })
    }

    fn command(&self, invocation: &Invocation) -> Command {
        let mut command = Command::new(on_path(&self.program));
        command.env_clear();
        command.envs(PASSED.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        command.envs([
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", ""),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh"),
            ("GIT_SSH_COMMAND", SSH),
        ]);
        for setting in CONFIG {
            command.args(["-c", setting]);
        }
        command.args(&invocation.arguments);
        let stdin = if invocation.stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }
}

/// Returns where a program lies. A child whose environment names another `PATH` and whose program is a bare name is forked, which
/// copies the daemon's page tables: ten times what the rest of a start costs.
fn on_path(program: &OsStr) -> PathBuf {
    let bare = Path::new(program);
    if bare.components().count() > 1 {
        return bare.to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).map(|folder| folder.join(program));
    let is_program = |place: &PathBuf| {
        let found = std::fs::metadata(place);
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    places.filter(|place| place.is_absolute()).find(is_program).unwrap_or_else(|| bare.to_owned())
}

/// Waits for the child, or ends its whole group at the deadline and returns `None`.
fn wait(mut child: Child, deadline: Duration) -> Option<ExitStatus> {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let (report, finished) = channel();
    thread::spawn(move || report.send(child.wait().ok()));
    if let Ok(status) = finished.recv_timeout(deadline) {
        return status;
    }
    if let Some(group) = group {
        // The group may be gone already, which is what we want.
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
    }
    None
}

/// What was read of one stream.
#[derive(Debug, Default, Clone)]
struct Captured {
    bytes: Vec<u8>,
    overflowed: bool,
}

type Shared = Arc<Mutex<Captured>>;

/// What was read of a child's streams.
struct Drained {
    stdout: Captured,
    stderr: Captured,
}

/// The threads that drain a child's streams.
struct Pipes {
    stdout: Shared,
    stderr: Shared,
    done: Receiver<()>,
}

impl Pipes {
    fn attach(child: &mut Child, invocation: &Invocation) -> Self {
        let (done, drained) = channel();
        let (stdout, stderr) = (Shared::default(), Shared::default());
        let limit = invocation.stdout_limit.unwrap_or(16 * 1024 * 1024);
        if let Some(stream) = child.stdout.take() {
            let (shared, done) = (stdout.clone(), done.clone());
            thread::spawn(move || {
                keep_head(stream, &shared, limit);
                done.send(()).ok();
            });
        }
        if let Some(stream) = child.stderr.take() {
            let shared = stderr.clone();
            thread::spawn(move || {
                keep_tail(stream, &shared);
                done.send(()).ok();
            });
        }
        if let Some(mut stream) = child.stdin.take() {
            let bytes = invocation.stdin.clone();
            // A command that ends without reading everything closes the pipe; its status says why.
            thread::spawn(move || stream.write_all(&bytes).ok());
        }
        Self { stdout, stderr, done: drained }
    }

    /// Returns what was read of both streams. A process that the child left behind may hold them open: it is not waited for long.
    fn finish(self) -> Drained {
        for _ in 0..2 {
            if let Err(RecvTimeoutError::Timeout) = self.done.recv_timeout(PIPE_GRACE) {
                break;
            }
        }
        Drained { stdout: taken(&self.stdout), stderr: taken(&self.stderr) }
    }
}

/// Takes what was read so far; a thread that still reads adds to an empty one, which nobody looks at.
fn taken(shared: &Shared) -> Captured {
    std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner))
}

fn drain(mut stream: impl Read, mut each: impl FnMut(&[u8])) {
    let mut buffer = [0; 8192];
    while let Ok(count) = stream.read(&mut buffer) {
        if count == 0 {
            return;
        }
        each(&buffer[..count]);
    }
}

/// Keeps the beginning and goes on reading, so that the child never blocks on a full pipe.
fn keep_head(stream: impl Read, shared: &Shared, limit: usize) {
    drain(stream, |bytes| {
        let mut captured = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let room = limit - captured.bytes.len().min(limit);
        captured.overflowed |= bytes.len() > room;
        captured.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    });
}

fn keep_tail(stream: impl Read, shared: &Shared) {
    drain(stream, |bytes| {
        let mut captured = shared.lock().unwrap_or_else(PoisonError::into_inner);
        captured.bytes.extend_from_slice(bytes);
        let excess = captured.bytes.len().saturating_sub(STDERR_LIMIT);
        captured.bytes.drain(..excess);
    });
}
