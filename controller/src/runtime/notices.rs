//! Notices that leave: the operator is told by one rule, again and again for a while.

use std::{panic::AssertUnwindSafe, sync::Arc};

use adjutant_machine::{
    call::Notice,
    id::Stamp,
    journal::{Batch, RowWrite, Table},
};
use adjutant_spec::plan::NotifyRule;
use futures::FutureExt;

use super::core::{Busy, Core};

/// The first pause before a notice is sent again, in milliseconds; it doubles.
const NOTICE_PAUSE: u64 = 5_000;
/// How often a notice is tried before it is given up; the inbox shows its cause anyway.
const NOTICE_TRIES: u32 = 10;

/// Sends a notice by its rule; its row goes once that way has taken it.
pub(super) fn send(core: &Arc<Core>, key: Vec<u8>, letter: NoticeByRule) {
    let busy = Busy::new(core);
    core.spawn_quietly(notify(Arc::clone(core), key, letter, busy));
}

/// A notice with the way that it goes out by.
#[derive(Clone)]
pub(super) struct NoticeByRule {
    pub(super) notice: Notice,
    /// The rule that carries it; absent where no rule does.
    pub(super) rule: Option<NotifyRule>,
}

/// Tells the operator by one rule, again and again for a while; the row goes once that way has taken the notice.
async fn notify(core: Arc<Core>, key: Vec<u8>, letter: NoticeByRule, busy: Busy) {
    let (mut busy, mut tries) = (Some(busy), 0);
    while tries < NOTICE_TRIES {
        if core.is_stopped() || core.is_closing() {
            return;
        }
        let mut doors = core.doors.subscribe();
        match told(&core, letter.clone()).await {
            Told::Taken => break,
            Told::Held(after) => {
                // It waits for the door, or for room, and no try is used up.
                busy = None;
                let room = after.map(|after| core.clock.now().plus(after));
                tokio::select! {
                    _ = doors.changed() => {}
                    () = room_again(&core, room) => {}
                    () = core.gone() => return,
                }
            }
            Told::Later => {
                // Waiting for the next try is no work under way.
                busy = None;
                let again = core.clock.now().plus(NOTICE_PAUSE << tries);
                tries += 1;
                tokio::select! {
                    () = core.passed(again) => {}
                    () = core.gone() => return,
                }
            }
        }
    }
    let row = RowWrite { table: Table::Outbox, key, value: None };
    if let Err(error) = core.write(Batch { writes: vec![row], ..Batch::default() }).await {
        tracing::warn!(%error, "a notice may be told twice");
    }
    drop(busy);
}

/// What became of one try to tell the operator.
enum Told {
    /// It is over: taken, or never to be taken.
    Taken,
    /// It did not go out, and may the next time.
    Later,
    /// A pause shuts the door that it leaves by, or its rates have no room for so many milliseconds.
    Held(Option<u64>),
}

/// Returns when there may be room; never where no moment brings it.
async fn room_again(core: &Core, room: Option<Stamp>) {
    match room {
        Some(moment) => core.passed(moment).await,
        None => std::future::pending().await,
    }
}

async fn told(core: &Arc<Core>, letter: NoticeByRule) -> Told {
    let NoticeByRule { notice, rule } = letter;
    // Each try is let go anew: one that waits for another address, or another door, leaves under the plan that brings it.
    let Some(plan) = core.live().plan.clone() else {
        tracing::info!(notice = notice.id, "no plan is in force that could carry the notice");
        return Told::Taken;
    };
    let id = notice.id.clone();
    let work = {
        let core = Arc::clone(core);
        AssertUnwindSafe(async move { core.performer.notify(plan, notice, rule).await }).catch_unwind()
    };
    match work.await {
        Ok(Ok(())) => Told::Taken,
        Ok(Err(failure)) if failure.is_held => {
            tracing::info!(notice = id, reason = %failure, "a notice waits for its door, or for room");
            Told::Held(failure.after)
        }
        Ok(Err(failure)) if failure.retry => {
            tracing::warn!(notice = id, error = %failure, "a notice did not go out yet");
            Told::Later
        }
        Ok(Err(failure)) => {
            tracing::error!(notice = id, error = %failure, "a notice cannot go out");
            Told::Taken
        }
        Err(_) => {
            tracing::error!(notice = id, "our own mistake: telling the operator panicked");
            Told::Taken
        }
    }
}
