//! How long the lists are: counts that the store keeps with their rows, so that a list of a million tells its length at once.
//!
//! A list's rows lie in groups ([`rows::index::group_of`]); whoever puts or takes away such a row says so in the same batch. Runs that
//! are set aside count as nothing: their rows stay, and are looked for once for each set of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use adjutant_machine::{
    count::{Count, CountChanges},
    id::InstanceId,
    journal::{self, Batch, GroupCount, Journal, JournalError, RowWrite, Table},
};

use super::{Error, rows};

/// The counts of groups by their names.
pub(super) type Counts = BTreeMap<Vec<u8>, Count>;

/// What runs that are set aside would count for.
#[derive(Default)]
pub(super) struct SetAside {
    /// Who they are.
    pub(super) who: BTreeSet<InstanceId>,
    /// What they would count for.
    pub(super) counts: Arc<Counts>,
}

/// Makes sure that the lists are counted: a store of format 2 has no counts yet, and one that cannot be read is counted again.
/// Nothing else works yet.
pub(super) fn open(journal: &dyn Journal) -> Result<(), Error> {
    let is_begun = journal.row(Table::Host, rows::host::COUNTED)?.is_some();
    let stored = journal.counts(b"")?;
    if is_begun && stored.iter().all(|group| group.count.is_some()) {
        return Ok(());
    }
    if !is_begun {
        rename_live(journal)?;
    }
    let right = recounted(journal)?;
    let mut counts = CountChanges::default();
    for GroupCount { group, .. } in stored {
        counts.put_right(&group, Count::default());
    }
    for (group, right) in right {
        counts.put_right(&group, right);
    }
    let marker = RowWrite { table: Table::Host, key: rows::host::COUNTED.to_vec(), value: Some(Vec::new()) };
    journal.append(Batch { writes: vec![marker], counts, ..Batch::default() })?;
    Ok(())
}

/// Gives the rows of live runs the keys that they have since format 3. Each page is a batch of its own: what is left after a crash
/// is renamed by the next process.
fn rename_live(journal: &dyn Journal) -> Result<(), Error> {
    let mut writes = Vec::new();
    for row in journal::rows(journal, Table::Index, rows::index::LIVE_BEFORE) {
        let row = row?;
        let Some(key) = rows::index::live_from_before(&row.key, &row.value) else { continue };
        writes.push(RowWrite { table: Table::Index, key: row.key, value: None });
        writes.push(RowWrite { table: Table::Index, key, value: Some(Vec::new()) });
        if writes.len() >= journal::PAGE {
            journal.append(Batch { writes: std::mem::take(&mut writes), ..Batch::default() })?;
        }
    }
    journal.append(Batch { writes, ..Batch::default() })?;
    Ok(())
}

/// Counts the rows of all lists.
pub(super) fn recounted(journal: &dyn Journal) -> Result<Counts, JournalError> {
    let mut found = CountChanges::default();
    for row in journal::rows(journal, Table::Index, b"") {
        let row = row?;
        rows::index::group_of(&row.key).into_iter().for_each(|group| found.join(group, &row.key));
    }
    for row in journal::rows(journal, Table::Record, b"") {
        let row = row?;
        rows::record::group_of(&row.key).into_iter().for_each(|group| found.join(&group, &row.key));
    }
    Ok(found.iter().map(|change| (change.group.to_vec(), Count::default().after(&change))).collect())
}
