//! Mailboxes as they are stored: what happens to one is one batch with what it tells runs, so a crash loses and doubles nothing.
//! Who was first is settled by the number of its last entry: whoever comes second reads again.

use std::sync::Arc;

use adjutant_machine::{
    codec,
    event::{Envelope, Event},
    id::{EntryId, InstanceId, InstanceKind},
    journal::{Append, Batch, Journal, JournalError, RowWrite, Table, is_snapshot_due},
    life::mailbox::{Answered, Mailbox, MailboxEntry, MailboxEvent, MailboxTold, ToldRun},
    skeleton::HostEvent,
};

use super::super::{
    Error,
    core::Core,
    draft::{Action, Outgoing, posted},
    mailbox::Job,
    reads,
    rows::outbox::{MessageId, MessageKey},
};

/// How often a mailbox is read again because somebody else wrote to it first.
const MOST_TRIES: u32 = 1_000;

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
pub(in crate::runtime) fn look(core: &Core, instance: &InstanceId) -> Result<Option<Mailbox>, Error> {
    Ok(read(core, instance)?.mailbox)
}

/// Returns the mailbox that all of its entries add up to.
pub(in crate::runtime) fn folded(
    journal: &dyn Journal,
    instance: &InstanceId,
) -> Result<Option<Mailbox>, Error> {
    Ok(answers(journal, instance, u64::MAX)?.map(|last| last.answered.next))
}

/// What the last of some entries came to.
struct Last {
    entry: MailboxEntry,
    answered: Answered,
}

/// Returns what the entries of a mailbox up to one come to; `None` where it has none.
fn answers(journal: &dyn Journal, instance: &InstanceId, through: u64) -> Result<Option<Last>, Error> {
    let (mut from, mut found) = (1, None::<Last>);
    loop {
        let page = journal.entries(instance, from, reads::PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        from = last + 1;
        for (seq, content) in &page {
            if *seq > through {
                return Ok(found);
            }
            let entry = decode(instance, *seq, &content.payload)?;
            let answered = Mailbox::answer(found.map(|last| last.answered.next), &entry);
            found = Some(Last { entry, answered });
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
pub(super) struct Post {
    pub(super) by: String,
    pub(super) told: MailboxTold,
    /// The row of the outbox that brought it: it goes in the same batch.
    pub(super) consume: Option<Vec<u8>>,
}

/// What became of something that was put into its mailbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Put {
    /// How many runs are told of it at once.
    pub(super) told: usize,
    /// Whether more wait, who are told by what follows.
    pub(super) goes_on: bool,
    /// Whether it had come before: then nothing changed.
    pub(super) is_repeated: bool,
    /// Whether any run was told of it, now or when it came before.
    pub(super) is_taken: bool,
}

/// Puts something into its mailbox.
pub(super) async fn put(core: &Arc<Core>, post: Post) -> Result<Put, Error> {
    for _ in 0..MOST_TRIES {
        let wish = post.clone();
        let Change { batch, actions, put } = core.read(move |core| change(core, wish)).await?;
        match core.write(batch).await {
            Ok(_) => {
                actions.into_iter().for_each(|action| pass_on(core, action));
                return Ok(put);
            }
            // Somebody else came first: what they left is read again.
            Err(Error::Journal(JournalError::Conflict { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::unavailable("everybody writes to this mailbox at once: try again"))
}

/// Tells a run, or the mailbox itself, what is durable; its row in the outbox goes with the batch of whoever is told.
fn pass_on(core: &Arc<Core>, action: Action) {
    let Action::Message { key, message } = action else { return };
    let Outgoing::Deliver { to, envelope } = *message else { return };
    if to.kind == InstanceKind::Mailbox {
        let own = Arc::clone(core);
        core.spawn(async move { deliver(&own, key, envelope).await });
        return;
    }
    let consume = Some((Table::Outbox, key));
    core.send(to, Job::Event { envelope: Box::new(envelope), consume, reply: None });
}

/// What is written for something that was put into a mailbox.
struct Change {
    batch: Batch,
    actions: Vec<Action>,
    put: Put,
}

fn change(core: &Core, post: Post) -> Result<Change, Error> {
    let Post { by, told, consume } = post;
    let instance = told.mailbox.instance();
    let Stored { mailbox, seq, is_due } = read(core, &instance)?;
    let entry = MailboxEntry { at: core.clock.now(), by, told };
    let answered = Mailbox::answer(mailbox, &entry);
    let Answered { is_repeated, is_taken, .. } = answered;
    let put = Put { told: answered.told.len(), goes_on: answered.next.owes(), is_repeated, is_taken };
    let consumed = consume.map(|key| RowWrite { table: Table::Outbox, key, value: None });
    let mut batch = Batch { writes: consumed.into_iter().collect(), ..Batch::default() };
    if is_repeated {
        return Ok(Change { batch, actions: Vec::new(), put });
    }
    let bug = |error: serde_json::Error| Error::Bug(format!("a mailbox has no JSON form: {error}"));
    let word = match &entry.told.event {
        MailboxEvent::Awaited { .. } => HostEvent::SignalAwaited,
        MailboxEvent::Sent { .. } => HostEvent::SignalSent,
        MailboxEvent::WentOn => HostEvent::SignalWentOn,
    };
    let entries = vec![codec::encode_host(entry.at, word, &entry).map_err(bug)?];
    let snapshot = is_due.then(|| serde_json::to_vec(&answered.next)).transpose().map_err(bug)?;
    batch.appends.push(Append { instance: instance.clone(), expected: seq, entries, snapshot });
    let at = EntryId { instance: &instance, seq: seq + 1 };
    let mut actions = Vec::new();
    for (index, message) in (0..).zip(messages(&at, &entry, answered)) {
        for posted in posted(core, MessageId { entry: at, index }, message) {
            batch.writes.push(posted.row);
            actions.push(posted.action);
        }
    }
    Ok(Change { batch, actions, put })
}

/// Returns what an entry tells: the runs that waited, and the mailbox itself where more of them wait than one entry may tell.
fn messages(at: &EntryId<'_>, entry: &MailboxEntry, answered: Answered) -> Vec<Outgoing> {
    let owes = answered.next.owes();
    let mut told: Vec<(InstanceId, Event)> = Vec::new();
    for ToldRun { run, came } in answered.told {
        told.push((InstanceId::run(run), Event::SignalCame(Box::new(came))));
    }
    if owes {
        let more = MailboxTold { mailbox: answered.next.id, event: MailboxEvent::WentOn };
        told.push((at.instance.clone(), Event::MailboxTold(Box::new(more))));
    }
    let outgoing = |(index, (to, event))| {
        let id = format!("{}.{}.{index}", at.instance, at.seq);
        Outgoing::Deliver { to, envelope: Envelope { at: entry.at, id, by: entry.by.clone(), event } }
    };
    told.into_iter().enumerate().map(outgoing).collect()
}

/// Makes a message again from the entry that tells it; `None` where that cannot be read.
pub(in crate::runtime) fn message_of(journal: &dyn Journal, key: &MessageKey) -> Option<Outgoing> {
    let Last { entry, answered } = answers(journal, &key.from, key.seq).ok()??;
    messages(&key.id().entry, &entry, answered).into_iter().nth(usize::from(key.index))
}

/// Brings a mailbox what it is told.
pub(in crate::runtime) async fn deliver(core: &Arc<Core>, key: Vec<u8>, envelope: Envelope) {
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
