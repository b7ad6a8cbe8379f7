//! The promises of [`Journal`], as functions that panic where a store breaks one. Every store's tests run all of them,
//! each on an empty store.
//!
//! They say nothing of crashes and disks: those are tested where the store lives.

mod batches;
mod dump;
mod going;

use std::sync::mpsc;

pub use batches::{append, append_with_state, content, delete, entry, put};
use batches::{refused, written};
pub use dump::{Dump, Entries, TABLES, dump};
use dump::{all_entries, all_rows};
use going::{removals_keep_the_chain, trims_keep_the_chain};

use crate::{
    chain::Digest,
    count::CountChanges,
    id::{InstanceId, InstanceKind},
    journal::{
        Append, Batch, Content, Guard, Journal, JournalError, PAGE, Row, RowWrite, Scan, Snapshot, Table,
    },
};

/// A promise, by its name.
pub type Promise = (&'static str, fn(&dyn Journal));

/// Every promise that a store keeps, each with what proves it.
pub const PROMISES: &[Promise] = &[
    ("entries are numbered and read back", entries_are_numbered_and_read_back),
    ("entries come in pages", entries_come_in_pages),
    ("a wrong sequence is a conflict and writes nothing", wrong_sequence_writes_nothing),
    ("a moved guard refuses the whole batch", moved_guard_refuses_the_batch),
    ("a guard of an absent row holds until it is put", guard_of_an_absent_row),
    ("the versions of rows are the numbers of their batches", versions_are_batch_numbers),
    ("one batch may append twice to one instance", one_batch_appends_twice),
    ("of two equal batches in one group one wins", one_of_two_rivals_wins),
    ("batches of many writers are numbered without holes", many_writers_leave_no_holes),
    ("rows are scanned in both directions by pages", scans_page_both_ways),
    ("a scan stays in its table and prefix", scans_stay_in_prefix),
    ("timers come due first", timers_come_due_first),
    ("a payload stored twice is one", blobs_are_stored_once),
    ("large entries and snapshots come back whole", large_payloads_come_back),
    ("long texts come back whole in runs and branches", long_texts_come_back),
    ("a skeleton of any length comes back whole", long_skeletons_come_back),
    ("a reader begins at the last snapshot", load_begins_at_the_last_snapshot),
    ("the tail is what lies behind the last snapshot", tail_is_what_lies_behind),
    ("instances are listed in order by pages", instances_are_listed),
    ("trims let old entries go and keep the chain", trims_keep_the_chain),
    ("an instance that is let go keeps the chain and its name", removals_keep_the_chain),
    ("the chain covers every batch", chain_covers_every_batch),
    ("an empty batch gets a number", empty_batch_gets_a_number),
    ("the last write of a batch to a row counts", last_write_counts),
    ("counts are added up and read by the beginnings of their names", counts_are_added_up),
];

fn guard(table: Table, key: &str, version: u64) -> Guard {
    Guard { table, key: key.as_bytes().to_vec(), version }
}

fn keys(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| String::from_utf8_lossy(&row.key).into_owned()).collect()
}

fn entries_are_numbered_and_read_back(journal: &dyn Journal) {
    let run = InstanceId::run("a");
    assert_eq!(journal.load(&run).expect("reads"), None);
    assert_eq!(journal.entries(&run, 0, 10).expect("reads"), []);
    written(journal, Batch { appends: vec![append("a", 0, &["one", "two"])], ..Batch::default() });
    written(journal, entry("a", 2, "three"));
    let stored = journal.load(&run).expect("reads").expect("is there");
    assert_eq!((stored.seq, stored.snapshot, stored.tail.len()), (3, None, 3));
    let read = journal.entries(&run, 2, 10).expect("reads");
    assert_eq!(read, [(2, content("two")), (3, content("three"))]);
}

fn entries_come_in_pages(journal: &dyn Journal) {
    let texts: Vec<String> = (1..=PAGE + 5).map(|number| number.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let appends = vec![append("a", 0, &texts), append("a1", 0, &["other"]), append("a-", 0, &["other"])];
    written(journal, Batch { appends, ..Batch::default() });
    let run = InstanceId::run("a");
    assert_eq!(journal.entries(&run, 1, 3).expect("reads").len(), 3);
    assert_eq!(journal.entries(&run, 1, 0).expect("reads").len(), PAGE);
    assert_eq!(journal.entries(&run, 1, usize::MAX).expect("reads").len(), PAGE);
    let rest = journal.entries(&run, PAGE as u64 + 1, 0).expect("reads");
    assert_eq!(rest.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1001, 1002, 1003, 1004, 1005]);
    assert_eq!(journal.entries(&run, PAGE as u64 + 6, 0).expect("reads"), []);
}

fn wrong_sequence_writes_nothing(journal: &dyn Journal) {
    written(journal, entry("a", 0, "one"));
    let mut batch = put(Table::Index, "k", "v");
    batch.appends = vec![append("b", 0, &["fine"]), append("a", 0, &["late"])];
    batch.blobs = vec![("digest".to_owned(), b"payload".to_vec())];
    let error = refused(journal, batch);
    assert!(matches!(error, JournalError::Conflict { expected: 0, found: 1, .. }), "{error}");
    assert!(matches!(refused(journal, entry("a", 5, "early")), JournalError::Conflict { found: 1, .. }));
    assert_eq!(journal.blob("digest").expect("reads"), None);
}

fn moved_guard_refuses_the_batch(journal: &dyn Journal) {
    let first = written(journal, put(Table::Ledger, "day", "1"));
    written(journal, put(Table::Ledger, "day", "2"));
    let mut batch = entry("a", 0, "one");
    batch.guards = vec![guard(Table::Ledger, "day", first.batch)];
    let error = refused(journal, batch.clone());
    assert!(matches!(error, JournalError::Moved { table: Table::Ledger, expected: 1, found: 2 }), "{error}");
    batch.guards = vec![guard(Table::Ledger, "day", 2)];
    written(journal, batch);
}

fn guard_of_an_absent_row(journal: &dyn Journal) {
    let mut batch = put(Table::Dedupe, "key", "mine");
    batch.guards = vec![guard(Table::Dedupe, "key", 0)];
    written(journal, batch.clone());
    assert!(matches!(refused(journal, batch.clone()), JournalError::Moved { expected: 0, found: 1, .. }));
    written(journal, delete(Table::Dedupe, "key"));
    written(journal, batch);
}

fn versions_are_batch_numbers(journal: &dyn Journal) {
    written(journal, put(Table::Record, "other", "x"));
    let receipt = written(journal, put(Table::Record, "client", "v"));
    let row = journal.row(Table::Record, b"client").expect("reads").expect("is there");
    assert_eq!((row.version, row.value), (receipt.batch, b"v".to_vec()));
    assert_eq!(journal.row(Table::Host, b"client").expect("reads"), None);
    written(journal, delete(Table::Record, "client"));
    assert_eq!(journal.row(Table::Record, b"client").expect("reads"), None);
}

fn one_batch_appends_twice(journal: &dyn Journal) {
    let appends = vec![append("a", 0, &["one"]), append("a", 1, &["two"])];
    written(journal, Batch { appends, ..Batch::default() });
    assert_eq!(journal.load(&InstanceId::run("a")).expect("reads").expect("is there").seq, 2);
    let appends = vec![append("a", 2, &["three"]), append("a", 2, &["again"])];
    let error = refused(journal, Batch { appends, ..Batch::default() });
    assert!(matches!(error, JournalError::Conflict { expected: 2, found: 3, .. }), "{error}");
    let appends = vec![append("b", 0, &[]), append("b", 0, &["one"]), append("b", 1, &[])];
    written(journal, Batch { appends, ..Batch::default() });
    assert_eq!(journal.verify().expect("reads").broken_at, None);
}

fn one_of_two_rivals_wins(journal: &dyn Journal) {
    let (sender, receiver) = mpsc::channel();
    for number in 0..20 {
        let mut batch = entry("a", 0, &format!("writer {number}"));
        batch.guards = vec![guard(Table::Host, "once", 0)];
        batch.writes = put(Table::Host, "once", "taken").writes;
        let sender = sender.clone();
        journal.submit(batch, Box::new(move |answer| sender.send(answer.is_ok()).unwrap_or_default()));
    }
    drop(sender);
    assert_eq!(receiver.iter().filter(|won| *won).count(), 1);
    assert_eq!(all_entries(journal, &InstanceId::run("a")).expect("reads").len(), 1);
}

fn many_writers_leave_no_holes(journal: &dyn Journal) {
    let numbers = std::thread::scope(|scope| {
        let write = |run: usize| {
            move || (0..25).map(|seq| written(journal, entry(&format!("r{run}"), seq, "x")).batch).collect()
        };
        let writers: Vec<_> = (0..8).map(|run| scope.spawn(write(run))).collect();
        writers.into_iter().flat_map(|writer| -> Vec<u64> { writer.join().expect("writes") }).collect()
    });
    let mut numbers: Vec<u64> = numbers;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<u64>>());
}

fn scans_page_both_ways(journal: &dyn Journal) {
    let put_all = (0..5).flat_map(|number| put(Table::Index, &format!("k{number}"), "v").writes).collect();
    written(journal, Batch { writes: put_all, ..Batch::default() });
    let scan = |after: Option<&str>, before: Option<&str>, backwards: bool| {
        let bound = |key: &str| key.as_bytes().to_vec();
        let scan = Scan {
            after: after.map(bound),
            before: before.map(bound),
            limit: 2,
            backwards,
            ..Scan::default()
        };
        keys(&journal.scan(Table::Index, &scan).expect("reads"))
    };
    assert_eq!(scan(None, None, false), ["k0", "k1"]);
    assert_eq!(scan(Some("k1"), None, false), ["k2", "k3"]);
    assert_eq!(scan(Some("k3"), None, false), ["k4"]);
    assert_eq!(scan(None, None, true), ["k4", "k3"]);
    assert_eq!(scan(None, Some("k3"), true), ["k2", "k1"]);
    assert_eq!(scan(Some("k0"), Some("k2"), true), ["k1"]);
    assert_eq!(scan(Some("k2"), Some("k1"), false), [""; 0]);
    assert_eq!(scan(Some("k0a"), Some("k1a"), false), ["k1"]);
}

fn scans_stay_in_prefix(journal: &dyn Journal) {
    let mut writes = Vec::new();
    for (table, key) in [
        (Table::Index, &b"run/a"[..]),
        (Table::Index, b"run/b"),
        (Table::Index, b"run\xff"),
        (Table::Index, b"run\xff\xff"),
        (Table::Index, b"ruo"),
        (Table::Dedupe, b"run/c"),
        (Table::Record, b"run/d"),
        (Table::Index, b"\xff\xff"),
    ] {
        writes.push(RowWrite { table, key: key.to_vec(), value: Some(b"v".to_vec()) });
    }
    written(journal, Batch { writes, ..Batch::default() });
    let count = |prefix: &[u8], backwards: bool| {
        let scan = Scan { prefix: prefix.to_vec(), backwards, ..Scan::default() };
        journal.scan(Table::Index, &scan).expect("reads").len()
    };
    for backwards in [false, true] {
        assert_eq!(count(b"run/", backwards), 2);
        assert_eq!(count(b"run\xff", backwards), 2);
        assert_eq!(count(b"\xff", backwards), 1);
        assert_eq!(count(b"", backwards), 6);
        assert_eq!(count(b"absent", backwards), 0);
    }
}

fn timers_come_due_first(journal: &dyn Journal) {
    for (due, name) in [(300_u64, "c"), (2, "a"), (70_000, "d"), (255, "b")] {
        let key = [&due.to_be_bytes()[..], name.as_bytes()].concat();
        let write = RowWrite { table: Table::Timer, key, value: Some(name.as_bytes().to_vec()) };
        written(journal, Batch { writes: vec![write], ..Batch::default() });
    }
    let before = Some(301_u64.to_be_bytes().to_vec());
    let due = journal.scan(Table::Timer, &Scan { before, ..Scan::default() }).expect("reads");
    let names: Vec<&[u8]> = due.iter().map(|row| row.value.as_slice()).collect();
    assert_eq!(names, [b"a", b"b", b"c"]);
}

fn blobs_are_stored_once(journal: &dyn Journal) {
    let payload = vec![7_u8; 40_000];
    let digest = Digest::of(&payload).hex();
    let batch = Batch { blobs: vec![(digest.clone(), payload.clone())], ..Batch::default() };
    written(journal, batch.clone());
    written(journal, batch);
    assert_eq!(journal.blob(&digest).expect("reads"), Some(payload));
    assert_eq!(journal.blob("absent").expect("reads"), None);
    assert_eq!(journal.verify().expect("reads").broken_at, None);
}

/// One transition may conclude thousands of things, and its skeleton names them all.
fn long_skeletons_come_back(journal: &dyn Journal) {
    let lengths = [0, 1, 254, 255, 256, 257, 5_000, 70_000];
    let entry = |length: usize| Content { skeleton: vec![7; length], payload: b"payload".to_vec() };
    let entries: Vec<Content> = lengths.into_iter().map(entry).collect();
    let append =
        Append { instance: InstanceId::run("a"), expected: 0, entries: entries.clone(), snapshot: None };
    written(journal, Batch { appends: vec![append], ..Batch::default() });
    let read = all_entries(journal, &InstanceId::run("a")).expect("reads");
    assert!(read.into_iter().map(|(_, content)| content).eq(entries));
    assert_eq!(journal.verify().expect("reads").broken_at, None);
}

fn load_begins_at_the_last_snapshot(journal: &dyn Journal) {
    let run = InstanceId::run("a");
    let batch = |append| Batch { appends: vec![append], ..Batch::default() };
    let loaded = || journal.load(&run).expect("reads").expect("is there");
    written(journal, batch(append("a", 0, &["1", "2"])));
    written(journal, batch(append_with_state("a", 2, &["3"])));
    let snapshot = Snapshot { seq: 3, state: b"state of a after 3".to_vec() };
    assert_eq!((loaded().seq, loaded().snapshot, loaded().tail), (3, Some(snapshot.clone()), Vec::new()));
    written(journal, batch(append("a", 3, &["4", "5"])));
    let tail = vec![(4, content("4")), (5, content("5"))];
    assert_eq!((loaded().seq, loaded().snapshot, loaded().tail), (5, Some(snapshot), tail));
    written(journal, batch(append_with_state("a", 5, &["6"])));
    assert_eq!(loaded().snapshot.map(|snapshot| snapshot.seq), Some(6));
    assert_eq!(journal.entries(&run, 0, 0).expect("reads").len(), 6, "the log is whole");
    assert_eq!(journal.verify().expect("reads").broken_at, None);
}

fn tail_is_what_lies_behind(journal: &dyn Journal) {
    let batch = |append| Batch { appends: vec![append], ..Batch::default() };
    let first = written(journal, batch(append("a", 0, &["1"]))).tail;
    let second = written(journal, batch(append("a", 1, &["2", "3"]))).tail;
    assert!(0 < first && first < second, "{first} {second}");
    let bytes = || journal.load(&InstanceId::run("a")).expect("reads").expect("is there").bytes;
    assert_eq!(bytes(), second);
    assert_eq!(written(journal, batch(append_with_state("a", 3, &["4"]))).tail, 0);
    assert_eq!(bytes(), 0);
    assert!(written(journal, batch(append("a", 4, &["5"]))).tail > 0);
}

fn large_payloads_come_back(journal: &dyn Journal) {
    let large = |fill: u8| vec![fill; 20_000];
    let entry = |fill: u8| Content { skeleton: b"large".to_vec(), payload: large(fill) };
    let append = |expected: u64, fill: u8| Append {
        instance: InstanceId::run("a"),
        expected,
        entries: vec![entry(fill), content("small"), entry(fill)],
        snapshot: Some(large(fill + 1)),
    };
    for (expected, fill) in [(0, 1), (3, 2)] {
        written(journal, Batch { appends: vec![append(expected, fill)], ..Batch::default() });
        let stored = journal.load(&InstanceId::run("a")).expect("reads").expect("is there");
        let snapshot = Snapshot { seq: expected + 3, state: large(fill + 1) };
        assert_eq!((stored.seq, stored.snapshot), (expected + 3, Some(snapshot)));
    }
    let entries = all_entries(journal, &InstanceId::run("a")).expect("reads");
    assert_eq!(entries[3], (4, entry(2)));
    assert_eq!(entries[4], (5, content("small")));
    written(journal, Batch { appends: vec![append_with_state("a", 6, &["small"])], ..Batch::default() });
    assert_eq!(journal.verify().expect("reads").broken_at, None);
}

/// A store may keep one text once for many entries: whoever reads does not see it.
fn long_texts_come_back(journal: &dyn Journal) {
    let text = |fill: &str| format!("{{\"said\":\"{}\\\"\",\"again\":\"{0}\"}}", fill.repeat(900));
    let (body, other) = (text("ab"), text("cd"));
    for name in ["a", "a~dig.1.0", "a~dig.1.0~ask.1.1", "b"] {
        let long = append_with_state(name, 0, &[&body, "short", &other, &body]);
        let long = Append { snapshot: Some(other.clone().into_bytes()), ..long };
        written(journal, Batch { appends: vec![long], ..Batch::default() });
    }
    for name in ["a", "a~dig.1.0", "a~dig.1.0~ask.1.1", "b"] {
        let run = InstanceId::run(name);
        let read = all_entries(journal, &run).expect("reads");
        let due = [content(&body), content("short"), content(&other), content(&body)];
        assert!(read.into_iter().map(|(_, content)| content).eq(due), "{name}");
        let snapshot = journal.load(&run).expect("reads").and_then(|stored| stored.snapshot);
        assert_eq!(snapshot.map(|snapshot| snapshot.state), Some(other.clone().into_bytes()), "{name}");
    }
    assert_eq!(journal.verify().expect("reads").broken_at, None);
}

fn instances_are_listed(journal: &dyn Journal) {
    let of = |kind, name: &str| InstanceId { kind, name: name.to_owned() };
    let ids = [
        of(InstanceKind::Run, "a"),
        of(InstanceKind::Run, "a-b"),
        of(InstanceKind::Run, "ab"),
        of(InstanceKind::Run, "b"),
        of(InstanceKind::Schedule, "a"),
        of(InstanceKind::Proposal, "a"),
    ];
    for id in ids.iter().rev() {
        let appends = vec![Append { instance: id.clone(), ..append("", 0, &["x"]) }];
        written(journal, Batch { appends, ..Batch::default() });
    }
    assert_eq!(journal.instances(None, 0).expect("reads"), ids);
    assert_eq!(journal.instances(Some(&ids[1]), 2).expect("reads"), ids[2..4]);
    assert_eq!(journal.instances(Some(&InstanceId::run("aa")), 1).expect("reads"), ids[2..3]);
    assert_eq!(journal.instances(Some(&ids[5]), 0).expect("reads"), []);
}

fn chain_covers_every_batch(journal: &dyn Journal) {
    let empty = journal.verify().expect("reads");
    assert_eq!((empty.batches, empty.entries, empty.broken_at), (0, 0, None));
    let mut heads = vec![empty.head];
    for seq in 0..5 {
        written(journal, entry("a", seq, "same"));
        heads.push(journal.verify().expect("reads").head);
    }
    let report = journal.verify().expect("reads");
    assert_eq!((report.batches, report.entries, report.broken_at), (5, 5, None));
    heads.sort_unstable();
    heads.dedup();
    assert_eq!(heads.len(), 6, "every batch gives a new head");
}

fn empty_batch_gets_a_number(journal: &dyn Journal) {
    assert_eq!(written(journal, Batch::default()).batch, 1);
    assert_eq!(written(journal, entry("a", 0, "x")).batch, 2);
    assert_eq!(journal.verify().expect("reads").batches, 2);
}

fn last_write_counts(journal: &dyn Journal) {
    let mut batch = put(Table::Index, "k", "first");
    batch.writes.extend(put(Table::Index, "k", "second").writes);
    batch.writes.extend(put(Table::Index, "gone", "x").writes);
    batch.writes.extend(delete(Table::Index, "gone").writes);
    written(journal, batch);
    let rows = all_rows(journal, Table::Index).expect("reads");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].value, b"second");
    assert_eq!(journal.verify().expect("reads").broken_at, None);
}

fn counts_are_added_up(journal: &dyn Journal) {
    let change = |joins: &[&str], leaves: &[&str]| {
        let mut changes = CountChanges::default();
        joins.iter().for_each(|name| changes.join(name.as_bytes(), b"one more"));
        leaves.iter().for_each(|name| changes.leave(name.as_bytes(), b"one more"));
        Batch { counts: changes, ..Batch::default() }
    };
    let told = |prefix: &str| -> Vec<(String, u64)> {
        let counts = journal.counts(prefix.as_bytes()).expect("reads");
        let name = |group| String::from_utf8(group).expect("a text");
        counts
            .into_iter()
            .map(|found| (name(found.group), found.count.expect("it is read").members))
            .collect()
    };
    assert_eq!(told(""), []);
    written(journal, change(&["s/a", "s/a", "s/b", "t"], &[]));
    written(journal, change(&["s/b", "t"], &["s/a"]));
    let named = |names: &[(&str, u64)]| -> Vec<(String, u64)> {
        names.iter().map(|(name, members)| ((*name).to_owned(), *members)).collect()
    };
    assert_eq!(told(""), named(&[("s/a", 1), ("s/b", 2), ("t", 2)]));
    assert_eq!(told("s/"), named(&[("s/a", 1), ("s/b", 2)]));
    let counts = journal.counts(b"").expect("reads");
    assert_eq!(counts[1].count, counts[2].count, "equal members have equal digests");
    // A refused batch counts for nothing, and a group whose last member leaves is gone.
    let mut moved = change(&["t"], &[]);
    moved.guards.push(guard(Table::Host, "absent", 7));
    refused(journal, moved);
    written(journal, change(&[], &["s/a", "t", "t"]));
    assert_eq!(told(""), named(&[("s/b", 2)]));
}
