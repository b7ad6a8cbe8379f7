use std::sync::{Arc, Mutex as Shared};

use super::*;
use crate::contract::{self, entry};

#[test]
fn keeps_the_contract() {
    for (name, promise) in contract::PROMISES {
        eprintln_name(name);
        promise(&MemoryJournal::new());
    }
}

/// The name of the promise under test stands in the output of a failure.
#[expect(clippy::print_stderr, reason = "shown only when the test fails")]
fn eprintln_name(name: &str) {
    eprintln!("promise: {name}");
}

fn answers(journal: &MemoryJournal, batches: Vec<Batch>) -> Arc<Shared<Vec<bool>>> {
    let seen = Arc::new(Shared::new(Vec::new()));
    for batch in batches {
        let seen = Arc::clone(&seen);
        journal.submit(batch, Box::new(move |answer| seen.lock().unwrap().push(answer.is_ok())));
    }
    seen
}

#[test]
fn held_batches_are_answered_by_the_sync_alone() {
    let journal = MemoryJournal::new();
    journal.hold();
    let seen = answers(&journal, vec![entry("a", 0, "1"), entry("a", 0, "other"), entry("a", 1, "2")]);
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(journal.load(&InstanceId::run("a")).unwrap(), None);
    journal.sync();
    assert_eq!(*seen.lock().unwrap(), [true, false, true]);
    assert_eq!(journal.load(&InstanceId::run("a")).unwrap().unwrap().seq, 2);
}

#[test]
fn a_crash_keeps_what_was_synced_and_a_prefix_of_the_rest() {
    for keep in 0..=3 {
        let journal = MemoryJournal::new();
        journal.append(entry("a", 0, "1")).unwrap();
        journal.hold();
        let seen = answers(&journal, vec![entry("a", 1, "2"), entry("b", 0, "1"), entry("a", 2, "3")]);
        let next = journal.crash(keep);
        assert!(seen.lock().unwrap().is_empty());
        let report = next.verify().unwrap();
        assert_eq!((report.batches, report.broken_at), (1 + keep as u64, None));
        assert!(matches!(journal.append(entry("a", 1, "2")), Err(JournalError::Disk(_))));
    }
}

#[test]
fn a_disk_fault_stops_the_store_until_the_next_process() {
    let journal = MemoryJournal::new();
    journal.inject(1, Fault::Disk);
    assert!(journal.append(entry("a", 0, "1")).is_ok());
    assert!(matches!(journal.append(entry("a", 1, "2")), Err(JournalError::Disk(_))));
    assert!(matches!(journal.append(entry("b", 0, "1")), Err(JournalError::Disk(_))));
    assert!(journal.crash(0).append(entry("a", 1, "2")).is_ok());
}

#[test]
fn a_refused_write_may_be_found_later() {
    let journal = MemoryJournal::new();
    journal.inject(0, Fault::DiskAfterWrite);
    assert!(journal.append(entry("a", 0, "1")).is_err());
    assert_eq!(journal.crash(0).load(&InstanceId::run("a")).unwrap().unwrap().seq, 1);
}

#[test]
fn a_lost_answer_leaves_the_batch_durable() {
    let journal = MemoryJournal::new();
    journal.inject(0, Fault::LostAnswer);
    assert!(matches!(journal.append(entry("a", 0, "1")), Err(JournalError::Busy)));
    assert!(matches!(journal.append(entry("a", 0, "1")), Err(JournalError::Conflict { found: 1, .. })));
}

#[test]
fn a_made_up_conflict_writes_nothing() {
    let journal = MemoryJournal::new();
    journal.inject(0, Fault::Conflict);
    assert!(matches!(journal.append(entry("a", 0, "1")), Err(JournalError::Conflict { .. })));
    assert!(journal.append(entry("a", 0, "1")).is_ok());
}

#[test]
fn a_changed_entry_is_named_by_its_batch() {
    let journal = MemoryJournal::new();
    (0..4).for_each(|seq| assert!(journal.append(entry("a", seq, "x")).is_ok()));
    assert!(journal.tamper(&InstanceId::run("a"), 3, b"forged"));
    assert_eq!(journal.verify().unwrap().broken_at, Some(3));
}
