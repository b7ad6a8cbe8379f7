//! A seeded world that loses, repeats and delays, and an operator who decides at random.
//!
//! Time is virtual; every choice comes from one seed, so a failing seed is a test. When the faults stop, the world answers
//! truthfully, and every run must end.

mod operator;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use adjutant_machine::{
    branch::{BranchId, is_branch},
    call::{Call, Perform},
    event::{Basis, Deferral, ErrorClass, Event, Finding, RunStarted},
    id::EffectId,
    projection,
    run::{Phase, Run},
    sample,
    verdict::Verdict,
};
use adjutant_spec::plan::Stage;
use serde_json::{Value, json};

use crate::{
    dice::Dice,
    host::{Broken, Host},
    mailboxes::sent,
    queues,
    world::{World, sample_of},
};

/// How much goes wrong, in a hundred.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    /// An answer is lost, before or after the act.
    pub lose: u64,
    /// An attempt fails.
    pub fail: u64,
    /// An answer comes late, perhaps twice.
    pub late: u64,
    /// The operator cancels, pauses, retries; the clock jumps; the process dies.
    pub meddle: u64,
    /// The process dies, whatever else happens.
    pub crash: u64,
}

impl Faults {
    /// About every third attempt goes wrong.
    pub const HARSH: Self = Self { lose: 25, fail: 25, late: 30, meddle: 40, crash: 2 };
}

/// A seeded disturbance of a host and its world.
#[derive(Debug)]
pub struct Chaos<H> {
    /// The host that is driven.
    pub host: H,
    /// The world that answers, with what happened in it.
    pub world: World,
    /// Which events met which phases of effects.
    pub covered: BTreeSet<(String, String)>,
    /// How often the process died.
    pub crashes: u64,
    /// How often the operator took a run back.
    pub taken_back: u64,
    late: Vec<(Perform, Event)>,
    dice: Dice,
    faults: Faults,
}

impl<H: Host> Chaos<H> {
    /// Returns a disturbance that follows a seed.
    #[must_use]
    pub fn new(host: H, seed: u64, faults: Faults) -> Self {
        Self {
            host,
            world: World::default(),
            covered: BTreeSet::new(),
            crashes: 0,
            taken_back: 0,
            late: Vec::new(),
            dice: Dice::new(seed),
            faults,
        }
    }

    /// Returns the states of all runs, in the order of their ids.
    fn runs(&self) -> impl Iterator<Item = Arc<Run>> {
        self.host.ids().into_iter().filter_map(|id| self.host.run(&id))
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.dice.below(below)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.dice.chance(percent)
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        self.dice.pick(items)
    }

    /// Lets things go wrong again, so much, after a calm.
    pub fn hurt(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Does so many random things, then lets everything come to its end. What did not end, [`crate::judge`] tells.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn storm(&mut self, disturbances: u32) -> Result<(), Broken> {
        for _ in 0..disturbances {
            self.disturb()?;
        }
        self.calm().map(drop)
    }

    /// Does one random thing.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn disturb(&mut self) -> Result<(), Broken> {
        self.disturb_once()?;
        queues::one_works(&self.host)
    }

    fn disturb_once(&mut self) -> Result<(), Broken> {
        let now = self.host.now().plus(self.draw(5_000));
        self.host.set_clock(now)?;
        if self.chance(50) {
            self.host.deliver_some()?;
        }
        if self.chance(self.faults.crash) {
            return self.crash();
        }
        match self.draw(100) {
            0..=39 => self.perform_any(),
            40..=54 => self.deliver_late(),
            55..=69 => self.decide_any(),
            70..=81 => self.fire_next().map(drop),
            82..=87 => self.settle_any(),
            88..=91 => self.nonsense(),
            92..=95 => self.host.deliver_post(),
            _ => self.meddle(),
        }
    }

    /// Lets the world answer truthfully until every run has ended; tells whether they have.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn calm(&mut self) -> Result<bool, Broken> {
        self.faults = Faults { lose: 0, fail: 0, late: 0, meddle: 0, crash: 0 };
        for round in 0.. {
            self.host.deliver_post()?;
            queues::one_works(&self.host)?;
            queues::whoever_stands_is_released(&self.host)?;
            if self.runs().all(|run| run.is_ended()) {
                return Ok(true);
            }
            self.no_orphans()?;
            if round > 2_000 + 40 * self.host.ids().len() {
                break;
            }
            self.resume_all()?;
            self.deliver_late()?;
            if self.host.ready().is_empty() {
                self.settle_any()?;
                self.decide_any()?;
            }
            match self.host.ready().is_empty() {
                true => drop(self.fire_next()?),
                false => self.perform_any()?,
            }
        }
        Ok(false)
    }

    /// Everything that was told is heard: no branch goes on below what has ended.
    fn no_orphans(&self) -> Result<(), Broken> {
        let live = self.runs().filter(|run| !run.is_ended());
        for run in live {
            let Some(branch) = BranchId::of(&run.id) else { continue };
            if self.host.run(&branch.parent).is_none_or(|parent| parent.is_ended()) {
                let law = format!("it goes on, and {} has ended", branch.parent);
                return Err(Broken { run: run.id.clone(), seq: run.seq, law });
            }
        }
        Ok(())
    }

    fn resume_all(&mut self) -> Result<(), Broken> {
        let roots = self.runs().filter(|run| !is_branch(&run.id));
        let paused = roots.filter(|run| matches!(run.phase, Phase::Paused { .. }));
        let runs: Vec<String> = paused.map(|run| run.id.clone()).collect();
        runs.iter().try_for_each(|run| self.send(run, Event::RunResumed { reason: String::new() }).map(drop))
    }

    fn send(&mut self, run: &str, event: Event) -> Result<Verdict, Broken> {
        self.meets(run, &event);
        self.host.send(run, event)
    }

    /// Notes which phase an event meets.
    fn meets(&mut self, run: &str, event: &Event) {
        if let (Some(effect), Some(run)) = (event.effect(), self.host.run(run))
            && let Some(state) = run.effects.get(effect)
        {
            self.covered.insert((state.life.phase.word().to_owned(), event.word().to_owned()));
        }
    }

    fn fire_next(&mut self) -> Result<bool, Broken> {
        let timers = self.runs().flat_map(|run| {
            let own = projection::timers(&run).map(|(timer, at)| (at, run.id.clone(), timer.clone()));
            own.collect::<Vec<_>>()
        });
        if let Some((_, run, timer)) = timers.min() {
            self.meets(&run, &Event::TimerFired { timer });
        }
        self.host.fire_next()
    }

    fn perform_any(&mut self) -> Result<(), Broken> {
        let ready = self.host.ready();
        let Some(effect) = self.pick(&ready) else { return Ok(()) };
        if self.chance(self.faults.fail / 2) {
            let reason = Deferral::BlockedByBreaker;
            let until = Some(self.host.now().plus(1_000));
            return self.send(&effect.run.clone(), Event::EffectDeferred { effect, reason, until }).map(drop);
        }
        if self.chance(self.faults.fail / 4) && self.outdate(&effect)? {
            return Ok(());
        }
        match self.host.take(&effect)? {
            Some(perform) => self.perform(&perform),
            None => Ok(()),
        }
    }

    /// The records that an approved effect rests on have moved; tells whether there were any.
    fn outdate(&mut self, effect: &EffectId) -> Result<bool, Broken> {
        let run = self.host.run(&effect.run);
        let state = run.as_ref().and_then(|run| run.effects.get(effect));
        let basis = state.filter(|state| state.approval.is_some()).map(|state| state.basis.clone());
        let Some(basis) = basis.filter(|basis| !basis.is_empty()) else { return Ok(false) };
        let moved = basis.into_iter().map(|seen| Basis { version: seen.version + 1, ..seen }).collect();
        self.send(&effect.run.clone(), Event::EffectOutdated { effect: effect.clone(), moved })?;
        Ok(true)
    }

    fn perform(&mut self, perform: &Perform) -> Result<(), Broken> {
        if self.chance(self.faults.fail / 4) {
            let (effect, attempt) = (perform.effect.clone(), perform.attempt);
            let reason = "the door is shut".to_owned();
            return self.answer(perform, Event::EffectHeldBack { effect, attempt, reason });
        }
        let is_lost = self.chance(self.faults.lose);
        if is_lost && self.chance(50) {
            return self.answer_lost(perform);
        }
        if self.chance(self.faults.fail) {
            let class = self.pick(&[ErrorClass::Transient, ErrorClass::RateLimited, ErrorClass::Invalid]);
            let event = failed(perform, class.unwrap_or(ErrorClass::Transient));
            return self.answer(perform, event);
        }
        let event = self.act(perform)?;
        if is_lost {
            // The act stays: whoever asked does not learn of it yet, and perhaps never.
            if self.chance(50) {
                self.late.push((perform.clone(), event));
            }
            return self.answer_lost(perform);
        }
        self.answer(perform, event)
    }

    /// An answer is lost aloud, or the host died and only the lease tells.
    fn answer_lost(&mut self, perform: &Perform) -> Result<(), Broken> {
        if self.chance(50) {
            return Ok(());
        }
        let (effect, attempt) = (perform.effect.clone(), perform.attempt);
        let (message, host_died) = ("the answer was lost".to_owned(), self.chance(50));
        let event = Event::EffectUnknown { effect, attempt, message, host_died };
        self.meets(&perform.effect.run, &event);
        self.host.answer(perform, event)
    }

    fn answer(&mut self, perform: &Perform, event: Event) -> Result<(), Broken> {
        if self.chance(self.faults.late) {
            self.late.push((perform.clone(), event));
            return Ok(());
        }
        self.meets(&perform.effect.run, &event);
        self.host.answer(perform, event.clone())?;
        if self.chance(self.faults.late) {
            self.send(&perform.effect.run, event)?;
        }
        Ok(())
    }

    fn deliver_late(&mut self) -> Result<(), Broken> {
        let Some((perform, event)) = self.late.pop() else { return Ok(()) };
        self.meets(&perform.effect.run, &event);
        self.host.answer(&perform, event)
    }

    /// Acts in the world, and returns what the world says.
    fn act(&mut self, perform: &Perform) -> Result<Event, Broken> {
        let (effect, attempt) = (perform.effect.clone(), perform.attempt);
        let value = match &*perform.call {
            Call::Probe { of, .. } => {
                let happened = self.world.knows(&of.key);
                let finding =
                    if happened { Finding::Happened(self.sample(&of.verb)) } else { Finding::DidNotHappen };
                return Ok(Event::EffectProbed { effect, finding });
            }
            Call::FindChild { of } => {
                let child = self.runs().find(|run| run.parent.as_ref() == Some(of));
                let found = child.map(|run| json!({ "run": run.id }));
                let finding = found.map_or(Finding::DidNotHappen, Finding::Happened);
                return Ok(Event::EffectProbed { effect, finding });
            }
            Call::StartRun { playbook, bundle, input } => {
                let run = format!("{playbook}-of-{}-{}", effect.run, effect.seq);
                if self.host.run(&run).is_none() {
                    let (playbook, bundle, input) = (playbook.clone(), bundle.clone(), input.clone());
                    let parent = Some(effect.clone());
                    let key = effect.key();
                    let child =
                        RunStarted { run: run.clone(), playbook, bundle, key, input, parent, ..unstarted() };
                    self.host.start(child)?;
                }
                json!({ "run": run })
            }
            Call::Verb(call) => {
                let now = self.host.now();
                self.world.act(perform, now);
                self.sample(&call.verb)
            }
            Call::Agent(call) => {
                let known = self.world.answers.get(&call.agent).cloned();
                known.unwrap_or_else(|| sample::of(&call.output))
            }
            Call::Route { route, .. } => {
                let classes =
                    self.world.answers.get(route).and_then(Value::as_array).cloned().unwrap_or_default();
                let class = self.pick(&classes).unwrap_or(json!("unsure"));
                json!({ "class": class, "probability": 0.9 })
            }
            Call::Signal { .. } => {
                if let Some(told) = sent(perform, self.host.now()) {
                    self.host.tell_mailbox(told)?;
                }
                json!({})
            }
            Call::RecordRead { .. } => json!({ "value": {}, "version": 1 }),
            Call::RecordList { .. } => json!({ "items": [] }),
            Call::RecordWrite { value, .. } => json!({ "value": value, "version": 1 }),
        };
        Ok(Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null })
    }

    fn sample(&self, verb: &str) -> Value {
        sample_of(&self.host.bundles(), verb)
    }
}

/// Returns the start of a run of which nothing is said.
fn unstarted() -> RunStarted {
    RunStarted {
        run: String::new(),
        playbook: String::new(),
        oldest: None,
        bundle: String::new(),
        key: String::new(),
        revision: "r1".to_owned(),
        stage: Stage::Act,
        input: BTreeMap::new(),
        trigger: Value::Null,
        parent: None,
        dry: false,
        about: None,
        speaker: None,
        hearing: None,
        queue: None,
        chain: 0,
        purses: Vec::new(),
    }
}

fn failed(perform: &Perform, class: ErrorClass) -> Event {
    Event::EffectFailed {
        effect: perform.effect.clone(),
        attempt: perform.attempt,
        class,
        message: "the world refused".to_owned(),
        retry_after: None,
        cost: None,
    }
}
