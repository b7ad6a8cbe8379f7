//! Business records that were written, as deliveries: they begin the playbooks whose trigger is `record`.
//!
//! What is owed is a row of the outbox in the batch that writes the record, so no write is lost and none counts twice: the delivery's
//! id is the record's key and version. From there on it is a delivery like any other: it has its runs, or is open with the reason.

use adjutant_machine::{call::Perform, given, id::Stamp, life::delivery::Arrival};
use adjutant_spec::plan::{Plan, Playbook, Trigger};
use serde_json::{Value, json};

use crate::runtime::{core::Live, windows::digest};

/// What a delivery has in place of a connector, before the kind of the record: no connector has a dot in its id.
const OF_RECORD: &str = "record.";
/// The most runs in a row of which each is begun by what the one before it wrote. Further ones wait for a person: two playbooks that
/// start each other would go on for ever.
const MOST_IN_A_ROW: u32 = 16;

/// A write of a record.
pub(in crate::runtime) struct Written<'a> {
    pub(in crate::runtime) record: &'a str,
    pub(in crate::runtime) key: &'a str,
    /// The version that the write leaves.
    pub(in crate::runtime) version: u64,
    pub(in crate::runtime) value: &'a Value,
    /// What was there, where something was.
    pub(in crate::runtime) before: Option<&'a Value>,
    pub(in crate::runtime) at: Stamp,
}

/// Returns the kind of record that a delivery tells of; nothing where a connector brought it.
pub(in crate::runtime) fn kind_of(arrival: &Arrival) -> Option<&str> {
    arrival.connector.strip_prefix(OF_RECORD)
}

/// Returns what a write is to begin; nothing where no playbook in force begins with it.
pub(in crate::runtime) fn owed(live: &Live, perform: &Perform, written: &Written<'_>) -> Option<Arrival> {
    let plan = live.plan.as_ref()?;
    begun_by(plan, written.record).find(|playbook| means(playbook, written.version))?;
    let Written { record, key, version, value, before, at } = *written;
    let change = if before.is_none() { "created" } else { "changed" };
    let mut content =
        json!({ "record": record, "key": key, "version": version, "change": change, "value": value });
    if let Some(before) = before {
        content["before"] = before.clone();
    }
    Some(Arrival {
        connector: format!("{OF_RECORD}{record}"),
        event: change.to_owned(),
        id: format!("{key}/{version}"),
        by: format!("run:{}", perform.effect.run),
        at,
        digest: digest(change, &content),
        content,
        chain: perform.chain + 1,
        readable: true,
    })
}

/// Returns the playbooks that begin with a kind of record, whatever was written of it.
pub(super) fn begun_by<'a>(plan: &'a Plan, kind: &'a str) -> impl Iterator<Item = &'a Playbook> {
    let all = plan.playbooks.values().map(AsRef::as_ref);
    all.filter(move |playbook| matches!(&playbook.trigger, Trigger::Record { record, .. } if record == kind))
}

fn means(playbook: &Playbook, version: u64) -> bool {
    matches!(&playbook.trigger, Trigger::Record { on, .. } if on.means(version))
}

/// Returns whether a playbook wants this write, or why that cannot be said.
pub(super) fn wants(live: &Live, playbook: &Playbook, arrival: &Arrival) -> Result<bool, String> {
    let version = arrival.content["version"].as_u64().unwrap_or(0);
    let bundle = live.plan.as_ref().and_then(|plan| plan.bundles.get(&playbook.id));
    match bundle {
        Some(bundle) if means(playbook, version) => given::wants(bundle, &arrival.content),
        _ => Ok(false),
    }
}

/// Says why a write begins nothing by itself any more: too many runs in a row have led to it.
pub(super) fn too_many(arrival: &Arrival) -> Option<String> {
    let reason = || {
        format!(
            "{MOST_IN_A_ROW} runs in a row were begun by what the one before wrote, and {} wrote this: look whether that \
             would ever end, then start it by hand, or drop it",
            arrival.by
        )
    };
    (arrival.chain > MOST_IN_A_ROW).then(reason)
}
