//! Everything that a store holds, read page by page: what two stores are compared by.

use crate::{
    id::InstanceId,
    journal::{Content, GroupCount, Journal, JournalError, Row, Scan, Stored, Table},
};

/// Entries with their sequence numbers.
pub type Entries = Vec<(u64, Content)>;

/// Everything that can be read from a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// Each instance as it is loaded, and with all its entries.
    pub instances: Vec<(InstanceId, Stored, Entries)>,
    /// Each table with its rows.
    pub tables: Vec<(Table, Vec<Row>)>,
    /// The count of each group that has members.
    pub counts: Vec<GroupCount>,
    /// How many batches and entries a check of the chain found, and the first that is broken.
    pub chain: (u64, u64, Option<u64>),
}

/// The tables whose rows two stores are compared by: all there are.
pub const TABLES: [Table; 8] = [
    Table::Outbox,
    Table::Timer,
    Table::Index,
    Table::Record,
    Table::Ledger,
    Table::Dedupe,
    Table::Admission,
    Table::Host,
];

/// Reads everything, page by page.
///
/// # Errors
/// What the store answers.
pub fn dump(journal: &dyn Journal) -> Result<Dump, JournalError> {
    let mut instances = Vec::new();
    for id in all_instances(journal)? {
        let Some(stored) = journal.load(&id)? else { continue };
        // What it takes on a disk is each store's own affair.
        let stored = Stored { bytes: 0, ..stored };
        let entries = all_entries(journal, &id)?;
        instances.push((id, stored, entries));
    }
    let tables = TABLES.into_iter().map(|table| Ok((table, all_rows(journal, table)?)));
    let tables = tables.collect::<Result<_, JournalError>>()?;
    let chain = journal.verify()?;
    let counts = journal.counts(b"")?;
    Ok(Dump { instances, tables, counts, chain: (chain.batches, chain.entries, chain.broken_at) })
}

fn all_instances(journal: &dyn Journal) -> Result<Vec<InstanceId>, JournalError> {
    let mut all: Vec<InstanceId> = Vec::new();
    loop {
        let more = journal.instances(all.last(), 0)?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}

pub(super) fn all_entries(journal: &dyn Journal, id: &InstanceId) -> Result<Entries, JournalError> {
    let mut all: Entries = Vec::new();
    loop {
        let more = journal.entries(id, all.last().map_or(0, |(seq, _)| seq + 1), 0)?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}

pub(super) fn all_rows(journal: &dyn Journal, table: Table) -> Result<Vec<Row>, JournalError> {
    let mut all: Vec<Row> = Vec::new();
    loop {
        let after = all.last().map(|row| row.key.clone());
        let more = journal.scan(table, &Scan { after, ..Scan::default() })?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}
