//! Read models: everything is read from rows and states, nothing is kept beside them, so a list is never stale.
//!
//! All of it blocks on the store and runs on the blocking pool.

mod audit;
mod corrections;
mod lists;
mod run;
mod spend;
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

pub(super) use audit::audit;
pub(super) use corrections::{check_class, corrections};
pub(super) use lists::{dead, gate, inbox, live_runs, records, runs, slots, status};
pub(super) use run::{log, run, run_at};
pub(super) use spend::spend;
pub(super) use why::why;

/// The most characters of a value that a refusal shows.
const MOST_SHOWN: usize = 80;

/// The largest page of the store.
const PAGE: usize = 1_000;

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

/// Returns the stored schedules by the oldest id of their playbook.
pub(super) fn schedules(journal: &dyn Journal) -> Result<BTreeMap<String, Stored>, JournalError> {
    let prefix = rows::host::SCHEDULES;
    let mut found = BTreeMap::new();
    for row in journal::rows(journal, Table::Host, prefix) {
        let row = row?;
        let name = String::from_utf8_lossy(&row.key[prefix.len()..]).into_owned();
        let stored = serde_json::from_slice(&row.value).map_err(|error| JournalError::Corrupt {
            place: format!("the schedule of \"{name}\""),
            problem: error.to_string(),
        })?;
        found.insert(name, stored);
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
