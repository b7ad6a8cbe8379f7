//! Deliveries that are or were open.

use adjutant_machine::{
    id::{InstanceId, InstanceKind},
    journal::{self, JournalError, Scan, Table},
    life::delivery::{DeliveryEntry, DeliveryPhase, Kept},
};

use adjutant_spec::advice::Advice;

use crate::runtime::{
    DeliveryFilter, Error,
    core::Core,
    reads,
    request::page_size,
    rows,
    views::{DeliveryLine, DeliveryView, Paged, When},
};

/// The most characters of a reason in a list.
const REASON: usize = 300;

fn instance(name: &str) -> InstanceId {
    InstanceId { kind: InstanceKind::Delivery, name: name.to_owned() }
}

fn damaged(name: &str, problem: &serde_json::Error) -> Error {
    Error::Quarantined { id: instance(name).to_string(), reason: problem.to_string() }
}

/// A delivery as it is kept.
pub(in crate::runtime) struct KeptAt {
    /// What it is and what became of it so far.
    pub(in crate::runtime) kept: Kept,
    /// The number of its last entry.
    pub(in crate::runtime) seq: u64,
}

/// Reads a delivery.
pub(in crate::runtime) fn kept(core: &Core, name: &str) -> Result<Option<KeptAt>, Error> {
    let Some(stored) = core.journal.load(&instance(name))? else { return Ok(None) };
    let seq = stored.seq;
    let state = stored.state(&instance(name))?;
    let kept = serde_json::from_slice(&state).map_err(|error| damaged(name, &error))?;
    Ok(Some(KeptAt { kept, seq }))
}

/// Reads the entries of a delivery.
pub(super) fn entries(core: &Core, name: &str) -> Result<Vec<DeliveryEntry>, Error> {
    let (mut found, mut from) = (Vec::new(), 1);
    loop {
        let page = core.journal.entries(&instance(name), from, reads::PAGE)?;
        for (_, content) in &page {
            found.push(serde_json::from_slice(&content.payload).map_err(|error| damaged(name, &error))?);
        }
        match page.last() {
            Some((last, _)) if page.len() == reads::PAGE => from = last + 1,
            _ => return Ok(found),
        }
    }
}

/// Returns the line of a delivery in lists.
pub(in crate::runtime) fn delivery_line(kept: &Kept) -> DeliveryLine {
    let arrival = &kept.arrival;
    let reason = match &kept.phase {
        DeliveryPhase::Open { reasons } => reasons.first().map_or_else(String::new, |first| {
            let playbook =
                first.playbook.as_ref().map(|id| format!("playbook \"{id}\": ")).unwrap_or_default();
            format!("{playbook}{}", first.reason)
        }),
        DeliveryPhase::Dropped { reason } => reason.clone(),
        DeliveryPhase::Fresh | DeliveryPhase::Started => String::new(),
    };
    DeliveryLine {
        id: adjutant_machine::life::delivery::name(&arrival.connector, &arrival.id),
        connector: arrival.connector.clone(),
        event: arrival.event.clone(),
        delivery: arrival.id.clone(),
        state: kept.phase.word().to_owned(),
        at: When(arrival.at),
        reason: reason.chars().take(REASON).collect(),
        runs: kept.runs.clone(),
        readable: arrival.readable,
    }
}

/// Lists every open delivery, oldest first.
pub(in crate::runtime) fn open_deliveries(core: &Core) -> Result<Vec<DeliveryLine>, Error> {
    let mut found = Vec::new();
    for row in journal::rows(core.journal.as_ref(), Table::Index, rows::index::OPEN) {
        match serde_json::from_slice(&row?.value) {
            Ok(line) => found.push(line),
            // One bad row never breaks a list.
            Err(error) => tracing::error!(%error, "the line of a delivery is not readable"),
        }
    }
    Ok(found)
}

/// Lists a page of deliveries.
pub(in crate::runtime) fn deliveries(
    core: &Core,
    filter: &DeliveryFilter,
) -> Result<Paged<DeliveryLine>, Error> {
    let size = page_size(filter.limit);
    let cursor = filter.after.as_deref().map(|id| existing(core, id)).transpose()?;
    let named = |line: Result<DeliveryLine, Error>| line.map(|line| (line.id.clone(), line));
    if filter.all {
        let total = match filter.connector {
            None => reads::counted(ids(core, None))?,
            Some(_) => reads::counted(every(core, filter, None))?,
        };
        return Paged::of(every(core, filter, filter.after.as_deref()).map(named), size, total);
    }
    let after = cursor.map(|kept| rows::index::delivery(kept.arrival.at, &delivery_line(&kept).id));
    let total = reads::counted(listed(core, filter, None))?;
    Paged::of(listed(core, filter, after).map(named), size, total)
}

fn fits(filter: &DeliveryFilter, line: &DeliveryLine) -> bool {
    filter.connector.as_ref().is_none_or(|wanted| *wanted == line.connector)
}

/// Those that are open, oldest first, from a row on.
fn listed<'a>(
    core: &'a Core,
    filter: &'a DeliveryFilter,
    after: Option<Vec<u8>>,
) -> impl Iterator<Item = Result<DeliveryLine, Error>> + 'a {
    let scan = Scan { prefix: rows::index::OPEN.to_vec(), after, ..Scan::default() };
    let lines = journal::rows_of(core.journal.as_ref(), Table::Index, scan).filter_map(|row| match row {
        // One that cannot be read never breaks a list.
        Ok(row) => serde_json::from_slice(&row.value).ok().map(Ok),
        Err(error) => Some(Err(error.into())),
    });
    lines.filter(|line| line.as_ref().map_or(true, |line| fits(filter, line)))
}

/// Those that were ever set aside, by id.
fn every<'a>(
    core: &'a Core,
    filter: &'a DeliveryFilter,
    after: Option<&'a str>,
) -> impl Iterator<Item = Result<DeliveryLine, Error>> + 'a {
    let lines = ids(core, after).filter_map(|id| match id {
        // One that cannot be read never breaks a list.
        Ok(id) => kept(core, &id.name).ok().flatten().map(|found| Ok(delivery_line(&found.kept))),
        Err(error) => Some(Err(error.into())),
    });
    lines.filter(|line| line.as_ref().map_or(true, |line| fits(filter, line)))
}

fn ids(core: &Core, after: Option<&str>) -> impl Iterator<Item = Result<InstanceId, JournalError>> {
    let is_delivery = |id: &Result<InstanceId, JournalError>| {
        id.as_ref().map_or(true, |id| id.kind == InstanceKind::Delivery)
    };
    journal::instances(core.journal.as_ref(), Some(instance(after.unwrap_or_default())))
        .take_while(is_delivery)
}

fn existing(core: &Core, id: &str) -> Result<Kept, Error> {
    let found = kept(core, id)?;
    found.map(|found| found.kept).ok_or_else(|| Error::NotFound { what: "delivery", id: id.to_owned() })
}

/// Shows a delivery with its content.
pub(in crate::runtime) fn delivery(core: &Core, id: &str) -> Result<DeliveryView, Error> {
    let kept = existing(core, id)?;
    let line = delivery_line(&kept);
    let mut actions = Vec::new();
    let reasons = match &kept.phase {
        DeliveryPhase::Open { reasons } => {
            if kept.arrival.readable {
                actions.push(Advice::DeliveryStart(id).into());
            }
            actions.push(Advice::DeliveryDrop(id).into());
            reasons.clone()
        }
        _ => Vec::new(),
    };
    let (changed_by, changed) = (kept.changed.0, When(kept.changed.1));
    Ok(DeliveryView {
        line,
        by: kept.arrival.by,
        reasons,
        content: kept.arrival.content,
        changed_by,
        changed,
        actions,
    })
}
