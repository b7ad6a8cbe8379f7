//! What comes in, and what became of it: a delivery without a run is **open**, never lost.
//!
//! ```text
//!   intake ──► known (it has its runs, or was dropped) ──► the same answer again
//!      └─────► tried on the plan in force ─► every playbook began ─► a row of the dedupe table: known from now on
//!                      ▲                └──► something could not ──► an open delivery: an instance, an index row
//!                      │                                               │
//!                      └── a revision comes into force, a pause of its connector ends, a start, `deliveries start`
//! ```
//! Runs come first and the delivery's rows last: a crash in between makes the sender come again, and the keys find the same
//! runs. The rows are one batch with the delivery's entry, and the entry's number is the guard against two that try at once.

mod attempt;
pub(super) mod changes;
mod handle;
mod store;

use std::sync::Arc;

use adjutant_machine::{
    journal::{Batch, JournalError, Row, RowWrite, Table},
    life::delivery::{Arrival, DeliveryEvent, DeliveryPhase, Kept, Unmet, name},
};
use adjutant_spec::plan::OldestId;

use super::{
    Error,
    core::Core,
    identity::Started,
    places,
    request::{Answer, Delivery, SetAside, Taken},
    view::{self, KeptAt},
    views::{DeliveryLine, When},
    windows::{self, Named, digest},
};
use attempt::{Conclusion, attempt, conclude};
use store::{Happened, Settled, Standing, look, write};

/// How often a delivery is judged again because something moved meanwhile.
const MOST_TRIES: usize = 16;

/// Takes in what a connector tells.
pub(super) async fn intake(core: &Arc<Core>, delivery: Delivery) -> Result<Taken, Error> {
    let Named { delivery, repeated } = windows::named(core, delivery).await?;
    let Delivery { connector, event, id, fields, by, .. } = delivery;
    let digest = digest(&event, &fields);
    let at = core.clock.now();
    let arrival = Arrival { connector, event, id, by, at, digest, content: fields, chain: 0, readable: true };
    let taken = take(core, &arrival).await?;
    Ok(Taken { why: taken.why.or(repeated.filter(|_| taken.known)), ..taken })
}

/// Keeps an item that could not be read as an open delivery; returns its name. The same item twice is one.
pub(super) async fn set_aside(core: &Arc<Core>, wish: SetAside) -> Result<String, Error> {
    let SetAside { connector, event, id, by, content, reason } = wish;
    let digest = digest(&event, &content);
    let at = core.clock.now();
    let arrival = Arrival { connector, event, id, by, at, digest, content, chain: 0, readable: false };
    let name = name(&arrival.connector, &arrival.id);
    for _ in 0..MOST_TRIES {
        let standing = look(core, &arrival).await?;
        if let Some(row) = &standing.settled {
            return known(row, &arrival).map(|_| name);
        }
        // It must not take the place of a message that can be read.
        if let Some(kept) = standing.kept.as_ref().filter(|kept| kept.arrival.readable) {
            return Err(still_open(&arrival, kept));
        }
        let reasons = vec![Unmet { playbook: None, reason: reason.clone() }];
        let event = DeliveryEvent::SetAside { reasons, runs: Vec::new() };
        if write(core, &arrival, standing, Happened { event, by: &arrival.by }).await? {
            return Ok(name);
        }
    }
    Err(moving())
}

fn moving() -> Error {
    Error::unavailable("the delivery is being dealt with")
}

/// A delivery that was tried, with the queues that had no room for it.
struct Judged {
    taken: Taken,
    full: Vec<OldestId>,
}

async fn take(core: &Arc<Core>, arrival: &Arrival) -> Result<Taken, Error> {
    judge(core, arrival).await.map(|judged| judged.taken)
}

/// Tries a delivery on the plan in force until what it was judged by is what is in force.
async fn judge(core: &Arc<Core>, arrival: &Arrival) -> Result<Judged, Error> {
    for _ in 0..MOST_TRIES {
        let standing = look(core, arrival).await?;
        if let Some(row) = &standing.settled {
            return known(row, arrival).map(|taken| Judged { taken, full: Vec::new() });
        }
        let live = core.live();
        if live.plan.is_none() {
            return Err(Error::unavailable("no revision is in force yet"));
        }
        let before = standing.kept.clone();
        // An item that could not be read may be brought again in a form that can.
        if let Some(kept) =
            before.as_ref().filter(|kept| kept.arrival.readable && kept.arrival.digest != arrival.digest)
        {
            return Err(still_open(arrival, kept));
        }
        let tried = attempt(core, &live, arrival, before.as_ref()).await?;
        let Conclusion { taken, event, by, full } = conclude(arrival, before.as_ref(), tried);
        if !write(core, arrival, standing, Happened { event, by: &by }).await? {
            continue;
        }
        // A revision that came into force meanwhile woke what was open then, and this one was not yet.
        if taken.open.is_some() && !Arc::ptr_eq(&live, &core.live()) {
            continue;
        }
        wait_for_room(core, &full).await?;
        return Ok(Judged { taken, full });
    }
    Err(moving())
}

/// Marks the queues that had no room: whoever leaves one wakes the delivery. Who left before the mark woke nobody, so this looks
/// once more.
async fn wait_for_room(core: &Arc<Core>, full: &[OldestId]) -> Result<(), Error> {
    for queue in full {
        core.queues.was_full(queue);
        let looked_at = queue.clone();
        let has_room = core.read(move |core| places::has_room(core, &looked_at)).await?;
        if has_room && core.queues.has_room_again(queue) {
            wake_for(core, queue.clone());
        }
    }
    Ok(())
}

fn still_open(arrival: &Arrival, kept: &Kept) -> Error {
    another(arrival, &format!("at {} and is open", When(kept.arrival.at)))
}

fn another(arrival: &Arrival, before: &str) -> Error {
    let Arrival { connector, id, .. } = arrival;
    Error::Conflict {
        reason: format!(
            "another message of connector \"{connector}\" came under the id \"{id}\" {before}; this one says something else"
        ),
    }
}

/// Answers the repetition of a delivery that is known.
fn known(row: &Row, arrival: &Arrival) -> Result<Taken, Error> {
    let settled: Settled = serde_json::from_slice(&row.value).map_err(|error| {
        let place = format!("the row of delivery \"{}\"", arrival.id);
        Error::Journal(JournalError::Corrupt { place, problem: error.to_string() })
    })?;
    if settled.digest != arrival.digest {
        let runs = if settled.runs.is_empty() { "no run".to_owned() } else { settled.runs.join(", ") };
        return Err(another(arrival, &format!("at {} and started {runs}", settled.at)));
    }
    let runs = settled.runs.into_iter().map(|run| Started { run, created: false }).collect();
    Ok(Taken { runs, open: None, known: true, why: settled.dropped })
}

/// Tries an open delivery again because the operator says so.
pub(super) async fn start(core: &Arc<Core>, id: &str) -> Result<Answer, Error> {
    let KeptAt { kept, .. } = open(core, id).await?;
    if !kept.arrival.readable {
        return Err(Error::Conflict {
            reason: "it could not be read: let its sender bring it again, or drop it".to_owned(),
        });
    }
    // Whoever starts it by hand has looked: it begins a row of its own.
    let taken = take(core, &Arrival { chain: 0, ..kept.arrival }).await?;
    let runs: Vec<&str> = taken.runs.iter().map(|run| run.run.as_str()).collect();
    match (&taken.open, &taken.why) {
        (Some(_), Some(why)) => Err(Error::Conflict { reason: format!("it still cannot start: {why}") }),
        _ if runs.is_empty() => Ok(Answer { applied: true, message: "dropped by its playbook".to_owned() }),
        _ => Ok(Answer { applied: true, message: format!("started {}", runs.join(", ")) }),
    }
}

/// Drops an open delivery: it starts nothing any more, and its repetition neither.
pub(super) async fn drop(core: &Arc<Core>, id: &str, reason: &str, by: &str) -> Result<Answer, Error> {
    if reason.trim().is_empty() {
        return Err(Error::invalid("say why it is dropped"));
    }
    for _ in 0..MOST_TRIES {
        let KeptAt { kept, seq } = open(core, id).await?;
        let arrival = kept.arrival.clone();
        let standing = Standing { settled: None, kept: Some(kept), seq };
        let event = DeliveryEvent::Dropped { reason: reason.to_owned() };
        if write(core, &arrival, standing, Happened { event, by }).await? {
            return Ok(Answer { applied: true, message: "dropped: it starts nothing any more".to_owned() });
        }
    }
    Err(moving())
}

/// Reads a delivery that is open.
async fn open(core: &Arc<Core>, id: &str) -> Result<KeptAt, Error> {
    core.check_open()?;
    let named = id.to_owned();
    let found = core.read(move |core| view::kept(core, &named)).await?;
    let found = found.ok_or_else(|| Error::NotFound { what: "delivery", id: id.to_owned() })?;
    match &found.kept.phase {
        DeliveryPhase::Open { .. } => Ok(found),
        other => {
            let (by, at) = &found.kept.changed;
            Err(Error::Conflict { reason: format!("it was {} at {} by {by}", other.word(), When(*at)) })
        }
    }
}

/// Takes in what came from inside, a record that was written; the row that owed it goes once it has its runs or is open.
pub(super) async fn owed(core: &Arc<Core>, key: Vec<u8>, arrival: Arrival) {
    match take(core, &arrival).await {
        Ok(Taken { runs, open, .. }) => {
            tracing::debug!(delivery = arrival.id, ?runs, ?open, "a record was written");
        }
        // Its row is still in the outbox: the next process takes it up.
        Err(error) => {
            tracing::error!(%error, connector = arrival.connector, delivery = arrival.id, "what a record begins waits");
            return;
        }
    }
    let row = RowWrite { table: Table::Outbox, key, value: None };
    if let Err(error) = core.write(Batch { writes: vec![row], ..Batch::default() }).await {
        tracing::warn!(%error, "what a record begins may be taken in twice: it has its runs already");
    }
}

/// Tries every open delivery again: called when a revision has come into force, when a pause has ended, and at the start.
pub(super) fn wake(core: &Arc<Core>) {
    wake_up_to(core, None);
}

/// As [`wake`], for those that wait for room in a queue: the first one for which there is none is the last that is tried.
pub(super) fn wake_for(core: &Arc<Core>, queue: OldestId) {
    wake_up_to(core, Some(queue));
}

fn wake_up_to(core: &Arc<Core>, queue: Option<OldestId>) {
    let own = Arc::clone(core);
    core.spawn(async move {
        if let Err(error) = try_all(&own, queue.as_ref()).await {
            tracing::error!(%error, "open deliveries were not all tried again");
        }
    });
}

async fn try_all(core: &Arc<Core>, queue: Option<&OldestId>) -> Result<(), Error> {
    let lines: Vec<DeliveryLine> = core.read(view::open_deliveries).await?;
    for line in lines {
        if core.is_closing() {
            return Ok(());
        }
        if !line.readable {
            continue;
        }
        match again(core, &line.id).await {
            Ok(Judged { taken, .. }) if taken.open.is_none() => {
                tracing::info!(delivery = line.id, runs = ?taken.runs, "an open delivery was taken");
            }
            Ok(Judged { full, .. }) if queue.is_some_and(|queue| full.contains(queue)) => return Ok(()),
            Ok(_) => {}
            // One that cannot be tried must not keep the others from beginning.
            Err(error) => tracing::warn!(delivery = line.id, %error, "an open delivery was not tried"),
        }
    }
    Ok(())
}

async fn again(core: &Arc<Core>, id: &str) -> Result<Judged, Error> {
    let KeptAt { kept, .. } = open(core, id).await?;
    judge(core, &kept.arrival).await
}
