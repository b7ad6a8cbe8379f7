//! What becomes of what connectors are told: how much was taken, refused and passed over, and why it was refused last.
//!
//! The counts live in memory and follow to the store: the first change at once, then at most once in [`PAUSE`], and at the end.
//! A crash may forget the last few seconds of counts, never a delivery. Strangers can make counts move, so they must not be able
//! to make the store write as often as they please.

use std::sync::{Arc, PoisonError};

use adjutant_machine::{
    call::Notice,
    id::{EntryId, InstanceId, InstanceKind},
    journal::{Batch, RowWrite, Table},
};
use adjutant_spec::advice::Advice;

use super::{
    Error,
    core::Core,
    draft::{Outgoing, Posted, posted},
    outbox,
    rows::{self, outbox::MessageId},
    tallies::{Heard, TELLING, Tally},
    views::HookView,
};

/// How long counts wait before they follow to the store again, in milliseconds.
const PAUSE: u64 = 5_000;
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
    let posted = if tells { notice(core, connector, &tally) } else { Vec::new() };
    let mut told = Vec::with_capacity(posted.len());
    for Posted { row, action } in posted {
        batch.writes.push(row);
        told.push(action);
    }
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
fn notice(core: &Core, connector: &str, tally: &Tally) -> Vec<Posted> {
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
    let entry = EntryId { instance: &id, seq: tally.refused };
    posted(core, MessageId { entry, index: 0 }, Outgoing::Notice { notice, rule: None })
}

/// Lists what every connector was told, by name.
pub(super) fn hooks(core: &Core) -> Vec<HookView> {
    let tallies = core.tallies.lock().unwrap_or_else(PoisonError::into_inner);
    tallies.all.iter().map(|(name, entry)| entry.tally.view(name)).collect()
}
