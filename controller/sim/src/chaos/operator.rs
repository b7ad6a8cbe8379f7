//! The operator, who decides, settles truthfully and meddles; and answers that nobody asked for.

use std::collections::BTreeMap;

use adjutant_machine::{
    branch::{BranchId, depth, root_of},
    call::{Call, Perform},
    event::{Decision, Event, Finding, GateDecided, Settlement, TimerId},
    fact::Fact,
    id::{EffectId, Stamp},
    run::{EffectPhase, Gate, Run},
    sample,
    trust::Speaker,
    verdict::Verdict,
};
use serde_json::Value;

use super::Chaos;
use crate::host::{Broken, Host, OnItsWay};

impl<H: Host> Chaos<H> {
    pub(super) fn decide_any(&mut self) -> Result<(), Broken> {
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

    /// The operator looks at the world and settles truthfully: nothing of which an attempt may still act.
    pub(super) fn settle_any(&mut self) -> Result<(), Broken> {
        let ready = self.host.ready();
        let open: Vec<EffectId> = self
            .runs()
            .flat_map(|run| run.dead_letters().map(|(id, _)| id.clone()).collect::<Vec<_>>())
            .filter(|effect| !ready.contains(effect))
            .collect();
        let Some(effect) = self.pick(&open) else { return Ok(()) };
        let Some(run) = self.host.run(&effect.run) else { return Ok(()) };
        let state = &run.effects[&effect];
        let is_dead = matches!(state.life.phase, EffectPhase::Dead { .. });
        let happened = self.world.acts.iter().any(|act| act.effect == effect);
        let settlement = match (happened, is_dead) {
            (true, false) => Settlement::Happened(self.verb_of(state.call.as_deref())),
            (_, true) => Settlement::Drop,
            (false, false) => Settlement::DidNotHappen,
        };
        self.send(&run.id, Event::EffectSettled { effect, settlement, reason: None }).map(drop)
    }

    fn verb_of(&self, call: Option<&Call>) -> Value {
        match call {
            Some(Call::Verb(call)) => self.sample(&call.verb),
            _ => Value::Null,
        }
    }

    /// Answers that nobody asked for: of other attempts, of settled effects, of effects that do not exist.
    pub(super) fn nonsense(&mut self) -> Result<(), Broken> {
        let known: Vec<EffectId> =
            self.runs().flat_map(|run| run.effects.keys().cloned().collect::<Vec<_>>()).collect();
        let Some(mut effect) = self.pick(&known) else { return Ok(()) };
        let run = effect.run.clone();
        if self.chance(10) {
            effect.index = effect.index.saturating_add(7);
        }
        let attempt = 40;
        let event = match self.draw(7) {
            5 => return self.repeat_end(),
            6 => return self.roll_back_unseen(),
            0 => Event::EffectLeased { effect, attempt, until: self.host.now(), reserved: None },
            1 => Event::EffectUnknown { effect, attempt, message: "nonsense".to_owned(), host_died: true },
            2 => {
                let event =
                    Event::ChildEnded { effect, status: "done".to_owned(), output: Value::Null, run: None };
                self.when_child(event)
            }
            3 => Event::EffectProbed { effect, finding: Finding::Unclear("nonsense".to_owned()) },
            _ => Event::TimerFired { timer: TimerId::Backoff(effect, attempt) },
        };
        self.send(&run, event).map(drop)
    }

    pub(super) fn meddle(&mut self) -> Result<(), Broken> {
        if !self.chance(self.faults.meddle) {
            return Ok(());
        }
        let Some(run) = self.pick_run() else { return Ok(()) };
        let reason = "the operator wishes so".to_owned();
        let event = match self.draw(13) {
            12 => return self.roll_back(root_of(&run)),
            0 => Event::RunCancelled { reason },
            8 => return self.correct(&run),
            9 => Event::RunKilled { reason },
            10 => return self.set_back(),
            11 => return self.crash(),
            1 => Event::RunRetried {
                step: None,
                edits: BTreeMap::new(),
                speaker: Speaker::Operator,
                reason: None,
            },
            // A run is paused and resumed as a whole.
            2..=4 => return self.send(root_of(&run), Event::RunPaused { reason }).map(drop),
            _ => return self.send(root_of(&run), Event::RunResumed { reason: String::new() }).map(drop),
        };
        self.send(&run, event).map(drop)
    }

    /// Draws a run: any one, or a root where there are many branches.
    fn pick_run(&mut self) -> Option<String> {
        let mut ids = self.host.ids();
        if self.chance(50) {
            ids.retain(|id| depth(id) == 0);
        }
        self.pick(&ids)
    }

    /// The operator takes a run back, as it is now.
    ///
    /// # Errors
    /// [`Broken`] where a law does not hold.
    pub fn roll_back(&mut self, run: &str) -> Result<(), Broken> {
        let Some(seen) = self.host.run(run).map(|run| run.seq) else { return Ok(()) };
        let reason = "the operator wishes so".to_owned();
        let verdict = self.send(run, Event::RunRolledBack { reason, seen: Some(seen) })?;
        self.taken_back += u64::from(verdict == Verdict::Applied);
        Ok(())
    }

    /// Somebody wants a run taken back as it was once: it has moved since.
    fn roll_back_unseen(&mut self) -> Result<(), Broken> {
        let roots: Vec<String> = self.host.ids().into_iter().filter(|id| depth(id) == 0).collect();
        let Some(run) = self.pick(&roots) else { return Ok(()) };
        let seen = self.host.run(&run).map(|run| run.seq.saturating_sub(1));
        match self.send(&run, Event::RunRolledBack { reason: "nonsense".to_owned(), seen })? {
            Verdict::Refused(_) | Verdict::Duplicate { .. } => Ok(()),
            other => Err(Broken { run, seq: 0, law: format!("it was taken back: {other:?}") }),
        }
    }

    /// A branch's end is told once more, long after it was heard: nothing follows from it.
    fn repeat_end(&mut self) -> Result<(), Broken> {
        let over = |run: &Run| {
            let rounds = run.branches.iter().flat_map(|(round, branches)| {
                let ended = (0..branches.started)
                    .filter(|index| branches.over.contains(*index) && !branches.doubts.contains(*index));
                ended.map(|index| (round.clone(), index)).collect::<Vec<_>>()
            });
            let place = |(round, index)| BranchId { parent: run.id.clone(), round, index };
            rounds.map(place).collect::<Vec<_>>()
        };
        let all: Vec<BranchId> = self.runs().flat_map(|run| over(&run)).collect();
        let Some(place) = self.pick(&all) else { return Ok(()) };
        let told = self.host.kept(&place.to_string()).and_then(|kept| {
            kept.log.iter().flat_map(|entry| &entry.facts).find_map(|fact| match fact {
                Fact::Posted { event, .. } if matches!(**event, Event::BranchEnded(_)) => {
                    Some((**event).clone())
                }
                _ => None,
            })
        });
        let Some(event) = told else { return Ok(()) };
        match self.send(&place.parent, event)? {
            Verdict::Duplicate { .. } | Verdict::Stale => Ok(()),
            other => {
                let law = format!("the end of {place} was told again, and the answer is {other:?}");
                Err(Broken { run: place.parent, seq: 0, law })
            }
        }
    }

    /// The clock was ahead, and is right again.
    fn set_back(&mut self) -> Result<(), Broken> {
        let by = i64::try_from(self.draw(40 * 86_400_000)).unwrap_or(0);
        let now = self.host.now();
        self.host.set_clock(Stamp((now.0 - by).max(0)))
    }

    /// The process dies, and another begins. Some events are on their way: late answers, and a word of the operator.
    pub(super) fn crash(&mut self) -> Result<(), Broken> {
        self.crashes += 1;
        let late = self.late.split_off(self.late.len().saturating_sub(2));
        let answer = |(perform, event): (Perform, Event)| OnItsWay { run: perform.effect.run, event };
        let mut sent: Vec<OnItsWay> = late.into_iter().map(answer).collect();
        if let Some(run) = self.pick_run() {
            let reason = "the operator wishes so".to_owned();
            let event =
                self.pick(&[Event::RunResumed { reason: String::new() }, Event::RunPaused { reason }]);
            sent.extend(event.map(|event| OnItsWay { run: root_of(&run).to_owned(), event }));
        }
        self.host.crash(sent)
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
                state.child.is_some() || matches!(state.call.as_deref(), Some(Call::StartRun { .. }))
            })
        };
        match &event {
            Event::ChildEnded { effect, .. } if starts_child(effect) => {
                Event::RunResumed { reason: String::new() }
            }
            _ => event,
        }
    }
}
