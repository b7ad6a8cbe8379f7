//! Read models: everything is read from rows and states, nothing is kept beside them, so a list is never stale.
//!
//! All of it blocks on the store and runs on the blocking pool.

mod after;
mod audit;
mod corrections;
mod label;
mod lists;
mod run;
mod spend;
mod whom;
mod why;

use std::collections::BTreeMap;

use super::{Error, core::Core, quarantine, rows, schedule::Stored};
use adjutant_machine::{
    id::{EffectId, InstanceId},
    journal::{Journal, JournalError, Row, Scan, Table},
    run::Run,
};

pub(super) use after::{after_retry, left_by_kill};
pub(super) use audit::audit;
pub(super) use corrections::{check_class, corrections};
pub use label::label;
pub(super) use lists::{dead, gate, inbox, live_runs, records, runs, slots, status};
pub(super) use run::{log, run, run_at};
pub(super) use spend::{month, spend};
pub use whom::{in_words, whom};
pub(super) use why::why;

/// The largest page of the store.
const PAGE: usize = 1_000;

/// Reads all rows under a prefix, page by page, until the visitor has enough.
fn each(
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

/// Returns the first live run under a prefix of the index that is not set aside.
pub(super) fn first_live(core: &Core, prefix: &[u8]) -> Result<Option<String>, Error> {
    let mut found = None;
    each(core.journal.as_ref(), Table::Index, prefix, |row| {
        let run = rows::index::told(&row.key).map(|told| told.run);
        found = run.filter(|run| !core.is_quarantined(run));
        Ok(found.is_none())
    })?;
    Ok(found)
}

/// Reads a run's state.
pub(super) fn load(core: &Core, id: &str) -> Result<Run, Error> {
    let instance = InstanceId::run(id);
    if let Some(found) = core.live().quarantined.get(&instance) {
        return Err(Error::Quarantined { id: id.to_owned(), reason: found.reason.clone() });
    }
    read_state(core, &instance)
}

/// Reads a run's state, whether it is set aside or not.
fn read_state(core: &Core, instance: &InstanceId) -> Result<Run, Error> {
    let id = &instance.name;
    let stored = core.journal.load(instance).map_err(|error| damaged(id, error))?;
    let stored = stored.ok_or_else(|| Error::NotFound { what: "run", id: id.clone() })?;
    let run = quarantine::decode(id, &stored.state)?;
    if run.seq != stored.seq {
        let reason = format!("its state is at {}, its log at {}", run.seq, stored.seq);
        return Err(Error::Quarantined { id: id.clone(), reason });
    }
    Ok(run)
}

/// Damage of one run is its own affair: it is set aside, and no list fails for it.
fn damaged(id: &str, error: JournalError) -> Error {
    match error {
        JournalError::Corrupt { problem, .. } => Error::Quarantined { id: id.to_owned(), reason: problem },
        other => other.into(),
    }
}

/// Returns a run whose state, log and definition agree, whether it is set aside or not.
pub(super) fn check_run(core: &Core, instance: &InstanceId) -> Result<Run, Error> {
    let run = audit::folded(core, instance)?;
    let is_there = run.buried.is_some() || core.bundle(&run.bundle).is_ok_and(|bundle| bundle.is_some());
    if !is_there {
        let reason = format!("the store does not hold what it pins, bundle {}", run.bundle);
        return Err(Error::Quarantined { id: run.id, reason });
    }
    Ok(run)
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
    let (mut found, mut after) = (BTreeMap::new(), None);
    loop {
        let scan = Scan { prefix: prefix.to_vec(), after: after.take(), limit: PAGE, ..Scan::default() };
        let page = journal.scan(Table::Host, &scan)?;
        for row in &page {
            let name = String::from_utf8_lossy(row.key.get(prefix.len()..).unwrap_or_default()).into_owned();
            match serde_json::from_slice(&row.value) {
                Ok(stored) => drop(found.insert(name, stored)),
                // One bad row stops no other schedule; the next activation arms this one anew.
                Err(error) => {
                    tracing::error!(schedule = name, %error, "the row of a schedule is not readable")
                }
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
            _ => return Ok(found),
        }
    }
}
