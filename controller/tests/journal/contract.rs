//! Every promise of the seam, on the store on disk.

use adjutant_machine::{
    contract::{PROMISES, append_with_state, dump, entry, put},
    id::InstanceId,
    journal::{Batch, Journal, Table, Trim},
};

use crate::folder::{empty, open};

#[test]
fn keeps_the_contract() {
    for (name, promise) in PROMISES {
        let folder = empty();
        let journal = open(folder.path()).unwrap();
        let kept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| promise(&journal)));
        assert!(kept.is_ok(), "broken promise: {name}");
        let before = dump(&journal).unwrap();
        drop(journal);
        let after = dump(&open(folder.path()).unwrap()).unwrap();
        assert_eq!(before, after, "{name}: the next process reads something else");
    }
}

#[test]
fn the_next_process_goes_on_with_the_chain() {
    let folder = empty();
    for seq in 0..4 {
        let journal = open(folder.path()).unwrap();
        assert_eq!(journal.append(entry("a", seq, "x")).unwrap().batch, seq + 1);
    }
    let report = open(folder.path()).unwrap().verify().unwrap();
    assert_eq!((report.batches, report.entries, report.broken_at), (4, 4, None));
}

#[test]
fn a_trim_outlives_the_process() {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    for seq in 0..5 {
        let appends = vec![append_with_state("a", seq, &["x"])];
        journal.append(Batch { appends, ..Batch::default() }).unwrap();
    }
    let trims = vec![Trim { instance: InstanceId::run("a"), through: 3 }];
    journal.append(Batch { trims, ..Batch::default() }).unwrap();
    drop(journal);
    let journal = open(folder.path()).unwrap();
    assert_eq!(journal.entries(&InstanceId::run("a"), 0, 0).unwrap().len(), 2);
    assert_eq!(journal.verify().unwrap().broken_at, None);
}

#[test]
fn the_figures_tell_what_was_written() {
    let folder = empty();
    let journal = open(folder.path()).unwrap();
    journal.append(put(Table::Host, "k", "v")).unwrap();
    let stats = journal.stats().unwrap();
    assert_eq!((stats.batches, stats.groups, &stats.failed), (1, 1, &None));
    assert_eq!(stats.head, journal.verify().unwrap().head);
    assert!(stats.bytes > 0 && stats.files > 0 && stats.free > 0);
}

#[test]
fn a_copy_opens_with_everything_acknowledged() {
    let (folder, elsewhere) = (empty(), empty());
    let journal = open(folder.path()).unwrap();
    for seq in 0..50 {
        journal.append(entry("a", seq, "x")).unwrap();
    }
    let target = elsewhere.path().join("copy");
    let copied = journal.backup(&target).unwrap();
    assert_eq!((copied.chain.batches, copied.chain.broken_at), (50, None));
    assert!(journal.backup(&target).is_err(), "a copy is never overwritten");
    let before = dump(&journal).unwrap();
    journal.append(entry("a", 50, "later")).unwrap();
    assert_eq!(dump(&open(&target).unwrap()).unwrap(), before);
}
