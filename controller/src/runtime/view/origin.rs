//! Why a delivery is where it is: what became of it, what it waits for, and how it came in.

use adjutant_machine::{
    id::{InstanceId, InstanceKind},
    life::delivery::{DeliveryPhase, Kept},
};

use super::line::{connector, line, summary};
use crate::runtime::{
    Error,
    core::Core,
    deliveries::changes,
    reads,
    views::{When, WhyLine},
};

/// A delivery with its id, as lists show it.
pub(super) struct NamedDelivery {
    pub(super) id: String,
    pub(super) kept: Kept,
}

/// Reads the delivery that a text names: `delivery/ID`, or its id alone as lists show it.
pub(super) fn named(core: &Core, id: &str) -> Result<Option<NamedDelivery>, Error> {
    let name = match id.parse::<InstanceId>() {
        Ok(InstanceId { kind: InstanceKind::Delivery, name }) => name,
        Ok(_) => return Ok(None),
        Err(_) => id.to_owned(),
    };
    match super::kept(core, &name)? {
        Some(found) => Ok(Some(NamedDelivery { id: name, kept: found.kept })),
        None if name == id => Ok(None),
        None => Err(Error::NotFound { what: "delivery", id: name }),
    }
}

/// Tells the story of a delivery, the nearest cause first.
pub(super) fn tell(core: &Core, delivery: &NamedDelivery) -> Result<Vec<WhyLine>, Error> {
    let NamedDelivery { id, kept } = delivery;
    let mut chain = vec![line("delivery", id, stands(kept), Some(When(kept.changed.1)))];
    if let DeliveryPhase::Open { reasons } = &kept.phase {
        chain.extend(reasons.iter().map(|unmet| {
            let playbook = unmet.playbook.as_deref();
            let of = playbook.map_or_else(String::new, |id| format!("playbook \"{id}\": "));
            line("waits", playbook.unwrap_or(id), format!("{of}{}", unmet.reason), None)
        }));
        chain.push(line("waits", id, goes_on(kept), None));
    }
    for run in &kept.runs {
        chain.push(taken_by(core, run)?);
    }
    chain.push(line("event", &kept.arrival.id, came(kept), Some(When(kept.arrival.at))));
    chain.extend(lies(kept).map(|text| line("file", &kept.arrival.id, text, None)));
    let (file, says) = match changes::kind_of(&kept.arrival) {
        Some(kind) => (format!("records/{kind}.json"), "says what such a record holds"),
        None => (connector(core, &kept.arrival.connector), "says what comes in by it"),
    };
    chain.push(line("file", &file, format!("{file} {says}"), None));
    Ok(chain)
}

fn stands(kept: &Kept) -> String {
    let by = &kept.changed.0;
    match &kept.phase {
        DeliveryPhase::Fresh => "nobody looked at it yet".to_owned(),
        DeliveryPhase::Open { .. } if kept.runs.is_empty() => "it is open: it starts nothing yet".to_owned(),
        DeliveryPhase::Open { .. } => "it is open: not everything that it should start has begun".to_owned(),
        DeliveryPhase::Started => "everything that it should start has begun".to_owned(),
        DeliveryPhase::Dropped { reason } => format!("{by} dropped it: {reason}"),
    }
}

/// What ends the wait.
fn goes_on(kept: &Kept) -> &'static str {
    if kept.arrival.readable {
        "it is tried again with each revision that comes into force and each pause that ends, or when you start it"
    } else {
        "it cannot be read, so nothing starts it: its sender must send it again, or you drop it"
    }
}

/// A run that took it; one that retention let go, or that cannot be read, hides nothing of the delivery.
fn taken_by(core: &Core, id: &str) -> Result<WhyLine, Error> {
    match reads::load(core, id) {
        Ok(run) => Ok(line("run", id, format!("it started {}", summary(&run)), Some(When(run.started_at)))),
        Err(Error::NotFound { .. } | Error::Gone { .. }) => {
            Ok(line("run", id, "it started a run that is no longer kept", None))
        }
        Err(Error::Quarantined { reason, .. }) => {
            Ok(line("run", id, format!("it started a run that is quarantined because {reason}"), None))
        }
        Err(error) => Err(error),
    }
}

fn came(kept: &Kept) -> String {
    let arrival = &kept.arrival;
    if let Some(kind) = changes::kind_of(arrival) {
        let (by, key) = (&arrival.by, arrival.content["key"].as_str().unwrap_or_default());
        return format!("{by} wrote {kind} \"{key}\": it was {}", arrival.event);
    }
    let what = match arrival.event.as_str() {
        "" => "an item that could not be read".to_owned(),
        event => format!("event \"{event}\""),
    };
    format!("{what} came in by connector \"{}\" with the id \"{}\"", arrival.connector, arrival.id)
}

/// Where the file lies that could not be read.
fn lies(kept: &Kept) -> Option<String> {
    let text = |key: &str| kept.arrival.content[key].as_str();
    let (name, folder) = text("name").zip(text("folder")).filter(|_| !kept.arrival.readable)?;
    Some(format!("\"{name}\" is set aside in {folder}, with its reason beside it"))
}
