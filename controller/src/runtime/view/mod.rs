//! Read models: everything is read from rows and states, nothing is kept beside them, so a list is never stale.
//!
//! All of it blocks on the store and runs on the blocking pool.

mod after;
mod audit;
mod corrections;
mod deliveries;
mod headline;
mod label;
mod lists;
mod origin;
mod run;
mod said;
mod spend;
mod story;
mod whom;
mod why;

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, core::Core, identity::NewRun, rows, schedule::Stored};
use adjutant_machine::{
    codec,
    event::Labelled,
    id::{EffectId, InstanceId},
    journal::{self, Journal, JournalError, Table},
    run::Run,
};

pub(super) use after::{after_retry, left_by_kill};
pub(super) use audit::audit;
pub(super) use corrections::{check_class, corrections};
pub(super) use deliveries::{deliveries, delivery, delivery_line, kept, open_deliveries};
pub use headline::{Headline, RECORD_WRITE, headline};
pub use label::label;
pub use lists::LIVE;
pub(super) use lists::{dead, gate, inbox, live_runs, records, runs, slots, status};
pub(super) use run::{calls, log, run, run_at};
pub use spend::{BudgetView, MonthView, SpendView};
pub(super) use spend::{month, spend};
pub use whom::{in_words, whom};
pub(super) use why::why;

/// The most characters of a value that a refusal shows.
const MOST_SHOWN: usize = 80;

/// The largest page of the store.
const PAGE: usize = 1_000;

/// Counts a list without keeping any of it.
fn counted<T, E: Into<Error>>(list: impl Iterator<Item = Result<T, E>>) -> Result<u64, Error> {
    list.map(|found| found.map_err(Into::into)).try_fold(0, |total, found| found.map(|_| total + 1))
}

/// Returns the first live run under a prefix of the index that is not set aside.
pub(super) fn first_live(core: &Core, prefix: &[u8]) -> Result<Option<String>, Error> {
    for row in journal::rows(core.journal.as_ref(), Table::Index, prefix) {
        let run = rows::index::told(&row?.key).map(|told| told.run);
        if let Some(run) = run.filter(|run| !core.is_quarantined(run)) {
            return Ok(Some(run));
        }
    }
    Ok(None)
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
    codec::read_run(&stored).map_err(|error| Error::Quarantined { id: id.clone(), reason: error.to_string() })
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
    for row in journal::rows(journal, Table::Index, &prefix) {
        let row = row?;
        let name = row.key.get(prefix.len()..).map(String::from_utf8_lossy);
        let effect = std::str::from_utf8(&row.value).ok().and_then(|text| text.parse().ok());
        if let Some((name, effect)) = name.zip(effect) {
            found.push((name.into_owned(), effect));
        }
    }
    Ok(found)
}

/// Returns the names of the branches that a run began, or a branch.
pub(super) fn branches(journal: &dyn Journal, parent: &str) -> Result<Vec<String>, JournalError> {
    let prefix = rows::index::branches(parent);
    let mut found = Vec::new();
    for row in journal::rows(journal, Table::Index, &prefix) {
        let row = row?;
        found.extend(row.key.get(prefix.len()..).map(|name| String::from_utf8_lossy(name).into_owned()));
    }
    Ok(found)
}

/// Returns the stored schedules by the oldest id of their playbook.
pub(super) fn schedules(journal: &dyn Journal) -> Result<BTreeMap<String, Stored>, JournalError> {
    let prefix = rows::host::SCHEDULES;
    let mut found = BTreeMap::new();
    for row in journal::rows(journal, Table::Host, prefix) {
        let row = row?;
        let name = String::from_utf8_lossy(row.key.get(prefix.len()..).unwrap_or_default()).into_owned();
        match serde_json::from_slice(&row.value) {
            Ok(stored) => drop(found.insert(name, stored)),
            // One bad row stops no other schedule; the next activation arms this one anew.
            Err(error) => tracing::error!(schedule = name, %error, "the row of a schedule is not readable"),
        }
    }
    Ok(found)
}

/// Says how a wish differs from the run that its key means already. What was given there is shown to the operator only: a key
/// that was guessed tells nobody else what a run is about.
pub(super) fn other_wish(core: &Core, wish: &NewRun, (run, there, here): (&str, &str, &str)) -> String {
    let mut text = format!("key \"{}\" is run {run} with other inputs", wish.started.key);
    let known = load(core, run).ok();
    let known = known.as_ref().map(|known| &known.input);
    // Of a run that cannot be read now, or begins in this very moment, only the digests are told.
    let names: BTreeSet<&String> = known
        .iter()
        .flat_map(|input| input.keys())
        .chain(known.iter().flat_map(|_| wish.started.input.keys()))
        .collect();
    let value = |input: Option<&Labelled>| {
        input.map_or_else(
            || "nothing".to_owned(),
            |input| adjutant_spec::shown::excerpt(&input.value.to_string(), MOST_SHOWN),
        )
    };
    for name in names {
        let (old, new) = (known.and_then(|input| input.get(name)), wish.started.input.get(name));
        if old.map(|input| &input.value) == new.map(|input| &input.value) {
            continue;
        }
        if wish.by == "operator" {
            text.push_str(&format!("; {name} is {} there and {} here", value(old), value(new)));
        } else {
            text.push_str(&format!("; {name} differs"));
        }
    }
    format!("{text} (digest {there} there, {here} here)")
}
