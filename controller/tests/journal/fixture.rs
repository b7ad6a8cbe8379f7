//! Stores that earlier builds wrote: this build reads each of them as it was written, and one that a newer build wrote is left alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use adjutant_machine::{
    chain::Digest,
    contract::{TABLES, append, append_with_state, dump},
    count::CountChanges,
    id::InstanceId,
    journal::{Append, Batch, Content, Journal, Removal, RowWrite, Trim},
    memory::MemoryJournal,
};

use crate::folder::{copy, empty, open};

/// Bytes that nothing makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let block = |number: usize| Digest::of(&number.to_be_bytes()).0;
    (0..length.div_ceil(32)).flat_map(block).take(length).collect()
}

/// Every kind of thing that a store holds: short and long entries, long texts that entries share, with and without snapshots, small, packed and large, rows of
/// every table, a row that went, a payload, and entries that were let go.
fn acts() -> Vec<Batch> {
    let batch = |appends: Vec<Append>| Batch { appends, ..Batch::default() };
    let entry = |payload: Vec<u8>| Content { skeleton: b"skeleton".to_vec(), payload };
    let sentence =
        br#"{"fact":"effect_moved","life":{"attempt":1,"attempts":3,"doubt":[],"phase":{"phase":"leased"}}}"#;
    let large = Append {
        instance: InstanceId::run("large"),
        expected: 0,
        entries: vec![entry(noise(17_000)), entry(sentence.repeat(3)), entry(Vec::new())],
        snapshot: Some(noise(16_500)),
    };
    let mail = format!("{{\"mail\":\"{}\"}}", Digest::of(b"mail").hex().repeat(40)).into_bytes();
    let mails = ["mails", "mails~sort.1.0"].map(|name| Append {
        instance: InstanceId::run(name),
        expected: 0,
        entries: vec![entry(mail.clone()), entry([&mail[..], &mail].concat())],
        snapshot: Some(mail.clone()),
    });
    let rows = TABLES.into_iter().flat_map(|table| {
        let write = |key: &[u8], value: Option<&[u8]>| RowWrite {
            table,
            key: key.to_vec(),
            value: value.map(<[u8]>::to_vec),
        };
        [write(b"stays", Some(b"value")), write(b"goes", Some(b"value")), write(b"goes", None)]
    });
    let blobs = vec![(Digest::of(b"payload").hex(), b"payload".to_vec())];
    let trims = vec![Trim { instance: InstanceId::run("a"), through: 2 }];
    vec![
        batch(vec![append("a", 0, &["one", "two"]), append("b", 0, &["one"])]),
        batch(vec![append_with_state("a", 2, &["three"])]),
        batch(vec![append("a", 3, &["four"])]),
        batch(vec![large]),
        batch(mails.into()),
        Batch { writes: rows.collect(), blobs, ..Batch::default() },
        Batch { trims, ..Batch::default() },
    ]
}

/// What a store of format 3 holds beside it.
fn counted() -> Batch {
    let mut counts = CountChanges::default();
    counts.join(b"s\0running\0", b"a");
    counts.join(b"s\0running\0", b"b");
    counts.join(b"g\0", b"a.ask.1");
    Batch { counts, ..Batch::default() }
}

/// What a store of format 4 holds beside it: an instance that was let go.
fn gone() -> Batch {
    Batch { removals: vec![Removal { instance: InstanceId::run("b"), last: 1 }], ..Batch::default() }
}

fn played(journal: &dyn Journal, acts: Vec<Batch>) {
    for batch in acts {
        journal.append(batch).expect("it is written");
    }
}

fn fixture(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/journal/fixtures/format-{format}"))
}

/// Opens a copy of a fixture, and compares it with a model of what was written; then both go on from there.
fn is_read_as_it_was_written(format: u32, acts: Vec<Batch>) {
    let model = MemoryJournal::new();
    played(&model, acts);
    let folder = copy(&fixture(format));
    let journal = open(folder.path()).unwrap();
    assert_eq!(dump(&journal).unwrap(), dump(&model).unwrap());
    let more = || Batch { appends: vec![append("a", 4, &["five"])], ..counted() };
    journal.append(more()).unwrap();
    model.append(more()).unwrap();
    assert_eq!(dump(&journal).unwrap(), dump(&model).unwrap());
    assert_eq!(journal.verify().unwrap().broken_at, None);
    drop(journal);
    // It has this build's format from now on: an older one would not keep the counts.
    let journal = open(folder.path()).unwrap();
    assert_eq!(dump(&journal).unwrap(), dump(&model).unwrap());
}

#[test]
fn a_store_of_format_2_is_read_as_it_was_written() {
    is_read_as_it_was_written(2, acts());
}

#[test]
fn a_store_of_format_3_is_read_as_it_was_written() {
    is_read_as_it_was_written(3, acts().into_iter().chain([counted()]).collect());
}

#[test]
fn a_store_of_format_4_is_read_as_it_was_written() {
    let acts = || acts().into_iter().chain([counted(), gone()]).collect();
    if option_env!("ADJUTANT_WRITE_FIXTURES").is_some() {
        let folder = empty();
        let journal = open(folder.path()).unwrap();
        played(&journal, acts());
        journal.backup(&fixture(4)).unwrap();
        // RocksDB opens without its options: they would be most of the fixture.
        let files = fs::read_dir(fixture(4).join("store")).unwrap().map(|file| file.unwrap().path());
        let is_options = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().starts_with("OPTIONS");
        files.filter(is_options).for_each(|file| fs::remove_file(file).unwrap());
    }
    is_read_as_it_was_written(4, acts());
}
