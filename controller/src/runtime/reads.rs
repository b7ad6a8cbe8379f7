//! What every room of the runtime reads of the store: states of runs, and whose children and branches there are.
//!
//! All of it blocks on the store and runs on the blocking pool.

use adjutant_machine::{
    codec,
    id::{EffectId, InstanceId, Stamp},
    journal::{self, Journal, JournalError, Row, Table},
    run::Run,
};

use super::{Error, core::Core, gone, rows};

/// The largest page of the store.
pub(super) const PAGE: usize = 1_000;

/// Counts a list without keeping any of it.
pub(super) fn counted<T, E: Into<Error>>(list: impl Iterator<Item = Result<T, E>>) -> Result<u64, Error> {
    list.map(|found| found.map_err(Into::into)).try_fold(0, |total, found| found.map(|_| total + 1))
}

/// Returns the live runs under a prefix of the index that are not set aside.
pub(super) fn live<'a>(core: &'a Core, prefix: &[u8]) -> impl Iterator<Item = Result<String, Error>> + 'a {
    let rows = journal::rows(core.journal.as_ref(), Table::Index, prefix);
    let run = |row: Result<Row, JournalError>| row.map(|row| rows::index::read(&row.key).map(|row| row.run));
    rows.map(run).filter_map(|run| match run {
        Ok(run) => run.filter(|run| !core.is_quarantined(run)).map(Ok),
        Err(error) => Some(Err(error.into())),
    })
}

/// Reads a run's state.
pub(super) fn load(core: &Core, id: &str) -> Result<Run, Error> {
    let instance = InstanceId::run(id);
    if let Some(found) = core.live().quarantined.get(&instance) {
        return Err(Error::Quarantined { id: id.to_owned(), reason: found.reason.clone() });
    }
    let run = read_state(core, &instance)?;
    if gone::has_left(core.journal.as_ref(), &run)? {
        return Err(missing(core.journal.as_ref(), &instance)?);
    }
    Ok(run)
}

/// Returns why a run cannot be read that is not there: it never was, or it was removed.
fn missing(journal: &dyn Journal, run: &InstanceId) -> Result<Error, JournalError> {
    let id = run.name.clone();
    let gone = gone::gone(journal, run)?;
    Ok(gone.map_or_else(|| Error::NotFound { what: "run", id: id.clone() }, |gone| gone.refusal(&id)))
}

/// Returns when a run began, also of one that was removed: a list that was begun before that goes on behind it.
pub(super) fn began(core: &Core, id: &str) -> Result<Stamp, Error> {
    match load(core, id) {
        Ok(run) => Ok(run.started_at),
        Err(error @ Error::Gone { .. }) => {
            let gone = gone::gone(core.journal.as_ref(), &InstanceId::run(id))?;
            gone.map(|gone| gone.began()).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// Returns whether there is a run, and says what became of one that is not there any more.
pub(super) fn exists(core: &Core, run: &InstanceId) -> Result<(), Error> {
    let is_there = core.journal.last(run)? > 0;
    match gone::gone(core.journal.as_ref(), run)? {
        None if is_there => Ok(()),
        _ => Err(missing(core.journal.as_ref(), run)?),
    }
}

/// Reads a run's state, whether it is set aside or not.
pub(super) fn read_state(core: &Core, instance: &InstanceId) -> Result<Run, Error> {
    let id = &instance.name;
    let stored = core.journal.load(instance).map_err(|error| damaged(id, error))?;
    let Some(stored) = stored else { return Err(missing(core.journal.as_ref(), instance)?) };
    codec::read_run(&stored).map_err(|error| Error::Quarantined { id: id.clone(), reason: error.to_string() })
}

/// Damage of one run is its own affair: it is set aside, and no list fails for it.
fn damaged(id: &str, error: JournalError) -> Error {
    match error {
        JournalError::Corrupt { problem, .. } => Error::Quarantined { id: id.to_owned(), reason: problem },
        other => other.into(),
    }
}

/// A child of a run.
pub(super) struct Child {
    /// The id of the child.
    pub(super) run: String,
    /// The effect of the parent that started it.
    pub(super) by: EffectId,
}

/// Returns the children of a run.
pub(super) fn children(journal: &dyn Journal, parent: &str) -> Result<Vec<Child>, JournalError> {
    let prefix = rows::index::children(parent);
    let mut found = Vec::new();
    for row in journal::rows(journal, Table::Index, &prefix) {
        let row = row?;
        let name = row.key.get(prefix.len()..).map(String::from_utf8_lossy);
        let effect = std::str::from_utf8(&row.value).ok().and_then(|text| text.parse().ok());
        if let Some((name, by)) = name.zip(effect) {
            found.push(Child { run: name.into_owned(), by });
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
