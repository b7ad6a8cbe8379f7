//! Trying a run again that has ended: where it goes on, and what must be known before.

use std::collections::BTreeMap;

use adjutant_spec::plan::StepKind;
use serde_json::Value;

use super::{Decider, Decision, edits::EditOrigin, effects::is_pure, flow::Then};
use crate::{
    branch::{BranchId, is_branch, root_of},
    fact::Fact,
    id::EffectId,
    life::{Kind, run::RunEvent},
    run::{EffectPhase, Phase, UndoState},
    trust::Speaker,
    verdict::{Refusal, Verdict},
};

/// Where a run that is tried again goes on.
enum Onward {
    /// It takes this step again.
    At(String),
    /// This step's effect happened and stands: it goes on behind it.
    Behind(String),
}

impl Decider<'_> {
    /// Tries an ended run again: from the step that is named, else from the first one that was taken back, else from the
    /// one that failed. What may have happened is settled first, and what happened is not done a second time.
    pub(super) fn retry(
        &mut self,
        step: Option<&String>,
        edits: &BTreeMap<String, Value>,
        speaker: Speaker,
    ) -> Decision {
        if is_branch(&self.draft.run.id) {
            return Err(Refusal::BranchAlone { root: root_of(&self.draft.run.id).to_owned() });
        }
        let from = self.resumes(step)?;
        self.ended_without_doubt()?;
        // Its turn was over with its end: it stands behind those that came since.
        let queue = self.draft.run.queues.then(|| self.draft.at());
        if self.live(&RunEvent::Retry(queue)) == Kind::Refused {
            return Err(match &self.draft.run.phase {
                Phase::Ended { status, .. } => Refusal::Ended { status: status.word().to_owned() },
                _ => Refusal::Phase { phase: self.draft.run.status().to_owned() },
            });
        }
        let (Onward::At(name) | Onward::Behind(name)) = &from;
        self.fact(Fact::Retried { step: name.clone() });
        for (path, value) in edits {
            self.change(path, value, EditOrigin { at_gate: "retry", speaker })?;
        }
        self.forget_failures();
        if self.is_standing() {
            self.stand_in_queue();
        } else {
            self.arm_deadline();
            let (Onward::At(name) | Onward::Behind(name)) = &from;
            self.enter_scopes_again(name);
        }
        match from {
            Onward::At(step) => self.walk(step),
            Onward::Behind(step) => self.go_on_behind(&step),
        }
        Ok(Verdict::Applied)
    }

    /// Refuses what needs that all is known, where the run has ended and something is not.
    pub(super) fn ended_without_doubt(&self) -> Result<(), Refusal> {
        if !self.draft.run.is_ended() {
            return Ok(());
        }
        let doubt = self.effects_in(|phase| matches!(phase, EffectPhase::Unknown { .. })).into_iter().next();
        if let Some(effect) = doubt {
            return Err(Refusal::InDoubt { effect });
        }
        self.branch_in_doubt().map_or(Ok(()), |branch| Err(Refusal::BranchInDoubt { branch }))
    }

    /// Returns a branch that was killed and may have begun something of which nobody knows whether it happened.
    fn branch_in_doubt(&self) -> Option<String> {
        let run = &self.draft.run;
        let mut found = run.branches.iter().filter_map(|(round, branches)| {
            let (parent, round, index) = (run.id.clone(), round.clone(), branches.doubtful()?);
            Some(BranchId { parent, round, index }.to_string())
        });
        found.next()
    }

    fn resumes(&self, named: Option<&String>) -> Result<Onward, Refusal> {
        let missing = || Refusal::NoSuchStep { step: named.cloned().unwrap_or_default() };
        if let Some(step) = named {
            return self.step(step).map(|_| Onward::At(step.clone())).ok_or_else(missing);
        }
        if let Some(step) = self.draft.run.first_undone().cloned().filter(|step| self.step(step).is_some()) {
            return Ok(Onward::At(step));
        }
        if self.draft.run.steps.is_empty()
            && let Some(first) = self.def.first_step(&self.draft.run.id)
        {
            // It ended before its turn came: nothing of it has begun.
            return Ok(Onward::At(first.id.clone()));
        }
        let step = self.failed_step().filter(|step| self.step(step).is_some()).ok_or_else(missing)?;
        Ok(if self.stands(&step) { Onward::Behind(step) } else { Onward::At(step) })
    }

    /// Returns whether what a step did to the world happened, and was not taken back: its answer came after the run had ended
    /// or had begun to unwind, or the operator told it.
    fn stands(&self, step: &str) -> bool {
        let Some(state) = self.draft.run.steps.get(step) else { return false };
        let of = |id: &EffectId| self.draft.run.effects.get(id);
        let acted = state.effects.iter().rev().filter_map(of).find(|effect| !is_pure(effect));
        state.outcome.as_deref() == Some("ok")
            && acted.is_some_and(|effect| effect.life.phase == EffectPhase::Succeeded)
    }

    fn go_on_behind(&mut self, step: &str) {
        let Some(step) = self.step(step) else { return };
        let then = self.take_edge(step, "ok", "nothing follows it".to_owned());
        if let Then::Go(next) = then {
            self.walk(next);
        }
    }

    /// What is dead is given up with the run that failed; an undo that did not come about is due again.
    fn forget_failures(&mut self) {
        self.give_dead_up();
        let undos = self.draft.run.undo.iter();
        let running: Vec<EffectId> = undos
            .filter(|entry| matches!(entry.state, UndoState::Running(_)))
            .map(|entry| entry.effect.clone())
            .collect();
        for effect in running {
            self.fact(Fact::UndoMoved { effect, state: UndoState::Registered });
        }
    }

    /// Nobody is asked any more about what failed for good.
    pub(super) fn give_dead_up(&mut self) {
        for effect in self.effects_in(|phase| matches!(phase, EffectPhase::Dead { .. })) {
            let life = self.draft.run.effects[&effect].life.to(EffectPhase::Dropped);
            self.fact(Fact::EffectMoved { effect, life });
        }
    }

    fn failed_step(&self) -> Option<String> {
        let failed = self.draft.run.failure.as_ref().and_then(|failure| failure.step.clone());
        let Some(scope) = failed.as_ref().filter(|step| self.is_scope(step)) else {
            return failed.or_else(|| self.latest_step());
        };
        // A scope failed as a whole: it goes on where it began to take back, and where it took nothing back, where it stood.
        let mut undone = self.draft.run.undone();
        let first = undone.find(|entry| entry.by_scope && self.def.is_in_scope(&entry.step, scope));
        first.map(|entry| entry.step.clone()).or_else(|| self.latest_step())
    }

    fn is_scope(&self, step: &str) -> bool {
        self.step(step).is_some_and(|step| matches!(step.kind, StepKind::Scope { .. }))
    }

    /// Returns the step where the run stood. Steps that took no time began in one moment: among them the one that is not over
    /// counts, then the one that asked last.
    fn latest_step(&self) -> Option<String> {
        let steps = self.draft.run.steps.iter();
        let started = steps.filter(|(id, state)| state.started.is_some() && !self.is_scope(id));
        let latest = started.max_by_key(|(_, state)| {
            let asked = state.effects.last().map(|effect| (effect.seq, effect.index));
            (state.started, state.ended.is_none(), asked)
        });
        latest.map(|(id, _)| id.clone())
    }
}
