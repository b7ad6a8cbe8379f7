//! The real runtime as a [`Host`]: real shards, the real outbox, admission and clock, on a disk that tears.
//!
//! Whatever the driver asks, the answer comes when nothing is under way any more but what waits for the world. So what is read
//! then is durable, and a crash must find it again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use adjutant_machine::{
    call::{Call, Perform},
    event::{Envelope, Event, RunStarted},
    id::{EffectId, InstanceId, Stamp},
    journal::{self, Content, Table},
    life::mailbox::MailboxTold,
    projection,
    run::{EffectPhase, Run},
    verdict::Verdict,
};
use adjutant_sim::{Broken, Dice, Host, Kept, OnItsWay};
use adjutant_spec::plan::{Bundle, Plan};
use tokio::sync::oneshot;

use super::{
    disk::Disk,
    known::Known,
    lockstep::Lockstep,
    lot::{Lot, Parking},
};
use crate::runtime::{
    Activation, Clock, Error, ManualClock, Performer, Settings, activate,
    begin::begin_run,
    core::{Core, Stop},
    identity::NewRun,
    mailbox::{Job, Message},
    open::{self, Opened},
    places::{self, Placed},
    rows, signals, view,
};

/// Nothing takes so long: whoever waits longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the verdict on an event comes.
type Reply = oneshot::Receiver<Result<Verdict, Error>>;

/// How a runtime is driven.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    /// How many shards it has; one in lockstep.
    pub(super) shards: usize,
    /// Whether the driver hands out every message, so that the seed alone decides.
    pub(super) lockstep: bool,
}

/// A process that serves the store until it dies: its runtime, and what it stands on.
struct Process {
    core: Arc<Core>,
    lot: Arc<Lot>,
    lockstep: Option<Lockstep>,
}

/// A runtime, with everything that outlives its processes.
pub(super) struct RuntimeHost {
    tokio: tokio::runtime::Runtime,
    process: Option<Process>,
    disk: Disk,
    setup: Setup,
    clock: ManualClock,
    dice: Dice,
    plan: Arc<Plan>,
    known: BTreeMap<String, Known>,
    sent: u64,
}

impl RuntimeHost {
    /// Opens a runtime on an empty disk, with a plan in force.
    pub(super) fn open(setup: Setup, disk: Disk, (plan, seed): (Plan, u64)) -> Result<Self, Broken> {
        disk.plant(seed);
        let mut host = Self {
            tokio: tokio(setup),
            process: None,
            disk,
            setup,
            clock: ManualClock::at(super::super::monday()),
            dice: Dice::new(!seed),
            plan: Arc::new(plan),
            known: BTreeMap::new(),
            sent: 0,
        };
        host.begin();
        let activation = Activation {
            plan: Arc::clone(&host.plan),
            revision: "r1".to_owned(),
            expected: None,
            held: BTreeMap::new(),
            detail: Default::default(),
            story: None,
            by: "operator".to_owned(),
        };
        let activated = host.tokio.block_on(activate::activate(host.core(), activation));
        activated.expect("the revision is activated");
        host.settle()?;
        Ok(host)
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("a process is there between two calls")
    }

    fn core(&self) -> &Arc<Core> {
        &self.process().core
    }

    /// Begins a process on what is durable. Sometimes it has little memory, and reads again what it forgot.
    fn begin(&mut self) {
        let lot = Arc::<Lot>::default();
        let settings = Settings {
            journal: self.disk.journal(),
            performer: Arc::new(Parking(Arc::clone(&lot))) as Arc<dyn Performer>,
            clock: Arc::new(self.clock.clone()),
            verbs: 64,
            agents: 64,
            cache_bytes: if self.dice.chance(50) { 1 << 20 } else { 1 },
        };
        let setup = self.setup;
        let (core, lockstep) = self.tokio.block_on(async {
            let opened = open::read(settings, setup.shards).await.expect("the store is readable");
            let Opened { core, mut shards } = opened;
            lot.serve(&core);
            let lockstep = setup.lockstep.then(|| Lockstep::new(shards.remove(0)));
            open::start(&core, shards).expect("threads start");
            open::take_up(&core).await.expect("the work is taken up");
            (core, lockstep)
        });
        self.process = Some(Process { core, lot, lockstep });
    }

    /// Waits until nothing is under way, or the runtime has stopped; tells whether that happened at all.
    fn rest(&mut self) -> bool {
        let Process { core, lot, lockstep } = self.process.as_mut().expect("a process is there");
        let clock = &self.clock;
        // An attempt whose lease is over wakes by the clock, and is no work under way before it has left its place.
        let has_lapsed = || !core.is_stopped() && lot.next_lapse().is_some_and(|at| at <= clock.now());
        let rest = async {
            loop {
                while has_lapsed() {
                    tokio::task::yield_now().await;
                }
                match lockstep {
                    None => core.settled().await,
                    Some(lockstep) => tokio::select! {
                        biased;
                        () = core.settled() => {}
                        () = lockstep.work(core) => {}
                    },
                }
                if !has_lapsed() {
                    return;
                }
            }
        };
        self.tokio.block_on(async { tokio::time::timeout(PATIENCE, rest).await }).is_ok()
    }

    /// Waits until nothing is under way but what the world is asked for, and looks at what is durable then.
    fn settle(&mut self) -> Result<(), Broken> {
        if !self.rest() {
            return Err(broken("it does not come to rest"));
        }
        let Process { core, lot, .. } = self.process();
        if let Some(stop) = core.failure.borrow().as_ref() {
            return Err(broken(&format!("the runtime stopped: {stop:?}")));
        }
        if let Some((instance, found)) = core.live().quarantined.iter().next() {
            return Err(broken(&format!("{instance} is set aside: {}", found.reason)));
        }
        if let Some(problem) = lot.broken() {
            return Err(broken(&problem));
        }
        self.look()
    }

    fn look(&mut self) -> Result<(), Broken> {
        let journal = self.disk.journal();
        for instance in journal::instances(journal.as_ref(), None) {
            let instance = instance.expect("the store is readable");
            if instance.is_run() {
                self.known.entry(instance.name.clone()).or_default().look(journal.as_ref(), &instance)?;
            }
        }
        Ok(())
    }

    /// Ends the process without a word.
    fn end(&mut self) {
        let Some(Process { core, lockstep, .. }) = self.process.take() else { return };
        core.fail(Stop::Disk("the process is killed".to_owned()));
        for shard in &core.shards {
            // A shard that has ended needs no message.
            shard.send(Message::Stop);
        }
        let threads = std::mem::take(&mut *core.threads.lock().expect("nobody panics with it"));
        threads.into_iter().for_each(|thread| thread.join().expect("a shard does not panic"));
        drop(lockstep);
        self.tokio.block_on(core.tasks_gone());
    }

    fn post(&mut self, run: &str, event: Event) -> (String, Reply) {
        self.sent += 1;
        let (sender, receiver) = oneshot::channel();
        let (at, id) = (self.clock.now(), format!("driver-{}", self.sent));
        let envelope = Box::new(Envelope { at, id: id.clone(), by: "operator".to_owned(), event });
        let job = Job::Event { envelope, consume: None, reply: Some(sender) };
        self.core().send(InstanceId::run(run), job);
        (id, receiver)
    }

    /// What was durable is there, everything that is read off it agrees with it, and the chain holds.
    pub(super) fn check(&self) -> Result<(), Broken> {
        let audit = view::audit(self.core()).map_err(|error| broken(&error.to_string()))?;
        if !audit.ok {
            return Err(broken(&format!("the audit finds {audit:?}")));
        }
        let journal = self.disk.journal();
        let keys = |table, prefix: &[u8]| -> Vec<Vec<u8>> {
            let rows = journal::rows(journal.as_ref(), table, prefix);
            rows.map(|row| row.expect("the store is readable").key).collect()
        };
        if let Some(row) = keys(Table::Outbox, rows::outbox::MESSAGES).first() {
            return Err(broken(&format!("{row:?} was not delivered")));
        }
        let held = keys(Table::Ledger, b"l\0");
        let mut due: Vec<Vec<u8>> = self.runs().flat_map(reserved).collect();
        due.sort();
        if held == due {
            Ok(())
        } else {
            Err(broken(&format!("money is held for {held:?}, not for {due:?}")))
        }
    }

    fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.known.values().filter_map(|known| known.run.as_ref())
    }

    /// Returns all logs as they are stored.
    pub(super) fn logs(&self) -> BTreeMap<String, Vec<Content>> {
        self.known.iter().map(|(run, known)| (run.clone(), known.bytes.clone())).collect()
    }

    /// Returns a timer that the clock's task does not know of, though no attempt owns it.
    fn forgotten(&self, next: Option<Stamp>) -> Option<String> {
        let leases = &self.core().leases;
        self.runs().find_map(|run| {
            let mut own = projection::timers(run).filter(|(timer, _)| !leases.is_owned(timer));
            let lost = own.find(|(_, at)| next.is_none_or(|next| *at < next));
            lost.map(|(timer, at)| format!("{timer:?} of {} at {at:?} would not fire", run.id))
        })
    }
}

/// The keys of the reservations that a run's attempts hold.
fn reserved(run: &Arc<Run>) -> Vec<Vec<u8>> {
    let leased = run.effects.iter().filter(|(_, state)| {
        matches!(state.life.phase, EffectPhase::Leased { .. })
            && matches!(state.call.as_deref(), Some(Call::Agent(_)))
    });
    leased.map(|(effect, state)| rows::ledger::lease(effect, state.life.attempt)).collect()
}

fn broken(law: &str) -> Broken {
    Broken { run: String::new(), seq: 0, law: law.to_owned() }
}

/// In lockstep one thread runs all tasks, one more all reads, each in the order in which they came.
fn tokio(setup: Setup) -> tokio::runtime::Runtime {
    let mut builder = if setup.lockstep {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.max_blocking_threads(1).global_queue_interval(u32::MAX);
        builder
    } else {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2);
        builder
    };
    builder.enable_time().build().expect("a runtime for tasks")
}

impl Drop for RuntimeHost {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

impl Host for RuntimeHost {
    fn now(&self) -> Stamp {
        self.clock.now()
    }

    /// Forward, time passes; back, the clock is set, and the runtime finds out itself.
    fn set_clock(&mut self, now: Stamp) -> Result<(), Broken> {
        match u64::try_from(now.0 - self.clock.now().0) {
            Ok(passed) => self.clock.advance(passed),
            Err(_) => self.clock.set(now),
        }
        self.settle()
    }

    fn seed(&self) -> u64 {
        self.core().seed
    }

    fn bundles(&self) -> Vec<Arc<Bundle>> {
        self.plan.bundles.values().cloned().collect()
    }

    fn ids(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    fn run(&self, id: &str) -> Option<Arc<Run>> {
        self.known.get(id).and_then(|known| known.run.clone())
    }

    fn kept(&self, id: &str) -> Option<Kept> {
        let known = self.known.get(id)?;
        Some(Kept { run: known.run.clone()?, log: known.log.clone() })
    }

    fn outbox(&self) -> Vec<EffectId> {
        let journal = self.disk.journal();
        let rows = journal::rows(journal.as_ref(), Table::Outbox, rows::outbox::EFFECTS);
        let keys = rows.map(|row| row.expect("the store is readable").key);
        keys.map(|key| rows::outbox::effect_of(&key).expect("the key of an effect")).collect()
    }

    /// The runtime names runs itself: by their playbook and key.
    fn start(&mut self, started: RunStarted) -> Result<Verdict, Broken> {
        let oldest = self.plan.oldest_playbook(&started.playbook);
        let started = RunStarted { run: String::new(), oldest: Some(oldest.clone()), ..started };
        let wish = NewRun { started, oldest, by: "operator".to_owned(), meant: None };
        let (sender, mut receiver) = oneshot::channel();
        let core = Arc::clone(self.core());
        let begin = async move {
            let started = match wish.started.queue {
                Some(_) => places::begin(&core, wish).await.and_then(Placed::or_refused),
                None => begin_run(&core, wish).await,
            };
            drop(sender.send(started));
        };
        self.core().spawn(begin);
        self.settle()?;
        match receiver.try_recv() {
            Ok(Ok(started)) if !self.known.contains_key(&started.run) => {
                Err(broken(&format!("{} was told to have begun and is not there", started.run)))
            }
            Ok(Ok(started)) if started.created => Ok(Verdict::Applied),
            Ok(Ok(_)) => Ok(Verdict::Duplicate { first: None }),
            other => Err(broken(&format!("a start was answered {other:?}"))),
        }
    }

    fn send(&mut self, run: &str, event: Event) -> Result<Verdict, Broken> {
        let (id, mut receiver) = self.post(run, event);
        self.settle()?;
        let verdict = match receiver.try_recv() {
            Ok(Ok(verdict)) => verdict,
            other => return Err(broken(&format!("{id} was answered {other:?}"))),
        };
        let is_there = self.known.get(run).is_some_and(|known| known.holds(&id));
        if verdict == Verdict::Applied && !is_there {
            return Err(broken(&format!("{id} was acknowledged to {run} and is not in its log")));
        }
        Ok(verdict)
    }

    fn ready(&self) -> Vec<EffectId> {
        self.process().lot.ready()
    }

    fn take(&mut self, effect: &EffectId) -> Result<Option<Perform>, Broken> {
        Ok(self.process().lot.take(effect))
    }

    fn answer(&mut self, perform: &Perform, event: Event) -> Result<(), Broken> {
        if !self.process().lot.answer(perform, event.clone()) {
            return self.send(&perform.effect.run, event).map(drop);
        }
        self.settle()?;
        let state = self.run(&perform.effect.run).and_then(|run| run.effects.get(&perform.effect).cloned());
        let is_open = state.is_some_and(|state| {
            matches!(state.life.phase, EffectPhase::Leased { .. }) && state.life.attempt == perform.attempt
        });
        let is_again = self.ready().contains(&perform.effect);
        if is_open && !is_again {
            return Err(broken(&format!("the answer to {} was lost", perform.effect)));
        }
        Ok(())
    }

    /// The next moment is a timer's, a line's, or the end of a lease whose attempt is parked.
    fn fire_next(&mut self) -> Result<bool, Broken> {
        let alarm = self.core().next_alarm();
        let next = [alarm, self.process().lot.next_lapse()].into_iter().flatten().min();
        if let Some(lost) = self.forgotten(alarm) {
            return Err(broken(&lost));
        }
        let Some(at) = next else { return Ok(false) };
        let Some(left) = u64::try_from(at.0.saturating_sub(self.clock.now().0)).ok().filter(|left| *left > 0)
        else {
            return Err(broken(&format!("something was due at {at:?}, and nothing happened")));
        };
        self.clock.advance(left);
        self.settle()?;
        Ok(true)
    }

    fn tell_mailbox(&mut self, told: MailboxTold) -> Result<(), Broken> {
        let (sender, mut receiver) = oneshot::channel();
        let core = Arc::clone(self.core());
        let tell = async move { drop(sender.send(signals::tell(&core, "operator", told).await)) };
        self.core().spawn(tell);
        self.settle()?;
        match receiver.try_recv() {
            Ok(Ok(_)) => Ok(()),
            other => Err(broken(&format!("a mailbox was told, and the answer is {other:?}"))),
        }
    }

    /// The runtime delivers by itself.
    fn deliver_post(&mut self) -> Result<(), Broken> {
        Ok(())
    }

    fn crash(&mut self, on_their_way: Vec<OnItsWay>) -> Result<(), Broken> {
        let will_answer = self.disk.will_tear(&mut self.dice);
        let receivers: Vec<_> =
            on_their_way.into_iter().map(|OnItsWay { run, event }| self.post(&run, event).1).collect();
        let yields = self.dice.below(20);
        match (&mut self.process.as_mut().expect("a process is there").lockstep, will_answer) {
            (Some(lockstep), false) => lockstep.drain(),
            (Some(_), true) => {
                self.rest();
            }
            (None, _) => self.tokio.block_on(async {
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
            }),
        }
        self.disk.cut(&mut self.dice);
        self.end();
        drop(receivers);
        self.disk.find();
        // No process begins in the millisecond in which another ended: ids of events rest on that.
        self.clock.advance(1);
        let before = std::mem::take(&mut self.known);
        self.begin();
        self.settle()?;
        let lost =
            before.iter().find(|(run, known)| !self.known.get(*run).is_some_and(|now| now.follows(known)));
        if let Some((run, known)) = lost {
            let law = "what was durable before the crash is not there after it".to_owned();
            return Err(Broken { run: run.clone(), seq: known.bytes.len() as u64, law });
        }
        self.check()
    }
}
