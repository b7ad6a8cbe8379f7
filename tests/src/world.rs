//! A scratch world: a home of its own, a company, and the binary run in it.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A home folder in which nothing of the machine's user is seen.
#[derive(Debug)]
pub struct World {
    home: TempDir,
}

/// What a command did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// What it wrote to stdout: data.
    pub stdout: String,
    /// What it wrote to stderr: everything that is no data.
    pub stderr: String,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Makes an empty world.
    ///
    /// # Panics
    /// Without a scratch folder.
    #[must_use]
    pub fn new() -> Self {
        Self { home: tempfile::Builder::new().prefix("adjutant-").tempdir().expect("a scratch folder") }
    }

    /// Returns a path in the world.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.home.path().join(relative)
    }

    /// Returns the data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes a file.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }

    /// Puts a file where somebody watches, whole at once, as a delivery agent does: what is written in place is waited for until
    /// it has been still for seconds.
    ///
    /// # Panics
    /// Where the disk refuses.
    pub fn put(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        let name = path.file_name().and_then(OsStr::to_str).expect("a file has a name");
        let folder = Path::new(relative).parent().and_then(Path::to_str).expect("a file lies in a folder");
        // A name that begins with a dot is a draft, which nobody takes.
        let draft = format!("{folder}/.{name}");
        self.write(&draft, text);
        fs::rename(self.path(&draft), path).expect("the file can be renamed");
    }

    /// Reads a file.
    ///
    /// # Panics
    /// Where it is not there.
    #[must_use]
    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).expect("the file is there")
    }

    /// Returns a command of a program that sees this world only.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("ADJUTANT_DATA", self.data());
        command.env("XDG_CONFIG_HOME", self.path("config")).env("XDG_STATE_HOME", self.path("state"));
        command.env("XDG_RUNTIME_DIR", self.path("runtime")).env("TZ", "UTC");
        for (role, name) in [("AUTHOR", "Ada"), ("COMMITTER", "Ada")] {
            command.env(format!("GIT_{role}_NAME"), name).env(format!("GIT_{role}_EMAIL"), "ada@example.com");
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    }

    /// Runs the binary.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn adjutant<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ran {
        self.adjutant_with(arguments, "")
    }

    /// Runs the binary with something on its stdin.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn adjutant_with<A: AsRef<OsStr>>(&self, arguments: &[A], stdin: &str) -> Ran {
        let mut command = self.command(&crate::adjutant());
        self.finish(command.args(arguments), stdin)
    }

    /// Runs git in a folder of the world and expects success.
    ///
    /// # Panics
    /// Where git fails.
    pub fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let mut command = self.command(Path::new("git"));
        let ran = self.finish(command.current_dir(self.path(folder)).args(arguments), "");
        assert_eq!(ran.code, 0, "git {arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn finish(&self, command: &mut Command, stdin: &str) -> Ran {
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the program starts");
        // A program that does not read its stdin has closed it.
        drop(child.stdin.take().expect("stdin is a pipe").write_all(stdin.as_bytes()));
        let output = child.wait_with_output().expect("the program ends");
        let text = |bytes: Vec<u8>| self.stable(&String::from_utf8_lossy(&bytes));
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Replaces what is another one each time: the scratch folder.
    #[must_use]
    pub fn stable(&self, text: &str) -> String {
        text.replace(&self.home.path().display().to_string(), "[world]")
    }
}

impl Ran {
    /// Returns everything that was seen, for golden files.
    #[must_use]
    pub fn all(&self) -> String {
        format!("exit code {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }

    /// Expects success and returns stdout.
    ///
    /// # Panics
    /// With what it said, where it failed.
    #[must_use]
    pub fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.all());
        &self.stdout
    }

    /// Expects success and returns stdout as JSON.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.ok()).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }
}
