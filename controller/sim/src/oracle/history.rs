//! What a log tells beside the state that it ends in: when each attempt was sent, what was approved before, what came too early.

use std::collections::{BTreeMap, BTreeSet};

use adjutant_machine::{
    apply,
    call::Call,
    event::{Decision, Event, Settlement},
    fact::{Entry, Fact},
    id::{EffectId, Stamp},
    run::{CoveredCall, EffectPhase, Phase, Purpose, Run},
};
use adjutant_spec::plan::{Effect, StepId};

/// One attempt, as its lease tells of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// When it was leased.
    pub(super) at: Stamp,
    /// The number of the entry.
    pub(super) seq: u64,
    /// Whether its run, or a scope of it, unwound already, or had ended.
    pub(super) is_unwanted: bool,
}

/// An approval that a person gave.
#[derive(Debug, Clone)]
pub(super) struct Approved {
    /// The digest of what is approved.
    pub(super) digest: String,
    /// The number of the entry.
    pub(super) seq: u64,
    /// What the card showed; `None` where it was edited, and what is approved is not what it showed.
    pub(super) shown: Option<Vec<CoveredCall>>,
}

/// A call of a verb that a step wanted: which visit of the step, and after how many retries of the run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) step: StepId,
    pub(super) visit: u32,
    pub(super) retries: u32,
}

/// What a log tells.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The attempts that were sent.
    pub(super) sent: BTreeMap<(EffectId, u32), Sent>,
    /// What persons approved, in the order in which they did.
    pub(super) approved: Vec<Approved>,
    /// The calls of verbs that change the world.
    pub(super) wanted: BTreeMap<EffectId, Wanted>,
    /// Which effect each undo takes back; a state forgets an undo when its step is taken again.
    pub(super) undoes: BTreeMap<EffectId, EffectId>,
    /// Where each effect stood last; a state forgets what was settled long ago.
    pub(super) phases: BTreeMap<EffectId, EffectPhase>,
    /// What a person says that happened although no attempt was in doubt: they did it themselves.
    pub(super) by_hand: BTreeSet<EffectId>,
    /// What came too early, or twice. For people.
    pub(super) broken: Vec<String>,
    retries: u32,
}

impl History {
    /// Reads a log.
    pub(super) fn of(log: &[Entry]) -> Self {
        let (mut history, mut run) = (Self::default(), None);
        for entry in log {
            let before = run.clone();
            apply(&mut run, entry);
            if let Some(after) = &run {
                history.one(before.as_ref(), entry, after);
            }
        }
        history
    }

    fn one(&mut self, before: Option<&Run>, entry: &Entry, after: &Run) {
        match &entry.envelope.event {
            Event::TimerFired { timer } => {
                let due = before.and_then(|before| before.timers.get(timer));
                if due.is_some_and(|due| entry.envelope.at < *due) {
                    self.broken.push(format!("{}: {timer:?} fired before its moment", after.id));
                }
            }
            Event::EffectLeased { effect, attempt, .. } if is_leased(after, effect, *attempt) => {
                let is_wanted = before.is_some_and(|run| {
                    matches!(run.phase, Phase::Active | Phase::Paused { .. }) && run.failing_scope().is_none()
                });
                let sent = Sent { at: entry.envelope.at, seq: after.seq, is_unwanted: !is_wanted };
                self.sent.insert((effect.clone(), *attempt), sent);
            }
            Event::EffectSettled { effect, settlement: Settlement::Happened(_), .. } => {
                let state = before.and_then(|before| before.effects.get(effect));
                if state.is_some_and(|state| state.life.doubt.is_empty()) {
                    self.by_hand.insert(effect.clone());
                }
            }
            _ => {}
        }
        let mut has_ended = before.is_some_and(Run::is_ended);
        for fact in &entry.facts {
            match fact {
                Fact::Retried { .. } => self.retries += 1,
                Fact::RunMoved { phase: Phase::Ended { .. } } if has_ended => {
                    self.broken.push(format!("{} ended twice", after.id));
                }
                Fact::RunMoved { phase } => has_ended = matches!(phase, Phase::Ended { .. }),
                Fact::GateMoved { gate, decided: Some(decided), .. } => {
                    let is_edited = matches!(decided.decision, Decision::Edited { .. });
                    let card = after.gates.get(gate).filter(|_| !is_edited).map(|gate| &gate.card);
                    let shown = card.map(|card| card.effects.clone());
                    let digest = decided.approved.clone();
                    self.approved.push(Approved { digest, seq: after.seq, shown });
                }
                Fact::EffectMoved { effect, life } => {
                    self.phases.insert(effect.clone(), life.phase.clone());
                }
                Fact::EffectAsked { effect, state } => {
                    if let Purpose::Undo(of) = &state.purpose {
                        self.undoes.insert(effect.clone(), of.clone());
                    }
                    let is_verb = matches!(state.call.as_deref(), Some(Call::Verb(_)));
                    if is_verb && state.traits.effect != Effect::Read {
                        let visit = after.steps.get(&state.step).map_or(0, |step| step.visits);
                        let wanted = Wanted { step: state.step.clone(), visit, retries: self.retries };
                        self.wanted.insert(effect.clone(), wanted);
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_leased(run: &Run, effect: &EffectId, attempt: u32) -> bool {
    let life = run.effects.get(effect).map(|state| &state.life);
    life.is_some_and(|life| matches!(life.phase, EffectPhase::Leased { .. }) && life.attempt == attempt)
}
