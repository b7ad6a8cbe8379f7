//! A long text is stored once for a run and its branches, and one that is lost is missed wherever it stands.

use std::path::Path;

use adjutant_machine::{
    chain::Digest,
    contract::{append, append_with_state},
    id::InstanceId,
    journal::{Append, Batch, Journal, JournalError},
};
use rocksdb::IteratorMode;

use crate::folder::{empty, open, raw};

/// A text that nothing makes smaller, of a hundred thousand bytes.
fn mail() -> String {
    (0..100_000_usize.div_ceil(64)).map(|number| Digest::of(&number.to_be_bytes()).hex()).collect()
}

fn payload(mail: &str) -> String {
    format!("{{\"from\":\"ann\",\"body\":\"{mail}\"}}")
}

fn batch(append: Append) -> Batch {
    Batch { appends: vec![append], ..Batch::default() }
}

/// Returns the keys of what lies beside the entries.
fn parts(folder: &Path) -> Vec<Vec<u8>> {
    let db = raw(folder);
    let family = db.cf_handle("blobs").unwrap();
    db.iterator_cf(family, IteratorMode::Start).map(|found| found.unwrap().0.into_vec()).collect()
}

#[test]
fn a_text_is_written_once_for_a_run_and_its_branches() {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    let (mail, run) = (mail(), InstanceId::run("a"));
    let body = payload(&mail);
    journal.append(batch(append("a", 0, &[&body]))).unwrap();
    let once = journal.stats().unwrap().written;
    for seq in 1..20 {
        journal.append(batch(append("a", seq, &[&body]))).unwrap();
    }
    let state = Append { snapshot: Some(body.clone().into_bytes()), ..append_with_state("a", 20, &[&body]) };
    journal.append(batch(state)).unwrap();
    for name in ["a~dig.1.0", "a~dig.1.1~ask.2.0"] {
        journal.append(batch(append(name, 0, &[&body]))).unwrap();
    }
    let written = journal.stats().unwrap().written;
    assert!(written < once + 20_000, "{written} bytes for 24 times what took {once} once");
    assert_eq!(journal.load(&run).unwrap().unwrap().snapshot.unwrap().state, body.into_bytes());
    assert_eq!(journal.verify().unwrap().broken_at, None);
    // Another run may be forgotten at another time: it has its own.
    journal.append(batch(append("b", 0, &[&payload(&mail)]))).unwrap();
    assert!(journal.stats().unwrap().written > written + 50_000);
    drop(journal);
    assert_eq!(parts(folder.path()).len(), 2);
}

#[test]
fn a_lost_text_is_missed_where_it_is_read() {
    let folder = empty();
    let body = payload(&mail());
    let journal = open(folder.path()).unwrap();
    journal.append(batch(append("a", 0, &["short", &body]))).unwrap();
    drop(journal);
    let [part] = <[Vec<u8>; 1]>::try_from(parts(folder.path())).unwrap();
    let db = raw(folder.path());
    db.delete_cf(db.cf_handle("blobs").unwrap(), part).unwrap();
    drop(db);
    let journal = open(folder.path()).unwrap();
    let read = journal.entries(&InstanceId::run("a"), 2, 1);
    assert!(
        matches!(&read, Err(JournalError::Corrupt { place, .. }) if place == "entry 2 of \"run/a\""),
        "{read:?}"
    );
    assert_eq!(journal.verify().unwrap().broken_at, Some(1));
}

#[test]
fn a_changed_text_is_found_where_it_is_read() {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    journal.append(batch(append("a", 0, &[&payload(&mail())]))).unwrap();
    journal.append(batch(append("b", 0, &[&payload(&mail().replace('7', "8"))]))).unwrap();
    drop(journal);
    // The text of one run in the place of another's: whole by itself, and not what was said here.
    let [own, other] = <[Vec<u8>; 2]>::try_from(parts(folder.path())).unwrap();
    let db = raw(folder.path());
    let family = db.cf_handle("blobs").unwrap();
    let foreign = db.get_cf(family, other).unwrap().unwrap();
    db.put_cf(family, own, foreign).unwrap();
    drop(db);
    let journal = open(folder.path()).unwrap();
    let read = journal.entries(&InstanceId::run("a"), 1, 1);
    assert!(matches!(&read, Err(JournalError::Corrupt { .. })), "{read:?}");
    assert_eq!(journal.verify().unwrap().broken_at, Some(1));
}
