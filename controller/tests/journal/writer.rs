//! The one writer: groups, refusals inside a group, closing.

use std::sync::{
    Arc,
    mpsc::{Receiver, Sender, channel},
};

use adjutant::journal::{Options, RocksJournal};
use adjutant_machine::{
    contract::{entry, put},
    id::InstanceId,
    journal::{Batch, Guard, Journal, JournalError, Receipt, Table},
};

use crate::folder::{empty, open};

type Answer = (usize, Result<Receipt, JournalError>);

/// Returns when the writer is busy with an answer; it is until what is returned is dropped.
fn busy(journal: &RocksJournal) -> Sender<()> {
    let (release, held) = channel();
    let (begun, begins) = channel();
    let answer = move |_| {
        begun.send(()).unwrap();
        held.recv().unwrap_or_default();
    };
    journal.submit(put(Table::Host, "first", "x"), Box::new(answer));
    begins.recv().unwrap();
    release
}

/// Submits batches so that they wait together: the writer is kept busy with an answer until all are queued.
fn as_one_group(journal: &RocksJournal, batches: Vec<Batch>) -> Receiver<Answer> {
    let release = busy(journal);
    let (sender, receiver) = channel();
    for (number, batch) in batches.into_iter().enumerate() {
        let sender = sender.clone();
        journal.submit(batch, Box::new(move |answer| sender.send((number, answer)).unwrap()));
    }
    drop(release);
    receiver
}

#[test]
fn what_waits_together_is_synced_together() {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    let batches = (0..300).map(|run| entry(&format!("r{run}"), 0, "x")).collect();
    let numbers: Vec<u64> =
        as_one_group(&journal, batches).iter().map(|(_, answer)| answer.unwrap().batch).collect();
    assert_eq!(numbers, (2..=301).collect::<Vec<_>>());
    assert_eq!(journal.stats().unwrap().groups, 2);
}

#[test]
fn a_conflict_refuses_one_batch_and_not_its_group() {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    let mut guarded = put(Table::Ledger, "day", "two");
    guarded.guards = vec![Guard { table: Table::Ledger, key: b"day".to_vec(), version: 0 }];
    let batches = vec![
        entry("a", 0, "one"),
        entry("a", 0, "late"),
        put(Table::Ledger, "day", "one"),
        guarded,
        entry("a", 1, "two"),
    ];
    let answers: Vec<Answer> = as_one_group(&journal, batches).iter().collect();
    let kept: Vec<usize> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(at, _)| *at).collect();
    assert_eq!(kept, [0, 2, 4]);
    assert!(matches!(answers[1].1, Err(JournalError::Conflict { expected: 0, found: 1, .. })));
    assert!(matches!(answers[3].1, Err(JournalError::Moved { expected: 0, found: 3, .. })));
    assert_eq!(journal.load(&InstanceId::run("a")).unwrap().unwrap().seq, 2);
    assert_eq!(journal.verify().unwrap().broken_at, None);
}

#[test]
fn closing_finishes_what_is_queued_and_refuses_the_rest() {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    let receiver = as_one_group(&journal, (0..20).map(|run| entry(&format!("r{run}"), 0, "x")).collect());
    journal.close();
    assert_eq!(receiver.iter().filter(|(_, answer)| answer.is_ok()).count(), 20);
    assert!(matches!(journal.append(entry("late", 0, "x")), Err(JournalError::Busy)));
    assert_eq!(journal.load(&InstanceId::run("r7")).unwrap().unwrap().seq, 1);
}

#[test]
fn the_last_owner_may_be_an_answer() {
    let folder = empty();
    let journal = Arc::new(open(folder.path()).unwrap());
    let (sender, receiver) = channel();
    let owner = Arc::clone(&journal);
    let (release, held): (Sender<()>, Receiver<()>) = channel();
    journal.submit(
        entry("a", 0, "x"),
        Box::new(move |_| {
            held.recv().unwrap_or_default();
            drop(owner);
            sender.send(()).unwrap();
        }),
    );
    drop(journal);
    drop(release);
    receiver.recv().unwrap();
}

#[test]
fn a_full_queue_holds_the_submitter_back() {
    let folder = empty();
    let options = Options { queue: 1, reserve: 0, ..Options::default() };
    let journal = RocksJournal::open(folder.path(), options).unwrap();
    let release = busy(&journal);
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for run in 0..3 {
                journal.submit(entry(&format!("r{run}"), 0, "x"), Box::new(|_| ()));
                sender.send(run).unwrap();
            }
        });
        // The writer is busy, one batch fits into the queue, the next waits until it is free.
        assert_eq!(receiver.recv(), Ok(0));
        assert!(receiver.try_recv().is_err());
        drop(release);
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
    });
}

#[test]
fn the_reserve_is_kept_beside_the_store() {
    let folder = empty();
    let journal = RocksJournal::open(folder.path(), Options::default()).unwrap();
    assert!(journal.stats().unwrap().reserve);
    assert_eq!(std::fs::metadata(folder.path().join("reserve")).unwrap().len(), 4 << 20);
}
