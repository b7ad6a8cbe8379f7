//! What becomes of what connectors are told: how much was taken, refused and passed over, and why it was refused last.
//!
//! The counts live in memory and follow to the store: the first change at once, then at most once in [`PAUSE`], and at the end.
//! A crash may forget the last few seconds of counts, never a delivery. Strangers can make counts move, so they must not be able
//! to make the store write as often as they please.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use adjutant_machine::{
    command::Notice,
    id::{InstanceId, InstanceKind, Stamp},
    journal::{self, Batch, Journal, RowWrite, Table},
};
use adjutant_spec::advice::Advice;
use serde::{Deserialize, Serialize};

use super::{
    Error,
    core::Core,
    draft::{Action, Outgoing, posted},
    outbox, rows,
    views::{HookView, When},
};

/// How long counts wait before they follow to the store again, in milliseconds.
const PAUSE: u64 = 5_000;
/// After how many refusals in a row the operator is told.
const TELLING: u64 = 5;
/// The most characters of a reason.
const REASON: usize = 300;

/// What a connector was told, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(super) struct Tally {
    taken: u64,
    refused: u64,
    undeclared: u64,
    /// Refusals since the last one that was taken.
    in_a_row: u64,
    last_reason: Option<String>,
    last_refused: Option<Stamp>,
    last_taken: Option<Stamp>,
    last_undeclared: Option<String>,
    /// Whether the operator was told of the present row of refusals.
    told: bool,
}

/// The tallies of all connectors, with what the store knows of them.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    all: BTreeMap<String, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    tally: Tally,
    /// Whether the store has another one.
    changed: bool,
    /// Whether somebody is about to write it.
    writing: bool,
    written: Option<Stamp>,
}

/// What happened at a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A delivery was taken.
    Taken,
    /// A request was refused, with the reason: one line.
    Refused(String),
    /// A delivery of an event that the connector does not declare was passed over.
    Undeclared(String),
}

impl Tally {
    fn hear(&mut self, heard: Heard, now: Stamp) {
        match heard {
            Heard::Taken => {
                self.taken += 1;
                (self.in_a_row, self.told, self.last_taken) = (0, false, Some(now));
            }
            Heard::Refused(reason) => {
                self.refused += 1;
                self.in_a_row += 1;
                self.last_reason = Some(reason.chars().take(REASON).collect());
                self.last_refused = Some(now);
            }
            // Its sender is who it should be: what was refused before says nothing against it.
            Heard::Undeclared(event) => {
                self.undeclared += 1;
                (self.in_a_row, self.told) = (0, false);
                self.last_undeclared = Some(event.chars().take(REASON).collect());
            }
        }
    }

    fn view(&self, connector: &str) -> HookView {
        HookView {
            connector: connector.to_owned(),
            taken: self.taken,
            refused: self.refused,
            undeclared: self.undeclared,
            failing: self.in_a_row >= TELLING,
            refused_in_a_row: self.in_a_row,
            last_reason: self.last_reason.clone(),
            last_refused: self.last_refused.map(When),
            last_taken: self.last_taken.map(When),
            last_undeclared: self.last_undeclared.clone(),
        }
    }
}

impl Tallies {
    /// Reads what the store knows; a row that cannot be read counts anew, and keeps no other one from being read.
    pub(super) fn load(journal: &dyn Journal) -> Result<Self, Error> {
        let mut all = BTreeMap::new();
        let prefix = rows::host::HOOKS;
        for row in journal::rows(journal, Table::Host, prefix) {
            let row = row?;
            let name = String::from_utf8_lossy(row.key.get(prefix.len()..).unwrap_or_default()).into_owned();
            let tally = serde_json::from_slice(&row.value).unwrap_or_default();
            all.insert(name, Entry { tally, ..Entry::default() });
        }
        Ok(Self { all })
    }
}

/// Counts what happened at the hook of a connector, whatever it is called now. The caller knows that the connector exists:
/// strangers name none.
pub(super) fn hear(core: &Arc<Core>, connector: &str, heard: Heard) {
    let (now, live) = (core.clock.now(), core.live());
    let found = live.plan.as_ref().and_then(|plan| plan.connector(connector));
    let connector = found.map_or(connector, |found| found.id.as_str());
    let begins = {
        let mut tallies = core.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = tallies.all.entry(connector.to_owned()).or_default();
        entry.tally.hear(heard, now);
        entry.changed = true;
        !std::mem::replace(&mut entry.writing, true)
    };
    if begins {
        let (own, connector) = (Arc::clone(core), connector.to_owned());
        core.spawn_quietly(async move { follow(&own, &connector).await });
    }
}

/// Writes the counts of a connector once its pause is over.
async fn follow(core: &Arc<Core>, connector: &str) {
    let last = {
        let tallies = core.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.all.get(connector).and_then(|entry| entry.written)
    };
    if let Some(last) = last {
        tokio::select! {
            () = core.clock.wait_until(last.plus(PAUSE)) => {}
            // The end writes everything that is left.
            () = core.gone() => return,
        }
    }
    if let Err(error) = write(core, connector).await {
        tracing::warn!(connector, %error, "the counts of a hook did not follow to the store");
    }
}

async fn write(core: &Arc<Core>, connector: &str) -> Result<(), Error> {
    let (tally, tells) = {
        let mut tallies = core.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = tallies.all.get_mut(connector) else { return Ok(()) };
        (entry.writing, entry.written) = (false, Some(core.clock.now()));
        if !std::mem::take(&mut entry.changed) {
            return Ok(());
        }
        let tells = entry.tally.in_a_row >= TELLING && !entry.tally.told;
        entry.tally.told |= tells;
        (entry.tally.clone(), tells)
    };
    let row = |value| RowWrite { table: Table::Host, key: rows::host::hook(connector), value };
    let mut batch = Batch { writes: vec![row(serde_json::to_vec(&tally).ok())], ..Batch::default() };
    let told = if tells { notice(core, connector, &tally) } else { Vec::new() };
    let (rows, told): (Vec<_>, Vec<_>) = told.into_iter().unzip();
    batch.writes.extend(rows);
    if let Err(error) = core.write(batch).await {
        again(core, connector, tells);
        return Err(error);
    }
    told.into_iter().for_each(|action| outbox::act(core, action));
    Ok(())
}

/// What did not reach the store goes there with the next change, or at the end.
fn again(core: &Core, connector: &str, tells: bool) {
    let mut tallies = core.tallies.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = tallies.all.get_mut(connector) {
        entry.changed = true;
        entry.tally.told &= !tells;
    }
}

/// Writes every count that the store does not have yet: called at the end.
pub(super) async fn flush(core: &Arc<Core>) {
    let left: Vec<String> = {
        let tallies = core.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.all.iter().filter(|(_, entry)| entry.changed).map(|(name, _)| name.clone()).collect()
    };
    for connector in left {
        if let Err(error) = write(core, &connector).await {
            tracing::warn!(connector, %error, "the counts of a hook are lost");
        }
    }
}

/// One notice for one row of refusals.
fn notice(core: &Core, connector: &str, tally: &Tally) -> Vec<(RowWrite, Action)> {
    let id =
        InstanceId { kind: InstanceKind::Delivery, name: format!("hook-{}", connector.replace('/', "-")) };
    let reason = tally.last_reason.as_deref().unwrap_or_default();
    let notice = Notice {
        id: format!("{id}#{}", tally.refused),
        topic: "failed".to_owned(),
        risk: None,
        title: format!(
            "{} deliveries to \"{connector}\" in a row were refused, none was taken since: {reason}",
            tally.in_a_row
        ),
        action: Advice::Connectors.into(),
    };
    posted(core, (&id, tally.refused, 0), Outgoing::Notice { notice, rule: None })
}

/// Lists what every connector was told, by name.
pub(super) fn hooks(core: &Core) -> Vec<HookView> {
    let tallies = core.tallies.lock().unwrap_or_else(PoisonError::into_inner);
    tallies.all.iter().map(|(name, entry)| entry.tally.view(name)).collect()
}
