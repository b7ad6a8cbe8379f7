//! A seeded world that loses, repeats and delays, and an operator who decides at random.
//!
//! Time is virtual; every choice comes from one seed, so a failing seed is a test. When the faults stop, the world answers
//! truthfully, and every run must end.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_spec::plan::{Effect, Idempotency};
use serde_json::{Value, json};

use super::host::{Broken, Host};
use crate::{
    command::{Call, Perform},
    event::{Decision, ErrorClass, Event, Finding, GateDecided, RunStarted, Settlement},
    id::{EffectId, Stamp},
    run::{Basis, EffectPhase, Phase, Run},
    trust::Speaker,
    verdict::Verdict,
};

/// One act in the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// The key under which it happened.
    pub key: String,
    /// The effect.
    pub effect: EffectId,
    /// The verb.
    pub verb: String,
    /// What it does to the world.
    pub class: Effect,
    /// What makes a repetition safe.
    pub idempotency: Idempotency,
    /// What it sent.
    pub args: Value,
    /// Whether an approval came with it: the digest.
    pub approval: Option<String>,
    /// Whether it takes a step back.
    pub is_undo: bool,
    /// The virtual moment at which it happens.
    pub at: Stamp,
    /// How long the other side keeps its key, in milliseconds.
    pub key_valid: Option<u64>,
    /// Whether its run had begun to unwind, or had ended, before it was sent.
    pub is_unwanted: bool,
}

/// How much goes wrong, in a hundred.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    /// An answer is lost, before or after the act.
    pub lose: u64,
    /// An attempt fails.
    pub fail: u64,
    /// An answer comes late, perhaps twice.
    pub late: u64,
    /// The operator cancels, pauses, retries.
    pub meddle: u64,
}

/// A seeded world.
#[derive(Debug)]
pub struct Chaos {
    /// The host that is driven.
    pub host: Host,
    /// What happened in the world, in order.
    pub acts: Vec<Act>,
    /// Which events met which phases of effects.
    pub covered: BTreeSet<(String, String)>,
    /// What agents and routes answer, by name; others get a sample.
    pub answers: BTreeMap<String, Value>,
    late: Vec<Event>,
    state: u64,
    faults: Faults,
}

impl Chaos {
    /// Returns a world that follows a seed.
    #[must_use]
    pub fn new(mut host: Host, seed: u64, faults: Faults) -> Self {
        let (acts, late) = (Vec::new(), Vec::new());
        host.seed = seed;
        Self {
            host,
            acts,
            covered: BTreeSet::new(),
            answers: BTreeMap::new(),
            late,
            state: seed ^ 0x9e37_79b9,
            faults,
        }
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
        self.host.now = self.host.now.plus(self.draw(5_000));
        match self.draw(100) {
            0..=39 => self.perform_any(),
            40..=54 => self.deliver_late(),
            55..=69 => self.decide_any(),
            70..=81 => self.host.fire_next().map(drop),
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
            if self.host.runs.values().all(|kept| kept.run.is_ended()) {
                return Ok(true);
            }
            self.host.deliver_post()?;
            self.resume_all()?;
            self.deliver_late()?;
            if self.host.outbox.is_empty() {
                self.settle_any()?;
                self.decide_any()?;
            }
            match self.host.outbox.is_empty() {
                true => drop(self.host.fire_next()?),
                false => self.perform_any()?,
            }
        }
        Ok(false)
    }

    fn resume_all(&mut self) -> Result<(), Broken> {
        let paused = |run: &&Run| matches!(run.phase, Phase::Paused { .. });
        let runs: Vec<String> =
            self.host.runs.values().map(|kept| &kept.run).filter(paused).map(|run| run.id.clone()).collect();
        runs.iter().try_for_each(|run| self.send(run, Event::RunResumed).map(drop))
    }

    fn send(&mut self, run: &str, event: Event) -> Result<Verdict, Broken> {
        if let (Some(effect), Some(kept)) = (effect_of(&event), self.host.run(run))
            && let Some(state) = kept.effects.get(effect)
        {
            self.covered.insert((state.life.phase.word().to_owned(), word(&event)));
        }
        self.host.send(run, "operator", event)
    }

    fn perform_any(&mut self) -> Result<(), Broken> {
        let rows: Vec<EffectId> = self.host.outbox.keys().cloned().collect();
        let Some(effect) = self.pick(&rows) else { return Ok(()) };
        if self.chance(self.faults.fail / 2) {
            let reason = crate::event::Deferral::BlockedByBreaker;
            let until = Some(self.host.now.plus(1_000));
            return self.send(&effect.run.clone(), Event::EffectDeferred { effect, reason, until }).map(drop);
        }
        if self.chance(self.faults.fail / 4) && self.outdate(&effect)? {
            return Ok(());
        }
        match self.host.lease(&effect)? {
            Some(perform) => self.perform(&perform),
            None => Ok(()),
        }
    }

    /// The records that an approved effect rests on have moved; tells whether there were any.
    fn outdate(&mut self, effect: &EffectId) -> Result<bool, Broken> {
        let state = self.host.run(&effect.run).and_then(|run| run.effects.get(effect));
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
        self.send(&perform.effect.run, event.clone())?;
        if self.chance(self.faults.late) {
            self.send(&perform.effect.run, event)?;
        }
        Ok(())
    }

    fn deliver_late(&mut self) -> Result<(), Broken> {
        let Some(event) = self.late.pop() else { return Ok(()) };
        let Some(effect) = effect_of(&event).cloned() else { return Ok(()) };
        self.send(&effect.run, event).map(drop)
    }

    /// Acts in the world, and returns what the world says.
    fn act(&mut self, perform: &Perform) -> Result<Event, Broken> {
        let (effect, attempt) = (perform.effect.clone(), perform.attempt);
        let value = match &perform.call {
            Call::Probe { of, .. } => {
                let happened = self.acts.iter().any(|act| act.key == of.key);
                let finding =
                    if happened { Finding::Happened(self.sample(&of.verb)) } else { Finding::DidNotHappen };
                return Ok(Event::EffectProbed { effect, finding });
            }
            Call::FindChild { of } => {
                let child = self.host.runs.values().find(|kept| kept.run.parent.as_ref() == Some(of));
                let found = child.map(|kept| json!({ "run": kept.run.id }));
                let finding = found.map_or(Finding::DidNotHappen, Finding::Happened);
                return Ok(Event::EffectProbed { effect, finding });
            }
            Call::StartRun { playbook, bundle, input } => {
                let run = format!("{playbook}-of-{}-{}", effect.run, effect.seq);
                self.start_child(&run, (playbook, bundle), input, &effect)?;
                json!({ "run": run })
            }
            Call::Verb(call) => {
                let value = self.sample(&call.verb);
                let run = self.host.run(&effect.run);
                let is_unwanted =
                    run.is_some_and(|run| !matches!(run.phase, Phase::Active | Phase::Paused { .. }));
                let state = run.and_then(|run| run.effects.get(&effect));
                let key_valid = state.and_then(|state| state.traits.key_valid);
                self.acts.push(Act {
                    key: call.key.clone(),
                    effect: effect.clone(),
                    verb: call.verb.clone(),
                    class: call.effect,
                    idempotency: call.idempotency,
                    args: call.args.clone(),
                    approval: perform.approval.as_ref().map(|approval| approval.digest.clone()),
                    is_undo: call.undo_of.is_some(),
                    at: self.host.now,
                    key_valid,
                    is_unwanted,
                });
                value
            }
            Call::Agent(call) => {
                self.answers.get(&call.agent).cloned().unwrap_or_else(|| crate::sample::of(&call.output))
            }
            Call::Route { route, .. } => {
                let classes = self.answers.get(route).and_then(Value::as_array).cloned().unwrap_or_default();
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
        let contract = self.host.definitions.values().find_map(|def| def.verbs.get(verb));
        contract.map_or(Value::Null, |contract| crate::sample::of(&contract.output))
    }

    fn start_child(
        &mut self,
        run: &str,
        (playbook, bundle): (&str, &str),
        input: &BTreeMap<String, crate::event::Labelled>,
        parent: &EffectId,
    ) -> Result<(), Broken> {
        if self.host.runs.contains_key(run) {
            return Ok(());
        }
        let started = RunStarted {
            run: run.to_owned(),
            playbook: playbook.to_owned(),
            oldest: None,
            bundle: bundle.to_owned(),
            key: parent.key(),
            revision: "r1".to_owned(),
            stage: adjutant_spec::plan::Stage::Act,
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
        let open: Vec<(String, crate::run::Gate)> = self
            .host
            .runs
            .values()
            .flat_map(|kept| kept.run.open_gates().map(|gate| (kept.run.id.clone(), gate.clone())))
            .collect();
        let Some((run, gate)) = self.pick(&open) else { return Ok(()) };
        let decision = match self.draw(10) {
            0 if self.faults.meddle > 0 => Decision::Denied,
            _ => Decision::Approved { form: gate.card.form.as_ref().map(crate::sample::of) },
        };
        let digest = if self.chance(self.faults.meddle) { "stale".to_owned() } else { gate.digest };
        let decided =
            GateDecided { gate: gate.id, digest, decision, reason: None, speaker: Speaker::Operator };
        self.send(&run, Event::GateDecided(Box::new(decided))).map(drop)
    }

    /// The operator looks at the world and settles truthfully.
    fn settle_any(&mut self) -> Result<(), Broken> {
        let open: Vec<(String, EffectId)> = self
            .host
            .runs
            .values()
            .flat_map(|kept| kept.run.dead_letters().map(|(id, _)| (kept.run.id.clone(), id.clone())))
            .collect();
        let Some((run, effect)) = self.pick(&open) else { return Ok(()) };
        let state = self.host.runs[&run].run.effects[&effect].clone();
        let is_dead = matches!(state.life.phase, EffectPhase::Dead { .. });
        let happened = self.acts.iter().any(|act| act.effect == effect);
        let settlement = match (happened, is_dead) {
            (true, false) => Settlement::Happened(self.verb_of(&state.call)),
            (_, true) => Settlement::Drop,
            (false, false) => Settlement::DidNotHappen,
        };
        self.send(&run, Event::EffectSettled { effect, settlement }).map(drop)
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
            self.host.runs.values().flat_map(|kept| kept.run.effects.keys().cloned()).collect();
        let Some(mut effect) = self.pick(&known) else { return Ok(()) };
        let run = effect.run.clone();
        if self.chance(10) {
            effect.index = effect.index.saturating_add(7);
        }
        let attempt = 40;
        let event = match self.draw(5) {
            0 => Event::EffectLeased { effect, attempt, until: self.host.now, reserved: None },
            1 => Event::EffectUnknown { effect, attempt, message: "nonsense".to_owned(), host_died: true },
            2 => {
                Event::ChildEnded { effect, status: "done".to_owned(), output: Value::Null }.when_child(self)
            }
            3 => Event::EffectProbed { effect, finding: Finding::Unclear("nonsense".to_owned()) },
            _ => Event::TimerFired { timer: crate::event::TimerId::Backoff(effect, attempt) },
        };
        self.send(&run, event).map(drop)
    }

    fn meddle(&mut self) -> Result<(), Broken> {
        if !self.chance(self.faults.meddle) {
            return Ok(());
        }
        let runs: Vec<String> = self.host.runs.keys().cloned().collect();
        let Some(run) = self.pick(&runs) else { return Ok(()) };
        let reason = "the operator wishes so".to_owned();
        let event = match self.draw(11) {
            0 => Event::RunCancelled { reason },
            8 => return self.correct(&run),
            9 => Event::RunKilled { reason },
            10 => return self.set_back(),
            1 => Event::RunRetried { step: None, edits: BTreeMap::new(), speaker: Speaker::Operator },
            2..=4 => Event::RunPaused { reason },
            _ => Event::RunResumed,
        };
        self.send(&run, event).map(drop)
    }

    /// The clock was ahead, and is right again: every run is told, as the host does.
    fn set_back(&mut self) -> Result<(), Broken> {
        let by = i64::try_from(self.draw(40 * 86_400_000)).unwrap_or(0);
        self.host.now = crate::id::Stamp((self.host.now.0 - by).max(0));
        let runs: Vec<String> = self.host.runs.keys().cloned().collect();
        runs.iter().try_for_each(|run| self.send(run, Event::ClockSetBack).map(drop))
    }

    /// Says of some step that it was none of the classes: only route steps take that.
    fn correct(&mut self, run: &str) -> Result<(), Broken> {
        let steps = self.host.run(run).map(|run| run.steps.keys().cloned().collect::<Vec<_>>());
        let Some(step) = self.pick(&steps.unwrap_or_default()) else { return Ok(()) };
        self.send(run, Event::ClassCorrected { step, class: None }).map(drop)
    }
}

impl Event {
    /// A child's end is nobody's to invent for an effect that starts none: such an answer becomes a pause's end.
    fn when_child(self, chaos: &Chaos) -> Self {
        let starts_child = |effect: &EffectId| {
            let state = chaos.host.run(&effect.run).and_then(|run| run.effects.get(effect));
            state.is_some_and(|state| {
                state.child.is_some() || matches!(state.call, Some(Call::StartRun { .. }))
            })
        };
        match &self {
            Self::ChildEnded { effect, .. } if starts_child(effect) => Self::RunResumed,
            _ => self,
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

fn effect_of(event: &Event) -> Option<&EffectId> {
    match event {
        Event::EffectLeased { effect, .. }
        | Event::EffectDeferred { effect, .. }
        | Event::EffectDenied { effect, .. }
        | Event::EffectNeedsApproval { effect, .. }
        | Event::EffectOutdated { effect, .. }
        | Event::EffectSucceeded { effect, .. }
        | Event::EffectFailed { effect, .. }
        | Event::EffectUnknown { effect, .. }
        | Event::EffectHeldBack { effect, .. }
        | Event::EffectProbed { effect, .. }
        | Event::EffectSettled { effect, .. }
        | Event::ChildEnded { effect, .. } => Some(effect),
        _ => None,
    }
}

/// Returns the word of an event.
fn word(event: &Event) -> String {
    let json = serde_json::to_value(event).unwrap_or_default();
    json.get("event").and_then(Value::as_str).unwrap_or_default().to_owned()
}
