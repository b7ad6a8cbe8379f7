//! The outbox: what leaves once it is durable, and what is taken up again at the start.
//!
//! A row goes in the batch that records its completion, never before. At the start every row is read once: what is queued
//! asks for its place again; what was leased when the process died is answered as lost, and the machine decides by the
//! verb's class: keyed and pure ones go again with the same key, the others are unknown.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use adjutant_machine::{
    call::{Notice, Perform},
    event::{Envelope, ErrorClass, Event, TimerId},
    id::{EffectId, InstanceKind, Stamp},
    journal::{Batch, RowWrite, Table},
};
use adjutant_spec::plan::NotifyRule;
use futures::FutureExt;
use serde_json::{Value, json};

use super::{
    Error,
    core::{Busy, Core, timer_event_id},
    crash::Point,
    draft::{Action, Leased, Outgoing},
    mailbox::Job,
};

/// The first pause before a notice is sent again, in milliseconds; it doubles.
const NOTICE_PAUSE: u64 = 5_000;
/// How often a notice is tried before it is given up; the inbox shows its cause anyway.
const NOTICE_TRIES: u32 = 10;
/// Does what a durable batch asks for.
pub(super) fn act(core: &Arc<Core>, action: Action) {
    match action {
        Action::Enqueue { effect, lane, attempt } => core.enqueue(effect, &lane, attempt),
        Action::Send(leased) => core.spawn(attempt(Arc::clone(core), *leased)),
        Action::Child { perform } => {
            let own = Arc::clone(core);
            core.spawn(async move { child(&own, *perform).await });
        }
        Action::Signal { perform } => {
            let own = Arc::clone(core);
            core.spawn(async move { super::signals::perform(&own, *perform).await });
        }
        Action::Message { key, message } => send(core, key, *message),
    }
}

/// Sends a message to whom it is for.
pub(super) fn send(core: &Arc<Core>, key: Vec<u8>, message: Outgoing) {
    match message {
        Outgoing::Deliver { to, envelope } if to.kind == InstanceKind::Mailbox => {
            let own = Arc::clone(core);
            core.spawn(async move { super::signals::deliver(&own, key, envelope).await });
        }
        Outgoing::Deliver { to, envelope } => {
            let consume = Some((Table::Outbox, key));
            core.send(to, Job::Event { envelope: Box::new(envelope), consume, reply: None });
        }
        Outgoing::Notice { notice, rule } => {
            let busy = Busy::new(core);
            core.spawn_quietly(notify(Arc::clone(core), key, NoticeByRule { notice, rule }, busy));
        }
    }
}

/// Performs an attempt and brings its answer back. While it does, its lease's timer is its own affair: an answer that is there
/// goes before a lease that has run out, however long the process was stopped in between.
async fn attempt(core: Arc<Core>, leased: Leased) {
    let Leased { perform, plan, until, permit } = leased;
    core.crash.at(Point::BeforeSend);
    let (effect, attempt) = (perform.effect.clone(), perform.attempt);
    let lease = TimerId::Lease(effect.clone(), attempt);
    let owner = core.leases.own(lease.clone());
    let work = {
        let core = Arc::clone(&core);
        AssertUnwindSafe(async move { core.performer.perform(plan, perform, until).await }).catch_unwind()
    };
    let given_up = lapsed(&core, until);
    let answer = tokio::select! {
        biased;
        answer = work => answer.unwrap_or_else(|_| Event::EffectUnknown {
            effect: effect.clone(),
            attempt,
            message: "our own mistake: performing it panicked".to_owned(),
            host_died: false,
        }),
        () = given_up => {
            tracing::warn!(%effect, attempt, "an attempt outlived its lease");
            drop(owner);
            let event = Event::TimerFired { timer: lease.clone() };
            return tell(&core, &effect, timer_event_id(&lease, until), event);
        }
        () = core.gone() => return,
    };
    core.crash.at(Point::AfterSend);
    drop(owner);
    let event = fitting(&effect, attempt, answer);
    tell(&core, &effect, format!("{effect}#{attempt}"), event);
    drop(permit);
}

fn tell(core: &Core, effect: &EffectId, id: String, event: Event) {
    let envelope = Box::new(Envelope { at: core.clock.now(), id, by: "host".to_owned(), event });
    core.send(effect.instance(), Job::Event { envelope, consume: None, reply: None });
}

/// Returns when a lease has run out by the wall, and this process was awake for as long: a clock that jumps, a process that is
/// stopped, a machine that sleeps take no time from whoever answers.
async fn lapsed(core: &Core, until: Stamp) {
    let left = u64::try_from(until.0.saturating_sub(core.clock.now().0)).unwrap_or(0);
    core.clock.awake_for(Duration::from_millis(left)).await;
    passed(core, until).await;
}

/// Returns after a moment has passed, however the clock jumps.
async fn passed(core: &Core, moment: Stamp) {
    while core.clock.now() < moment {
        core.clock.wait_until(moment).await;
    }
}

/// Returns the answer where it is one to this attempt; anything else is nobody's knowledge.
fn fitting(effect: &EffectId, attempt: u32, answer: Event) -> Event {
    let fits = match &answer {
        Event::EffectSucceeded { effect: of, attempt: at, .. }
        | Event::EffectFailed { effect: of, attempt: at, .. }
        | Event::EffectHeldBack { effect: of, attempt: at, .. }
        | Event::EffectUnknown { effect: of, attempt: at, .. } => of == effect && *at == attempt,
        Event::EffectProbed { effect: of, .. } => of == effect,
        _ => false,
    };
    if fits {
        return answer;
    }
    let message = "our own mistake: the answer belongs to another effect".to_owned();
    Event::EffectUnknown { effect: effect.clone(), attempt, message, host_died: false }
}

/// Starts a child run; a repetition finds the one that is there, since its key is the effect's.
async fn child(core: &Arc<Core>, perform: Perform) {
    let (effect, attempt) = (perform.effect.clone(), perform.attempt);
    let event = match super::start::child(core, &perform).await {
        Ok(started) => {
            let value = json!({ "run": started.run });
            Event::EffectSucceeded {
                effect: effect.clone(),
                attempt,
                value,
                cost: None,
                provenance: Value::Null,
            }
        }
        // The lease's timer, or the next process, asks again.
        Err(Error::Unavailable { .. } | Error::Journal(_)) => return,
        Err(error) => {
            let (class, message) = (ErrorClass::Invalid, error.to_string());
            Event::EffectFailed {
                effect: effect.clone(),
                attempt,
                class,
                message,
                retry_after: None,
                cost: None,
            }
        }
    };
    let (at, id) = (core.clock.now(), format!("{effect}#{attempt}"));
    let envelope = Box::new(Envelope { at, id, by: "host".to_owned(), event });
    core.send(effect.instance(), Job::Event { envelope, consume: None, reply: None });
}

/// A notice with the way that it goes out by.
#[derive(Clone)]
struct NoticeByRule {
    notice: Notice,
    /// The rule that carries it; absent where no rule does.
    rule: Option<NotifyRule>,
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
                    () = passed(&core, again) => {}
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
        Some(moment) => passed(core, moment).await,
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
