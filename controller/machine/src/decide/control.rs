//! Events of the run itself: its start, timers, pause and resume, cancel, retry.

use super::{Decider, Decision, effects::verdict};
use crate::{
    branch::is_branch,
    draft::Draft,
    event::{Event, Labelled, TimerId},
    id::EffectId,
    life::{
        Kind, Lifecycle,
        effect::{EffectEvent, Loss},
        run::RunEvent,
        timer::{TimerEvent, TimerLife, TimerPhase},
    },
    run::{EffectPhase, Failure, Phase, Run, Wait},
    verdict::{Refusal, Step, Verdict},
};

impl<'a> Decider<'a> {
    /// Takes the first step of a run that was just opened.
    pub(crate) fn start(mut self) -> Draft<'a> {
        if self.is_standing() {
            self.stand_in_queue();
        } else {
            self.arm_deadline();
        }
        match self.def.first_step(&self.draft.run.id) {
            Some(first) => self.walk(first.id.clone()),
            None => self.fail(Failure {
                step: None,
                effect: None,
                outcome: "error".to_owned(),
                message: "the playbook has no steps for it".to_owned(),
            }),
        }
        self.unwind_on();
        self.draft
    }

    /// Answers an event of a run that exists; one that concludes nothing stores nothing.
    pub(crate) fn decide(mut self) -> Result<Step, Refusal> {
        let event = &self.draft.envelope.event;
        let was_in_doubt = self.draft.run.is_ended() && self.draft.run.is_in_doubt();
        let verdict = match event {
            Event::RunStarted(_) => Verdict::Duplicate { first: Some(begun(&self.draft.run)) },
            Event::GateDecided(answer) => self.decided(answer)?,
            Event::TimerFired { timer } => self.timer(timer)?,
            Event::ClassCorrected { step, class } => self.correct(step, class.as_ref())?,
            Event::ClockSetBack => self.clock_set_back(),
            Event::BranchEnded(ended) => self.branch_ended(ended)?,
            Event::SignalCame(came) => self.signal_came(came),
            Event::TurnCame => self.turn_came()?,
            // It is for a mailbox: whoever sent it here is wrong.
            Event::MailboxTold(_) => return Err(Refusal::Phase { phase: "no mailbox".to_owned() }),
            Event::RunPaused { .. }
            | Event::RunResumed { .. }
            | Event::RunCancelled { .. }
            | Event::RunRetried { .. }
            | Event::RunRolledBack { .. }
            | Event::RunKilled { .. } => self.control(event)?,
            _ => self.effect_event(event)?,
        };
        self.unwind_on();
        if was_in_doubt && !self.draft.run.is_in_doubt() {
            crate::kill::tell_that_it_is_known(&mut self.draft);
        }
        Ok(if self.draft.is_empty() { Step::nothing(verdict) } else { self.draft.finish(verdict) })
    }

    fn control(&mut self, event: &Event) -> Decision {
        let kind = match event {
            Event::RunPaused { reason } => self.live(&RunEvent::Pause(reason.clone())),
            Event::RunResumed { .. } if self.is_active() => Kind::Repeated,
            Event::RunResumed { .. } => self.live(&RunEvent::Resume),
            Event::RunCancelled { reason } => self.live(&RunEvent::GiveUp(reason.clone())),
            Event::RunRolledBack { reason, seen } => return self.roll_back(reason, *seen),
            Event::RunRetried { step, edits, speaker, .. } => {
                return self.retry(step.as_ref(), edits, *speaker);
            }
            _ => Kind::Refused,
        };
        self.controlled(kind)
    }

    /// Returns what became of a word that steers the run.
    pub(super) fn controlled(&self, kind: Kind) -> Decision {
        match (kind, &self.draft.run.phase) {
            (Kind::Refused, Phase::Ended { status, .. }) => {
                Err(Refusal::Ended { status: status.word().to_owned() })
            }
            (Kind::Refused, _) => Err(Refusal::Phase { phase: self.draft.run.status().to_owned() }),
            (kind, _) => Ok(verdict(kind)),
        }
    }

    /// Sets the timer that ends a run; the deadline of a branch is its run's.
    pub(super) fn arm_deadline(&mut self) {
        let deadline = self.def.playbook.deadline.filter(|_| !is_branch(&self.draft.run.id));
        if let Some(deadline) = deadline {
            let at = self.draft.at().plus(deadline.millis());
            self.draft.set_timer(TimerId::Deadline, at);
        }
    }

    fn timer(&mut self, timer: &TimerId) -> Decision {
        let stored = self.draft.run.timers.get(timer).copied();
        let phase = stored.map_or(TimerPhase::Absent, |at| TimerPhase::Armed { at });
        let answer = TimerLife.drive(&phase, &TimerEvent::Fire(self.draft.at())).answer;
        match (answer.kind, stored) {
            (Kind::Refused, Some(at)) => Err(Refusal::TooEarly { timer: timer.clone(), at }),
            (Kind::Taken, _) => self.wake(timer),
            _ => Ok(Verdict::Stale),
        }
    }

    fn wake(&mut self, timer: &TimerId) -> Decision {
        self.draft.clear_timer(timer);
        match timer {
            TimerId::Deadline | TimerId::Queue => {
                self.live(&RunEvent::Deadline);
                Ok(Verdict::Applied)
            }
            TimerId::Wait(step) => Ok(self.wait_is_over(step)),
            TimerId::Gate(gate) => self.gate_lapsed(gate),
            TimerId::Scope(scope) => Ok(self.scope_expired(scope)),
            TimerId::Lease(effect, attempt) => {
                // What died with its host was told before any timer: here somebody lives and did not answer.
                let message = "its lease lapsed: whoever performed it did not answer";
                let lost = self.losing(*attempt, Loss::Unanswered, message);
                self.plain(effect, &lost)
            }
            TimerId::Backoff(effect, attempt) => self.plain(effect, &EffectEvent::Wake { attempt: *attempt }),
        }
    }

    fn wait_is_over(&mut self, id: &str) -> Verdict {
        let position = self.draft.run.position.clone().filter(|position| position.step == id);
        let (Some(position), Some(step)) = (position, self.step(id)) else { return Verdict::Stale };
        let outcome = match position.wait {
            Wait::Until { outcome, .. } => outcome,
            Wait::Signal { .. } => "expired".to_owned(),
            Wait::Effect(_) | Wait::Gate(_) | Wait::Resume | Wait::Branches(_) => return Verdict::Stale,
        };
        let value = Labelled::ours(super::flow::nothing());
        let then = self.end_step(step, &outcome, Some(value));
        self.follow(then);
        Verdict::Applied
    }

    /// Takes what has not left out of the outbox; a pause before a retry goes on and is held when it is over.
    pub(super) fn hold(&mut self) {
        let waiting =
            |phase: &EffectPhase| matches!(phase, EffectPhase::Queued | EffectPhase::Deferred { .. });
        for effect in self.effects_in(waiting) {
            drop(self.plain(&effect, &EffectEvent::Hold));
        }
        self.hold_branches();
    }

    /// Puts back what was held, and takes the step that was not begun.
    pub(super) fn go_on(&mut self) {
        for effect in self.effects_in(|phase| *phase == EffectPhase::Held) {
            drop(self.plain(&effect, &EffectEvent::Release));
        }
        self.release_branches();
        let position = self.draft.run.position.clone();
        if let Some(position) = position.filter(|position| position.wait == Wait::Resume) {
            self.walk(position.step);
        }
    }

    pub(super) fn effects_in(&self, is_in: impl Fn(&EffectPhase) -> bool) -> Vec<EffectId> {
        let effects = self.draft.run.effects.iter();
        effects.filter(|(_, state)| is_in(&state.life.phase)).map(|(id, _)| id.clone()).collect()
    }
}

fn begun(run: &Run) -> crate::verdict::First {
    crate::verdict::First { by: "host".to_owned(), at: run.started_at }
}
