//! Deliveries that are or were open.

use adjutant_machine::{
    id::{InstanceId, InstanceKind},
    journal::{self, Scan, Table},
    life::delivery::{DeliveryEntry, DeliveryPhase, Kept},
};

use adjutant_spec::advice::Advice;

use crate::runtime::{
    DeliveryFilter, Error,
    core::Core,
    rows,
    views::{DeliveryLine, DeliveryView, When},
};

/// How many lines a list has where nobody says more.
const USUAL: usize = 100;
/// The most characters of a reason in a list.
const REASON: usize = 300;

fn instance(name: &str) -> InstanceId {
    InstanceId { kind: InstanceKind::Delivery, name: name.to_owned() }
}

fn damaged(name: &str, problem: &serde_json::Error) -> Error {
    Error::Quarantined { id: instance(name).to_string(), reason: problem.to_string() }
}

/// Reads a delivery with the number of its last entry.
pub(in crate::runtime) fn kept(core: &Core, name: &str) -> Result<Option<(Kept, u64)>, Error> {
    let Some(stored) = core.journal.load(&instance(name))? else { return Ok(None) };
    let kept = serde_json::from_slice(&stored.state).map_err(|error| damaged(name, &error))?;
    Ok(Some((kept, stored.seq)))
}

/// Reads the entries of a delivery.
pub(super) fn entries(core: &Core, name: &str) -> Result<Vec<DeliveryEntry>, Error> {
    let (mut found, mut from) = (Vec::new(), 1);
    loop {
        let page = core.journal.entries(&instance(name), from, super::PAGE)?;
        for (_, bytes) in &page {
            found.push(serde_json::from_slice(bytes).map_err(|error| damaged(name, &error))?);
        }
        match page.last() {
            Some((last, _)) if page.len() == super::PAGE => from = last + 1,
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
) -> Result<Vec<DeliveryLine>, Error> {
    let limit = if filter.limit == 0 { USUAL } else { filter.limit.min(super::PAGE) };
    let cursor = filter.after.as_deref().map(|id| existing(core, id)).transpose()?;
    let mut lines = if filter.all {
        every(core, filter, limit)?
    } else {
        let after = cursor.map(|kept| rows::index::delivery(kept.arrival.at, &delivery_line(&kept).id));
        listed(core, filter, (after, limit))?
    };
    lines.truncate(limit);
    Ok(lines)
}

fn fits(filter: &DeliveryFilter, line: &DeliveryLine) -> bool {
    filter.connector.as_ref().is_none_or(|wanted| *wanted == line.connector)
}

fn listed(
    core: &Core,
    filter: &DeliveryFilter,
    (after, limit): (Option<Vec<u8>>, usize),
) -> Result<Vec<DeliveryLine>, Error> {
    let scan = Scan { prefix: rows::index::OPEN.to_vec(), after, ..Scan::default() };
    let mut lines = Vec::new();
    for row in journal::rows_of(core.journal.as_ref(), Table::Index, scan) {
        let line = serde_json::from_slice(&row?.value).ok();
        lines.extend(line.filter(|line| fits(filter, line)));
        if lines.len() >= limit {
            break;
        }
    }
    Ok(lines)
}

/// Lists those that were ever set aside, by id.
fn every(core: &Core, filter: &DeliveryFilter, limit: usize) -> Result<Vec<DeliveryLine>, Error> {
    let after = instance(filter.after.as_deref().unwrap_or_default());
    let mut lines = Vec::new();
    for found in journal::instances(core.journal.as_ref(), Some(after)) {
        let found = found?;
        if found.kind != InstanceKind::Delivery || lines.len() >= limit {
            break;
        }
        // One that cannot be read never breaks a list.
        let Ok(Some((kept, _))) = kept(core, &found.name) else { continue };
        lines.extend(Some(delivery_line(&kept)).filter(|line| fits(filter, line)));
    }
    Ok(lines)
}

fn existing(core: &Core, id: &str) -> Result<Kept, Error> {
    let found = kept(core, id)?;
    found.map(|(kept, _)| kept).ok_or_else(|| Error::NotFound { what: "delivery", id: id.to_owned() })
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
