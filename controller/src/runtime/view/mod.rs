//! Read models: everything is read from rows and states, nothing is kept beside them, so a list is never stale.
//!
//! All of it blocks on the store and runs on the blocking pool.

mod audit;
mod corrections;
mod deliveries;
mod lists;
mod run;
mod spend;
mod why;

use std::collections::BTreeMap;

use super::{Error, core::Core, rows, schedule::Stored};
use adjutant_machine::{
    codec,
    id::{EffectId, InstanceId},
    journal::{Journal, JournalError, Row, Scan, Table},
    run::Run,
};

pub(super) use audit::audit;
pub(super) use corrections::{check_class, corrections};
pub(super) use deliveries::{deliveries, delivery, delivery_line, kept, open_deliveries};
pub(super) use lists::{dead, gate, inbox, live_runs, records, runs, slots, status};
pub(super) use run::{log, run, run_at};
pub(super) use spend::spend;
pub(super) use why::why;

/// The largest page of the store.
const PAGE: usize = 1_000;

/// Reads all rows under a prefix, page by page, until the visitor has enough.
pub(super) fn each(
    journal: &dyn Journal,
    table: Table,
    prefix: &[u8],
    mut visit: impl FnMut(Row) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut after = None;
    loop {
        let scan = Scan { prefix: prefix.to_vec(), after: after.take(), limit: PAGE, ..Scan::default() };
        let page = journal.scan(table, &scan)?;
        let is_full = page.len() == PAGE;
        after = page.last().map(|row| row.key.clone());
        for row in page {
            if !visit(row)? {
                return Ok(());
            }
        }
        if !is_full {
            return Ok(());
        }
    }
}

/// Reads a run's state.
pub(super) fn load(core: &Core, id: &str) -> Result<Run, Error> {
    let instance = InstanceId::run(id);
    if let Some(found) = core.live().quarantined.get(&instance) {
        return Err(Error::Quarantined { id: id.to_owned(), reason: found.reason.clone() });
    }
    let stored = core.journal.load(&instance)?;
    let stored = stored.ok_or_else(|| Error::NotFound { what: "run", id: id.to_owned() })?;
    codec::decode_run(&stored.state)
        .map_err(|error| Error::Quarantined { id: id.to_owned(), reason: error.to_string() })
}

/// Returns the children of a run with the effect that started each.
pub(super) fn children(journal: &dyn Journal, parent: &str) -> Result<Vec<(String, EffectId)>, JournalError> {
    let prefix = rows::index::children(parent);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan { prefix: prefix.clone(), after: after.take(), limit: PAGE, ..Scan::default() };
        let page = journal.scan(Table::Index, &scan)?;
        for row in &page {
            let name = row.key.get(prefix.len()..).map(String::from_utf8_lossy);
            let effect = std::str::from_utf8(&row.value).ok().and_then(|text| text.parse().ok());
            if let Some((name, effect)) = name.zip(effect) {
                found.push((name.into_owned(), effect));
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
            _ => return Ok(found),
        }
    }
}

/// Returns the stored schedules by the oldest id of their playbook.
pub(super) fn schedules(journal: &dyn Journal) -> Result<BTreeMap<String, Stored>, JournalError> {
    let prefix = rows::host::SCHEDULES;
    let scan = Scan { prefix: prefix.to_vec(), limit: PAGE, ..Scan::default() };
    let mut found = BTreeMap::new();
    for row in journal.scan(Table::Host, &scan)? {
        let name = String::from_utf8_lossy(&row.key[prefix.len()..]).into_owned();
        let stored = serde_json::from_slice(&row.value).map_err(|error| JournalError::Corrupt {
            place: format!("the schedule of \"{name}\""),
            problem: error.to_string(),
        })?;
        found.insert(name, stored);
    }
    Ok(found)
}
