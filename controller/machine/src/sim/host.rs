//! The host in memory: one map of runs, one outbox, one set of timers.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_spec::plan::{Bundle, BundleId};

use crate::{
    codec::{canonical, decode_entry, decode_run, encode_entry, encode_run},
    command::{Command, Notice, Perform},
    definition::Definition,
    event::{Envelope, Event, RunStarted, TimerId},
    evolve::fold,
    fact::Entry,
    id::{EffectId, Stamp},
    run::{EffectPhase, Run, Status},
    step::step,
    verdict::{Env, Step, Verdict},
};

/// A law of the machine that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("run \"{run}\" at {seq}: {law}")]
pub struct Broken {
    /// The run.
    pub run: String,
    /// The sequence number.
    pub seq: u64,
    /// Which law, and how.
    pub law: String,
}

/// A run as it is kept: its state and its whole log.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The state after the last entry.
    pub run: Run,
    /// Every entry.
    pub log: Vec<Entry>,
}

/// The host.
#[derive(Debug, Default)]
pub struct Host {
    /// The definitions by id.
    pub definitions: BTreeMap<BundleId, Arc<Definition>>,
    /// The runs.
    pub runs: BTreeMap<String, Kept>,
    /// What waits to be performed.
    pub outbox: BTreeMap<EffectId, Perform>,
    /// What waits for its moment, by run.
    pub timers: BTreeMap<(String, TimerId), Stamp>,
    /// Events between runs that are not delivered yet.
    pub post: Vec<(String, Event)>,
    /// What the operator was told.
    pub notices: Vec<Notice>,
    /// Now.
    pub now: Stamp,
    /// The seed of all pauses.
    pub seed: u64,
    events: u64,
}

impl Host {
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
            (_, None) => return Ok(Verdict::Refused(crate::verdict::Refusal::NotStarted)),
        };
        let seq = kept.map_or(0, |kept| kept.run.seq);
        let broken = |law: String| Broken { run: run.to_owned(), seq: seq + 1, law };
        let def = self.definitions.get(bundle).ok_or_else(|| broken(format!("no bundle {bundle}")))?;
        let env = Env { seq: seq + 1, seed: self.seed };
        let answer = step(def, kept.map(|kept| &kept.run), envelope, &env);
        let again = step(def, kept.map(|kept| &kept.run), envelope, &env);
        if answer != again {
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
        let mut log = self.runs.get(id).map_or_else(Vec::new, |kept| kept.log.clone());
        log.push(entry);
        let folded = fold(&log).ok_or("the log does not begin with its opening")?;
        if canonical(&folded) != canonical(&next.run) {
            return Err("the fold of the log is not the stored state (law 6)".to_owned());
        }
        if !next.run.has_wake_up_cause() {
            return Err(format!("nothing will wake it: {:?} (law 11)", next.run.position));
        }
        for command in next.entry.commands {
            self.obey(id, command);
        }
        self.runs.insert(id.to_owned(), Kept { run: next.run, log });
        self.outbox_matches(id)?;
        Ok(answer.verdict)
    }

    /// Every queued effect has its row, and no other: the outbox is the state, seen from outside.
    fn outbox_matches(&self, id: &str) -> Result<(), String> {
        let run = &self.runs[id].run;
        for (effect, state) in &run.effects {
            let may_leave = matches!(state.life.phase, EffectPhase::Queued | EffectPhase::Deferred { .. });
            if may_leave != self.outbox.contains_key(effect) {
                return Err(format!(
                    "effect {effect} is {}, its row says otherwise",
                    state.life.phase.word()
                ));
            }
        }
        let stored: BTreeMap<_, _> =
            self.timers.iter().filter(|((of, _), _)| of == id).map(|((_, timer), at)| (timer, at)).collect();
        if stored != run.timers.iter().collect() {
            return Err("the stored timers are not the run's".to_owned());
        }
        Ok(())
    }

    fn obey(&mut self, run: &str, command: Command) {
        match command {
            Command::Perform(perform) => drop(self.outbox.insert(perform.effect.clone(), *perform)),
            Command::Withdraw { effect } => drop(self.outbox.remove(&effect)),
            Command::SetTimer { timer, at } => drop(self.timers.insert((run.to_owned(), timer), at)),
            Command::ClearTimer { timer } => drop(self.timers.remove(&(run.to_owned(), timer))),
            Command::Deliver { to, event } => self.post.push((to.name, event)),
            Command::Notify(notice) => self.notices.push(notice),
        }
    }

    /// Leases an effect as the runtime does: the row leaves the outbox only when the machine agreed.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn lease(&mut self, effect: &EffectId) -> Result<Option<Perform>, Broken> {
        let Some(row) = self.outbox.remove(effect) else { return Ok(None) };
        let (attempt, until) = (row.attempt, self.now.plus(row.timeout + 5_000));
        let event = Event::EffectLeased { effect: effect.clone(), attempt, until, reserved: None };
        let verdict = self.send(&effect.run, "host", event);
        match verdict {
            // A key that is too old is not sent: the machine asks instead, and the row is gone.
            Ok(Verdict::Applied) if !self.is_leased(effect) => Ok(None),
            Ok(Verdict::Applied) => Ok(Some(row)),
            Ok(_) => {
                self.outbox.insert(effect.clone(), row);
                Ok(None)
            }
            Err(broken) => Err(broken),
        }
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

    /// Delivers what runs told each other; what is told to a run that does not exist is gone.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn deliver_post(&mut self) -> Result<(), Broken> {
        while let Some((to, event)) = self.post.pop() {
            if self.runs.contains_key(&to) {
                self.send(&to, "host", event)?;
            }
        }
        Ok(())
    }

    /// Returns a run.
    #[must_use]
    pub fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(id).map(|kept| &kept.run)
    }

    /// Returns how a run ended.
    #[must_use]
    pub fn ended(&self, id: &str) -> Option<Status> {
        match self.run(id)?.phase {
            crate::run::Phase::Ended { status, .. } => Some(status),
            _ => None,
        }
    }
}
