//! One try of a delivery on the plan in force: what begins, what could not, and what the try comes to.

use std::sync::Arc;

use adjutant_machine::{
    id::Stamp,
    life::delivery::{Arrival, DeliveryEvent, DeliveryPhase, Kept, Unmet, name},
    trust::Speaker,
};
use adjutant_spec::{
    kinds::Role,
    plan::{Automatic, OldestId, Plan, Playbook, Renamed, Trigger},
    schema::complaints,
};

use super::changes;
use crate::runtime::{
    Error,
    core::{Core, Live},
    identity::Started,
    pauses,
    request::Taken,
    signals,
    start::{self, Begun, Fired},
    views::PauseView,
};

/// What became of a try.
#[derive(Default)]
pub(super) struct Tried {
    started: Vec<Started>,
    /// What should have begun and could not.
    unmet: Vec<Unmet>,
    /// What shall not begin, by the playbook's own `overlap`.
    skipped: Vec<Unmet>,
    /// The queues in which there was no room.
    full: Vec<OldestId>,
}

impl Tried {
    fn waits(&mut self, arrival: &Arrival, unmet: Unmet) {
        let Unmet { playbook, reason } = &unmet;
        tracing::warn!(playbook, delivery = arrival.id, reason, "a delivery waits");
        self.unmet.push(unmet);
    }
}

/// What a try comes to.
pub(super) struct Conclusion {
    /// What its sender is told.
    pub(super) taken: Taken,
    /// What happened to the delivery.
    pub(super) event: DeliveryEvent,
    /// Who caused that.
    pub(super) by: String,
    /// The queues in which there was no room.
    pub(super) full: Vec<OldestId>,
}

/// Says what a try comes to.
pub(super) fn conclude(arrival: &Arrival, before: Option<&Kept>, tried: Tried) -> Conclusion {
    let Tried { started, unmet, skipped, full } = tried;
    let mut runs: Vec<String> = before.map(|kept| kept.runs.clone()).unwrap_or_default();
    for run in &started {
        if !runs.contains(&run.run) {
            runs.push(run.run.clone());
        }
    }
    let known = before.is_none() && !started.is_empty() && started.iter().all(|run| !run.created);
    let why = unmet.first().or(skipped.first().filter(|_| runs.is_empty())).map(said);
    if !unmet.is_empty() {
        let open = Some(name(&arrival.connector, &arrival.id));
        let event = DeliveryEvent::SetAside { reasons: unmet, runs };
        let taken = Taken { runs: started, open, known: false, why };
        return Conclusion { taken, event, by: arrival.by.clone(), full };
    }
    match (skipped.first(), runs.is_empty()) {
        (Some(skip), true) => {
            let by = skip.playbook.as_ref().map_or_else(|| arrival.by.clone(), |id| format!("playbook:{id}"));
            let event = DeliveryEvent::Dropped { reason: skip.reason.clone() };
            Conclusion { taken: Taken { runs: started, open: None, known: false, why }, event, by, full }
        }
        _ => {
            let event = DeliveryEvent::Started { runs };
            let taken = Taken { runs: started, open: None, known, why: None };
            Conclusion { taken, event, by: arrival.by.clone(), full }
        }
    }
}

fn said(unmet: &Unmet) -> String {
    match &unmet.playbook {
        Some(playbook) => format!("playbook \"{playbook}\": {}", unmet.reason),
        None => unmet.reason.clone(),
    }
}

/// Starts every playbook that wants the delivery; says of each that could not begin why.
pub(super) async fn attempt(
    core: &Arc<Core>,
    live: &Arc<Live>,
    arrival: &Arrival,
    before: Option<&Kept>,
) -> Result<Tried, Error> {
    let mut tried = Tried::default();
    if let Some(pause) = pauses::of_connector(live, &arrival.connector) {
        let PauseView { scope, by, reason, .. } = pause;
        let reason = format!("{scope} is paused by {by}: {reason}; it is tried when the pause ends");
        tried.unmet.push(Unmet { playbook: None, reason });
        return Ok(tried);
    }
    if let Err(reason) = readable(live, arrival) {
        tried.unmet.push(Unmet { playbook: None, reason });
        return Ok(tried);
    }
    let is_signal = signals::of_delivery(core, live, arrival).await?;
    let wanted = wanted(live, arrival, before, &mut tried.unmet);
    if wanted.is_empty() && tried.unmet.is_empty() && !is_signal {
        tried.unmet.push(Unmet { playbook: None, reason: nobody(live, arrival) });
    }
    let connector = live.plan.as_ref().and_then(|plan| plan.connector(&arrival.connector));
    let speaker = Speaker::of_connector(connector);
    for playbook in wanted {
        match asks_for(live, playbook, arrival) {
            Ok(Asked::Yes) => {}
            Ok(Asked::NotMeant) => continue,
            Ok(Asked::No(reason)) => {
                tracing::info!(
                    playbook = playbook.id,
                    delivery = arrival.id,
                    reason,
                    "a mail starts nothing"
                );
                tried.skipped.push(Unmet { playbook: Some(playbook.id.clone()), reason });
                continue;
            }
            Err(reason) => {
                tried.unmet.push(Unmet { playbook: Some(playbook.id.clone()), reason });
                continue;
            }
        }
        let fired = fired(playbook, arrival, Origin { speaker, late_since: before.map(|_| arrival.at) });
        let id = Some(playbook.id.clone());
        match start::triggered(core, live, playbook, &fired).await? {
            Begun::Run(run) => tried.started.push(run),
            Begun::Skipped(reason) => tried.skipped.push(Unmet { playbook: id, reason }),
            Begun::Refused(reason) => tried.waits(arrival, Unmet { playbook: id, reason }),
            Begun::Full(reason) => {
                tried.full.push(playbook.oldest());
                tried.waits(arrival, Unmet { playbook: id, reason });
            }
        }
    }
    Ok(tried)
}

/// Who gave a delivery's values, and since when it waits.
struct Origin {
    speaker: Speaker,
    late_since: Option<Stamp>,
}

fn fired<'a>(playbook: &Playbook, arrival: &'a Arrival, origin: Origin) -> Fired<'a> {
    let Origin { speaker, late_since } = origin;
    let is_record = changes::kind_of(arrival).is_some();
    Fired {
        overlap: playbook.trigger.overlap(),
        event: &arrival.content,
        by: &arrival.by,
        // The key alone may say which run is meant: each later write of a record says something else.
        compares: !is_record,
        speaker,
        chain: arrival.chain,
        late_since,
        written: arrival.content["version"].as_u64().filter(|_| is_record),
    }
}

/// Returns whether the content is what the connector in force declares.
fn readable(live: &Live, arrival: &Arrival) -> Result<(), String> {
    if changes::kind_of(arrival).is_some() {
        // It was judged when it was written; what a playbook makes of it is judged as it begins.
        return Ok(());
    }
    let Arrival { connector, event, content, .. } = arrival;
    let plan = live.plan.as_ref().ok_or("no revision is in force yet")?;
    let found = plan.connector(connector);
    let found = found.ok_or_else(|| format!("connector \"{connector}\" is not in force{}", held(live)))?;
    let schema = found.events.get(event);
    let schema = schema.ok_or_else(|| format!("connector \"{connector}\" declares no event \"{event}\""))?;
    let wrong = complaints(schema, content);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("the fields break the schema of \"{event}\": {}", wrong.join("; ")))
}

/// Returns the playbooks that shall begin: all that the event triggers; of a delivery that has runs already only those that
/// could not begin before, since a playbook that came later did not miss anything.
fn wanted<'a>(
    live: &'a Live,
    arrival: &'a Arrival,
    before: Option<&Kept>,
    unmet: &mut Vec<Unmet>,
) -> Vec<&'a Playbook> {
    let Some(plan) = &live.plan else { return Vec::new() };
    let all = triggered(plan, arrival);
    let Some(kept) = before.filter(|kept| !kept.runs.is_empty()) else { return all };
    let DeliveryPhase::Open { reasons } = &kept.phase else { return all };
    let mut left = Vec::new();
    for id in reasons.iter().filter_map(|reason| reason.playbook.as_ref()) {
        match live.playbook(id).filter(|found| all.iter().any(|one| one.id == found.id)) {
            Some(playbook) => left.push(playbook),
            None => unmet.push(Unmet {
                playbook: Some(id.clone()),
                reason: format!(
                    "it is not in force any more, or does not begin with this event{}",
                    held(live)
                ),
            }),
        }
    }
    left
}

fn triggered<'a>(plan: &'a Plan, arrival: &'a Arrival) -> Vec<&'a Playbook> {
    if let Some(kind) = changes::kind_of(arrival) {
        return changes::begun_by(plan, kind).collect();
    }
    let told_by = plan.oldest_connector(&arrival.connector);
    let is_meant = |playbook: &&Playbook| {
        matches!(&playbook.trigger, Trigger::Event { connector, event, .. }
            if plan.oldest_connector(connector) == told_by && *event == arrival.event)
    };
    plan.playbooks.values().map(AsRef::as_ref).filter(is_meant).collect()
}

/// Whether a playbook takes what triggers it.
enum Asked {
    Yes,
    /// Not this one: its trigger says which ones it means, and nothing is lost by that.
    NotMeant,
    /// Not this one, for a reason that its sender may want to know.
    No(String),
}

fn asks_for(live: &Live, playbook: &Playbook, arrival: &Arrival) -> Result<Asked, String> {
    match &playbook.trigger {
        Trigger::Event { accept, .. } => Ok(unasked(live, arrival, accept).map_or(Asked::Yes, Asked::No)),
        Trigger::Record { .. } if !changes::wants(live, playbook, arrival)? => Ok(Asked::NotMeant),
        // Asked last: only what would begin is held.
        Trigger::Record { .. } => changes::too_many(arrival).map_or(Ok(Asked::Yes), Err),
        Trigger::Manual | Trigger::Schedule { .. } | Trigger::Signal { .. } => Ok(Asked::NotMeant),
    }
}

fn nobody(live: &Live, arrival: &Arrival) -> String {
    format!("no playbook in force begins with {}.{}{}", arrival.connector, arrival.event, held(live))
}

/// Returns what is held back, for the end of a sentence: the playbook that is missing is most likely in there.
fn held(live: &Live) -> String {
    let held = live.applied.iter().flat_map(|applied| &applied.held);
    let words: Vec<String> =
        held.map(|(slice, reason)| format!("slice \"{slice}\" is held: {reason}")).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join("; ")) }
}

/// Says why a trigger does not take a mail: no person wrote it, and the trigger does not ask for such mails.
fn unasked(live: &Live, arrival: &Arrival, accept: &[Automatic]) -> Option<String> {
    let plan = live.plan.as_ref()?;
    plan.connector(&arrival.connector).filter(|connector| connector.is_for(Role::TakesMails))?;
    let kind = Automatic::of_mail(&arrival.content).filter(|kind| !accept.contains(kind))?;
    Some(format!("{}; its trigger does not `accept` \"{}\"", kind.sentence(), kind.word()))
}
