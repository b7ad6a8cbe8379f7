//! Small batches, and what comes of them.

use super::dump::dump;
use crate::{
    id::InstanceId,
    journal::{Append, Batch, Content, Journal, JournalError, Receipt, RowWrite, Table},
};

/// Returns a batch with one entry of a run.
#[must_use]
pub fn entry(run: &str, expected: u64, text: &str) -> Batch {
    Batch { appends: vec![append(run, expected, &[text])], ..Batch::default() }
}

/// Returns what appends these entries to a run.
#[must_use]
pub fn append(run: &str, expected: u64, texts: &[&str]) -> Append {
    Append {
        instance: InstanceId::run(run),
        expected,
        entries: texts.iter().map(|text| content(text)).collect(),
        snapshot: None,
    }
}

/// As [`append`], with the state after it.
#[must_use]
pub fn append_with_state(run: &str, expected: u64, texts: &[&str]) -> Append {
    let state = format!("state of {run} after {}", texts.join(" ")).into_bytes();
    Append { snapshot: Some(state), ..append(run, expected, texts) }
}

/// Returns an entry whose skeleton tells its length.
#[must_use]
pub fn content(text: &str) -> Content {
    Content { skeleton: text.len().to_string().into_bytes(), payload: text.as_bytes().to_vec() }
}

/// Returns a batch that puts one row.
#[must_use]
pub fn put(table: Table, key: &str, value: &str) -> Batch {
    let value = Some(value.as_bytes().to_vec());
    Batch { writes: vec![RowWrite { table, key: key.as_bytes().to_vec(), value }], ..Batch::default() }
}

/// Returns a batch that deletes one row.
#[must_use]
pub fn delete(table: Table, key: &str) -> Batch {
    Batch { writes: vec![RowWrite { table, key: key.as_bytes().to_vec(), value: None }], ..Batch::default() }
}

/// Writes a batch that is accepted.
pub(super) fn written(journal: &dyn Journal, batch: Batch) -> Receipt {
    journal.append(batch).expect("the batch is accepted")
}

/// Returns why a batch is refused, which leaves no trace.
pub(super) fn refused(journal: &dyn Journal, batch: Batch) -> JournalError {
    let before = dump(journal).expect("the store can be read");
    let error = journal.append(batch).expect_err("the batch is refused");
    assert_eq!(dump(journal).expect("the store can be read"), before, "a refused batch left a trace");
    error
}
