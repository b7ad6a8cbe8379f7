//! A seeded world that loses, repeats and delays, and an operator who decides at random.
//!
//! Time is virtual; every choice comes from one seed, so a failing seed is a test. When the faults stop, the world answers
//! truthfully, and every run must end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use adjutant_machine::{
    command::{Call, Perform},
    event::{
        Decision, Deferral, ErrorClass, Event, Finding, GateDecided, Labelled, RunStarted, Settlement,
        TimerId,
    },
    id::{EffectId, Stamp},
    projection,
    run::{Basis, EffectPhase, Gate, Phase, Run},
    sample,
    trust::Speaker,
    verdict::Verdict,
};
use adjutant_spec::plan::Stage;
use serde_json::{Value, json};

use crate::{
    host::{Broken, Host},
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
}

/// A seeded disturbance of a host and its world.
#[derive(Debug)]
pub struct Chaos<H> {
    /// The host that is driven.
    pub host: H,
    /// The world.
    pub world: World,
    /// Which events met which phases of effects.
    pub covered: BTreeSet<(String, String)>,
    /// How often the process died.
    pub crashes: u64,
    late: Vec<Event>,
    state: u64,
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
            late: Vec::new(),
            state: seed ^ 0x9e37_79b9,
            faults,
        }
    }

    /// Returns the states of all runs, in the order of their ids.
    fn runs(&self) -> impl Iterator<Item = Arc<Run>> {
        self.host.ids().into_iter().filter_map(|id| self.host.run(&id))
    }

    /// Draws below a bound (splitmix64).
    fn draw(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.draw(100) < percent
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        let at = usize::try_from(self.draw(items.len() as u64)).unwrap_or(0);
        items.get(at).cloned()
    }

    /// Does one random thing.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn disturb(&mut self) -> Result<(), Broken> {
        let now = self.host.now().plus(self.draw(5_000));
        self.host.set_clock(now)?;
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
        self.faults = Faults { lose: 0, fail: 0, late: 0, meddle: 0 };
        for _ in 0..2_000 {
            if self.runs().all(|run| run.is_ended()) {
                return Ok(true);
            }
            self.host.deliver_post()?;
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

    fn resume_all(&mut self) -> Result<(), Broken> {
        let paused = self.runs().filter(|run| matches!(run.phase, Phase::Paused { .. }));
        let runs: Vec<String> = paused.map(|run| run.id.clone()).collect();
        runs.iter().try_for_each(|run| self.send(run, Event::RunResumed).map(drop))
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
                self.late.push(event);
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
        self.send(&perform.effect.run, Event::EffectUnknown { effect, attempt, message, host_died }).map(drop)
    }

    fn answer(&mut self, perform: &Perform, event: Event) -> Result<(), Broken> {
        if self.chance(self.faults.late) {
            self.late.push(event);
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
        let Some(event) = self.late.pop() else { return Ok(()) };
        let Some(effect) = event.effect().cloned() else { return Ok(()) };
        self.send(&effect.run, event).map(drop)
    }

    /// Acts in the world, and returns what the world says.
    fn act(&mut self, perform: &Perform) -> Result<Event, Broken> {
        let (effect, attempt) = (perform.effect.clone(), perform.attempt);
        let value = match &perform.call {
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
                self.start_child(&run, (playbook, bundle), input, &effect)?;
                json!({ "run": run })
            }
            Call::Verb(call) => {
                let (run, now) = (self.host.run(&effect.run), self.host.now());
                self.world.act((perform, call), run.as_deref(), now);
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
            Call::RecordRead { .. } => json!({ "value": {}, "version": 1 }),
            Call::RecordList { .. } => json!({ "items": [] }),
            Call::RecordWrite { value, .. } => json!({ "value": value, "version": 1 }),
        };
        Ok(Event::EffectSucceeded { effect, attempt, value, cost: None, provenance: Value::Null })
    }

    fn sample(&self, verb: &str) -> Value {
        sample_of(&self.host.bundles(), verb)
    }

    fn start_child(
        &mut self,
        run: &str,
        (playbook, bundle): (&str, &str),
        input: &BTreeMap<String, Labelled>,
        parent: &EffectId,
    ) -> Result<(), Broken> {
        if self.host.run(run).is_some() {
            return Ok(());
        }
        let started = RunStarted {
            run: run.to_owned(),
            playbook: playbook.to_owned(),
            oldest: None,
            bundle: bundle.to_owned(),
            key: parent.key(),
            revision: "r1".to_owned(),
            stage: Stage::Act,
            input: input.clone(),
            trigger: Value::Null,
            parent: Some(parent.clone()),
            dry: false,
            about: None,
            speaker: None,
        };
        self.host.start(started).map(drop)
    }

    fn decide_any(&mut self) -> Result<(), Broken> {
        let open: Vec<(String, Gate)> = self
            .runs()
            .flat_map(|run| run.open_gates().map(|gate| (run.id.clone(), gate.clone())).collect::<Vec<_>>())
            .collect();
        let Some((run, gate)) = self.pick(&open) else { return Ok(()) };
        let decision = match self.draw(10) {
            0 if self.faults.meddle > 0 => Decision::Denied,
            _ => Decision::Approved { form: gate.card.form.as_ref().map(sample::of) },
        };
        let digest = if self.chance(self.faults.meddle) { "stale".to_owned() } else { gate.digest };
        let decided =
            GateDecided { gate: gate.id, digest, decision, reason: None, speaker: Speaker::Operator };
        self.send(&run, Event::GateDecided(Box::new(decided))).map(drop)
    }

    /// The operator looks at the world and settles truthfully.
    fn settle_any(&mut self) -> Result<(), Broken> {
        let open: Vec<EffectId> = self
            .runs()
            .flat_map(|run| run.dead_letters().map(|(id, _)| id.clone()).collect::<Vec<_>>())
            .collect();
        let Some(effect) = self.pick(&open) else { return Ok(()) };
        let Some(run) = self.host.run(&effect.run) else { return Ok(()) };
        let state = &run.effects[&effect];
        let is_dead = matches!(state.life.phase, EffectPhase::Dead { .. });
        let happened = self.world.acts.iter().any(|act| act.effect == effect);
        let settlement = match (happened, is_dead) {
            (true, false) => Settlement::Happened(self.verb_of(&state.call)),
            (_, true) => Settlement::Drop,
            (false, false) => Settlement::DidNotHappen,
        };
        self.send(&run.id, Event::EffectSettled { effect, settlement }).map(drop)
    }

    fn verb_of(&self, call: &Option<Call>) -> Value {
        match call {
            Some(Call::Verb(call)) => self.sample(&call.verb),
            _ => Value::Null,
        }
    }

    /// Answers that nobody asked for: of other attempts, of settled effects, of effects that do not exist.
    fn nonsense(&mut self) -> Result<(), Broken> {
        let known: Vec<EffectId> =
            self.runs().flat_map(|run| run.effects.keys().cloned().collect::<Vec<_>>()).collect();
        let Some(mut effect) = self.pick(&known) else { return Ok(()) };
        let run = effect.run.clone();
        if self.chance(10) {
            effect.index = effect.index.saturating_add(7);
        }
        let attempt = 40;
        let event = match self.draw(5) {
            0 => Event::EffectLeased { effect, attempt, until: self.host.now(), reserved: None },
            1 => Event::EffectUnknown { effect, attempt, message: "nonsense".to_owned(), host_died: true },
            2 => {
                let event = Event::ChildEnded { effect, status: "done".to_owned(), output: Value::Null };
                self.when_child(event)
            }
            3 => Event::EffectProbed { effect, finding: Finding::Unclear("nonsense".to_owned()) },
            _ => Event::TimerFired { timer: TimerId::Backoff(effect, attempt) },
        };
        self.send(&run, event).map(drop)
    }

    fn meddle(&mut self) -> Result<(), Broken> {
        if !self.chance(self.faults.meddle) {
            return Ok(());
        }
        let Some(run) = self.pick(&self.host.ids()) else { return Ok(()) };
        let reason = "the operator wishes so".to_owned();
        let event = match self.draw(12) {
            0 => Event::RunCancelled { reason },
            8 => return self.correct(&run),
            9 => Event::RunKilled { reason },
            10 => return self.set_back(),
            11 => return self.crash(),
            1 => Event::RunRetried { step: None, edits: BTreeMap::new(), speaker: Speaker::Operator },
            2..=4 => Event::RunPaused { reason },
            _ => Event::RunResumed,
        };
        self.send(&run, event).map(drop)
    }

    /// The clock was ahead, and is right again.
    fn set_back(&mut self) -> Result<(), Broken> {
        let by = i64::try_from(self.draw(40 * 86_400_000)).unwrap_or(0);
        let now = self.host.now();
        self.host.set_clock(Stamp((now.0 - by).max(0)))
    }

    /// The process dies, and another begins: answers that are on their way find no one who asked for them.
    fn crash(&mut self) -> Result<(), Broken> {
        self.crashes += 1;
        self.host.crash()
    }

    /// Says of some step that it was none of the classes: only route steps take that.
    fn correct(&mut self, run: &str) -> Result<(), Broken> {
        let steps: Option<Vec<_>> = self.host.run(run).map(|run| run.steps.keys().cloned().collect());
        let Some(step) = self.pick(&steps.unwrap_or_default()) else { return Ok(()) };
        self.send(run, Event::ClassCorrected { step, class: None }).map(drop)
    }

    /// A child's end is nobody's to invent for an effect that starts none: such an answer becomes a pause's end.
    fn when_child(&self, event: Event) -> Event {
        let starts_child = |effect: &EffectId| {
            let run = self.host.run(&effect.run);
            run.as_ref().and_then(|run| run.effects.get(effect)).is_some_and(|state| {
                state.child.is_some() || matches!(state.call, Some(Call::StartRun { .. }))
            })
        };
        match &event {
            Event::ChildEnded { effect, .. } if starts_child(effect) => Event::RunResumed,
            _ => event,
        }
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
