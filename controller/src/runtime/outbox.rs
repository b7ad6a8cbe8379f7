//! The outbox: what leaves once it is durable, and what is taken up again at the start.
//!
//! A row goes in the batch that records its completion, never before. At the start every row is read once: what is queued
//! asks for its place again; what was leased when the process died is answered as lost, and the machine decides by the
//! verb's class: keyed and pure ones go again with the same key, the others are unknown.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use adjutant_machine::{
    call::Perform,
    event::{Envelope, ErrorClass, Event, TimerId},
    id::{EffectId, InstanceKind, Stamp},
    journal::Table,
};
use futures::FutureExt;
use serde_json::{Value, json};

use super::{
    Error,
    core::{Core, timer_event_id},
    crash::Point,
    draft::{Action, Leased, Outgoing},
    mailbox::Job,
    notices::{self, NoticeByRule},
};

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
        Outgoing::Arrived { arrival } => {
            let own = Arc::clone(core);
            core.spawn(async move { super::deliveries::owed(&own, key, *arrival).await });
        }
        Outgoing::Notice { notice, rule } => {
            notices::send(core, key, NoticeByRule { notice, rule });
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
    let mut work = {
        let core = Arc::clone(&core);
        let work = AssertUnwindSafe(async move { core.performer.perform(plan, perform, until).await });
        Box::pin(work.catch_unwind())
    };
    let given_up = lapsed(&core, until);
    let answer = tokio::select! {
        biased;
        answer = &mut work => Some(answer),
        // The answer may have come since it was looked for, a moment before the lease was.
        () = given_up => (&mut work).now_or_never(),
        () = core.gone() => return,
    };
    let Some(answer) = answer else {
        tracing::warn!(%effect, attempt, "an attempt outlived its lease");
        drop(owner);
        let event = Event::TimerFired { timer: lease.clone() };
        return tell(&core, &effect, timer_event_id(&lease, until), event);
    };
    let answer = answer.unwrap_or_else(|_| Event::EffectUnknown {
        effect: effect.clone(),
        attempt,
        message: "our own mistake: performing it panicked".to_owned(),
        host_died: false,
    });
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
    core.passed(until).await;
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
