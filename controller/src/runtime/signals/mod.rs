//! Signals: they are put into their mailbox, who waits is told, and playbooks that they trigger begin.

mod arrived;
mod store;

use std::sync::Arc;

use adjutant_machine::{
    branch::root_of,
    call::{Call, Perform},
    event::{Envelope, ErrorClass, Event},
    id::InstanceId,
    life::mailbox::{Addressed, MailboxEvent, MailboxId, MailboxTold, Signal},
    trust::Speaker,
};
use adjutant_spec::plan::{Playbook, Trigger};
use serde::Serialize;
use serde_json::{Value, json};

use self::store::{Post, Put, put};
pub(super) use self::{
    arrived::of_delivery,
    store::{deliver, folded, look, message_of},
};
use super::{
    Error,
    core::{Core, Live},
    identity::Started,
    mailbox::Job,
    request::{Answer, SignalWish},
    start::{self, Begun, Fired},
};

/// The most bytes that are sent with a signal: it is kept for a month, and shown to whoever waits.
const MOST_DATA: usize = 64 << 10;

/// Puts something into its mailbox.
#[cfg(test)]
pub(super) async fn tell(core: &Arc<Core>, by: &str, told: MailboxTold) -> Result<(), Error> {
    put(core, Post { by: by.to_owned(), told, consume: None }).await.map(drop)
}

/// A signal on its way.
pub(super) struct Sending {
    /// Its id: the same one twice is one.
    pub(super) id: String,
    pub(super) signal: String,
    /// What it is addressed by; absent where it is for what it triggers alone.
    pub(super) to: Option<Addressed>,
    /// Whether it may start playbooks.
    pub(super) triggers: bool,
    pub(super) data: Value,
    /// Who sends it, and how far their words are trusted.
    pub(super) by: String,
    pub(super) speaker: Speaker,
    /// How many runs in a row led to it: what it starts goes on counting.
    pub(super) chain: u32,
}

/// What became of a signal.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// What became of it in its mailbox; nothing where it has none.
    put: Option<Put>,
    /// The runs that it started.
    started: Vec<Started>,
    /// The playbooks that begin with it and did not, with why.
    not_begun: Vec<NotBegun>,
}

/// A playbook that a signal triggers, and that does not begin.
#[derive(Debug, Serialize)]
struct NotBegun {
    playbook: String,
    reason: String,
}

/// Sends a signal: to what waits for it, and to what it triggers.
pub(super) async fn send(core: &Arc<Core>, sending: Sending) -> Result<Sent, Error> {
    let bytes = serde_json::to_vec(&sending.data).map_or(usize::MAX, |bytes| bytes.len());
    if bytes > MOST_DATA {
        return Err(Error::invalid(format!(
            "{bytes} bytes are sent with signal \"{}\", and {MOST_DATA} are the most",
            sending.signal
        )));
    }
    let mut sent = Sent::default();
    if let Some(of) = &sending.to {
        let mailbox = MailboxId { signal: sending.signal.clone(), of: of.clone() };
        let (id, by, at) = (sending.id.clone(), sending.by.clone(), core.clock.now());
        let signal = Signal { id, by: by.clone(), at, data: sending.data.clone() };
        let told = MailboxTold { mailbox, event: MailboxEvent::Sent { signal } };
        sent.put = Some(put(core, Post { by, told, consume: None }).await?);
    }
    if sending.triggers {
        trigger(core, &sending, &mut sent).await?;
    }
    Ok(sent)
}

/// Starts the playbooks that a signal triggers; the same signal twice is the same runs, by their keys. One that cannot begin keeps
/// no other one from beginning: the signal is sent, and cannot be taken back.
async fn trigger(core: &Arc<Core>, sending: &Sending, sent: &mut Sent) -> Result<(), Error> {
    let live = core.live();
    let key = match &sending.to {
        Some(Addressed::Key(key)) => key.as_str(),
        Some(Addressed::Run(_)) | None => "",
    };
    let event = json!({ "id": sending.id, "key": key, "by": sending.by, "data": sending.data });
    for playbook in triggered_by(&live, &sending.signal) {
        let Trigger::Signal { overlap, .. } = &playbook.trigger else { continue };
        let fired = Fired {
            overlap: *overlap,
            event: &event,
            by: &sending.by,
            compares: true,
            speaker: sending.speaker,
            chain: sending.chain,
            late_since: None,
            written: None,
        };
        let reason = match start::triggered(core, &live, &playbook, &fired).await? {
            Begun::Run(run) => {
                sent.started.push(run);
                continue;
            }
            Begun::Skipped(reason) | Begun::Refused(reason) | Begun::Full(reason) => reason,
        };
        tracing::warn!(playbook = playbook.id, signal = sending.signal, reason, "a signal starts nothing");
        sent.not_begun.push(NotBegun { playbook: playbook.id.clone(), reason });
    }
    Ok(())
}

fn triggered_by(live: &Live, signal: &str) -> Vec<Arc<Playbook>> {
    let is_meant = |playbook: &&Arc<Playbook>| matches!(&playbook.trigger, Trigger::Signal { signal: known, .. } if known == signal);
    let playbooks = live.plan.iter().flat_map(|plan| plan.playbooks.values());
    playbooks.filter(is_meant).cloned().collect()
}

/// Performs the call of a step that sends a signal, and brings its answer.
pub(super) async fn perform(core: &Arc<Core>, perform: Perform) {
    let Call::Signal { signal, to, triggers, data } = (*perform.call).clone() else { return };
    let (effect, attempt) = (perform.effect.clone(), perform.attempt);
    let sending = Sending {
        id: effect.key(),
        signal,
        to,
        triggers,
        data,
        by: format!("run:{}", effect.run),
        speaker: Speaker::Outside,
        chain: perform.chain,
    };
    let event = match send(core, sending).await {
        Ok(sent) => Event::EffectSucceeded {
            effect: effect.clone(),
            attempt,
            value: json!({}),
            cost: None,
            // For people: the step has sent it, whatever begins with it.
            provenance: match sent.not_begun.as_slice() {
                [] => Value::Null,
                not_begun => json!({ "not_begun": not_begun }),
            },
        },
        // The lease's timer, or the next process, sends it again.
        Err(Error::Unavailable { .. } | Error::Journal(_)) => return,
        Err(error) => Event::EffectFailed {
            effect: effect.clone(),
            attempt,
            class: ErrorClass::Invalid,
            message: error.to_string(),
            retry_after: None,
            cost: None,
        },
    };
    let (at, id) = (core.clock.now(), format!("{effect}#{attempt}"));
    let envelope = Box::new(Envelope { at, id, by: "host".to_owned(), event });
    core.send(effect.instance(), Job::Event { envelope, consume: None, reply: None });
}

/// Sends what somebody outside of runs wishes to send.
pub(super) async fn wished(core: &Arc<Core>, wish: SignalWish) -> Result<Answer, Error> {
    core.check_open()?;
    let SignalWish { signal, to, key, data, id, by, speaker } = wish;
    if !adjutant_spec::plan::is_id(&signal) {
        return Err(Error::invalid(format!(
            "\"{signal}\" is no signal: lower case letters, digits and dashes"
        )));
    }
    let to = match (to, key) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid("a signal goes to a run or to a key, not to both"));
        }
        (Some(run), None) => {
            let instance = InstanceId::run(run.clone());
            core.read(move |core| super::reads::exists(core, &instance)).await?;
            // A branch listens where its run does.
            Some(Addressed::Run(root_of(&run).to_owned()))
        }
        // As those who wait render it: without the blanks around it.
        (None, Some(key)) if key.trim().is_empty() => {
            return Err(Error::invalid("the key is empty: nobody could be meant by it"));
        }
        (None, Some(key)) => Some(Addressed::Key(key.trim().to_owned())),
        (None, None) => None,
    };
    let triggers = !matches!(to, Some(Addressed::Run(_)));
    let is_for_nobody = to.is_none() && triggered_by(&core.live(), &signal).is_empty();
    if is_for_nobody {
        return Err(Error::invalid(format!(
            "no playbook in force begins with signal \"{signal}\": say by a key or a run for whom it is"
        )));
    }
    let id = id.unwrap_or_else(|| core.unique("signal"));
    let sent = send(core, Sending { id, signal, to, triggers, data, by, speaker, chain: 0 }).await?;
    let is_put = sent.put.is_some_and(|put| !put.is_repeated);
    let is_new = is_put || sent.started.iter().any(|started| started.created);
    Ok(Answer { applied: is_new, message: in_words(&sent) })
}

fn in_words(sent: &Sent) -> String {
    let mut words = Vec::new();
    match sent.put {
        Some(Put { is_repeated: true, .. }) => words.push("it was sent before".to_owned()),
        Some(Put { told: 0, .. }) => words.push("nobody waits for it yet: it is kept for 30 days".to_owned()),
        Some(Put { told: 1, .. }) => words.push("1 run that waited for it is told".to_owned()),
        Some(Put { told, goes_on: false, .. }) => {
            words.push(format!("{told} runs that waited for it are told"));
        }
        Some(Put { told, goes_on: true, .. }) => {
            words.push(format!("more than {told} runs waited for it: they are told one after the other"));
        }
        None => {}
    }
    let begun = sent.started.iter().filter(|started| started.created);
    let runs: Vec<&str> = begun.map(|started| started.run.as_str()).collect();
    if !runs.is_empty() {
        words.push(format!("it starts {}", runs.join(", ")));
    }
    for NotBegun { playbook, reason } in &sent.not_begun {
        words.push(format!("playbook \"{playbook}\" does not begin: {reason}"));
    }
    if words.is_empty() { "it was sent before".to_owned() } else { words.join("; ") }
}
