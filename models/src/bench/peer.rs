//! A peer in a process of its own, asked by JSON lines.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use super::Error;
use super::plan::{Cell, THREADS};
use super::rounds::{About, Engine, Turn};

/// The program that answers; see its head for the protocol.
const SERVER: &str = include_str!("../../benches/peers/server.py");

/// One engine of the peers' environment; ends with its handle.
pub(super) struct Peer {
    engine: &'static str,
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    about: Option<About>,
    has_second_copy: bool,
}

#[derive(Serialize)]
struct Ask<'a> {
    engine: &'a str,
    threads: usize,
    batch: usize,
    texts: &'a [String],
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PeerAnswer {
    Done {
        batches: Vec<f64>,
        tokens: usize,
        vector: Vec<f32>,
        load_seconds: f64,
        peak_kib: u64,
        version: String,
    },
    Failed {
        error: String,
    },
}

impl Peer {
    /// Starts the process; the engine loads at the first question.
    pub(super) fn start(engine: &'static str, peers: &Path, model: &Path) -> Result<Self, Error> {
        // `export.json` is what `make peers` writes last.
        if !peers.join("export.json").is_file() {
            return Err(Error::PeersMissing { path: peers.to_path_buf() });
        }
        let mut command = Command::new(peers.join("bin/python"));
        command.arg("-c").arg(SERVER).arg(peers).arg(model);
        // Peers answer from files on this disk or not at all.
        command.env("HF_HUB_OFFLINE", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let failed = |reason: String| Error::Peer { engine: engine.to_owned(), reason };
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let (Some(asks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("its pipes are missing".to_owned()));
        };
        Ok(Peer {
            engine,
            child,
            asks,
            answers: BufReader::new(answers),
            about: None,
            has_second_copy: false,
        })
    }

    /// Keeps the time of the first load, and the most memory as long as there is one copy of the weights.
    fn note(&mut self, told: About, threads: usize) {
        let about = self.about.get_or_insert_with(|| told.clone());
        self.has_second_copy |= threads != THREADS[0];
        if !self.has_second_copy {
            about.peak_kib = told.peak_kib;
        }
    }

    fn ask(&mut self, ask: &Ask<'_>) -> Result<PeerAnswer, String> {
        let mut line = serde_json::to_string(ask).map_err(|error| error.to_string())?;
        line.push('\n');
        self.asks.write_all(line.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer).map_err(|error| error.to_string())? == 0 {
            return Err("its process ended".to_owned());
        }
        serde_json::from_str(&answer).map_err(|error| format!("{error} in {answer:?}"))
    }
}

impl Engine for Peer {
    fn name(&self) -> &str {
        self.engine
    }

    fn turn(&mut self, cell: &Cell, texts: &[String]) -> Result<Turn, Error> {
        let engine = self.engine;
        let ask = Ask { engine, threads: cell.threads, batch: cell.batch, texts };
        let failed = |reason| Error::Peer { engine: engine.to_owned(), reason };
        match self.ask(&ask).map_err(failed)? {
            PeerAnswer::Failed { error } => Err(failed(error)),
            PeerAnswer::Done { batches, tokens, vector, load_seconds, peak_kib, version } => {
                self.note(About { version, load_seconds, peak_kib }, cell.threads);
                Ok(Turn { batches, tokens: Some(tokens), vector })
            }
        }
    }

    fn is_exact(&self) -> bool {
        self.engine != "onnxruntime-int8"
    }

    fn about(&self) -> Option<About> {
        self.about.clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It holds nothing that could be lost; that it has ended already is the same to us.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;
    use crate::bench::plan::Length;

    const CELL: Cell = Cell { length: Length::Short, batch: 1, threads: 2 };

    /// An environment whose Python is a shell script.
    fn environment(script: &str) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let python = folder.path().join("bin/python");
        fs::create_dir(folder.path().join("bin")).expect("a folder");
        fs::write(&python, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("a program");
        fs::write(folder.path().join("export.json"), "{}").expect("a file");
        folder
    }

    fn turn(script: &str) -> Result<Turn, Error> {
        let folder = environment(script);
        Peer::start("pytorch", folder.path(), Path::new("model"))?.turn(&CELL, &["one".to_owned()])
    }

    #[test]
    fn a_peer_is_asked_in_one_line_and_answers_in_one() {
        let script = r#"read asked
case "$asked" in
  '{"engine":"pytorch","threads":2,"batch":1,"texts":["one"]}') ;;
  *) exit 1 ;;
esac
echo '{"batches":[0.5],"tokens":3,"vector":[1.0],"load_seconds":2.0,"peak_kib":7,"version":"9"}'"#;
        let took = turn(script).expect("an answer");
        assert_eq!((took.batches, took.tokens, took.vector), (vec![0.5], Some(3), vec![1.0]));
    }

    #[test]
    fn a_peer_that_fails_says_why() {
        let told =
            turn(r#"read asked; echo '{"error":"no such engine"}'"#).err().map(|error| error.to_string());
        assert_eq!(told.as_deref(), Some("the peer \"pytorch\" failed: no such engine"));
    }

    #[test]
    fn a_peer_that_ends_is_an_error_and_no_wait() {
        let told = turn("read asked").err().map(|error| error.to_string());
        assert_eq!(told.as_deref(), Some("the peer \"pytorch\" failed: its process ended"));
    }

    #[test]
    fn an_environment_without_an_export_says_how_to_make_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Peer::start("pytorch", folder.path(), Path::new("model")).err().expect("a refusal");
        assert_eq!(error.hint(), Some("run `make peers`"));
    }
}
