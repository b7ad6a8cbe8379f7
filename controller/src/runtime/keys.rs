//! What a key means: one run, and one wish. It is decided in the batch that begins the run.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    event::{Envelope, Event, Labelled},
    id::InstanceId,
    journal::{Guard, JournalError, RowWrite, Table},
    verdict::Verdict,
};

use super::{
    Error,
    core::Core,
    draft::Draft,
    identity::{KeyRow, NewRun, Started},
    mailbox::{Job, Reply},
    reads, rows,
};

/// The most characters of a value that a refusal shows.
const MOST_SHOWN: usize = 80;

/// Begins a run, or finds the one that the key means; nothing where another instance decides, under a longer name.
pub(super) fn start(
    draft: &mut Draft<'_>,
    wish: &Arc<NewRun>,
    reply: &mut Reply<Started>,
) -> Result<Option<Result<Started, Error>>, JournalError> {
    let key = rows::dedupe::run(&wish.oldest, &wish.started.key);
    let own = draft.writes.iter().find(|write| write.table == Table::Dedupe && write.key == key);
    let known = match own.and_then(|write| write.value.clone()) {
        Some(value) => Some(value),
        None => draft.core.journal.row(Table::Dedupe, &key)?.map(|row| row.value),
    };
    if let Some(value) = known {
        let known: KeyRow = serde_json::from_slice(&value).map_err(|error| JournalError::Corrupt {
            place: format!("the key \"{}\" of playbook \"{}\"", wish.started.key, wish.oldest),
            problem: error.to_string(),
        })?;
        return Ok(Some(found(draft.core, wish, known)));
    }
    let name = draft.instance.name.clone();
    if draft.run.is_some() || draft.is_gone {
        let longer = wish.name(name.len() + 1 - wish.name(0).len());
        let job = Job::Start { wish: Arc::clone(wish), reply: reply.take() };
        draft.core.send(InstanceId::run(longer), job);
        return Ok(None);
    }
    let event = Event::RunStarted(Box::new(wish.named(&name)));
    let envelope = Envelope { at: draft.now, id: "start".to_owned(), by: wish.by.clone(), event };
    match draft.apply(&envelope)? {
        Verdict::Applied => {
            let row = KeyRow { run: name.clone(), meant: wish.meant.clone() };
            let value = serde_json::to_vec(&row).expect("a key's row has a JSON form");
            draft.guards.push(Guard { table: Table::Dedupe, key: key.clone(), version: 0 });
            draft.writes.push(RowWrite { table: Table::Dedupe, key, value: Some(value) });
            Ok(Some(Ok(Started { run: name, created: true })))
        }
        Verdict::Refused(refusal) => Ok(Some(Err(Error::invalid(refusal.to_string())))),
        other => Ok(Some(Err(Error::Bug(format!("a start was answered {other:?}"))))),
    }
}

/// Returns the run that a key means already; one key never means two things.
fn found(core: &Core, wish: &NewRun, known: KeyRow) -> Result<Started, Error> {
    match (&wish.meant, &known.meant) {
        (Some(given), Some(there)) if !given.is_same(there) => {
            let (run, there, here) = (&known.run, there.short(), given.short());
            let differs = other_wish(core, wish, run);
            let reason = format!("{differs} (digest {there} there, {here} here)");
            Err(Error::Conflict { reason })
        }
        _ => Ok(Started { run: known.run, created: false }),
    }
}

/// Says how a wish differs from the run that its key means already. What was given there is shown to the operator only: a key
/// that was guessed tells nobody else what a run is about.
fn other_wish(core: &Core, wish: &NewRun, run: &str) -> String {
    let mut text = format!("key \"{}\" is run {run} with other inputs", wish.started.key);
    let known = reads::load(core, run).ok();
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
    text
}
