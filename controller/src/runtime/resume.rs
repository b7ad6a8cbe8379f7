//! Takes up the work that an earlier process left: at the start, and of a run that is released.

use std::sync::Arc;

use adjutant_machine::{
    event::{Envelope, Event},
    id::{EffectId, InstanceKind},
    journal::{self, Table},
    projection,
    run::Run,
};

use super::{Error, core::Core, draft::message_of, mailbox::Job, outbox, reads, rows, signals};

/// Takes up the work that an earlier process left: reads the outbox, and nothing else.
pub(super) fn all(core: &Arc<Core>) -> Result<(), Error> {
    for row in journal::rows(core.journal.as_ref(), Table::Outbox, b"") {
        let row = row?;
        match &row.flaw {
            None => self::row(core, &row.key, &row.value),
            Some(flaw) => remake(core, &row.key, flaw),
        }
    }
    Ok(())
}

fn row(core: &Arc<Core>, key: &[u8], value: &[u8]) {
    if key.starts_with(rows::outbox::MESSAGES) {
        match serde_json::from_slice(value) {
            Ok(message) => outbox::send(core, key.to_vec(), message),
            // Whoever it is for would wait for it for good.
            Err(error) => remake(core, key, &error.to_string()),
        }
        return;
    }
    let row = rows::outbox::effect_of(key).zip(rows::outbox::waiting_of(value));
    let Some((effect, waiting)) = row else { return remake(core, key, "its row says nothing") };
    if !waiting.is_leased {
        core.enqueue(effect, &waiting.lane, waiting.attempt);
        return;
    }
    lost(core, &effect, waiting.attempt);
}

/// A damaged row is made again from what it was made of: rows are a projection, never a second truth. Where that cannot be read
/// either, its instance is set aside.
fn remake(core: &Arc<Core>, key: &[u8], flaw: &str) {
    let Some(effect) = rows::outbox::effect_of(key) else {
        let Some(named) = rows::outbox::message_of(key) else {
            tracing::error!(flaw, "a row of the outbox is not readable");
            return;
        };
        let (journal, live) = (core.journal.as_ref(), core.live());
        let message = match named.from.kind {
            InstanceKind::Mailbox => signals::message_of(journal, &named),
            _ => message_of(journal, live.plan.as_deref(), &named),
        };
        match message {
            Some(message) => outbox::send(core, key.to_vec(), message),
            None => {
                core.quarantine(
                    &named.from,
                    &format!("a message of its entry {} is lost: {flaw}", named.seq),
                );
            }
        }
        return;
    };
    match reads::load(core, &effect.run) {
        Ok(run) => take_up(core, &run, &effect),
        Err(error) => core.quarantine(&effect.instance(), &format!("{flaw}; {error}")),
    }
}

/// Takes one effect up as a new process does.
pub(super) fn take_up(core: &Arc<Core>, run: &Run, effect: &EffectId) {
    match run.effects.get(effect).and_then(|state| projection::waiting(state)) {
        Some(waiting) if waiting.is_leased => lost(core, effect, waiting.attempt),
        Some(waiting) => core.enqueue(effect.clone(), &waiting.lane, waiting.attempt),
        None => {}
    }
}

/// The process that performed it is gone, and its lease with it.
fn lost(core: &Arc<Core>, effect: &EffectId, attempt: u32) {
    let message = "the process stopped while the attempt was under way".to_owned();
    let event = Event::EffectUnknown { effect: effect.clone(), attempt, message, host_died: true };
    let id = format!("{effect}#{attempt}#lost");
    let envelope = Box::new(Envelope { at: core.clock.now(), id, by: "host".to_owned(), event });
    core.send(effect.instance(), Job::Event { envelope, consume: None, reply: None });
}
