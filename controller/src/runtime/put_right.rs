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
};

use super::{Error, core::Core, mailbox::Job, rows, schedule};

/// Looks at the clock at the start of a process: what a clock that was ahead has left behind is put right.
pub(super) async fn begin(core: &Arc<Core>) {
    let is_back = core.drift.view().last.0 > core.clock.now();
    // The first look only begins to compare.
    let jumped = core.drift.look(core.clock.as_ref()).is_some_and(|jump| jump.millis() < 0);
    if is_back || jumped {
        put_right(core).await;
    }
    note(core).await;
}

/// Looks at the clock while the process runs.
pub(super) async fn look(core: &Arc<Core>) {
    match core.drift.look(core.clock.as_ref()) {
        Some(jump) => {
            if jump.millis() < 0 {
                put_right(core).await;
            }
            note(core).await;
        }
        None if core.drift.is_to_be_noted(core.clock.now()) => note(core).await,
        None => {}
    }
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

/// Draws in what lies further from now than it could.
async fn put_right(core: &Arc<Core>) {
    if let Err(error) = schedule::arm_again(core).await {
        tracing::error!(%error, "schedules could not be armed again after the clock was set back");
    }
    if let Err(error) = tell_runs(core).await {
        tracing::error!(%error, "runs could not be told that the clock was set back");
    }
    // Rates, breakers, freezes and windows are read anew by whoever waits for them.
    core.all_moved();
}

/// Tells every run that has a timer: it knows what of it a clock that was ahead has set.
async fn tell_runs(core: &Arc<Core>) -> Result<(), Error> {
    let runs = core.read(|core| timed(core.journal.as_ref())).await?;
    for instance in runs {
        let (at, id) = (core.clock.now(), core.unique("clock"));
        let envelope = Box::new(Envelope { at, id, by: "host".to_owned(), event: Event::ClockSetBack });
        core.send(instance, Job::Event { envelope, consume: None, reply: None });
    }
    Ok(())
}

fn timed(journal: &dyn Journal) -> Result<BTreeSet<InstanceId>, Error> {
    let mut found = BTreeSet::new();
    for row in journal::rows(journal, Table::Timer, b"") {
        let timer = rows::timer::read(&row?.key);
        found.extend(timer.map(|timer| timer.instance).filter(InstanceId::is_run));
    }
    Ok(found)
}
