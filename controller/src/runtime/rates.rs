//! Rates: how much may leave in a window, by verb and by connector. This is the one place where it is counted.
//!
//! An effect takes its places in the batch that leases it, and waits in line where there is none. What leaves beside an effect
//! (a hop of a route, a second question to a model, a notice, a look at a connector) takes its places at the last door by
//! [`take`], in a batch of its own that is durable before it leaves. It stands in no line, since it cannot be put off by
//! itself: where there is no room it is told after how long there may be some, and whoever wanted it decides what that means.

use std::sync::Arc;

use adjutant_machine::{
    id::Stamp,
    journal::{Batch, Journal, JournalError, Receipt, Table},
    money::rate::{self, Cell},
};
use adjutant_spec::plan::{Plan, Rate, Renamed as _};
use tokio::sync::oneshot;

use super::{
    Error,
    core::{Core, Stop},
    request::NoRoom,
    rows,
    shared::{Changes, Key, SharedView},
    views::When,
};

/// A place in a rate: the row to write.
pub(super) struct RatePlace {
    key: Vec<u8>,
    cell: Cell,
}

impl RatePlace {
    pub(super) fn write(&self, held: &mut SharedView<'_>) {
        held.write(Table::Admission, &self.key, Some(&self.cell));
    }
}

/// What something that leaves is counted by.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountedBy<'a> {
    /// The verb that it calls.
    pub(super) verb: Option<&'a str>,
    /// The connector that it leaves by.
    pub(super) connector: Option<&'a str>,
}

/// A rate that holds.
pub(super) struct NamedRate {
    /// The name that never changes, of the verb or the connector that it is set for.
    pub(super) name: String,
    /// How much may leave in which time.
    pub(super) rate: Rate,
}

/// Returns the rates that hold for what leaves.
pub(super) fn of(plan: &Plan, counted: CountedBy<'_>) -> Vec<NamedRate> {
    let of_verb = counted
        .verb
        .and_then(|name| Some(NamedRate { name: plan.oldest_verb(name), rate: plan.verb(name)?.1.rate? }));
    let connector = counted.connector.and_then(|id| plan.connector(id));
    let of_connector =
        connector.and_then(|found| Some(NamedRate { name: found.oldest().to_string(), rate: found.rate? }));
    of_verb.into_iter().chain(of_connector).collect()
}

/// Asks for a place: the row to write where there is one, else when there may be one. What a clock that was ahead has left in
/// the row is put right first.
pub(super) fn ask(
    shared: &mut SharedView<'_>,
    journal: &dyn Journal,
    rate: &NamedRate,
    now: Stamp,
) -> Result<Result<RatePlace, Stamp>, JournalError> {
    let key = rows::admission::rate(&rate.name);
    let mut cell: Cell = shared.read(journal, Table::Admission, &key)?.unwrap_or_default();
    if let Some(right) = cell.drawn_in(now) {
        shared.write(Table::Admission, &key, Some(&right));
        cell = right;
    }
    Ok(match rate::admit(&cell, rate.rate, now) {
        rate::Verdict::Admit(cell) => Ok(RatePlace { key, cell }),
        rate::Verdict::Wait(until) => Err(until),
    })
}

/// What leaves beside an effect.
pub(super) struct Leaving {
    /// The connector that it leaves by.
    pub(super) connector: String,
    /// The verb that it calls, where it calls one.
    pub(super) verb: Option<String>,
}

/// Takes a place of every rate for what leaves beside an effect; when this returns, they are durable.
pub(super) async fn take(core: &Arc<Core>, leaving: Leaving) -> Result<Result<(), NoRoom>, Error> {
    let own = Arc::clone(core);
    // Whoever asked may give up meanwhile; what is in the store's queue is seen to its end.
    core.whole(async move {
        let (sender, receiver) = oneshot::channel();
        let begun = own.read(move |core| begin(core, &leaving, sender)).await?;
        let keys = match begun {
            Begun::Nothing => return Ok(Ok(())),
            Begun::NoRoom(no_room) => return Ok(Err(no_room)),
            Begun::Submitted(keys) => keys,
        };
        let outcome = receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))?;
        let receipt = outcome.map_err(|error| refused(&own, error))?;
        own.shared.committed(&keys, receipt.batch);
        Ok(Ok(()))
    })
    .await
}

/// How far taking places came under the lock of the shared rows.
enum Begun {
    /// No rate holds for it.
    Nothing,
    NoRoom(NoRoom),
    Submitted(Vec<Key>),
}

fn begin(
    core: &Core,
    leaving: &Leaving,
    sender: oneshot::Sender<Result<Receipt, JournalError>>,
) -> Result<Begun, Error> {
    let live = core.live();
    let counted = CountedBy { verb: leaving.verb.as_deref(), connector: Some(&leaving.connector) };
    let rates = live.plan.as_ref().map(|plan| of(plan, counted)).unwrap_or_default();
    if rates.is_empty() {
        return Ok(Begun::Nothing);
    }
    let mut held = core.shared.hold();
    let (now, mut places) = (core.clock.now(), Vec::new());
    for rate in &rates {
        match ask(&mut held, core.journal.as_ref(), rate, now)? {
            Ok(place) => places.push(place),
            Err(until) => {
                let reason = format!("the rate of \"{}\" is used up until {}", rate.name, When(until));
                let after = u64::try_from(until.0 - now.0).unwrap_or(0);
                return Ok(Begun::NoRoom(NoRoom { reason, after }));
            }
        }
    }
    for place in &places {
        place.write(&mut held);
    }
    let Changes { writes, guards, keys } = held.seal();
    let batch = Batch { writes, guards, ..Batch::default() };
    // Whoever asked may have gone; the rows stand all the same.
    core.journal.submit(batch, Box::new(move |outcome| drop(sender.send(outcome))));
    held.submitted();
    Ok(Begun::Submitted(keys))
}

/// What came after a refused batch of shared rows was decided on rows that never were: all stops, unless it ends anyway.
fn refused(core: &Core, error: JournalError) -> Error {
    if matches!(error, JournalError::Busy) && core.is_closing() {
        return Error::unavailable("the runtime is closing");
    }
    let stop = Stop::from(error);
    core.fail(stop.clone());
    stop.error()
}
