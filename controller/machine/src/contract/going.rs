//! The promises about what retention lets go.

use super::batches::{append, append_with_state, content, entry, refused, written};
use crate::{
    id::InstanceId,
    journal::{Batch, Journal, JournalError, Removal, Trim},
};

pub(super) fn trims_keep_the_chain(journal: &dyn Journal) {
    written(
        journal,
        Batch { appends: vec![append_with_state("a", 0, &["1", "2", "3"])], ..Batch::default() },
    );
    written(journal, entry("a", 3, "4"));
    written(journal, entry("a0", 0, "neighbour"));
    let trim =
        |through| Batch { trims: vec![Trim { instance: InstanceId::run("a"), through }], ..Batch::default() };
    // What lies behind the snapshot is the only home of what it says.
    assert!(matches!(refused(journal, trim(4)), JournalError::Conflict { expected: 4, found: 3, .. }));
    written(journal, trim(2));
    written(journal, trim(1));
    let left = journal.entries(&InstanceId::run("a"), 0, 0).expect("reads");
    assert_eq!(left, [(3, content("3")), (4, content("4"))]);
    let stored = journal.load(&InstanceId::run("a")).expect("reads").expect("is there");
    assert_eq!((stored.seq, stored.tail), (4, vec![(4, content("4"))]));
    assert_eq!(journal.entries(&InstanceId::run("a0"), 0, 0).expect("reads").len(), 1);
    written(journal, entry("a", 4, "5"));
    let report = journal.verify().expect("reads");
    assert_eq!((report.batches, report.entries, report.broken_at), (6, 6, None));
}

pub(super) fn removals_keep_the_chain(journal: &dyn Journal) {
    let long = "a long text that a run and its branch share: ".repeat(400);
    for name in ["a", "a~dig.1.0", "b"] {
        let appends = vec![append_with_state(name, 0, &["1", &long])];
        written(journal, Batch { appends, ..Batch::default() });
    }
    let run = |name: &str| InstanceId::run(name);
    let removal = |name: &str, last| Batch {
        removals: vec![Removal { instance: run(name), last }],
        ..Batch::default()
    };
    for (name, last) in [("a", 1), ("a", 3), ("c", 0), ("c", 1)] {
        assert!(matches!(refused(journal, removal(name, last)), JournalError::Conflict { .. }), "{name}");
    }
    let both = Batch { appends: vec![append("b", 2, &["3"])], ..removal("b", 2) };
    assert!(matches!(refused(journal, both), JournalError::Conflict { .. }), "it is wanted");
    let twice =
        Batch { removals: [removal("b", 2).removals, removal("b", 2).removals].concat(), ..Batch::default() };
    assert!(matches!(refused(journal, twice), JournalError::Conflict { .. }));
    assert!(
        matches!(refused(journal, removal("a", 2)), JournalError::Conflict { .. }),
        "its branch is there"
    );
    written(journal, removal("a~dig.1.0", 2));
    assert_eq!(journal.entries(&run("a"), 0, 0).expect("reads").len(), 2, "what they share is still there");
    written(journal, removal("a", 2));
    journal.tidy().expect("it is tidied");
    assert_eq!(journal.instances(None, 0).expect("reads"), [run("b")]);
    for name in ["a", "a~dig.1.0"] {
        assert_eq!(journal.load(&run(name)).expect("reads"), None);
        assert_eq!(journal.entries(&run(name), 0, 0).expect("reads"), []);
        assert_eq!(journal.last(&run(name)).expect("reads"), 2, "its name is not given again");
        for expected in [0, 2] {
            let again = Batch { appends: vec![append(name, expected, &["x"])], ..Batch::default() };
            assert!(matches!(refused(journal, again), JournalError::Conflict { found: 2, .. }));
        }
        assert!(matches!(refused(journal, removal(name, 2)), JournalError::Conflict { .. }));
    }
    let stored = journal.load(&run("b")).expect("reads").expect("is there");
    assert_eq!((stored.seq, journal.entries(&run("b"), 0, 0).expect("reads").len()), (2, 2));
    let report = journal.verify().expect("reads");
    assert_eq!((report.batches, report.entries, report.broken_at), (5, 6, None));
}
