//! Signals: they are put into their mailbox, who waits is told, and playbooks that they trigger begin.
//!
//! A mailbox is an instance of its own: each thing that happens to it is one batch with what it tells runs, so a crash loses and
//! doubles nothing. Who was first is settled by the number of its last entry: whoever comes second reads again.

use std::sync::Arc;

use adjutant_machine::{
    call::{Call, Perform},
    codec,
    event::{Envelope, ErrorClass, Event},
    id::{EntryId, InstanceId},
    journal::{Append, Batch, JournalError, RowWrite, Table, is_snapshot_due},
    life::{
        delivery::Arrival,
        mailbox::{
            Addressed, Answered, Mailbox, MailboxEntry, MailboxEvent, MailboxId, MailboxTold, Signal, ToldRun,
        },
    },
    skeleton::HostEvent,
    trust::Speaker,
};
use adjutant_spec::{
    kinds::Role,
    plan::{Playbook, REPLY, Trigger},
};
use serde_json::{Value, json};

use super::{
    Error,
    core::{Core, Live},
    draft::{Action, Outgoing, Posted, posted},
    identity::Started,
    mailbox::Job,
    reads,
    request::{Answer, SignalWish},
    rows::outbox::MessageId,
    start::{self, Fired},
};

/// How often a mailbox is read again because somebody else wrote to it first.
const MOST_TRIES: u32 = 1_000;
/// The most bytes that are sent with a signal: it is kept for a month, and shown to whoever waits.
const MOST_DATA: usize = 64 << 10;
/// The most mails that one mail answers, of those that it names.
const MOST_ANSWERED: usize = 32;

/// A mailbox as it is stored.
struct Stored {
    mailbox: Option<Mailbox>,
    /// The number of its last entry; 0 where it has none.
    seq: u64,
    /// Whether its state is stored with the next entry.
    is_due: bool,
}

/// Reads a mailbox: its last state, and what happened to it since.
fn read(core: &Core, instance: &InstanceId) -> Result<Stored, Error> {
    let Some(stored) = core.journal.load(instance)? else {
        return Ok(Stored { mailbox: None, seq: 0, is_due: false });
    };
    let state = stored.snapshot.as_ref().map(|snapshot| snapshot.state.as_slice());
    let mut mailbox: Option<Mailbox> = state
        .map(serde_json::from_slice)
        .transpose()
        .map_err(|error| damaged(instance, &error.to_string()))?;
    for (seq, content) in &stored.tail {
        let entry = decode(instance, *seq, &content.payload)?;
        mailbox = Some(Mailbox::answer(mailbox, &entry).next);
    }
    let last = stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len() as u64);
    Ok(Stored { mailbox, seq: stored.seq, is_due: is_snapshot_due(stored.bytes, last) })
}

/// Returns a mailbox that has anything, for people.
pub(super) fn look(core: &Core, instance: &InstanceId) -> Result<Option<Mailbox>, Error> {
    Ok(read(core, instance)?.mailbox)
}

/// Returns the mailbox that all of its entries add up to.
pub(super) fn folded(core: &Core, instance: &InstanceId) -> Result<Option<Mailbox>, Error> {
    let (mut from, mut mailbox) = (1, None);
    loop {
        let page = core.journal.entries(instance, from, reads::PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(mailbox) };
        from = last + 1;
        for (seq, content) in &page {
            let entry = decode(instance, *seq, &content.payload)?;
            mailbox = Some(Mailbox::answer(mailbox, &entry).next);
        }
    }
}

fn decode(instance: &InstanceId, seq: u64, payload: &[u8]) -> Result<MailboxEntry, Error> {
    serde_json::from_slice(payload).map_err(|error| damaged(instance, &format!("its entry {seq}: {error}")))
}

fn damaged(instance: &InstanceId, problem: &str) -> Error {
    let place = format!("the mailbox \"{instance}\"");
    Error::Journal(JournalError::Corrupt { place, problem: problem.to_owned() })
}

/// Something for a mailbox, with who says it.
#[derive(Clone)]
struct Post {
    by: String,
    told: MailboxTold,
    /// The row of the outbox that brought it: it goes in the same batch.
    consume: Option<Vec<u8>>,
}

/// Puts something into its mailbox; returns how many runs are told of it, or that it was there before.
async fn put(core: &Arc<Core>, post: Post) -> Result<Option<usize>, Error> {
    for _ in 0..MOST_TRIES {
        let wish = post.clone();
        let Change { batch, told, is_repeated } = core.read(move |core| change(core, wish)).await?;
        match core.write(batch).await {
            Ok(_) => {
                let count = told.len();
                told.into_iter().for_each(|action| tell_run(core, action));
                return Ok(Some(count).filter(|_| !is_repeated));
            }
            // Somebody else came first: what they left is read again.
            Err(Error::Journal(JournalError::Conflict { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::unavailable("everybody writes to this mailbox at once: try again"))
}

/// Puts something into its mailbox; returns how many runs are told of it, or that it was there before.
#[cfg(test)]
pub(super) async fn tell(core: &Arc<Core>, by: &str, told: MailboxTold) -> Result<Option<usize>, Error> {
    put(core, Post { by: by.to_owned(), told, consume: None }).await
}

/// Tells a run what is durable; its row in the outbox goes with the run's own batch.
fn tell_run(core: &Core, action: Action) {
    if let Action::Message { key, message } = action
        && let Outgoing::Deliver { to, envelope } = *message
    {
        let consume = Some((Table::Outbox, key));
        core.send(to, Job::Event { envelope: Box::new(envelope), consume, reply: None });
    }
}

/// What is written for something that was put into a mailbox.
struct Change {
    batch: Batch,
    told: Vec<Action>,
    is_repeated: bool,
}

fn change(core: &Core, post: Post) -> Result<Change, Error> {
    let Post { by, told, consume } = post;
    let instance = told.mailbox.instance();
    let Stored { mailbox, seq, is_due } = read(core, &instance)?;
    let entry = MailboxEntry { at: core.clock.now(), by, told };
    let Answered { next, told, is_repeated } = Mailbox::answer(mailbox, &entry);
    let consumed = consume.map(|key| RowWrite { table: Table::Outbox, key, value: None });
    let mut batch = Batch { writes: consumed.into_iter().collect(), ..Batch::default() };
    if is_repeated {
        return Ok(Change { batch, told: Vec::new(), is_repeated });
    }
    let bug = |error: serde_json::Error| Error::Bug(format!("a mailbox has no JSON form: {error}"));
    let word = match &entry.told.event {
        MailboxEvent::Awaited { .. } => HostEvent::SignalAwaited,
        MailboxEvent::Sent { .. } => HostEvent::SignalSent,
    };
    let entries = vec![codec::encode_host(entry.at, word, &entry).map_err(bug)?];
    let snapshot = is_due.then(|| serde_json::to_vec(&next)).transpose().map_err(bug)?;
    batch.appends.push(Append { instance: instance.clone(), expected: seq, entries, snapshot });
    let mut actions = Vec::new();
    for (index, ToldRun { run, came }) in (0..u16::MAX).zip(told) {
        let id = format!("{instance}.{}.{index}", seq + 1);
        let event = Event::SignalCame(Box::new(came));
        let envelope = Envelope { at: entry.at, id, by: entry.by.clone(), event };
        let message = Outgoing::Deliver { to: InstanceId::run(run), envelope };
        let of = MessageId { entry: EntryId { instance: &instance, seq: seq + 1 }, index };
        for Posted { row, action } in posted(core, of, message) {
            batch.writes.push(row);
            actions.push(action);
        }
    }
    Ok(Change { batch, told: actions, is_repeated })
}

/// Brings a mailbox what a run told it.
pub(super) async fn deliver(core: &Arc<Core>, key: Vec<u8>, envelope: Envelope) {
    let Event::MailboxTold(told) = envelope.event else {
        tracing::error!(id = envelope.id, "what is told to a mailbox is for nobody there");
        return;
    };
    let instance = told.mailbox.instance();
    let post = Post { by: envelope.by, told: *told, consume: Some(key) };
    match put(core, post).await {
        Ok(_) => {}
        Err(Error::Journal(JournalError::Corrupt { place, problem })) => {
            core.quarantine(&instance, &format!("{place}: {problem}"));
        }
        // Its row is still in the outbox: the next process brings it.
        Err(error) => tracing::warn!(%error, %instance, "a mailbox was not told"),
    }
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
}

/// What became of a signal.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// How many runs that waited are told; nothing where it was there before.
    pub(super) told: Option<usize>,
    /// The runs that it started.
    pub(super) started: Vec<Started>,
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
        sent.told = put(core, Post { by, told, consume: None }).await?;
    }
    if sending.triggers {
        sent.started = trigger(core, &sending).await?;
    }
    Ok(sent)
}

/// Starts the playbooks that a signal triggers; the same signal twice is the same runs, by their keys.
async fn trigger(core: &Arc<Core>, sending: &Sending) -> Result<Vec<Started>, Error> {
    let live = core.live();
    let key = match &sending.to {
        Some(Addressed::Key(key)) => key.as_str(),
        Some(Addressed::Run(_)) | None => "",
    };
    let event = json!({ "id": sending.id, "key": key, "by": sending.by, "data": sending.data });
    let mut started = Vec::new();
    for playbook in triggered_by(&live, &sending.signal) {
        let Trigger::Signal { overlap, .. } = &playbook.trigger else { continue };
        let (event, by) = (&event, sending.by.as_str());
        let fired = Fired { overlap: *overlap, event, by, compares: true, speaker: sending.speaker };
        started.extend(start::triggered(core, &live, &playbook, &fired).await?);
    }
    Ok(started)
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
    };
    let event = match send(core, sending).await {
        Ok(_) => Event::EffectSucceeded {
            effect: effect.clone(),
            attempt,
            value: json!({}),
            cost: None,
            provenance: Value::Null,
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
            let last = core.read(move |core| Ok(core.journal.last(&instance)?)).await?;
            if last == 0 {
                return Err(Error::NotFound { what: "run", id: run });
            }
            Some(Addressed::Run(run))
        }
        (None, Some(key)) => Some(Addressed::Key(key)),
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
    let sent = send(core, Sending { id, signal, to, triggers, data, by, speaker }).await?;
    let is_new = sent.told.is_some() || sent.started.iter().any(|started| started.created);
    Ok(Answer { applied: is_new, message: in_words(&sent) })
}

fn in_words(sent: &Sent) -> String {
    let begun = sent.started.iter().filter(|started| started.created);
    let runs: Vec<&str> = begun.map(|started| started.run.as_str()).collect();
    let told = match sent.told {
        Some(0) => "nobody waits for it yet: it is kept for 30 days".to_owned(),
        Some(1) => "1 run that waited for it goes on".to_owned(),
        Some(count) => format!("{count} runs that waited for it go on"),
        None if runs.is_empty() => "it was sent before".to_owned(),
        None => return format!("it starts {}", runs.join(", ")),
    };
    if runs.is_empty() { told } else { format!("{told}; it starts {}", runs.join(", ")) }
}

/// Sends what a delivery is to those who wait for it: an event by its connector's field, and a mail to whoever waits for an answer
/// to the mails that it names. Tells whether it is a signal at all.
pub(super) async fn of_delivery(core: &Arc<Core>, live: &Live, arrival: &Arrival) -> Result<bool, Error> {
    let Some(connector) = live.plan.as_ref().and_then(|plan| plan.connector(&arrival.connector)) else {
        return Ok(false);
    };
    let mut all: Vec<(String, String)> = Vec::new();
    if let Some(key) =
        connector.signals.get(&arrival.event).and_then(|field| text_at(&arrival.content, field))
    {
        all.push((format!("{}.{}", connector.id, arrival.event), key));
    }
    if connector.is_for(Role::TakesMails) {
        all.extend(answered(&arrival.content).into_iter().map(|id| (REPLY.to_owned(), id)));
    }
    let is_signal = !all.is_empty();
    for (signal, key) in all {
        let id = format!("{}:{}", arrival.connector, arrival.id);
        let (to, by) = (Some(Addressed::Key(key)), arrival.by.clone());
        let data = bounded(&arrival.content);
        let speaker = Speaker::of_connector(Some(connector));
        send(core, Sending { id, signal, to, triggers: false, data, by, speaker }).await?;
    }
    Ok(is_signal)
}

/// Returns the text, or the number, at a dotted path of an event's fields.
fn text_at(content: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(content, |value, name| value.get(name))?;
    match found {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the ids of the mails that a mail answers, without their angle brackets.
fn answered(mail: &Value) -> Vec<String> {
    let one = mail.get("in_reply_to").and_then(Value::as_str);
    let others = mail.get("references").and_then(Value::as_array).into_iter().flatten();
    let ids = one.into_iter().chain(others.filter_map(Value::as_str));
    let mut found: Vec<String> = Vec::new();
    for id in ids.flat_map(str::split_whitespace) {
        let id = id.trim_matches(['<', '>']).to_owned();
        if !id.is_empty() && !found.contains(&id) && found.len() < MOST_ANSWERED {
            found.push(id);
        }
    }
    found
}

/// Returns an event's fields as they are sent with a signal: a long text is cut, and says so.
fn bounded(content: &Value) -> Value {
    const MOST_TEXT: usize = 16_000;
    let Value::Object(fields) = content else { return content.clone() };
    let cut = |value: &Value| match value {
        Value::String(text) if text.chars().count() > MOST_TEXT => {
            let head: String = text.chars().take(MOST_TEXT).collect();
            Value::String(format!("{head} […]"))
        }
        other => other.clone(),
    };
    let cut: serde_json::Map<String, Value> =
        fields.iter().map(|(name, value)| (name.clone(), cut(value))).collect();
    let cut = Value::Object(cut);
    let fits = serde_json::to_vec(&cut).is_ok_and(|bytes| bytes.len() <= MOST_DATA);
    if fits { cut } else { json!({ "message_id": content.get("message_id"), "from": content.get("from") }) }
}
