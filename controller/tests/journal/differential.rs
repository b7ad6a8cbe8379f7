//! The store on disk and the store in memory answer alike, whatever comes.

use std::sync::mpsc::channel;

use adjutant::journal::RocksJournal;
use adjutant_machine::{
    chain::Digest,
    contract::{TABLES, dump},
    count::CountChanges,
    id::{InstanceId, InstanceKind},
    journal::{Append, Batch, Content, Guard, Journal, Receipt, Removal, RowWrite, Scan, Table, Trim},
    memory::MemoryJournal,
};
use proptest::prelude::*;

use crate::folder::{empty, open};

/// Whose, how far off the right sequence, the skeletons and payloads of the entries, and the snapshot.
type Appending = (InstanceId, i8, Vec<(Vec<u8>, Vec<u8>)>, Option<Vec<u8>>);

/// A batch in words that are made exact against the store's state: most are right, some are not.
#[derive(Debug, Clone)]
struct Wish {
    appends: Vec<Appending>,
    writes: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
    guards: Vec<(Table, Vec<u8>, bool)>,
    blobs: Vec<Vec<u8>>,
    trims: Vec<(InstanceId, i8)>,
    removals: Vec<(InstanceId, i8)>,
    /// Groups that a member joins or leaves.
    counts: Vec<(&'static str, bool, u8)>,
}

#[derive(Debug, Clone)]
enum Act {
    /// Submitted together, so that the writer may take them as one group.
    Together(Vec<Wish>),
    /// The process ends and the next one begins.
    Restart,
}

fn ids() -> impl Strategy<Value = InstanceId> {
    let others = "[ab]{1,2}".prop_map(|name| InstanceId { kind: InstanceKind::Breaker, name });
    let runs = prop::sample::select(vec!["a", "b", "ab", "a~dig.1.0", "a~dig.1.1", "a~dig.1.0~fan.1.0"])
        .prop_map(InstanceId::run);
    prop_oneof![1 => others, 2 => runs]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 16_000_usize..17_000).prop_map(|(fill, length)| vec![fill; length]),
        // Few different ones, so that runs and their branches share them.
        1 => (0_u8..3, 0..3_usize, 1_000_usize..1_050).prop_map(|(letter, times, length)| {
            let text = String::from(char::from(b'a' + letter)).repeat(length);
            format!("{{{}\"last\":\"\\\"\"}}", format!("\"long\":\"{text}\",").repeat(times)).into_bytes()
        }),
    ]
}

fn places() -> impl Strategy<Value = (Table, Vec<u8>)> {
    (
        prop::sample::select(TABLES.to_vec()),
        prop::collection::vec(prop::sample::select(vec![0, b'a', 0xFF]), 0..3),
    )
}

fn wishes() -> impl Strategy<Value = Wish> {
    let off = || prop_oneof![8 => Just(0_i8), 1 => Just(1), 1 => Just(-1)];
    let entry = (prop::collection::vec(any::<u8>(), 0..30), content());
    let snapshot = prop::option::weighted(0.3, content());
    let append = (ids(), off(), prop::collection::vec(entry, 0..3), snapshot);
    let write = (places(), prop::option::weighted(0.7, content()))
        .prop_map(|((table, key), value)| (table, key, value));
    let guard = (places(), prop::bool::weighted(0.9)).prop_map(|((table, key), right)| (table, key, right));
    let trim = (ids(), prop_oneof![Just(0_i8), Just(-1), Just(-2), Just(1)]);
    let removal = (ids(), prop_oneof![6 => Just(0_i8), 1 => Just(-1), 1 => Just(1)]);
    let few = 0..3_usize;
    (
        prop::collection::vec(append, few.clone()),
        prop::collection::vec(write, few.clone()),
        prop::collection::vec(guard, 0..2),
        prop::collection::vec(content(), 0..2),
        prop::collection::vec(trim, 0..2),
        prop::collection::vec(removal, 0..2),
        prop::collection::vec((prop::sample::select(vec!["s", "s\0a", "g"]), any::<bool>(), 0..4_u8), 0..4),
    )
        .prop_map(|(appends, writes, guards, blobs, trims, removals, counts)| Wish {
            appends,
            writes,
            guards,
            blobs,
            trims,
            removals,
            counts,
        })
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let together = prop::collection::vec(wishes(), 1..6).prop_map(Act::Together);
    prop::collection::vec(prop_oneof![6 => together, 1 => Just(Act::Restart)], 1..8)
}

fn scans() -> impl Strategy<Value = (Table, Scan)> {
    let key = || prop::option::of(prop::collection::vec(prop::sample::select(vec![0, b'a', 0xFF]), 0..3));
    (places(), key(), key(), 0..4_usize, any::<bool>()).prop_map(
        |((table, prefix), after, before, limit, backwards)| {
            (table, Scan { prefix, after, before, limit, backwards })
        },
    )
}

fn near(seq: u64, off: i8) -> u64 {
    seq.saturating_add_signed(off.into())
}

impl Wish {
    fn exact(self, model: &MemoryJournal) -> Batch {
        let last = |id: &InstanceId| model.load(id).unwrap().map_or(0, |stored| stored.seq);
        let version = |table, key: &[u8]| model.row(table, key).unwrap().map_or(0, |row| row.version);
        let mut counts = CountChanges::default();
        for (group, joins, member) in self.counts {
            let (group, member) = (group.as_bytes(), [member]);
            if joins { counts.join(group, &member) } else { counts.leave(group, &member) }
        }
        Batch {
            counts,
            appends: self
                .appends
                .into_iter()
                .map(|(instance, off, entries, snapshot)| Append {
                    expected: near(last(&instance), off),
                    instance,
                    entries: entries
                        .into_iter()
                        .map(|(skeleton, payload)| Content { skeleton, payload })
                        .collect(),
                    snapshot,
                })
                .collect(),
            writes: self
                .writes
                .into_iter()
                .map(|(table, key, value)| RowWrite { table, key, value })
                .collect(),
            guards: self
                .guards
                .into_iter()
                .map(|(table, key, right)| Guard {
                    version: version(table, &key) + u64::from(!right),
                    table,
                    key,
                })
                .collect(),
            blobs: self.blobs.into_iter().map(|bytes| (Digest::of(&bytes).hex(), bytes)).collect(),
            trims: self
                .trims
                .into_iter()
                .map(|(instance, off)| Trim { through: near(last(&instance), off), instance })
                .collect(),
            removals: self
                .removals
                .into_iter()
                .map(|(instance, off)| Removal { last: near(last(&instance), off), instance })
                .collect(),
        }
    }
}

fn answers(journal: &dyn Journal, batches: &[Batch]) -> Vec<String> {
    let (sender, receiver) = channel();
    for batch in batches {
        let sender = sender.clone();
        // What the tail takes on a disk is each store's own affair.
        let told = move |answer: Result<Receipt, _>| {
            sender.send(format!("{:?}", answer.map(|receipt| receipt.batch))).unwrap();
        };
        journal.submit(batch.clone(), Box::new(told));
    }
    drop(sender);
    receiver.iter().collect()
}

fn play(acts: Vec<Act>, scans: &[(Table, Scan)]) -> Result<(), TestCaseError> {
    let folder = empty();
    let model = MemoryJournal::new();
    let mut disk: RocksJournal = open(folder.path()).unwrap();
    for act in acts {
        match act {
            Act::Together(wishes) => {
                let batches: Vec<Batch> = wishes.into_iter().map(|wish| wish.exact(&model)).collect();
                prop_assert_eq!(answers(&disk, &batches), answers(&model, &batches));
            }
            Act::Restart => {
                drop(disk);
                disk = open(folder.path()).unwrap();
            }
        }
    }
    let (found, expected) = (dump(&disk).unwrap(), dump(&model).unwrap());
    prop_assert_eq!(&found, &expected);
    prop_assert_eq!(found.chain.2, None);
    for (table, scan) in scans {
        prop_assert_eq!(disk.scan(*table, scan).unwrap(), model.scan(*table, scan).unwrap(), "{:?}", scan);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn disk_and_memory_answer_alike(acts in acts(), scans in prop::collection::vec(scans(), 8)) {
        play(acts, &scans)?;
    }
}
