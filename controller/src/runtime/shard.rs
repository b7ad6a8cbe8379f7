//! A shard: one thread that is the only writer of its runs. It loads, steps, and submits; it never waits for the disk.
//!
//! While a run's batch is under way its further jobs queue; other runs of the shard go on and share the store's groups.
//! States are kept decoded, the least recently used ones are forgotten first.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use adjutant_machine::{
    codec,
    event::Event,
    id::InstanceId,
    journal::{JournalError, Receipt},
    verdict::Verdict,
};

use super::{
    Error,
    core::{Core, Stop},
    crash::Point,
    draft::{Action, Draft},
    gone,
    group::{Flight, Made, Outcome, Slot, Weight, make, submit},
    mailbox::{Inbox, Job, Message, Reply, Written},
    project::{self, Rows},
    tombstone, turns,
    views::Notification,
};

/// The most jobs of one batch.
const MOST_JOBS: usize = 16;
/// How often a moved record is decided again before the jobs are refused.
const MOST_TRIES: u32 = 1_000;
/// The thread's own things.
pub(super) struct Shard {
    core: Arc<Core>,
    pub(super) inbox: Inbox,
    slots: HashMap<InstanceId, Slot>,
    order: BTreeMap<u64, InstanceId>,
    tick: u64,
    bytes: usize,
    most_bytes: usize,
}

impl Shard {
    pub(super) fn new(core: Arc<Core>, inbox: Inbox, most_bytes: usize) -> Self {
        let (slots, order) = (HashMap::new(), BTreeMap::new());
        Self { core, inbox, slots, order, tick: 0, bytes: 0, most_bytes }
    }

    /// Works until it is told to stop.
    pub(super) fn run(mut self) {
        while let Some(message) = self.inbox.next() {
            if !self.take(message) {
                return;
            }
        }
    }

    /// Deals with one message; tells whether there may be more.
    pub(super) fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Stop => return false,
            Message::Job { instance, job } => {
                self.slots.entry(instance.clone()).or_default().queue.push_back(job);
                self.pump(&instance);
            }
            Message::Written => {
                for Written { instance, outcome } in self.inbox.written() {
                    self.written(&instance, outcome);
                    self.pump(&instance);
                }
            }
        }
        self.evict();
        true
    }

    /// Returns the jobs that wait here, or for their batch: for whoever takes the thread's place.
    #[cfg(test)]
    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.slots.values().flat_map(|slot| {
            let flying = slot.flight.iter().flat_map(|flight| &flight.jobs);
            slot.queue.iter().chain(flying)
        })
    }

    /// Takes up the waiting jobs of a run, unless a batch of it is under way.
    fn pump(&mut self, instance: &InstanceId) {
        loop {
            let Some(slot) = self.slots.get_mut(instance) else { return };
            if slot.flight.is_some() || slot.queue.is_empty() {
                break;
            }
            let most = slot.queue.len().min(MOST_JOBS);
            let jobs: Vec<Job> = slot.queue.drain(..most).collect();
            if let Err(blocked) = self.begin(instance) {
                self.set_aside(instance, jobs, &blocked);
                continue;
            }
            self.process(instance, jobs);
        }
        if self.is_over(instance) {
            self.drop_slot(instance);
        } else {
            self.touch(instance);
        }
    }

    /// Returns whether nothing more is expected of an instance: it has ended, or was never there. Its state makes room at once, so
    /// that what works stays near the processor; a late event reads it again.
    fn is_over(&self, instance: &InstanceId) -> bool {
        self.slots.get(instance).is_some_and(|slot| {
            slot.flight.is_none()
                && slot.queue.is_empty()
                && slot.run.as_ref().is_none_or(|run| run.is_ended())
        })
    }

    /// Loads a run's state where memory does not hold it.
    fn begin(&mut self, instance: &InstanceId) -> Result<(), Blocked> {
        if let Some(stop) = &*self.core.failure.borrow() {
            return Err(Blocked::Stopped(stop.clone()));
        }
        if let Some(found) = self.core.live().quarantined.get(instance) {
            return Err(Blocked::Quarantined(found.reason.clone()));
        }
        let Some(slot) = self.slots.get_mut(instance) else { return Ok(()) };
        if slot.is_loaded {
            return Ok(());
        }
        let stored = match self.core.journal.load(instance) {
            Ok(stored) => stored,
            // Law 6: what cannot be read is set aside, and everything else goes on.
            Err(JournalError::Corrupt { problem, .. }) => return Err(self.core.damaged(instance, &problem)),
            Err(error) => return Err(self.core.stop(error)),
        };
        if let Some(stored) = stored {
            if let Some(flaw) = &stored.flaw {
                tracing::error!(%instance, flaw, "a snapshot cannot be read: the log stands for it");
            }
            let run = match codec::read_run(&stored) {
                Ok(run) => run,
                Err(error) => return Err(self.core.damaged(instance, &error.to_string())),
            };
            slot.weight = Weight::of(&stored);
            self.bytes += slot.weight.in_memory();
            match gone::has_left(self.core.journal.as_ref(), &run) {
                Ok(false) => {
                    slot.rows = project::rows(&run);
                    slot.run = Some(Arc::new(run));
                }
                Ok(true) => (slot.going, slot.is_gone) = (Some(Arc::new(run)), true),
                Err(error) => return Err(self.core.stop(error)),
            }
        } else {
            slot.is_gone = match self.core.journal.last(instance) {
                Ok(last) => last > 0,
                Err(error) => return Err(self.core.stop(error)),
            };
        }
        slot.is_loaded = true;
        Ok(())
    }

    fn refuse(&self, jobs: Vec<Job>, blocked: &Blocked) {
        for job in jobs {
            match job {
                Job::Event { reply, .. } => answer(reply, Err(blocked.error())),
                Job::Start { reply, .. } => answer(reply, Err(blocked.error())),
                Job::Remove { reply, .. } => answer(reply, Err(blocked.error())),
                // Who stands behind it in a line goes on without it.
                Job::Lease { effect, .. } => self.core.decided(&effect),
            }
            self.core.end();
        }
    }

    /// Refuses the jobs of a run that is set aside; but a kill always works.
    fn set_aside(&mut self, instance: &InstanceId, mut jobs: Vec<Job>, blocked: &Blocked) {
        let kill = jobs
            .iter()
            .position(|job| matches!(job, Job::Event { envelope, .. } if is_kill(&envelope.event)));
        let (Blocked::Quarantined(problem), Some(kill)) = (blocked, kill) else {
            return self.refuse(jobs, blocked);
        };
        let job = jobs.remove(kill);
        self.refuse(jobs, blocked);
        let core = Arc::clone(&self.core);
        match tombstone::dig(&core, instance, problem) {
            Ok(remains) => self.bury(instance, job, remains),
            Err(JournalError::Corrupt { place, problem }) => {
                self.refuse(vec![job], &Blocked::Refused(format!("{place}: {problem}")));
            }
            Err(error) => self.refuse(vec![job], &core.stop(error)),
        }
    }

    fn bury(&mut self, instance: &InstanceId, mut job: Job, left: tombstone::Left) {
        let core = Arc::clone(&self.core);
        let slot = self.slots.entry(instance.clone()).or_default();
        let mut draft = Draft::new(&core, instance.clone(), None);
        // It is made once: what it reads of the shared rows must not move before it is submitted.
        draft.hold_shared();
        if let Err(error) = tombstone::raise(&mut draft, &mut job, left) {
            let blocked = core.stop(error);
            return self.refuse(vec![job], &blocked);
        }
        (slot.run, slot.rows, slot.is_loaded) = (None, Rows::default(), true);
        let told = Outcome::Told(Ok(Verdict::Applied));
        let lines = std::mem::take(&mut draft.lines);
        let mut flight = submit(slot, draft, vec![told]);
        flight.jobs = vec![job];
        slot.flight = Some(flight);
        lines.act(&core);
    }

    /// Makes a batch of jobs and submits it; a panic of ours sets the run aside and leaves the others alone.
    fn process(&mut self, instance: &InstanceId, mut jobs: Vec<Job>) {
        let core = Arc::clone(&self.core);
        let slot = self.slots.get_mut(instance).expect("the slot exists: its jobs were just taken from it");
        let made = catch_unwind(AssertUnwindSafe(|| make(&core, instance, slot, &mut jobs)));
        let blocked = match made {
            Ok(Ok(Made::Nothing { outcomes, actions })) => {
                give_back(slot, &mut jobs, outcomes.len());
                act(&core, actions);
                finish(&core, jobs, outcomes);
                return;
            }
            Ok(Ok(Made::Submitted(mut flight))) => {
                give_back(slot, &mut jobs, flight.outcomes.len());
                flight.jobs = jobs;
                slot.flight = Some(*flight);
                return;
            }
            Ok(Err(error)) => match error {
                // Nothing has begun that could be set aside: whoever wants the start is told why it cannot be.
                JournalError::Corrupt { place, problem } if slot.run.is_none() => {
                    Blocked::Refused(format!("{place}: {problem}"))
                }
                // What it needs cannot be read, its own or what it shares: its jobs must not be lost, so it waits as it is.
                JournalError::Corrupt { place, problem } => {
                    core.damaged(instance, &format!("{place} cannot be read: {problem}"))
                }
                other => core.stop(other),
            },
            // Here neither: whoever asks again would find something set aside that never was.
            Err(_) if slot.run.is_none() => {
                Blocked::Refused("our own mistake: beginning it panicked".to_owned())
            }
            Err(_) => core.damaged(instance, "a transition of it panicked"),
        };
        self.refuse(jobs, &blocked);
    }

    /// Takes the answer of the store.
    fn written(&mut self, instance: &InstanceId, outcome: Result<Receipt, JournalError>) {
        let Some(slot) = self.slots.get_mut(instance) else { return };
        let Some(flight) = slot.flight.take() else { return };
        let receipt = match outcome {
            Ok(receipt) => receipt,
            Err(error) => return self.rejected(instance, flight, error),
        };
        self.core.crash.at(Point::AfterAppend);
        if flight.decides {
            self.core.crash.at(Point::AfterApproval);
        }
        slot.tries = 0;
        if flight.buries {
            self.core.set_live(|live| drop(live.quarantined.remove(instance)));
        }
        let weight = flight.weight.stored(receipt.tail);
        self.bytes = self.bytes + weight.in_memory() - slot.weight.in_memory();
        slot.weight = weight;
        let seq = flight.run.as_ref().map_or(0, |run| run.seq);
        slot.run = flight.run;
        slot.rows = flight.rows;
        // What is left of a run that is removed is read anew by whoever asks for it.
        if flight.forgets {
            slot.is_loaded = false;
            self.bytes -= slot.weight.in_memory();
            slot.weight = Weight::default();
        }
        slot.going = slot.going.take().filter(|_| !flight.forgets);
        self.core.shared.committed(&flight.shared, receipt.batch);
        self.core.wheel.turn(flight.turns);
        if !flight.word.is_empty() {
            let change = Notification { instance: instance.clone(), seq, kind: flight.word.to_owned() };
            // Nobody watching is the usual case.
            drop(self.core.changes.send(change));
        }
        act(&self.core, flight.actions);
        flight.queues.into_iter().for_each(|queue| turns::look(&self.core, queue));
        finish(&self.core, flight.jobs, flight.outcomes);
    }

    /// A moved record is decided again; anything else means that the store or our own books are wrong.
    fn rejected(&mut self, instance: &InstanceId, flight: Flight, error: JournalError) {
        let slot = self.slots.get_mut(instance).expect("the slot exists: its flight was just taken from it");
        if flight.forgets && matches!(error, JournalError::Conflict { .. }) {
            // Something is there that the lists do not name: it stays, and the audit finds it.
            tracing::error!(%instance, %error, "a run is not removed");
            let refused = flight.outcomes.into_iter().map(|outcome| match outcome {
                Outcome::Removed(_) => Outcome::Removed(false),
                other => other,
            });
            return finish(&self.core, flight.jobs, refused.collect());
        }
        let may_decide_again = matches!(error, JournalError::Moved { .. }) && flight.shared.is_empty();
        if may_decide_again && slot.tries < MOST_TRIES {
            slot.tries += 1;
            for job in flight.jobs.into_iter().rev() {
                slot.queue.push_front(job);
            }
            return;
        }
        let blocked = match error {
            JournalError::Busy if self.core.is_closing() => Blocked::Closing,
            // A guard or a head of its own cannot be read. What others share may already rest on the batch: then all stops.
            JournalError::Corrupt { place, problem } if flight.shared.is_empty() => {
                self.core.damaged(instance, &format!("{place} cannot be read: {problem}"))
            }
            error => self.core.stop(error),
        };
        self.refuse(flight.jobs, &blocked);
    }

    fn touch(&mut self, instance: &InstanceId) {
        self.tick += 1;
        let Some(slot) = self.slots.get_mut(instance) else { return };
        self.order.remove(&slot.tick);
        slot.tick = self.tick;
        self.order.insert(self.tick, instance.clone());
    }

    /// Forgets the states that were not used for longest.
    fn evict(&mut self) {
        while self.bytes > self.most_bytes && self.order.len() > 1 {
            let Some((_, instance)) = self.order.pop_first() else { return };
            let is_used =
                self.slots.get(&instance).is_some_and(|slot| slot.flight.is_some() || !slot.queue.is_empty());
            if is_used {
                self.touch(&instance);
                return;
            }
            self.drop_slot(&instance);
        }
    }

    fn drop_slot(&mut self, instance: &InstanceId) {
        if let Some(slot) = self.slots.remove(instance) {
            self.order.remove(&slot.tick);
            self.bytes -= slot.weight.in_memory();
        }
    }
}

/// Why jobs are refused without being looked at.
enum Blocked {
    Stopped(Stop),
    Quarantined(String),
    Refused(String),
    Closing,
}

impl Blocked {
    fn error(&self) -> Error {
        match self {
            Self::Stopped(stop) => stop.error(),
            Self::Quarantined(reason) => Error::Quarantined { id: String::new(), reason: reason.clone() },
            Self::Refused(reason) => Error::Conflict { reason: reason.clone() },
            Self::Closing => Error::unavailable("the runtime is closing"),
        }
    }
}

impl Core {
    fn stop(&self, error: JournalError) -> Blocked {
        let stop = Stop::from(error);
        self.fail(stop.clone());
        Blocked::Stopped(stop)
    }

    fn damaged(self: &Arc<Self>, instance: &InstanceId, reason: &str) -> Blocked {
        self.quarantine(instance, reason);
        Blocked::Quarantined(reason.to_owned())
    }
}

/// Puts the jobs that the batch did not take back to the front.
fn give_back(slot: &mut Slot, jobs: &mut Vec<Job>, taken: usize) {
    for job in jobs.drain(taken..).rev() {
        slot.queue.push_front(job);
    }
}

/// Tells the callers.
fn finish(core: &Core, jobs: Vec<Job>, outcomes: Vec<Outcome>) {
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        match (job, outcome) {
            (Job::Event { reply, .. }, Outcome::Told(told)) => answer(reply, told),
            (Job::Start { reply, .. }, Outcome::Started(started)) => answer(reply, started),
            (Job::Remove { reply, .. }, Outcome::Removed(removed)) => answer(reply, Ok(removed)),
            _ => {}
        }
        core.end();
    }
}

fn is_kill(event: &Event) -> bool {
    matches!(event, Event::RunKilled { .. })
}

/// Sends an answer; a caller that has gone away needs none.
fn answer<T>(reply: Reply<T>, told: Result<T, Error>) {
    if let Some(reply) = reply {
        drop(reply.send(told));
    }
}

fn act(core: &Arc<Core>, actions: Vec<Action>) {
    for action in actions {
        super::outbox::act(core, action);
    }
}
