//! What a key means: one run, and one wish. It is decided in the batch that begins the run.

use std::sync::Arc;

use adjutant_machine::{
    event::{Envelope, Event},
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
    rows, view,
};

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
    if draft.run.is_some() {
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
            let reason = view::other_wish(core, wish, (&known.run, there.short(), given.short()));
            Err(Error::Conflict { reason })
        }
        _ => Ok(Started { run: known.run, created: false }),
    }
}
