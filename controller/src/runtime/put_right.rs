//! What is put right when the clock was set back.
//!
//! A moment that is stored is right only as long as the clock is. A clock that was ahead leaves moments behind that lie further
//! from now than they ever could: the next slot of a schedule, a rate's marks, a breaker's pause, a lease. Each of them is drawn
//! in to now and its own window: schedules and runs here, rates and breakers where they are read.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    event::{Envelope, Event},
    id::InstanceId,
    journal::{self, Batch, Journal, RowWrite, Table},
    verdict::Verdict,
};

use tokio::sync::oneshot;

use super::{Error, core::Core, mailbox::Job, rows, schedule};

/// How many runs are told at once: they are answered before the next ones are told.
const TOLD_AT_ONCE: usize = 256;

/// Looks at the clock, at the start of a process and while it runs.
pub(super) async fn look(core: &Arc<Core>) {
    let jump = core.drift.look(core.clock.as_ref());
    if core.drift.owes() {
        if let Err(error) = put_right(core).await {
            tracing::error!(%error, "what a clock that was ahead has armed is not put right: it is tried again");
            return;
        }
    } else if jump.is_none() && !core.drift.is_to_be_noted(core.clock.now()) {
        return;
    }
    // Only now: a process that begins where the store knows the right time has nothing to put right.
    note(core).await;
}

/// Tells the store what time it is.
async fn note(core: &Arc<Core>) {
    let view = core.drift.note(core.clock.now());
    let row = RowWrite {
        table: Table::Host,
        key: rows::host::CLOCK.to_vec(),
        value: serde_json::to_vec(&view).ok(),
    };
    if let Err(error) = core.write(Batch { writes: vec![row], ..Batch::default() }).await {
        tracing::warn!(%error, "the store was not told what time it is");
    }
}

/// Draws in what lies further from now than it could; all of it is durable when this returns.
async fn put_right(core: &Arc<Core>) -> Result<(), Error> {
    schedule::arm_again(core).await?;
    let runs: Vec<InstanceId> = core.read(|core| timed(core.journal.as_ref())).await?.into_iter().collect();
    for some in runs.chunks(TOLD_AT_ONCE) {
        let answers: Vec<_> = some.iter().map(|run| tell(core, run)).collect();
        for answer in answers {
            match answer.await.map_err(|_| Error::unavailable("the runtime is closing"))? {
                // A run that is set aside is told when it is released.
                Ok(_) | Err(Error::Quarantined { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    // Rates, breakers, freezes and windows are read anew by whoever waits for them.
    core.all_moved();
    Ok(())
}

/// Tells a run that the clock was set back: it knows what of its timers a clock that was ahead has set.
pub(super) fn tell(core: &Core, run: &InstanceId) -> oneshot::Receiver<Result<Verdict, Error>> {
    let (sender, receiver) = oneshot::channel();
    let (at, id) = (core.clock.now(), core.unique("clock"));
    let envelope = Box::new(Envelope { at, id, by: "host".to_owned(), event: Event::ClockSetBack });
    core.send(run.clone(), Job::Event { envelope, consume: None, reply: Some(sender) });
    receiver
}

fn timed(journal: &dyn Journal) -> Result<BTreeSet<InstanceId>, Error> {
    let mut found = BTreeSet::new();
    for row in journal::rows(journal, Table::Timer, b"") {
        let timer = rows::timer::read(&row?.key);
        found.extend(timer.map(|timer| timer.instance).filter(InstanceId::is_run));
    }
    Ok(found)
}
