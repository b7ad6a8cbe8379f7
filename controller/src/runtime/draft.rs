//! One batch of one run in the making: the jobs that wait for it, stepped one after the other, with everything that follows.
//!
//! A draft may hold several entries: an answer, the lease of the next keyed effect, a record written on the way. They are
//! durable together or not at all, so a run of k keyed effects costs k+1 batches. At-most-once and probe verbs are not leased
//! here but by a batch of their own, just before they are sent.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    Definition,
    channel::channels,
    codec,
    command::{Call, Notice, Perform},
    event::{Envelope, Event},
    fact::Entry,
    id::{EffectId, InstanceId, Stamp},
    journal::{Content, Guard, Journal, JournalError, RowWrite, Table},
    projection::{self, Lane, Message},
    run::{EffectPhase, LEASE_GRACE, Run},
    step, step_buried, step_kill,
    verdict::{Env, Next, Verdict},
    wait::{Cause, Ticket},
};
use adjutant_spec::plan::{Idempotency, NotifyRule, Plan};
use serde::{Deserialize, Serialize};

use super::{
    admission::{self, Admitted},
    core::Core,
    pools::Permit,
    rows,
    shared::View,
};

/// The most entries of one batch: the rest waits in the outbox for the next.
const MOST_ENTRIES: usize = 64;

/// What is done once the batch is durable.
pub(super) enum Action {
    /// An attempt begins.
    Send(Box<Leased>),
    /// A child run begins.
    Child { perform: Box<Perform> },
    /// An effect waits for a place in its pool.
    Enqueue { effect: EffectId, lane: Lane },
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
        /// To whom.
        to: InstanceId,
        /// What.
        envelope: Envelope,
    },
    /// To the operator.
    Notice {
        /// What.
        notice: Notice,
        /// The rule that carries it: one message for each, with tries and an end of its own. Absent where no rule does.
        #[serde(default)]
        rule: Option<NotifyRule>,
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
    pub(super) guards: Vec<Guard>,
    pub(super) actions: Vec<Action>,
    /// The last event's word.
    pub(super) word: &'static str,
    /// Whether a gate was decided, or an effect answered: for the crash points.
    pub(super) decides: bool,
    pub(super) completes: bool,
    shared: View<'a>,
    /// Whether a record that is written here may have moved: then the batch is decided again.
    pub(super) writes_records: bool,
    /// Effects that this draft has dealt with already.
    tried: BTreeSet<EffectId>,
    /// The number of the last entry before it.
    pub(super) expected: u64,
    /// Whether it ends a quarantine.
    pub(super) buries: bool,
    /// What was decided about who waits: it acts as soon as the batch is in the store's queue.
    pub(super) lines: Decisions,
}

/// What a draft decided about those that wait.
#[derive(Default)]
pub(super) struct Decisions {
    /// Effects that were looked at.
    looked_at: BTreeSet<EffectId>,
    /// Those of them that wait.
    waits: Vec<(EffectId, Lane, Ticket)>,
    /// Causes that moved.
    pub(super) moved: BTreeSet<Cause>,
}

impl Decisions {
    /// Puts into lines who waits, and lets go on who waited for what moved.
    pub(super) fn act(self, core: &Core) {
        let Self { mut looked_at, waits, moved } = self;
        for (effect, lane, ticket) in waits {
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
            run,
            entries: Vec::new(),
            writes: Vec::new(),
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
    pub(super) fn shared(&mut self) -> &mut View<'a> {
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
    pub(super) fn take_shared(&mut self) -> View<'a> {
        std::mem::replace(&mut self.shared, self.core.shared.look())
    }

    /// Returns whether further jobs must wait for the next batch: what may be decided again carries no shared rows.
    pub(super) fn is_full(&self) -> bool {
        self.writes_records || self.changes_shared_rows() || self.entries.len() >= MOST_ENTRIES
    }

    pub(super) fn changes_shared_rows(&self) -> bool {
        self.shared.is_changed()
    }

    /// Steps the machine once.
    pub(super) fn apply(&mut self, envelope: &Envelope) -> Result<Verdict, JournalError> {
        let seq = self.run.as_ref().map_or(0, |run| run.seq) + 1;
        let env = Env { seq, seed: self.core.seed };
        let stepped = match (&envelope.event, &self.run) {
            (Event::RunKilled { .. }, Some(run)) => step_kill(run, envelope, &env),
            // What it pins may be lost with its state: it is not asked.
            (_, Some(run)) if run.buried.is_some() => step_buried(run, envelope, &env),
            _ => {
                let Some(def) = self.definition(&envelope.event)? else {
                    return Ok(Verdict::Refused(adjutant_machine::Refusal::NotStarted));
                };
                step(&def, self.run.as_deref(), envelope, &env)
            }
        };
        let Some(next) = stepped.next else { return Ok(stepped.verdict) };
        self.entries.push(codec::encode_entry(&next.entry));
        self.word = envelope.event.word();
        self.decides |= matches!(envelope.event, Event::GateDecided(_));
        let before = self.run.replace(Arc::new(next.run));
        self.messages(seq, &next.entry);
        admission::settle(self, before.as_deref(), envelope)?;
        super::tell::tell(self, before.as_deref());
        Ok(stepped.verdict)
    }

    /// Takes the tombstone of a run that could not be read, with the rows that go.
    pub(super) fn bury(&mut self, before: u64, next: Next, rows: Vec<RowWrite>) {
        self.expected = before;
        self.buries = true;
        self.word = "run_killed";
        self.entries.push(codec::encode_entry(&next.entry));
        // Rows that follow from the tombstone, too, stay.
        let stay = super::project::rows(&next.run);
        self.writes
            .extend(rows.into_iter().filter(|row| !stay.stored.contains_key(&(row.table, row.key.clone()))));
        self.run = Some(Arc::new(next.run));
        self.messages(before + 1, &next.entry);
    }

    fn definition(&self, event: &Event) -> Result<Option<Arc<Definition>>, JournalError> {
        let id = match (&self.run, event) {
            (Some(run), _) => &run.bundle,
            (None, Event::RunStarted(started)) => &started.bundle,
            (None, _) => return Ok(None),
        };
        let missing = || JournalError::Corrupt {
            place: format!("bundle {id}"),
            problem: "the store does not hold it".to_owned(),
        };
        self.core.definition(id)?.ok_or_else(missing).map(Some)
    }

    /// Puts what an entry tells others into the outbox. Effects and timers are rows of the state's projection.
    fn messages(&mut self, seq: u64, entry: &Entry) {
        for (place, told) in projection::messages(entry) {
            let message = message((&self.instance, seq, place), told, self.now);
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

    /// Puts what the host itself has to tell the operator into the outbox.
    pub(super) fn notice(&mut self, seq: u64, place: u16, notice: Notice) {
        self.post(seq, place, Outgoing::Notice { notice, rule: None });
    }

    /// Puts a message into the outbox; a notice once for each rule that carries it.
    fn post(&mut self, seq: u64, place: u16, message: Outgoing) {
        for (row, action) in posted(self.core, (&self.instance, seq, place), message) {
            self.writes.push(row);
            self.actions.push(action);
        }
    }

    /// Leases an effect that has a place, if admission lets it.
    pub(super) fn lease(&mut self, effect: &EffectId, permit: Permit) -> Result<(), JournalError> {
        self.lines.looked_at.insert(effect.clone());
        let Some(perform) = self.queued(effect) else { return Ok(()) };
        self.tried.insert(effect.clone());
        if matches!(*perform.call, Call::RecordWrite { .. }) && self.changes_shared_rows() {
            return Ok(());
        }
        match admission::decide(self, &perform)? {
            Admitted::Wait(ticket) => {
                self.lines.waits.push((effect.clone(), Lane::of(&perform.call), ticket));
                Ok(())
            }
            Admitted::Go { reserved, plan } => {
                let until = self.now.plus(perform.timeout.saturating_add(LEASE_GRACE));
                let attempt = perform.attempt;
                self.host_event(
                    format!("{effect}#{attempt}#lease"),
                    Event::EffectLeased { effect: effect.clone(), attempt, until, reserved },
                )?;
                // A key that is too old is not sent: the machine asks its probe, or the operator.
                let leased = Leased { perform, plan, until, permit };
                if self.is_leased(effect) { self.dispatch(leased) } else { Ok(()) }
            }
            Admitted::Stop { event } => {
                let id = self.core.unique(&format!("{effect}#{}#admission", perform.attempt));
                self.host_event(id, event)
            }
        }
    }

    fn is_leased(&self, effect: &EffectId) -> bool {
        let state = self.run.as_ref().and_then(|run| run.effects.get(effect));
        state.is_some_and(|state| matches!(state.life.phase, EffectPhase::Leased { .. }))
    }

    fn dispatch(&mut self, leased: Leased) -> Result<(), JournalError> {
        let perform = &leased.perform;
        match *perform.call {
            Call::StartRun { .. } => {
                self.actions.push(Action::Child { perform: Box::new(leased.perform) });
                Ok(())
            }
            Call::FindChild { ref of } => {
                let event = super::records::find_child(self, &perform.effect, of)?;
                let id = format!("{}#{}", perform.effect, perform.attempt);
                self.host_event(id, event)
            }
            Call::RecordRead { .. } | Call::RecordList { .. } | Call::RecordWrite { .. } => {
                let event = super::records::perform(self, perform)?;
                let id = format!("{}#{}", perform.effect, perform.attempt);
                self.host_event(id, event)
            }
            _ => {
                self.actions.push(Action::Send(Box::new(leased)));
                Ok(())
            }
        }
    }

    /// Steps an event that the host itself decided on; the machine must take it.
    fn host_event(&mut self, id: String, event: Event) -> Result<(), JournalError> {
        let envelope = Envelope { at: self.now, id, by: "host".to_owned(), event };
        match self.apply(&envelope)? {
            Verdict::Applied => Ok(()),
            other => Err(JournalError::Corrupt {
                place: format!("a decision of the host about {}", self.instance),
                problem: format!("the machine answers {other:?} to {:?}", envelope.event),
            }),
        }
    }

    /// Returns what a queued effect wants to have done; it is read from the state, not from the row.
    pub(super) fn queued(&self, effect: &EffectId) -> Option<Perform> {
        projection::perform(self.run.as_ref()?, effect)
    }

    /// Takes what may ride in this batch: what the runtime does itself, and leases of keyed and pure effects.
    pub(super) fn ride(&mut self) -> Result<(), JournalError> {
        while self.entries.len() < MOST_ENTRIES {
            let Some((effect, lane)) = self.next_ride() else { return Ok(()) };
            self.tried.insert(effect.clone());
            if let Some(permit) = self.core.pools.try_take(&lane) {
                self.lease(&effect, permit)?;
            }
        }
        Ok(())
    }

    /// A batch that changes shared rows must not be refused for a moved record, and the other way round: these two never ride together.
    fn next_ride(&self) -> Option<(EffectId, Lane)> {
        let run = self.run.as_deref()?;
        run.effects.iter().find_map(|(id, state)| {
            if !matches!(state.life.phase, EffectPhase::Queued) || self.tried.contains(id) {
                return None;
            }
            let call = state.call.as_deref()?;
            let lane = Lane::of(call);
            let guards = matches!(call, Call::RecordWrite { .. });
            let rides = match lane {
                Lane::Local => !guards || !self.changes_shared_rows(),
                Lane::Connector(_) | Lane::Agent(_) | Lane::Route(_) => {
                    !self.writes_records
                        && matches!(state.traits.idempotency, Idempotency::NativeKey | Idempotency::Pure)
                }
            };
            rides.then(|| (id.clone(), lane))
        })
    }

    /// Queues the effects that became ready and did not ride.
    pub(super) fn queue_rest(&mut self, before: Option<&Run>) {
        let Some(run) = &self.run else { return };
        let waits: BTreeSet<&EffectId> = self.lines.waits.iter().map(|(effect, ..)| effect).collect();
        let is_known = |id: &EffectId, attempt: u32| {
            let old = before.and_then(|before| before.effects.get(id));
            old.is_some_and(|old| {
                matches!(old.life.phase, EffectPhase::Queued) && old.life.attempt == attempt
            })
        };
        let ready: Vec<(EffectId, Lane)> = run
            .effects
            .iter()
            .filter(|(id, state)| {
                matches!(state.life.phase, EffectPhase::Queued)
                    && !waits.contains(id)
                    && (!is_known(id, state.life.attempt) || self.tried.contains(*id))
            })
            .filter_map(|(id, state)| Some((id.clone(), Lane::of(state.call.as_ref()?))))
            .collect();
        self.actions.extend(ready.into_iter().map(|(effect, lane)| Action::Enqueue { effect, lane }));
    }
}

/// Returns the row of a message and what sends it, once for each rule that carries it.
pub(super) fn posted(
    core: &Core,
    (from, seq, place): (&InstanceId, u64, u16),
    message: Outgoing,
) -> Vec<(RowWrite, Action)> {
    let live = core.live();
    let one = |(channel, message): (u8, Outgoing)| {
        let key = rows::outbox::message((from, seq), (place, channel));
        let value = serde_json::to_vec(&message).expect("a message has a JSON form");
        let row = RowWrite { table: Table::Outbox, key: key.clone(), value: Some(value) };
        (row, Action::Message { key, message: Box::new(message) })
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
fn message((from, seq, place): (&InstanceId, u64, u16), told: Message<'_>, at: Stamp) -> Outgoing {
    match told {
        Message::Post { to, event } => {
            let id = format!("{}.{seq}.{place}", from.name);
            let envelope = Envelope { at, id, by: "host".to_owned(), event: event.clone() };
            Outgoing::Deliver { to: to.clone(), envelope }
        }
        Message::Notice(notice) => Outgoing::Notice { notice: notice.clone(), rule: None },
    }
}

/// Makes a message again from the entry that tells it; `None` where that cannot be read, or the host itself told it.
pub(super) fn message_of(
    (journal, plan): (&dyn Journal, Option<&Plan>),
    (from, seq): (&InstanceId, u64),
    (place, channel): (u16, u8),
) -> Option<Outgoing> {
    let (_, bytes) = journal.entries(from, seq, 1).ok()?.into_iter().find(|(at, _)| *at == seq)?;
    let entry = codec::decode_entry(&bytes).ok()?;
    let (_, told) = projection::messages(&entry).find(|(index, _)| *index == place)?;
    let message = message((from, seq, place), told, entry.envelope.at);
    fanned_out(plan, message).into_iter().nth(usize::from(channel))
}
