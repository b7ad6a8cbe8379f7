//! A hand on the disk leaves a trace that the check of the chain finds.

use std::path::Path;

use adjutant_machine::{
    chain::{Digest, Salt},
    contract::{append, append_with_state, content, put},
    id::{EntryId, InstanceId},
    journal::{Batch, Content, Journal, JournalError, Table},
};
use tempfile::TempDir;

use crate::folder::{empty, open, raw};

/// Batches 1 to 4 are entries of a run, the third with a snapshot; batch 5 is a row.
fn written() -> TempDir {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    for seq in 0..4 {
        let text = format!("approved {seq}");
        let append =
            if seq == 2 { append_with_state("a", seq, &[&text]) } else { append("a", seq, &[&text]) };
        journal.append(Batch { appends: vec![append], ..Batch::default() }).unwrap();
    }
    journal.append(put(Table::Ledger, "day", "spent 1")).unwrap();
    folder
}

fn entry_key(seq: u64) -> Vec<u8> {
    [&b"le\x01a\x00\x00"[..], &seq.to_be_bytes()].concat()
}

/// A value as the store writes it, with a checksum that fits.
fn value((batch, number): (u64, u32), content: &[u8], digest: &Digest) -> Vec<u8> {
    let mut value = vec![2, 0];
    value.extend(batch.to_be_bytes());
    value.extend(number.to_be_bytes());
    value.extend(&digest.0[..8]);
    value.extend(content);
    value
}

/// The salt lies on the same disk: whoever can forge can read it.
fn salt(folder: &Path) -> Salt {
    let db = raw(folder);
    let stored = db.get_cf(db.cf_handle("state").unwrap(), b"sa\x01a\x00\x00").unwrap().unwrap();
    *stored.last_chunk().unwrap()
}

fn forged_entry(folder: &Path, (batch, seq): (u64, u64), text: &str) -> Vec<u8> {
    let Content { skeleton, payload } = content(text);
    let digest = Digest::entry(
        EntryId { instance: &InstanceId::run("a"), seq },
        &skeleton,
        &Digest::sealed(&salt(folder), &payload),
    );
    let length = (skeleton.len() as u32).to_be_bytes();
    value((batch, 0), &[&length[..], &skeleton, &payload].concat(), &digest)
}

fn change(folder: &Path, family: &str, (key, value): (&[u8], Option<Vec<u8>>)) {
    let db = raw(folder);
    let family = db.cf_handle(family).unwrap();
    match value {
        Some(value) => db.put_cf(family, key, value).unwrap(),
        None => db.delete_cf(family, key).unwrap(),
    }
}

fn broken_at(folder: &Path) -> Option<u64> {
    open(folder).unwrap().verify().unwrap().broken_at
}

#[test]
fn an_untouched_store_is_whole() {
    assert_eq!(broken_at(written().path()), None);
}

#[test]
fn a_forged_entry_is_named_by_its_batch() {
    let folder = written();
    let forged = forged_entry(folder.path(), (3, 3), "approved 9");
    change(folder.path(), "log", (&entry_key(3), Some(forged)));
    let journal = open(folder.path()).unwrap();
    assert_eq!(journal.verify().unwrap().broken_at, Some(3));
}

#[test]
fn a_damaged_entry_is_not_returned() {
    let folder = written();
    let wrong = value((2, 0), b"\0\0\0\0approved 1", &Digest::of(b"something else"));
    change(folder.path(), "log", (&entry_key(2), Some(wrong)));
    let journal = open(folder.path()).unwrap();
    let read = journal.entries(&InstanceId::run("a"), 0, 0);
    assert!(
        matches!(&read, Err(JournalError::Corrupt { place, .. }) if place == "entry 2 of \"run/a\""),
        "{read:?}"
    );
    assert_eq!(journal.verify().unwrap().broken_at, Some(2));
}

#[test]
fn a_removed_entry_is_named_by_its_batch() {
    let folder = written();
    change(folder.path(), "log", (&entry_key(2), None));
    assert_eq!(broken_at(folder.path()), Some(2));
}

#[test]
fn an_instance_that_was_taken_away_by_hand_is_found_whatever_is_said_of_it() {
    let folder = written();
    for seq in 1..5 {
        change(folder.path(), "log", (&entry_key(seq), None));
    }
    for tag in [b"sh", b"sa", b"ss"] {
        change(folder.path(), "state", (&[&tag[..], b"\x01a\x00\x00"].concat(), None));
    }
    assert_eq!(broken_at(folder.path()), Some(1));
    // Nobody let it go: the mark names a batch that says nothing of it.
    let mark = value((5, 0), &4_u64.to_be_bytes(), &Digest::of(&4_u64.to_be_bytes()));
    change(folder.path(), "meta", (b"mt\x01a\x00\x00", Some(mark)));
    assert_eq!(broken_at(folder.path()), Some(1));
}

#[test]
fn an_entry_that_was_slipped_in_is_found() {
    let folder = written();
    let forged = forged_entry(folder.path(), (4, 5), "approved 4");
    change(folder.path(), "log", (&entry_key(5), Some(forged)));
    assert_eq!(broken_at(folder.path()), Some(4));
}

#[test]
fn a_forged_row_is_named_by_its_batch() {
    let folder = written();
    let content = b"spent 0";
    let digest = Digest::row(Table::Ledger, b"day", Some(content));
    change(folder.path(), "state", (b"slday", Some(value((5, 0), content, &digest))));
    assert_eq!(broken_at(folder.path()), Some(5));
}

#[test]
fn a_forged_snapshot_is_named_by_its_batch() {
    let folder = written();
    let (instance, state) = (&InstanceId::run("a"), b"state of a after nothing");
    let digest = Digest::snapshot(EntryId { instance, seq: 3 }, &Digest::sealed(&salt(folder.path()), state));
    change(folder.path(), "state", (b"ss\x01a\x00\x00", Some(value((3, 0), state, &digest))));
    assert_eq!(broken_at(folder.path()), Some(3));
}

#[test]
fn a_head_that_was_turned_back_is_found() {
    let folder = written();
    let key = b"sh\x01a\x00\x00";
    let content = [2_u64.to_be_bytes(), 0_u64.to_be_bytes(), 9_u64.to_be_bytes()].concat();
    let digest = Digest::of(&[&key[..], &content].concat());
    change(folder.path(), "state", (key, Some(value((2, 0), &content, &digest))));
    assert_eq!(broken_at(folder.path()), Some(2));
}

#[test]
fn a_head_that_was_taken_away_is_found() {
    let folder = written();
    change(folder.path(), "state", (b"sh\x01a\x00\x00", None));
    let journal = open(folder.path()).unwrap();
    let read = journal.load(&InstanceId::run("a"));
    assert!(matches!(read, Err(JournalError::Corrupt { .. })), "an instance that is hidden is not a new one");
    assert_eq!(journal.verify().unwrap().broken_at, Some(1));
}

#[test]
fn a_salt_that_was_exchanged_is_found() {
    let folder = written();
    let key = b"sa\x01a\x00\x00";
    let other = [9; 16];
    let digest = Digest::of(&[&key[..], &other].concat());
    change(folder.path(), "state", (key, Some(value((1, 0), &other, &digest))));
    assert_eq!(broken_at(folder.path()), Some(1));
}

/// A kill always works: what is appended now can be read, whatever was done to what the store keeps beside the log.
#[test]
fn an_instance_whose_head_or_salt_is_damaged_can_still_be_ended() {
    let (head, salt) = (b"sh\x01a\x00\x00", b"sa\x01a\x00\x00");
    for damaged in [vec![head], vec![salt], vec![head, salt]] {
        for value in [None, Some(b"nonsense".to_vec())] {
            let folder = written();
            for key in &damaged {
                change(folder.path(), "state", (&key[..], value.clone()));
            }
            let journal = open(folder.path()).unwrap();
            let last = journal.last(&InstanceId::run("a")).unwrap();
            assert_eq!(last, 4, "{damaged:?} {value:?}");
            let appends = vec![append_with_state("a", last, &["ended"])];
            journal.append(Batch { appends, ..Batch::default() }).unwrap();
            let stored = journal.load(&InstanceId::run("a")).unwrap().unwrap();
            assert_eq!((stored.seq, stored.tail.len(), stored.flaw), (5, 0, None));
            assert_eq!(stored.snapshot.unwrap().seq, 5);
        }
    }
}

#[test]
fn a_log_whose_salt_is_gone_is_damaged_and_not_empty() {
    for value in [None, Some(b"nonsense".to_vec())] {
        let folder = written();
        change(folder.path(), "state", (b"sa\x01a\x00\x00", value));
        let journal = open(folder.path()).unwrap();
        let read = journal.entries(&InstanceId::run("a"), 0, 0);
        assert!(matches!(read, Err(JournalError::Corrupt { .. })), "{read:?}");
        assert!(matches!(journal.load(&InstanceId::run("a")), Err(JournalError::Corrupt { .. })));
        assert_eq!(journal.verify().unwrap().broken_at, Some(1));
    }
}

#[test]
fn a_removed_link_breaks_the_chain() {
    let folder = written();
    let key = [&b"lb"[..], &3_u64.to_be_bytes()].concat();
    change(folder.path(), "log", (&key, None));
    assert_eq!(broken_at(folder.path()), Some(3));
}
