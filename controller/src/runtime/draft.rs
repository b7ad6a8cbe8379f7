//! One batch of one run in the making: its entries, its rows, and what is done once it is durable. [`super::transition`] has the
//! steps that fill it.
//!
//! A draft may hold several entries: an answer, the lease of the next keyed effect, a record written on the way. They are
//! durable together or not at all, so a run of k keyed effects costs k+1 batches. At-most-once and probe verbs are not leased
//! here but by a batch of their own, just before they are sent.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    call::{Notice, Perform},
    channel::channels,
    codec,
    count::CountChanges,
    event::{Envelope, Event},
    fact::Entry,
    id::{EffectId, EntryId, InstanceId, Stamp},
    journal::{Content, Guard, Journal, JournalError, Removal, RowWrite, Table},
    life::delivery::Arrival,
    projection::{self, Lane, Message},
    run::Run,
    verdict::Next,
    wait::{Cause, Ticket},
};
use adjutant_spec::plan::{NotifyRule, Plan};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    core::Core,
    pools::Permit,
    rows::{
        self,
        outbox::{MessageId, MessageKey},
    },
    shared::SharedView,
};

/// The most entries of one batch: the rest waits in the outbox for the next.
pub(super) const MOST_ENTRIES: usize = 64;

/// What is done once the batch is durable.
pub(super) enum Action {
    /// An attempt begins.
    Send(Box<Leased>),
    /// A child run begins.
    Child { perform: Box<Perform> },
    /// A signal is sent.
    Signal { perform: Box<Perform> },
    /// An effect waits for a place in its pool.
    Enqueue { effect: EffectId, lane: Lane, attempt: u32 },
    /// A message leaves.
    Message { key: Vec<u8>, message: Box<Outgoing> },
}

/// An attempt that was let go, with everything that it is performed with.
pub(super) struct Leased {
    pub(super) perform: Perform,
    /// The plan that admission decided on: who performs it sees the same.
    pub(super) plan: Arc<Plan>,
    pub(super) until: Stamp,
    pub(super) permit: Permit,
}

/// A message in the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "message")]
pub(super) enum Outgoing {
    /// To another instance.
    Deliver {
        /// The instance that is told.
        to: InstanceId,
        /// What happened, with its moment and its id.
        envelope: Envelope,
    },
    /// To the operator.
    Notice {
        /// What the operator is told.
        notice: Notice,
        /// The rule that carries it: one message for each, with tries and an end of its own. Absent where no rule does.
        #[serde(default)]
        rule: Option<NotifyRule>,
    },
    /// To the playbooks that a record begins which was written.
    Arrived {
        /// What was written, as a delivery.
        arrival: Box<Arrival>,
    },
}

/// One batch of one run in the making.
pub(super) struct Draft<'a> {
    pub(super) core: &'a Arc<Core>,
    pub(super) instance: InstanceId,
    pub(super) now: Stamp,
    /// The state as it will be.
    pub(super) run: Option<Arc<Run>>,
    pub(super) entries: Vec<Content>,
    pub(super) writes: Vec<RowWrite>,
    /// Who joins and leaves the groups of the lists with these writes.
    pub(super) counts: CountChanges,
    pub(super) guards: Vec<Guard>,
    pub(super) actions: Vec<Action>,
    /// The last event's word.
    pub(super) word: &'static str,
    /// Whether a gate was decided, or an effect answered: for the crash points.
    pub(super) decides: bool,
    pub(super) completes: bool,
    shared: SharedView<'a>,
    /// Whether a record that is written here may have moved: then the batch is decided again.
    pub(super) writes_records: bool,
    /// Effects that this draft has dealt with already.
    pub(super) tried: BTreeSet<EffectId>,
    /// The number of the last entry before it.
    pub(super) expected: u64,
    /// Whether it ends a quarantine.
    pub(super) buries: bool,
    /// The run, where it is on its way out of the store.
    pub(super) going: Option<Arc<Run>>,
    /// Whether there was a run of this name that is not there any more.
    pub(super) is_gone: bool,
    /// What leaves the store with the batch.
    pub(super) removal: Option<Removal>,
    /// Whether what memory holds of the run is out of date afterwards.
    pub(super) forgets: bool,
    /// What was decided about who waits: it acts as soon as the batch is in the store's queue.
    pub(super) lines: Decisions,
}

/// What a draft decided about those that wait.
#[derive(Default)]
pub(super) struct Decisions {
    /// Effects that were looked at.
    pub(super) looked_at: BTreeSet<EffectId>,
    /// Those of them that wait.
    pub(super) waits: Vec<Waits>,
    /// Causes that moved: who waits for them goes on.
    pub(super) moved: BTreeSet<Cause>,
}

/// An effect that waits.
pub(super) struct Waits {
    /// Which effect it is.
    pub(super) effect: EffectId,
    /// The lane that it needs a place in when it goes on.
    pub(super) lane: Lane,
    /// What it waits for.
    pub(super) ticket: Ticket,
}

impl Decisions {
    /// Puts into lines who waits, and lets go on who waited for what moved.
    pub(super) fn act(self, core: &Core) {
        let Self { mut looked_at, waits, moved } = self;
        for Waits { effect, lane, ticket } in waits {
            looked_at.remove(&effect);
            core.stand(effect, lane, ticket);
        }
        for effect in &looked_at {
            core.decided(effect);
        }
        for cause in &moved {
            core.moved(cause);
        }
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(core: &'a Arc<Core>, instance: InstanceId, run: Option<Arc<Run>>) -> Self {
        Self {
            core,
            instance,
            now: core.clock.now(),
            expected: run.as_ref().map_or(0, |run| run.seq),
            buries: false,
            going: None,
            is_gone: false,
            removal: None,
            forgets: false,
            run,
            entries: Vec::new(),
            writes: Vec::new(),
            counts: CountChanges::default(),
            guards: Vec::new(),
            actions: Vec::new(),
            word: "",
            decides: false,
            completes: false,
            shared: core.shared.look(),
            writes_records: false,
            tried: BTreeSet::new(),
            lines: Decisions::default(),
        }
    }

    /// Returns the shared rows: peeked at, and locked from the first change on until the batch is submitted.
    pub(super) fn shared(&mut self) -> &mut SharedView<'a> {
        &mut self.shared
    }

    /// Decides from now on under the lock: what a draft before this one saw had moved.
    pub(super) fn hold_shared(&mut self) {
        self.shared = self.core.shared.hold();
    }

    /// Returns whether a shared row that was decided on had moved before it could be changed.
    pub(super) fn has_moved(&self) -> bool {
        self.shared.has_moved()
    }

    /// Returns the shared rows with their lock, for the submission.
    pub(super) fn take_shared(&mut self) -> SharedView<'a> {
        std::mem::replace(&mut self.shared, self.core.shared.look())
    }

    /// Returns whether further jobs must wait for the next batch: what may be decided again carries no shared rows.
    pub(super) fn is_full(&self) -> bool {
        self.writes_records
            || self.changes_shared_rows()
            || self.forgets
            || self.entries.len() >= MOST_ENTRIES
    }

    pub(super) fn changes_shared_rows(&self) -> bool {
        self.shared.is_changed()
    }

    /// Takes the tombstone of a run that could not be read, with the rows that go.
    pub(super) fn bury(&mut self, before: u64, next: Next, rows: Vec<RowWrite>) {
        self.expected = before;
        self.buries = true;
        self.word = "run_killed";
        self.entries.push(codec::encode_entry(&next.entry));
        let counted = rows.iter().filter(|row| row.table == Table::Index);
        for row in counted {
            // Those that stay join again with the tombstone's own.
            let group = rows::index::group_of(&row.key);
            group.into_iter().for_each(|group| self.counts.leave(group, &row.key));
        }
        // Rows that follow from the tombstone, too, stay.
        let stay = super::project::rows(&next.run);
        self.writes
            .extend(rows.into_iter().filter(|row| !stay.stored.contains_key(&(row.table, row.key.clone()))));
        self.run = Some(Arc::new(next.run));
        self.messages(before + 1, &next.entry);
    }

    /// Puts what an entry tells others into the outbox. Effects and timers are rows of the state's projection.
    pub(super) fn messages(&mut self, seq: u64, entry: &Entry) {
        for (place, told) in projection::messages(entry) {
            let message = message(self.told(seq, place), told, self.now);
            self.post(seq, place, message);
        }
    }

    /// Puts an event for another instance into the outbox, beside what the machine says.
    pub(super) fn deliver(&mut self, seq: u64, to: InstanceId, event: Event) {
        let place = u16::MAX - u16::try_from(self.actions.len()).unwrap_or(0);
        let id = format!("{}.{seq}.{place}", self.instance.name);
        let envelope = Envelope { at: self.now, id, by: "host".to_owned(), event };
        self.post(seq, place, Outgoing::Deliver { to, envelope });
    }

    /// Puts what a record begins into the outbox, after the entry with this number.
    pub(super) fn owe(&mut self, seq: u64, arrival: Arrival) {
        let place = u16::MAX - u16::try_from(self.actions.len()).unwrap_or(0);
        self.post(seq, place, Outgoing::Arrived { arrival: Box::new(arrival) });
    }

    /// Puts what the host itself has to tell the operator into the outbox.
    pub(super) fn notice(&mut self, seq: u64, place: u16, notice: Notice) {
        self.post(seq, place, Outgoing::Notice { notice, rule: None });
    }

    /// Puts a message into the outbox; a notice once for each rule that carries it.
    fn post(&mut self, seq: u64, place: u16, message: Outgoing) {
        for Posted { row, action } in posted(self.core, self.told(seq, place), message) {
            self.writes.push(row);
            self.actions.push(action);
        }
    }

    fn told(&self, seq: u64, index: u16) -> MessageId<'_> {
        MessageId { entry: EntryId { instance: &self.instance, seq }, index }
    }

    /// Reads a shared row.
    pub(super) fn get<T: DeserializeOwned>(
        &mut self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, JournalError> {
        let core = self.core;
        self.shared.read(core.journal.as_ref(), table, key)
    }

    /// Writes a shared row, or takes it away.
    pub(super) fn put<T: Serialize>(&mut self, table: Table, key: &[u8], value: Option<&T>) {
        self.shared.write(table, key, value);
    }
}

/// A message that goes one of its ways out.
pub(super) struct Posted {
    /// Its row in the outbox.
    pub(super) row: RowWrite,
    /// What sends it once the row is durable.
    pub(super) action: Action,
}

/// Puts a message into the outbox, once for each rule that carries it.
pub(super) fn posted(core: &Core, id: MessageId<'_>, message: Outgoing) -> Vec<Posted> {
    let live = core.live();
    let one = |(channel, message): (u8, Outgoing)| {
        let key = rows::outbox::message(id, channel);
        let value = serde_json::to_vec(&message).expect("a message has a JSON form");
        let row = RowWrite { table: Table::Outbox, key: key.clone(), value: Some(value) };
        Posted { row, action: Action::Message { key, message: Box::new(message) } }
    };
    (0..=u8::MAX).zip(fanned_out(live.plan.as_deref(), message)).map(one).collect()
}

/// Returns one message for each way out: a fan-out is as many deliveries, and none of them waits for another.
fn fanned_out(plan: Option<&Plan>, message: Outgoing) -> Vec<Outgoing> {
    let (Outgoing::Notice { notice, .. }, Some(plan)) = (&message, plan) else { return vec![message] };
    let rules = channels(plan, notice);
    if rules.is_empty() {
        return vec![message];
    }
    let one = |rule: &NotifyRule| Outgoing::Notice { notice: notice.clone(), rule: Some(rule.clone()) };
    rules.into_iter().map(one).collect()
}

/// Returns the message that carries what an entry tells.
fn message(id: MessageId<'_>, told: Message<'_>, at: Stamp) -> Outgoing {
    match told {
        Message::Post { to, event } => {
            let id = format!("{}.{}.{}", id.entry.instance.name, id.entry.seq, id.index);
            let envelope = Envelope { at, id, by: "host".to_owned(), event: event.clone() };
            Outgoing::Deliver { to: to.clone(), envelope }
        }
        Message::Notice(notice) => Outgoing::Notice { notice: notice.clone(), rule: None },
    }
}

/// Makes a message again from the entry that tells it; `None` where that cannot be read, or the host itself told it.
pub(super) fn message_of(journal: &dyn Journal, plan: Option<&Plan>, key: &MessageKey) -> Option<Outgoing> {
    let page = journal.entries(&key.from, key.seq, 1).ok()?;
    let (_, bytes) = page.into_iter().find(|(seq, _)| *seq == key.seq)?;
    let entry = codec::decode_entry(&bytes).ok()?;
    let (_, told) = projection::messages(&entry).find(|(index, _)| *index == key.index)?;
    let message = message(key.id(), told, entry.envelope.at);
    fanned_out(plan, message).into_iter().nth(usize::from(key.channel))
}
