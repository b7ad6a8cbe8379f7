//! The business records of a play.

use std::collections::BTreeMap;

use adjutant_machine::{
    call::{Call, Perform},
    event::{Basis, ErrorClass},
    records,
};
use adjutant_spec::{plan::Bundle, scenario::Given};
use serde_json::{Value, json};

/// What tells one record of the play from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) kind: String,
    pub(super) key: String,
}

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) value: Value,
    /// Counts from 1.
    pub(super) version: u64,
    /// The run that wrote it, where one did.
    by: Option<String>,
}

/// Why a record call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unanswered {
    pub(super) class: ErrorClass,
    pub(super) message: String,
}

/// The records of a play.
#[derive(Debug, Default)]
pub(super) struct Store {
    rows: BTreeMap<Name, Stored>,
}

impl Store {
    /// Returns a record.
    pub(super) fn get(&self, kind: &str, key: &str) -> Option<&Stored> {
        self.rows.get(&Name { kind: kind.to_owned(), key: key.to_owned() })
    }

    /// Lets somebody else write a record.
    pub(super) fn put(&mut self, given: &Given) {
        let name = Name { kind: given.kind.clone(), key: given.key.clone() };
        let old = self.rows.get(&name);
        let version = given.version.unwrap_or_else(|| old.map_or(1, |old| old.version + 1));
        let value = self.merged(given);
        self.rows.insert(name, Stored { value, version, by: None });
    }

    /// Returns what a record will be once somebody else has written it.
    pub(super) fn merged(&self, given: &Given) -> Value {
        records::merged(self.get(&given.kind, &given.key).map(|old| &old.value), &given.value)
    }

    /// Performs a record call; `None` for a call of another sort.
    pub(super) fn perform(
        &mut self,
        bundle: &Bundle,
        perform: &Perform,
    ) -> Option<Result<Value, Unanswered>> {
        Some(match &*perform.call {
            Call::RecordRead { record, key } => Ok(self.get(record, key).map_or(Value::Null, shown)),
            Call::RecordList { record, filter } => Ok(self.list(record, filter)),
            Call::RecordWrite { record, key, value, expect } => {
                let name = Name { kind: record.clone(), key: key.clone() };
                let write = Write { name, value, expect: *expect, by: &perform.effect.run };
                self.write(bundle, write)
            }
            _ => return None,
        })
    }

    fn list(&self, kind: &str, filter: &Value) -> Value {
        let rows =
            self.rows.iter().filter(|(name, row)| name.kind == kind && records::matches(&row.value, filter));
        let item = |(name, row): (&Name, &Stored)| json!({ "key": name.key, "value": row.value, "version": row.version });
        json!({ "items": rows.map(item).collect::<Vec<_>>() })
    }

    fn write(&mut self, bundle: &Bundle, write: Write<'_>) -> Result<Value, Unanswered> {
        let Write { name, value, expect, by } = write;
        let old = self.rows.get(&name);
        let version = old.map_or(0, |old| old.version);
        if let Some(expected) = expect.filter(|expected| *expected != version) {
            let message =
                format!("record {} \"{}\" is at version {version}, not {expected}", name.kind, name.key);
            return Err(Unanswered { class: ErrorClass::Conflict, message });
        }
        let value = records::merged(old.map(|old| &old.value), value);
        records::check(bundle, &name.kind, &value)
            .map_err(|message| Unanswered { class: ErrorClass::Invalid, message })?;
        let stored = Stored { value, version: version + 1, by: Some(by.to_owned()) };
        let answer = shown(&stored);
        self.rows.insert(name, stored);
        Ok(answer)
    }

    /// Returns the records that have moved since a run read them, as they are now; what the run wrote itself is no surprise.
    pub(super) fn moved(&self, run: &str, basis: &[Basis]) -> Vec<Basis> {
        let now = |seen: &Basis| {
            let row = self.get(&seen.record, &seen.key);
            let is_own = row.is_some_and(|row| row.by.as_deref() == Some(run));
            let version = row.map_or(0, |row| row.version);
            (version != seen.version && !is_own).then(|| Basis { version, ..seen.clone() })
        };
        basis.iter().filter_map(now).collect()
    }
}

/// A write of a record.
struct Write<'a> {
    name: Name,
    value: &'a Value,
    expect: Option<u64>,
    /// The run that writes.
    by: &'a str,
}

fn shown(row: &Stored) -> Value {
    json!({ "value": row.value, "version": row.version })
}
