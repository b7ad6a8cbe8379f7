//! A store that lost acknowledged work, or that is not ours to write, does not open.

use std::{fs, path::Path};

use adjutant::journal::Error;
use adjutant_machine::{
    chain::Digest,
    contract::entry,
    journal::{Journal, JournalError},
};
use tempfile::TempDir;

use crate::folder::{copy, cut_log, empty, flip_log, log_length, open, raw};

/// Ten batches, the log's length after each, and the watermark as it was after the seventh.
struct Written {
    folder: TempDir,
    lengths: Vec<u64>,
    seventh: Vec<u8>,
}

fn written() -> Written {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    let mut lengths = vec![log_length(folder.path())];
    let mut seventh = Vec::new();
    for seq in 0..10 {
        journal.append(entry("a", seq, "some text of an entry")).unwrap();
        lengths.push(log_length(folder.path()));
        if seq == 6 {
            seventh = fs::read(folder.path().join("watermark")).unwrap();
        }
    }
    Written { folder, lengths, seventh }
}

fn corrupt(folder: &Path) -> String {
    match open(folder) {
        Err(Error::Store(JournalError::Corrupt { place, problem })) => format!("{place}: {problem}"),
        Err(other) => panic!("another error: {other}"),
        Ok(journal) => panic!("it opened at {:?}", journal.verify()),
    }
}

#[test]
fn a_log_cut_after_the_acknowledged_length_recovers() {
    let Written { folder, lengths, seventh } = written();
    for length in (lengths[7]..=lengths[10]).step_by(23).chain([lengths[8], lengths[9], lengths[10]]) {
        let folder = copy(folder.path());
        fs::write(folder.path().join("watermark"), &seventh).unwrap();
        cut_log(folder.path(), length);
        let journal = open(folder.path()).unwrap();
        let whole = lengths.iter().filter(|end| **end <= length).count() as u64 - 1;
        let report = journal.verify().unwrap();
        assert_eq!((report.batches, report.broken_at), (whole, None), "cut at {length} of {lengths:?}");
        journal.append(entry("a", whole, "goes on")).unwrap();
    }
}

#[test]
fn a_log_cut_below_the_acknowledged_length_is_refused() {
    let Written { folder, lengths, seventh } = written();
    let cuts = (lengths[0]..lengths[7]).step_by(61).chain([lengths[5], lengths[6], lengths[7] - 1]);
    for length in cuts {
        let folder = copy(folder.path());
        fs::write(folder.path().join("watermark"), &seventh).unwrap();
        cut_log(folder.path(), length);
        let told = corrupt(folder.path());
        assert!(told.contains("batch 7 was acknowledged"), "cut at {length}: {told}");
        let again = corrupt(folder.path());
        assert!(again.contains("batch 7 was acknowledged"), "the second start must refuse too: {again}");
    }
}

#[test]
fn a_changed_byte_in_the_log_is_refused() {
    let Written { folder, lengths, .. } = written();
    for at in (lengths[0]..lengths[10]).step_by(97).chain([lengths[10] - 1]) {
        let folder = copy(folder.path());
        flip_log(folder.path(), at);
        corrupt(folder.path());
    }
}

#[test]
fn a_log_cut_at_a_record_looks_healthy_and_is_refused() {
    let Written { folder, lengths, .. } = written();
    for (batch, length) in lengths.iter().enumerate().take(10) {
        let folder = copy(folder.path());
        cut_log(folder.path(), *length);
        let told = corrupt(folder.path());
        let due = format!("it ends at batch {batch}, but batch 10 was acknowledged");
        assert!(told.contains(&due), "cut behind batch {batch}: {told}");
    }
    cut_log(folder.path(), lengths[10]);
    assert!(open(folder.path()).is_ok(), "nothing that was acknowledged is missing");
}

#[test]
fn an_older_store_under_a_newer_watermark_is_refused() {
    let (older, newer) = (written(), written());
    // Same numbers, another history: only the hash tells them apart.
    let journal = open(older.folder.path()).unwrap();
    journal.append(entry("b", 0, "one")).unwrap();
    drop(journal);
    let journal = open(newer.folder.path()).unwrap();
    journal.append(entry("b", 0, "two")).unwrap();
    drop(journal);
    fs::copy(newer.folder.path().join("watermark"), older.folder.path().join("watermark")).unwrap();
    assert!(corrupt(older.folder.path()).contains("batch 11 is not the one that was acknowledged"));
}

#[test]
fn a_lost_watermark_is_refused() {
    let Written { folder, .. } = written();
    fs::remove_file(folder.path().join("watermark")).unwrap();
    assert!(corrupt(folder.path()).contains("watermark"));
}

#[test]
fn a_lost_store_is_refused() {
    let Written { folder, .. } = written();
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    corrupt(folder.path());
    assert!(!folder.path().join("store/CURRENT").exists(), "no empty store takes its place");
}

/// Writes another format into the watermark, as the build of that format would.
fn mark_format(folder: &Path, format: u32) {
    let path = folder.join("watermark");
    let mut mark = fs::read(&path).unwrap();
    for slot in [0, 4096] {
        mark[slot + 8..slot + 12].copy_from_slice(&format.to_be_bytes());
        mark[slot + 12..slot + 17].copy_from_slice(b"9.8.7");
        let check = Digest::of(&mark[slot..slot + 68]);
        mark[slot + 68..slot + 76].copy_from_slice(&check.0[..8]);
    }
    fs::write(&path, mark).unwrap();
}

/// A watermark as the builds before the first release wrote it.
fn first_mark() -> Vec<u8> {
    let mut slot = b"adjmark1".to_vec();
    slot.extend(1_u32.to_be_bytes());
    slot.extend(10_u64.to_be_bytes());
    slot.extend([7; 32]);
    let check = Digest::of(&slot);
    slot.extend(&check.0[..8]);
    slot.resize(4096, 0);
    let one = slot.clone();
    slot.extend(&one[..60]);
    slot
}

/// Opens a store that says it has another format, and makes sure that nothing was written.
fn refused(folder: &Path) -> Error {
    let before = log_length(folder);
    let refused = open(folder).err().unwrap();
    assert_eq!(log_length(folder), before);
    refused
}

#[test]
fn a_newer_format_is_refused_before_the_store_is_touched() {
    let Written { folder, .. } = written();
    mark_format(folder.path(), 5);
    let error = refused(folder.path());
    assert!(matches!(error, Error::Store(JournalError::Newer { found: 5, known: 4, .. })), "{error}");
    assert!(error.to_string().contains("Adjutant 9.8.7"), "it says what is needed: {error}");
}

#[test]
fn a_format_that_no_release_wrote_is_refused_before_the_store_is_touched() {
    let Written { folder, .. } = written();
    for format in [0, 1] {
        mark_format(folder.path(), format);
        let error = refused(folder.path());
        let is_older =
            matches!(error, Error::Store(JournalError::Older { found, oldest: 2 }) if found == format);
        assert!(is_older, "{error}");
    }
    let before = fs::read(folder.path().join("watermark")).unwrap();
    fs::write(folder.path().join("watermark"), first_mark()).unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, Error::Store(JournalError::Older { found: 1, oldest: 2 })), "{error}");
    fs::write(folder.path().join("watermark"), before).unwrap();
    mark_format(folder.path(), 2);
    assert!(open(folder.path()).is_ok(), "nothing was lost");
}

#[test]
fn a_newer_format_inside_the_store_is_refused() {
    let Written { folder, .. } = written();
    let db = raw(folder.path());
    let content = 5_u32.to_be_bytes();
    let mut value = vec![2, 0];
    value.extend([0; 12]);
    value.extend(&Digest::of(&content).0[..8]);
    value.extend(content);
    db.put_cf(db.cf_handle("meta").unwrap(), b"mf", value).unwrap();
    drop(db);
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(refused, Error::Store(JournalError::Newer { found: 5, known: 4, .. })), "{refused}");
}

#[test]
fn a_second_opener_is_told_who_has_the_store() {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    let refused = open(folder.path()).err().unwrap();
    assert!(
        matches!(refused, Error::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{refused}"
    );
    drop(journal);
    assert!(open(folder.path()).is_ok());
}
