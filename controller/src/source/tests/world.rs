//! Words for the tests: a company folder and its repository.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::source::{Company, Git, Limits, Mirror};

/// A company folder and a data directory of its own.
pub(super) struct World {
    root: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        let world = Self { root: tempfile::tempdir().expect("a scratch folder") };
        fs::create_dir_all(world.data()).expect("a data directory");
        world.write("adjutant.toml", "schema = \"adjutant/v1\"\n");
        world
    }

    /// A folder that is a repository with one commit.
    pub(super) fn committed() -> Self {
        let world = Self::new();
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.commit("first");
        world
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.root.path().join("company")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }

    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub(super) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    pub(super) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        self.try_git(arguments).done()
    }

    /// Runs git in the company folder.
    pub(super) fn try_git(&self, arguments: &[&str]) -> Ran {
        run_git(&self.folder(), arguments)
    }

    pub(super) fn mirror(&self) -> Mirror {
        Mirror::open(&self.data(), Git::default(), Limits::default()).expect("a mirror")
    }

    pub(super) fn company(&self) -> Company {
        Company::open(&self.data(), Git::default(), Limits::default()).expect("the company's repository")
    }
}

/// What a command of git did.
#[derive(Debug)]
pub(super) struct Ran {
    /// Whether it succeeded.
    pub(super) is_done: bool,
    /// All that it wrote.
    pub(super) text: String,
}

impl Ran {
    /// Expects success, and returns all that it wrote.
    pub(super) fn done(self) -> String {
        assert!(self.is_done, "git: {}", self.text);
        self.text
    }
}

/// Runs git with something to read, and returns what it wrote.
pub(super) fn run_git_with(folder: &Path, arguments: &[&str], stdin: &str) -> String {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git is installed");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("git reads");
    let output = child.wait_with_output().expect("git ends");
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Runs git with an identity and without the configuration of the machine.
pub(super) fn run_git(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.version=2"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is installed");
    let text = [output.stdout, output.stderr].concat();
    Ran { is_done: output.status.success(), text: String::from_utf8_lossy(&text).trim().to_owned() }
}
