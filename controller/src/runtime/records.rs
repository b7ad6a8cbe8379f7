//! Business records: read, listed and written in the batch that carries the answer.
//!
//! The row's own version counts from 1 and is what playbooks see; the store's row version guards the write. Records of a run that
//! only observes are not written; its machine logs what it would have done.

use adjutant_machine::{
    call::{Call, Perform},
    event::{Basis, ErrorClass, Event, Finding},
    id::{EffectId, Stamp},
    journal::{self, Guard, Journal, JournalError, RowWrite, Table},
    records,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    deliveries::changes::{self, Written},
    draft::Draft,
    rows,
};

/// The most records that a list answers; more is an error, never a silent cut.
const MOST_LISTED: usize = 1_000;

/// A record as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) version: u64,
    pub(super) value: Value,
    pub(super) effect: Option<EffectId>,
    pub(super) step: Option<String>,
    pub(super) at: Stamp,
}

/// Performs a record call inside a draft and returns its answer.
pub(super) fn perform(draft: &mut Draft<'_>, perform: &Perform) -> Result<Event, JournalError> {
    let answer = match &*perform.call {
        Call::RecordRead { record, key } => read_one(draft, record, key)?,
        Call::RecordList { record, filter } => read_list(draft, record, filter)?,
        Call::RecordWrite { record, key, value, expect } => {
            write(draft, perform, &Write { record, key, value, expect: *expect })?
        }
        _ => {
            let message = "no record call".to_owned();
            Err(Unanswered { class: ErrorClass::Invalid, message })
        }
    };
    let (effect, attempt) = (perform.effect.clone(), perform.attempt);
    Ok(match answer {
        Ok(value) => Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null },
        Err(Unanswered { class, message }) => {
            Event::EffectFailed { effect, attempt, class, message, retry_after: None, cost: None }
        }
    })
}

/// Looks whether an effect has started a run: its row in the index is written in the batch that opens the run.
pub(super) fn find_child(draft: &Draft<'_>, probe: &EffectId, of: &EffectId) -> Result<Event, JournalError> {
    let children = super::reads::children(draft.core.journal.as_ref(), &of.run)?;
    let child = children.into_iter().find(|child| child.by == *of);
    let finding = child.map_or(Finding::DidNotHappen, |child| Finding::Happened(json!({ "run": child.run })));
    Ok(Event::EffectProbed { effect: probe.clone(), finding })
}

/// Returns the records of a basis that have moved since they were read, as they are now. What the run wrote itself is no surprise
/// to whoever approved it.
pub(super) fn moved(draft: &Draft<'_>, run: &str, basis: &[Basis]) -> Result<Vec<Basis>, JournalError> {
    let mut moved = Vec::new();
    for seen in basis {
        let found = current(draft, &seen.record, &seen.key)?.map(|found| found.record);
        let is_own = found.as_ref().and_then(|record| record.effect.as_ref()).is_some_and(|by| by.run == run);
        let version = found.map_or(0, |record| record.version);
        if version != seen.version && !is_own {
            moved.push(Basis { version, ..seen.clone() });
        }
    }
    Ok(moved)
}

/// What a record call answers.
type Answered = Result<Value, Unanswered>;

/// Why a record call has no answer.
struct Unanswered {
    class: ErrorClass,
    /// What is wrong, for people.
    message: String,
}

/// A record with what guards a write of it.
pub(super) struct Found {
    pub(super) record: Record,
    /// The version of its row; absent where this draft wrote it itself.
    row: Option<u64>,
}

/// Reads a stored record.
pub(super) fn load(journal: &dyn Journal, kind: &str, key: &str) -> Result<Option<Found>, JournalError> {
    let Some(row) = journal.row(Table::Record, &rows::record::of(kind, key))? else { return Ok(None) };
    Ok(Some(Found { record: parse(kind, key, &row.value)?, row: Some(row.version) }))
}

pub(super) fn parse(kind: &str, key: &str, bytes: &[u8]) -> Result<Record, JournalError> {
    serde_json::from_slice(bytes).map_err(|error| JournalError::Corrupt {
        place: format!("record {kind} \"{key}\""),
        problem: error.to_string(),
    })
}

/// Reads a record as this draft will leave it.
fn current(draft: &Draft<'_>, kind: &str, key: &str) -> Result<Option<Found>, JournalError> {
    let place = rows::record::of(kind, key);
    let own = draft.writes.iter().rev().find(|write| write.table == Table::Record && write.key == place);
    if let Some(bytes) = own.and_then(|write| write.value.as_ref()) {
        return Ok(Some(Found { record: parse(kind, key, bytes)?, row: None }));
    }
    load(draft.core.journal.as_ref(), kind, key)
}

fn read_one(draft: &Draft<'_>, kind: &str, key: &str) -> Result<Answered, JournalError> {
    let found = current(draft, kind, key)?.map(|found| found.record);
    Ok(Ok(found.map_or(Value::Null, |record| json!({ "value": record.value, "version": record.version }))))
}

fn read_list(draft: &Draft<'_>, kind: &str, filter: &Value) -> Result<Answered, JournalError> {
    let prefix = rows::record::kind(kind);
    let mut items = Vec::new();
    for row in journal::rows(draft.core.journal.as_ref(), Table::Record, &prefix) {
        let key = String::from_utf8_lossy(&row?.key[prefix.len()..]).into_owned();
        let Some(Found { record, .. }) = current(draft, kind, &key)? else { continue };
        if records::matches(&record.value, filter) {
            items.push(json!({ "key": key, "value": record.value, "version": record.version }));
        }
        if items.len() > MOST_LISTED {
            let message = format!("more than {MOST_LISTED} records of kind \"{kind}\" match");
            return Ok(Err(Unanswered { class: ErrorClass::Invalid, message }));
        }
    }
    Ok(Ok(json!({ "items": items })))
}

struct Write<'a> {
    record: &'a str,
    key: &'a str,
    value: &'a Value,
    expect: Option<u64>,
}

fn write(draft: &mut Draft<'_>, perform: &Perform, write: &Write<'_>) -> Result<Answered, JournalError> {
    let found = current(draft, write.record, write.key)?;
    let version = found.as_ref().map_or(0, |found| found.record.version);
    if write.expect.is_some_and(|expected| expected != version) {
        let expected = write.expect.unwrap_or_default();
        let message =
            format!("record {} \"{}\" is at version {version}, not {expected}", write.record, write.key);
        return Ok(Err(Unanswered { class: ErrorClass::Conflict, message }));
    }
    let merged = records::merged(found.as_ref().map(|found| &found.record.value), write.value);
    if let Err(message) = valid(draft, write.record, &merged)? {
        return Ok(Err(Unanswered { class: ErrorClass::Invalid, message }));
    }
    let place = rows::record::of(write.record, write.key);
    let (row_version, before) = found.map_or((Some(0), None), |found| (found.row, Some(found.record.value)));
    // What this draft wrote itself is guarded already.
    if let Some(version) = row_version {
        draft.guards.push(Guard { table: Table::Record, key: place.clone(), version });
    }
    let record = Record {
        version: version + 1,
        value: merged,
        effect: Some(perform.effect.clone()),
        step: Some(perform.step.clone()),
        at: draft.now,
    };
    let written = Written {
        record: write.record,
        key: write.key,
        version: record.version,
        value: &record.value,
        before: before.as_ref(),
        at: draft.now,
    };
    if let Some(arrival) = changes::owed(&draft.core.live(), perform, &written) {
        let seq = draft.run.as_ref().map_or(0, |run| run.seq);
        draft.owe(seq, arrival);
    }
    let answer = json!({ "value": record.value, "version": record.version });
    let value = Some(serde_json::to_vec(&record).expect("a record has a JSON form"));
    if version == 0
        && let Some(group) = rows::record::group_of(&place)
    {
        draft.counts.join(&group, &place);
    }
    draft.writes.retain(|write| write.table != Table::Record || write.key != place);
    draft.writes.push(RowWrite { table: Table::Record, key: place, value });
    draft.writes_records = true;
    Ok(Ok(answer))
}

/// Checks a record against the schema that the run pins.
fn valid(draft: &Draft<'_>, kind: &str, value: &Value) -> Result<Result<(), String>, JournalError> {
    let Some(run) = &draft.run else { return Ok(Err("there is no run".to_owned())) };
    let Some(bundle) = draft.core.bundle(&run.bundle)? else {
        return Ok(Err(format!("the bundle {} is not there", run.bundle)));
    };
    Ok(records::check(&bundle, kind, value))
}
