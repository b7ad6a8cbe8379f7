//! What was acknowledged is there after `kill -9`, and after a disk that refuses.
//!
//! The writer is this test binary again, told by the environment to be it.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
};

use adjutant_machine::{
    contract::entry,
    id::InstanceId,
    journal::{Journal, JournalError},
};

use crate::folder::{empty, open};

/// Names the folder in which the binary is to be a writer.
const WRITER: &str = "ADJUTANT_TEST_JOURNAL_WRITER";
const RUNS: usize = 16;

/// Does nothing unless it is the writer of a test below: then it writes until it is killed or refused, and says what was
/// acknowledged.
#[test]
fn writer_process() {
    let Some(folder) = std::env::var_os(WRITER) else { return };
    let journal = open(Path::new(&folder)).unwrap();
    let mut seqs: Vec<u64> = (0..RUNS)
        .map(|run| journal.load(&InstanceId::run(format!("r{run}"))).unwrap().map_or(0, |stored| stored.seq))
        .collect();
    let (sender, receiver) = channel();
    let submit = |run: usize, seq: u64| {
        let sender = sender.clone();
        let text = format!("entry {} of r{run}, {}", seq + 1, "x".repeat(200));
        let done = move |answer| sender.send((run, answer)).unwrap();
        journal.submit(entry(&format!("r{run}"), seq, &text), Box::new(done));
    };
    (0..RUNS).for_each(|run| submit(run, seqs[run]));
    for (run, answer) in &receiver {
        match answer {
            Ok(_) => seqs[run] += 1,
            Err(JournalError::Disk(reason)) => {
                assert!(matches!(journal.append(entry("new", 0, "x")), Err(JournalError::Disk(_))));
                return say(&format!("refused {} {reason}", journal.failed().is_some()));
            }
            Err(other) => panic!("{other}"),
        }
        say(&format!("ack {run} {}", seqs[run]));
        submit(run, seqs[run]);
    }
}

/// One write, so that a kill leaves whole lines or a last one without its end.
fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

fn spawn(mut command: Command, folder: &Path) -> Child {
    command.env(WRITER, folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn writer() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::writer_process", "--nocapture"]);
    command
}

/// Reads acknowledgements into `acked` until `enough` or the end; returns the line of a refusal.
fn listen(child: &mut Child, acked: &mut BTreeMap<String, u64>, enough: usize) -> Option<String> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let (mut line, mut heard) = (String::new(), 0);
    loop {
        line.clear();
        if lines.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            return None;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["ack", run, seq] => {
                acked.insert(format!("r{run}"), seq.parse().unwrap());
                heard += 1;
                if heard == enough {
                    child.kill().unwrap();
                }
            }
            ["refused", ..] => return Some(line),
            _ => {}
        }
    }
}

fn assert_acked_is_there(folder: &Path, acked: &BTreeMap<String, u64>) {
    let journal = open(folder).unwrap();
    for (run, seq) in acked {
        let id = InstanceId::run(run.clone());
        let stored = journal.load(&id).unwrap().expect("an acknowledged run is there");
        assert!(stored.seq >= *seq, "{run}: {seq} was acknowledged, {} is there", stored.seq);
        let last = journal.entries(&id, stored.seq, 0).unwrap();
        assert_eq!(last.len(), 1, "{run}: the log ends where the state does");
    }
    let report = journal.verify().unwrap();
    assert_eq!(report.broken_at, None);
    assert_eq!(report.entries, report.batches);
}

#[test]
fn what_was_acknowledged_outlives_kill_9() {
    let folder = empty();
    let mut acked = BTreeMap::new();
    for round in 0..5 {
        let mut child = spawn(writer(), folder.path());
        listen(&mut child, &mut acked, 20 + 137 * round);
        child.wait().unwrap();
        assert_acked_is_there(folder.path(), &acked);
    }
    assert_eq!(acked.len(), RUNS);
}

/// A limit on the size of files makes the kernel refuse the log's next bytes, as a full disk would.
#[test]
fn a_refused_write_stops_the_store_and_loses_nothing() {
    let folder = empty();
    let mut limited = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 600; exec \"$0\" --exact crash::writer_process --nocapture";
    limited.args(["-c", script]).arg(std::env::current_exe().unwrap());
    let mut acked = BTreeMap::new();
    let mut child = spawn(limited, folder.path());
    let refused = listen(&mut child, &mut acked, usize::MAX).expect("the disk refuses before long");
    child.wait().unwrap();
    assert!(refused.starts_with("refused true"), "{refused}");
    assert_acked_is_there(folder.path(), &acked);
}
