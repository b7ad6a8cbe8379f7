//! What the store holds of deliveries, and the one batch that changes it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use adjutant_machine::{
    call::Notice,
    codec,
    id::{EntryId, InstanceId, InstanceKind},
    journal::{Append, Batch, Guard, JournalError, Row, RowWrite, Table},
    life::delivery::{Arrival, DeliveryEntry, DeliveryEvent, DeliveryPhase, Kept, name},
    skeleton::HostEvent,
};
use adjutant_spec::advice::Advice;
use serde::{Deserialize, Serialize};

use super::changes;
use crate::runtime::{
    Error,
    core::Core,
    draft::{Action, Outgoing, Posted, posted},
    notices::{self, NoticeByRule},
    rows::{self, outbox::MessageId},
    view,
    views::When,
};

/// The most open deliveries of one connector: more of them wait outside, with their sender or in their folder. A record that was
/// written has no outside: it is kept in any case.
const MOST_OPEN: u64 = 10_000;

/// The row of a delivery that is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Settled {
    pub(super) at: When,
    by: String,
    event: String,
    pub(super) runs: Vec<String>,
    /// The digest of event and content.
    pub(super) digest: String,
    /// Why it starts nothing, where it was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dropped: Option<String>,
}

/// What the store holds of a delivery.
pub(super) struct Standing {
    /// Its row, once it is known.
    pub(super) settled: Option<Row>,
    /// Its instance with the number of its last entry, where it was ever set aside.
    pub(super) kept: Option<Kept>,
    pub(super) seq: u64,
}

/// Reads what the store holds of a delivery.
pub(super) async fn look(core: &Arc<Core>, arrival: &Arrival) -> Result<Standing, Error> {
    let place = rows::dedupe::delivery(&arrival.connector, &arrival.id);
    let name = name(&arrival.connector, &arrival.id);
    core.read(move |core| {
        let settled = core.journal.row(Table::Dedupe, &place)?;
        let found = view::kept(core, &name)?;
        let seq = found.as_ref().map_or(0, |found| found.seq);
        Ok(Standing { settled, kept: found.map(|found| found.kept), seq })
    })
    .await
}

/// What happened to a delivery.
pub(super) struct Happened<'a> {
    pub(super) event: DeliveryEvent,
    /// Who caused it.
    pub(super) by: &'a str,
}

fn instance(name: &str) -> InstanceId {
    InstanceId { kind: InstanceKind::Delivery, name: name.to_owned() }
}

/// Writes what became of a delivery in one batch; `false` where it moved meanwhile and must be judged again.
pub(super) async fn write(
    core: &Arc<Core>,
    arrival: &Arrival,
    standing: Standing,
    happened: Happened<'_>,
) -> Result<bool, Error> {
    let was_open =
        standing.kept.as_ref().is_some_and(|kept| matches!(kept.phase, DeliveryPhase::Open { .. }));
    let Some(change) = change(core, arrival, standing, happened)? else { return Ok(true) };
    let DeliveryChange { batch, is_open, told } = change;
    match core.write(batch).await {
        Ok(_) => {}
        Err(Error::Journal(JournalError::Moved { .. } | JournalError::Conflict { .. })) => return Ok(false),
        Err(error) => return Err(error),
    }
    core.count_open(&arrival.connector, was_open, is_open);
    told.into_iter().for_each(|Told { key, letter }| notices::send(core, key, letter));
    Ok(true)
}

struct DeliveryChange {
    batch: Batch,
    is_open: bool,
    told: Vec<Told>,
}

/// A notice on its way.
struct Told {
    /// Its row in the outbox.
    key: Vec<u8>,
    letter: NoticeByRule,
}

/// Returns the batch of a change; `None` where nothing is new.
fn change(
    core: &Core,
    arrival: &Arrival,
    standing: Standing,
    happened: Happened<'_>,
) -> Result<Option<DeliveryChange>, Error> {
    let Happened { event, by } = happened;
    let key = rows::dedupe::delivery(&arrival.connector, &arrival.id);
    let at = core.clock.now();
    let Standing { kept, seq, .. } = standing;
    let mut batch = Batch {
        guards: vec![Guard { table: Table::Dedupe, key: key.clone(), version: 0 }],
        ..Batch::default()
    };
    let dropped = if let DeliveryEvent::Dropped { reason } = &event { Some(reason.clone()) } else { None };
    let runs = match &event {
        DeliveryEvent::SetAside { runs, .. } | DeliveryEvent::Started { runs } => runs.clone(),
        DeliveryEvent::Dropped { .. } => kept.as_ref().map(|kept| kept.runs.clone()).unwrap_or_default(),
    };
    let is_open = matches!(event, DeliveryEvent::SetAside { .. });
    if !is_open {
        let settled = Settled {
            at: When(at),
            by: arrival.by.clone(),
            event: arrival.event.clone(),
            runs: runs.clone(),
            digest: arrival.digest.clone(),
            dropped,
        };
        batch.writes.push(RowWrite { table: Table::Dedupe, key, value: serde_json::to_vec(&settled).ok() });
    }
    // What begins at once needs no instance: its runs tell its story.
    if kept.is_none() && matches!(event, DeliveryEvent::Started { .. }) {
        return Ok(Some(DeliveryChange { batch, is_open, told: Vec::new() }));
    }
    let has_sender = changes::kind_of(arrival).is_none();
    if kept.is_none() && is_open && has_sender && core.open_of(&arrival.connector) >= MOST_OPEN {
        return Err(Error::unavailable(format!(
            "{MOST_OPEN} deliveries of connector \"{}\" are open already: see `{}`",
            arrival.connector,
            Advice::Deliveries
        )));
    }
    let replaces = kept.as_ref().is_none_or(|kept| kept.arrival.digest != arrival.digest);
    let entry = DeliveryEntry { at, by: by.to_owned(), arrival: replaces.then(|| arrival.clone()), event };
    let next =
        Kept::apply(kept.clone(), &entry).ok_or_else(|| Error::Bug("a delivery without content".into()))?;
    if kept.as_ref().is_some_and(|kept| kept.phase == next.phase && kept.runs == next.runs && !replaces) {
        return Ok(None);
    }
    let step = KeptStep { before: kept.as_ref(), after: &next, seq, entry: &entry };
    let told = append(core, &mut batch, &step)?;
    Ok(Some(DeliveryChange { batch, is_open, told }))
}

/// An entry of a delivery, with the state before and after it.
struct KeptStep<'a> {
    /// The state before; absent for the first entry.
    before: Option<&'a Kept>,
    after: &'a Kept,
    /// The number of the last entry before this one; 0 for the first.
    seq: u64,
    entry: &'a DeliveryEntry,
}

/// Adds the entry, the state and the index row of a delivery to its batch, and what the operator is told.
fn append(core: &Core, batch: &mut Batch, step: &KeptStep<'_>) -> Result<Vec<Told>, Error> {
    let KeptStep { before: kept, after: next, seq, entry } = *step;
    let bug = |error: serde_json::Error| Error::Bug(format!("a delivery has no JSON form: {error}"));
    let id = instance(&name(&next.arrival.connector, &next.arrival.id));
    let word = match &entry.event {
        DeliveryEvent::SetAside { .. } => HostEvent::DeliverySetAside,
        DeliveryEvent::Started { .. } => HostEvent::DeliveryStarted,
        DeliveryEvent::Dropped { .. } => HostEvent::DeliveryDropped,
    };
    let entries = vec![codec::encode_host(entry.at, word, entry).map_err(bug)?];
    let snapshot = Some(serde_json::to_vec(next).map_err(bug)?);
    let place = rows::index::delivery(next.arrival.at, &id.name);
    let is_open = matches!(next.phase, DeliveryPhase::Open { .. });
    let value = is_open.then(|| serde_json::to_vec(&view::delivery_line(next))).transpose().map_err(bug)?;
    if let Some(kept) = kept.filter(|kept| kept.arrival.at != next.arrival.at) {
        let key = rows::index::delivery(kept.arrival.at, &id.name);
        batch.writes.push(RowWrite { table: Table::Index, key, value: None });
    }
    if let Some(kept) = kept.filter(|kept| matches!(kept.phase, DeliveryPhase::Open { .. })) {
        batch.counts.leave(rows::index::OPEN, &rows::index::delivery(kept.arrival.at, &id.name));
    }
    if is_open {
        batch.counts.join(rows::index::OPEN, &place);
    }
    batch.writes.push(RowWrite { table: Table::Index, key: place, value });
    batch.appends.push(Append { instance: id.clone(), expected: seq, entries, snapshot });
    // The first one of a connector is told; the others join it in `status` and on Today.
    if kept.is_some() || !is_open || core.open_of(&next.arrival.connector) > 0 {
        return Ok(Vec::new());
    }
    let message = Outgoing::Notice { notice: notice(&id, next), rule: None };
    let told = EntryId { instance: &id, seq: seq + 1 };
    let posted = posted(core, MessageId { entry: told, index: 0 }, message);
    let one = |Posted { row, action }| {
        batch.writes.push(row);
        match action {
            Action::Message { key, message } => match *message {
                Outgoing::Notice { notice, rule } => {
                    Some(Told { key, letter: NoticeByRule { notice, rule } })
                }
                Outgoing::Deliver { .. } | Outgoing::Arrived { .. } => None,
            },
            _ => None,
        }
    };
    Ok(posted.into_iter().filter_map(one).collect())
}

fn notice(id: &InstanceId, kept: &Kept) -> Notice {
    let line = view::delivery_line(kept);
    Notice {
        id: format!("{id}#open"),
        topic: "failed".to_owned(),
        risk: None,
        title: format!("what came through \"{}\" starts nothing yet: {}", line.connector, line.reason),
        action: Advice::Delivery(&line.id).into(),
    }
}

impl Core {
    /// Returns how many deliveries of a connector are open.
    fn open_of(&self, connector: &str) -> u64 {
        let open = self.open_deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(connector).copied().unwrap_or_default()
    }

    fn count_open(&self, connector: &str, was: bool, is: bool) {
        let mut open = self.open_deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(connector.to_owned()).or_default();
        *count = (*count + u64::from(is)).saturating_sub(u64::from(was));
    }

    /// Sets the counts of open deliveries from the store.
    pub(in crate::runtime) fn recount_open(&self) -> Result<(), Error> {
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for line in view::open_deliveries(self)? {
            *found.entry(line.connector).or_default() += 1;
        }
        *self.open_deliveries.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}
