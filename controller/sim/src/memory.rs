//! The host in memory: one map of runs, and what is read off them.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    Definition, Refusal,
    call::{Notice, Perform},
    codec::{canonical, decode_entry, decode_run, encode_entry, encode_run},
    event::{Envelope, Event, RunStarted, TimerId},
    fact::Entry,
    fold,
    id::{AttemptId, EffectId, Stamp},
    life::mailbox::{MailboxEvent, MailboxTold, ToldRun},
    projection::{self, Message},
    run::{EffectPhase, LEASE_GRACE, Phase, Run, Status},
    step,
    verdict::{Env, Step, Verdict},
};
use adjutant_spec::plan::{Bundle, BundleId};

use crate::{
    dice::Dice,
    host::{Broken, Host, Kept, OnItsWay},
    mailboxes::KeptMailbox,
    queues,
};

/// What one run told another.
#[derive(Debug, Clone)]
pub struct Posted {
    from: String,
    to: String,
    envelope: Envelope,
}

/// A host in memory, which checks the laws at every step.
#[derive(Debug, Default)]
pub struct MemoryHost {
    /// The definitions by id.
    pub definitions: BTreeMap<BundleId, Arc<Definition>>,
    /// Every run by its id, with its whole log.
    pub runs: BTreeMap<String, Kept>,
    /// What may be leased.
    pub outbox: BTreeMap<EffectId, Perform>,
    /// What waits for its moment, by run.
    pub timers: BTreeMap<(String, TimerId), Stamp>,
    /// What runs told each other and is not delivered yet. What one tells another arrives in the order in which it was told; who
    /// is heard first is chance.
    pub post: Vec<Posted>,
    /// The mailboxes by the names of their instances.
    pub mailboxes: BTreeMap<String, KeptMailbox>,
    /// What the operator was told.
    pub notices: Vec<Notice>,
    /// The moment that it is.
    pub now: Stamp,
    /// The seed of all pauses.
    pub seed: u64,
    /// Whether the laws that cost as much as a whole log are left to whoever looks at the end, with [`MemoryHost::check_folds`].
    pub is_quick: bool,
    /// Whether any run has a place in a queue.
    has_queues: bool,
    events: u64,
}

impl MemoryHost {
    /// Returns a host whose pauses follow a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Adds a definition.
    pub fn define(&mut self, bundle: Arc<Bundle>) {
        self.definitions.insert(bundle.id(), Arc::new(Definition::new(bundle)));
    }

    /// Starts a run.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn start(&mut self, started: RunStarted) -> Result<Verdict, Broken> {
        let run = started.run.clone();
        self.has_queues |= started.queue.is_some();
        self.send(&run, "host", Event::RunStarted(Box::new(started)))
    }

    /// Puts an event into a run's mailbox under a new id.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn send(&mut self, run: &str, by: &str, event: Event) -> Result<Verdict, Broken> {
        self.events += 1;
        let id = format!("e{}", self.events);
        self.deliver(run, &Envelope { at: self.now, id, by: by.to_owned(), event })
    }

    /// Delivers an envelope, checks the laws, and keeps what came of it.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn deliver(&mut self, run: &str, envelope: &Envelope) -> Result<Verdict, Broken> {
        let kept = self.runs.get(run);
        let bundle = match (&envelope.event, kept) {
            (Event::RunStarted(started), None) => &started.bundle,
            (_, Some(kept)) => &kept.run.bundle,
            (_, None) => return Ok(Verdict::Refused(Refusal::NotStarted)),
        };
        let before = kept.map(|kept| Arc::clone(&kept.run));
        let seq = before.as_ref().map_or(0, |run| run.seq) + 1;
        let broken = |law: String| Broken { run: run.to_owned(), seq, law };
        let def = self.definitions.get(bundle).ok_or_else(|| broken(format!("no bundle {bundle}")))?;
        let env = Env { seq, seed: self.seed };
        let answer = step(def, before.as_deref(), envelope, &env);
        if !self.is_quick && answer != step(def, before.as_deref(), envelope, &env) {
            return Err(broken("the same arguments gave two answers (law 2)".to_owned()));
        }
        self.keep(run, answer).map_err(broken)
    }

    fn keep(&mut self, id: &str, answer: Step) -> Result<Verdict, String> {
        let Some(next) = answer.next else { return Ok(answer.verdict) };
        let entry = decode_entry(&encode_entry(&next.entry)).map_err(|error| error.to_string())?;
        let stored = decode_run(&encode_run(&next.run)).map_err(|error| error.to_string())?;
        if stored != next.run || entry != next.entry {
            return Err("what was stored is not what was decided (codec)".to_owned());
        }
        let mut log = self.runs.remove(id).map_or_else(Vec::new, |kept| kept.log);
        log.push(entry);
        if !self.is_quick {
            folds_to(&log, &next.run)?;
        }
        if !next.run.has_wake_up_cause() {
            return Err(format!("nothing will wake it: {:?} (law 11)", next.run.position));
        }
        for (place, message) in projection::messages(&next.entry) {
            match message {
                Message::Post { to, event } => {
                    let (from, to) = (id.to_owned(), to.name.clone());
                    let (id, by) = (format!("{from}.{}.{place}", next.run.seq), "host".to_owned());
                    let envelope = Envelope { at: self.now, id, by, event: event.clone() };
                    self.post.push(Posted { from, to, envelope });
                }
                Message::Notice(notice) => self.notices.push(notice.clone()),
            }
        }
        self.project(&next.run);
        self.runs.insert(id.to_owned(), Kept { run: Arc::new(next.run), log });
        Ok(answer.verdict)
    }

    /// Checks that every state is the fold of its log.
    ///
    /// # Errors
    /// [`Broken`] where one is not.
    pub fn check_folds(&self) -> Result<(), Broken> {
        self.runs.iter().try_for_each(|(run, kept)| {
            let broken = |law| Broken { run: run.clone(), seq: kept.run.seq, law };
            folds_to(&kept.log, &kept.run).map_err(broken)
        })
    }

    /// Keeps what is read off a state, instead of what was read off the one before.
    fn project(&mut self, run: &Run) {
        self.outbox.retain(|effect, _| effect.run != run.id);
        self.timers.retain(|(of, _), _| *of != run.id);
        for (effect, waiting) in projection::outbox(run) {
            if let Some(perform) = projection::perform(run, effect).filter(|_| !waiting.is_leased) {
                self.outbox.insert(effect.clone(), perform);
            }
        }
        let timers = projection::timers(run).map(|(timer, at)| ((run.id.clone(), timer.clone()), at));
        self.timers.extend(timers);
    }

    /// Tells a mailbox that somebody waits or that something was sent; what it tells runs is posted.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn tell_mailbox(&mut self, by: &str, told: MailboxTold) -> Result<(), Broken> {
        let name = told.mailbox.instance().name;
        let mailbox = told.mailbox.clone();
        let kept = self.mailboxes.entry(name.clone()).or_default();
        let told = kept.tell(self.now, by, told)?;
        let (seq, owes) = (kept.log.len(), kept.owes());
        for (place, ToldRun { run, came }) in told.into_iter().enumerate() {
            let id = format!("{name}.{seq}.{place}");
            let event = Event::SignalCame(Box::new(came));
            let envelope = Envelope { at: self.now, id, by: "host".to_owned(), event };
            self.post.push(Posted { from: name.clone(), to: run, envelope });
        }
        if !owes {
            return Ok(());
        }
        self.tell_mailbox("host", MailboxTold { mailbox, event: MailboxEvent::WentOn })
    }

    /// Leases an effect as the runtime does.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn lease(&mut self, effect: &EffectId) -> Result<Option<Perform>, Broken> {
        let Some(perform) = self.outbox.get(effect).cloned() else { return Ok(None) };
        let (attempt, until) = (perform.attempt, self.now.plus(perform.timeout + LEASE_GRACE));
        let event = Event::EffectLeased { effect: effect.clone(), attempt, until, reserved: None };
        self.send(&effect.run, "host", event)?;
        // A key that is too old is not sent: the machine asks instead.
        Ok(self.is_leased(effect).then_some(perform))
    }

    fn is_leased(&self, effect: &EffectId) -> bool {
        let state = self.run(&effect.run).and_then(|run| run.effects.get(effect));
        state.is_some_and(|state| matches!(state.life.phase, EffectPhase::Leased { .. }))
    }

    /// Fires the earliest timer, moving the clock to it; tells whether there was one.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn fire_next(&mut self) -> Result<bool, Broken> {
        let next = self.timers.iter().min_by_key(|(_, at)| **at).map(|(key, at)| (key.clone(), *at));
        let Some(((run, timer), at)) = next else { return Ok(false) };
        self.now = self.now.max(at);
        self.send(&run, "host", Event::TimerFired { timer })?;
        Ok(true)
    }

    /// Delivers what runs told each other, and what they tell each other then.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn deliver_post(&mut self) -> Result<(), Broken> {
        while self.deliver_one()? {}
        Ok(())
    }

    /// Delivers one thing that a run told another; tells whether there was one. What is told to a run that does not exist is gone.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn deliver_one(&mut self) -> Result<bool, Broken> {
        let mut dice = Dice::new(self.seed ^ self.events);
        if self.has_queues && (self.post.is_empty() || dice.chance(30)) && self.give_turn()? {
            return Ok(true);
        }
        if self.post.is_empty() {
            return Ok(false);
        }
        let chance = dice.below(self.post.len() as u64);
        let picked = &self.post[usize::try_from(chance).unwrap_or(0)];
        let (from, to) = (&picked.from, &picked.to);
        let first = self.post.iter().position(|posted| (&posted.from, &posted.to) == (from, to));
        let Posted { to, envelope, .. } = self.post.remove(first.unwrap_or(0));
        self.events += 1;
        if let Event::MailboxTold(told) = envelope.event {
            self.tell_mailbox(&envelope.by, *told)?;
            return Ok(true);
        }
        let begins = matches!(envelope.event, Event::RunStarted(_));
        if begins || self.runs.contains_key(&to) {
            self.deliver(&to, &Envelope { at: self.now, ..envelope })?;
        }
        Ok(true)
    }

    /// Tells a run of which nobody works before it that its turn came; tells whether there was one.
    fn give_turn(&mut self) -> Result<bool, Broken> {
        let Some(run) = queues::turns(self).into_iter().next() else { return Ok(false) };
        self.send(&run, "host", Event::TurnCame)?;
        Ok(true)
    }

    /// Returns a run.
    #[must_use]
    pub fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(id).map(|kept| kept.run.as_ref())
    }

    /// Returns how a run ended.
    #[must_use]
    pub fn ended(&self, id: &str) -> Option<Status> {
        match self.run(id)?.phase {
            Phase::Ended { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Returns the attempts that are under way.
    fn under_way(&self) -> Vec<AttemptId> {
        let all = self.runs.values().flat_map(|kept| projection::outbox(&kept.run));
        all.filter(|(_, waiting)| waiting.is_leased)
            .map(|(effect, waiting)| AttemptId { effect: effect.clone(), attempt: waiting.attempt })
            .collect()
    }
}

fn folds_to(log: &[Entry], run: &Run) -> Result<(), String> {
    let folded = fold(log).ok_or("the log does not begin with its opening")?;
    if canonical(&folded) == canonical(run) {
        return Ok(());
    }
    Err("the fold of the log is not the stored state (law 6)".to_owned())
}

impl Host for MemoryHost {
    fn now(&self) -> Stamp {
        self.now
    }

    fn set_clock(&mut self, now: Stamp) -> Result<(), Broken> {
        let is_back = now < self.now;
        self.now = now;
        if !is_back {
            return Ok(());
        }
        self.ids().iter().try_for_each(|run| self.send(run, "host", Event::ClockSetBack).map(drop))
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn bundles(&self) -> Vec<Arc<Bundle>> {
        self.definitions.values().map(|def| Arc::clone(def.bundle())).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.runs.keys().cloned().collect()
    }

    fn run(&self, id: &str) -> Option<Arc<Run>> {
        self.runs.get(id).map(|kept| Arc::clone(&kept.run))
    }

    fn kept(&self, id: &str) -> Option<Kept> {
        self.runs.get(id).cloned()
    }

    fn has_queues(&self) -> bool {
        self.has_queues
    }

    fn outbox(&self) -> Vec<EffectId> {
        let all = self.runs.values().flat_map(|kept| projection::outbox(&kept.run));
        all.map(|(effect, _)| effect.clone()).collect()
    }

    fn start(&mut self, started: RunStarted) -> Result<Verdict, Broken> {
        self.start(started)
    }

    fn send(&mut self, run: &str, event: Event) -> Result<Verdict, Broken> {
        self.send(run, "operator", event)
    }

    fn ready(&self) -> Vec<EffectId> {
        self.outbox.keys().cloned().collect()
    }

    fn take(&mut self, effect: &EffectId) -> Result<Option<Perform>, Broken> {
        self.lease(effect)
    }

    fn answer(&mut self, perform: &Perform, event: Event) -> Result<(), Broken> {
        self.send(&perform.effect.run, "host", event).map(drop)
    }

    fn fire_next(&mut self) -> Result<bool, Broken> {
        self.fire_next()
    }

    fn tell_mailbox(&mut self, told: MailboxTold) -> Result<(), Broken> {
        self.tell_mailbox("operator", told)
    }

    fn deliver_post(&mut self) -> Result<(), Broken> {
        self.deliver_post()
    }

    fn deliver_some(&mut self) -> Result<(), Broken> {
        self.deliver_one().map(drop)
    }

    /// Everything here is durable at once: what a crash loses is who performs, and what had not arrived.
    fn crash(&mut self, on_their_way: Vec<OnItsWay>) -> Result<(), Broken> {
        let arrived = usize::try_from(self.events).unwrap_or(0) % (on_their_way.len() + 1);
        for OnItsWay { run, event } in on_their_way.into_iter().take(arrived) {
            self.send(&run, "host", event)?;
        }
        for AttemptId { effect, attempt } in self.under_way() {
            let message = "the process stopped while the attempt was under way".to_owned();
            let run = effect.run.clone();
            self.send(&run, "host", Event::EffectUnknown { effect, attempt, message, host_died: true })?;
        }
        Ok(())
    }
}
