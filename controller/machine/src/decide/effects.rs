//! Events of effects: the life machine judges them, this module does what it says.

use adjutant_spec::{plan::Idempotency, value::Money};
use serde_json::Value;

use super::{
    Decider, Decision,
    gates::{Asked, Described, described},
};
use crate::{
    call::Call,
    event::{Basis, Denial, Event, Finding, Settlement, TimerId},
    fact::Fact,
    id::{EffectId, Stamp},
    life::{
        Driven, Kind, Lifecycle,
        effect::{EffectAction, EffectEvent, Failing, Leasing, Losing, Loss, Moment},
    },
    output::ChildEnd,
    run::{CoveredCall, EffectPhase, EffectState, Life, Part, Purpose},
    verdict::{Refusal, Verdict},
};

/// What an attempt that succeeded says.
struct Success<'a> {
    attempt: u32,
    value: &'a Value,
    cost: Option<Money>,
}

/// When the host looks again where it does not say itself: nothing waits without a wake-up cause.
const LOOK_AGAIN: u64 = 60_000;

impl Decider<'_> {
    /// Answers an event of an effect.
    pub(super) fn effect_event(&mut self, event: &Event) -> Decision {
        if let Some(effect) = event.effect().filter(|effect| self.has_forgotten(effect))
            && !matches!(event, Event::EffectSettled { .. })
        {
            let reason = format!("effect \"{effect}\" was settled long ago: only the log still has it");
            self.fact(Fact::Ignored { reason });
            return Ok(Verdict::Stale);
        }
        match event {
            Event::EffectLeased { effect, attempt, until, .. } => self.leased(effect, *attempt, *until),
            Event::EffectDeferred { effect, reason, until } => {
                let until = until.unwrap_or_else(|| self.draft.at().plus(LOOK_AGAIN));
                self.plain(effect, &EffectEvent::Defer { reason: *reason, until })
            }
            Event::EffectDenied { effect, denial: Denial::Policy, message } if self.is_undo(effect) => {
                // What happened is not to be left standing because a rule is missing: a person decides.
                self.needs_approval(effect, message)
            }
            Event::EffectDenied { effect, denial, message } => {
                self.plain(effect, &EffectEvent::Deny { denial: *denial, message: message.clone() })
            }
            Event::EffectNeedsApproval { effect, rule } => self.needs_approval(effect, rule),
            Event::EffectOutdated { effect, moved } => self.outdated(effect, moved),
            Event::EffectSucceeded { effect, attempt, value, cost, .. } => {
                self.succeeded(effect, &Success { attempt: *attempt, value, cost: *cost })
            }
            Event::EffectFailed { effect, attempt, class, message, retry_after, cost } => {
                let failure = Failing {
                    class: *class,
                    message: message.clone(),
                    retry_after: *retry_after,
                    moment: self.moment_now(),
                };
                let decision = self.plain(effect, &EffectEvent::Fail { attempt: *attempt, failure })?;
                self.spent(effect, *cost);
                Ok(decision)
            }
            Event::EffectUnknown { effect, attempt, message, host_died } => {
                let by = if *host_died { Loss::HostDied } else { Loss::Unanswered };
                let lost = self.losing(*attempt, by, message);
                self.plain(effect, &lost)
            }
            Event::EffectHeldBack { effect, attempt, .. } => {
                self.plain(effect, &EffectEvent::HoldBack { attempt: *attempt })
            }
            Event::EffectProbed { effect, finding } => self.probed(effect, finding),
            Event::EffectSettled { effect, settlement, .. } => self.settled(effect, settlement),
            Event::ChildEnded { effect, status, output, run } => {
                self.child_ended(effect, ChildEnd { status, output, run: run.as_deref() })
            }
            _ => Err(Refusal::Phase { phase: self.draft.run.status().to_owned() }),
        }
    }

    /// Returns whether an effect may have been one of the run's that its state keeps no longer.
    fn has_forgotten(&self, effect: &EffectId) -> bool {
        let run = &self.draft.run;
        effect.run == run.id && effect.seq <= run.seq && !run.effects.contains_key(effect)
    }

    fn is_undo(&self, effect: &EffectId) -> bool {
        let state = self.draft.run.effects.get(effect);
        state.is_some_and(|state| matches!(state.purpose, Purpose::Undo(_)))
    }

    fn moment_now(&self) -> Moment {
        Moment { at: self.draft.at(), seed: self.draft.env.seed }
    }

    fn leased(&mut self, effect: &EffectId, attempt: u32, until: Stamp) -> Decision {
        if self.is_held() {
            return Err(Refusal::Phase { phase: self.draft.run.status().to_owned() });
        }
        if let Some(state) = self.draft.run.effects.get(effect) {
            let expected = state.life.attempt;
            if attempt > expected {
                return Err(Refusal::WrongAttempt { effect: effect.clone(), expected, found: attempt });
            }
        }
        self.plain(effect, &EffectEvent::Lease(Leasing { attempt, at: self.draft.at(), until }))
    }

    /// Returns what is told to an effect one of whose attempts was lost just now.
    pub(super) fn losing(&self, attempt: u32, by: Loss, message: &str) -> EffectEvent {
        EffectEvent::Lose(Losing { attempt, by, message: message.to_owned(), moment: self.moment_now() })
    }

    fn succeeded(&mut self, effect: &EffectId, success: &Success<'_>) -> Decision {
        let Success { attempt, value, cost } = *success;
        let kind = self.drive_effect(effect, &EffectEvent::Succeed { attempt }, Some(value))?;
        self.spent(effect, cost);
        if kind == Kind::Late {
            self.late_child(effect, value);
            let reason =
                format!("effect \"{effect}\" happened by attempt {attempt}, after it was settled otherwise");
            self.fact(Fact::Ignored { reason });
        }
        Ok(verdict(kind))
    }

    fn spent(&mut self, effect: &EffectId, cost: Option<Money>) {
        if let Some(cost) = cost {
            self.fact(Fact::Spent { cost, effect: effect.clone() });
        }
    }

    /// Drives an event whose answer holds nothing to keep.
    pub(super) fn plain(&mut self, effect: &EffectId, event: &EffectEvent) -> Decision {
        self.drive_effect(effect, event, None).map(verdict)
    }

    /// Hands an event to an effect's life machine and does what it says; `value` is what the effect answered.
    pub(super) fn drive_effect(
        &mut self,
        effect: &EffectId,
        event: &EffectEvent,
        value: Option<&Value>,
    ) -> Result<Kind, Refusal> {
        let state = self.known(effect)?;
        let Driven { state: life, answer } = state.traits.drive(&state.life, event);
        if answer.kind == Kind::Refused {
            let phase = state.life.phase.word().to_owned();
            return Err(Refusal::EffectPhase { effect: effect.clone(), phase });
        }
        if life != state.life {
            self.fact(Fact::EffectMoved { effect: effect.clone(), life: life.clone() });
            self.arm(effect, &life);
        }
        self.give_coverage_back(effect);
        if matches!(state.life.phase, EffectPhase::Unknown { .. }) {
            self.end_probes(effect);
        }
        for action in answer.actions {
            self.act(effect, action, value);
        }
        Ok(answer.kind)
    }

    /// Nobody asks about what is known: a probe that was left would outlive its run.
    fn end_probes(&mut self, effect: &EffectId) {
        let effects = &self.draft.run.effects;
        let is_in_doubt =
            effects.get(effect).is_some_and(|state| matches!(state.life.phase, EffectPhase::Unknown { .. }));
        let asks =
            |state: &EffectState| state.purpose == Purpose::Probe(effect.clone()) && !state.is_settled();
        let left: Vec<EffectId> = effects
            .iter()
            .filter(|(_, state)| !is_in_doubt && asks(state))
            .map(|(id, _)| id.clone())
            .collect();
        for probe in left {
            drop(self.plain(&probe, &EffectEvent::Withdraw));
        }
    }

    /// What definitely did not happen has not used its approval: the same payload may be tried again under it.
    fn give_coverage_back(&mut self, effect: &EffectId) {
        let did_not_happen = self.draft.run.effects.get(effect).is_some_and(|state| {
            matches!(
                state.life.phase,
                EffectPhase::Failed { .. } | EffectPhase::Denied { .. } | EffectPhase::Withdrawn
            )
        });
        if did_not_happen && self.draft.run.used.contains_key(effect) {
            self.fact(Fact::CoverageReturned { effect: effect.clone() });
        }
    }

    fn known(&self, effect: &EffectId) -> Result<Part<EffectState>, Refusal> {
        let found = self.draft.run.effects.get(effect).cloned();
        found.ok_or_else(|| Refusal::NoSuchEffect { effect: effect.clone() })
    }

    /// Sets the one timer that the phase of an effect needs, and removes the others.
    fn arm(&mut self, effect: &EffectId, life: &Life) {
        let wanted = match &life.phase {
            EffectPhase::Leased { until } => Some((TimerId::Lease(effect.clone(), life.attempt), *until)),
            EffectPhase::BackingOff { until } | EffectPhase::Deferred { until, .. } => {
                Some((TimerId::Backoff(effect.clone(), life.attempt), *until))
            }
            _ => None,
        };
        let old: Vec<TimerId> =
            self.draft.run.timers.keys().filter(|timer| is_of(timer, effect)).cloned().collect();
        for timer in old.iter().filter(|timer| wanted.as_ref().is_none_or(|(keep, _)| keep != *timer)) {
            self.draft.clear_timer(timer);
        }
        if let Some((timer, at)) = wanted {
            self.draft.set_timer(timer, at);
        }
    }

    fn act(&mut self, effect: &EffectId, action: EffectAction, value: Option<&Value>) {
        match action {
            EffectAction::Enqueue if self.is_held() => drop(self.plain(effect, &EffectEvent::Hold)),
            // Its phase says that it waits: the outbox is read off the state.
            EffectAction::Enqueue => {}
            EffectAction::Probe => self.ask_probe(effect),
            EffectAction::AskOperator(message) => self.ask_operator(effect, &message),
            EffectAction::Happened => self.happened(effect, value.cloned().unwrap_or(Value::Null)),
            EffectAction::Failed(class, message) => self.went_wrong(effect, class, message),
            EffectAction::Denied(denial, message) => self.was_denied(effect, denial, message),
            EffectAction::Dropped => self.was_dropped(effect),
            EffectAction::TakeBack => self.take_back(effect),
        }
    }

    fn ask_operator(&mut self, effect: &EffectId, message: &str) {
        let notice = crate::kill::doubt(&self.draft, effect, message);
        self.draft.notify(notice);
    }

    /// Asks the probe of an effect in doubt: an effect of its own, which reads only.
    fn ask_probe(&mut self, effect: &EffectId) {
        let Some(state) = self.draft.run.effects.get(effect).cloned() else { return };
        let (Some(call), Some(step)) = (self.probe_of(effect, state.call.as_deref()), self.step(&state.step))
        else {
            let message = "its probe is not in the bundle".to_owned();
            drop(self.plain(effect, &EffectEvent::Found(Finding::Unclear(message))));
            return;
        };
        let wish = super::ask::Wish {
            labels: state.labels,
            timeout: state.timeout,
            purpose: Purpose::Probe(effect.clone()),
            ..super::ask::Wish::pure(call)
        };
        let asked = self.put(step, wish, EffectPhase::Queued);
        if self.is_held() {
            drop(self.plain(&asked, &EffectEvent::Hold));
        }
    }

    /// Returns the call that finds out whether another one happened.
    fn probe_of(&self, effect: &EffectId, call: Option<&Call>) -> Option<Call> {
        match call? {
            Call::Verb(of) => {
                let probe = self.def.verbs.get(&of.verb)?.probe.clone()?;
                Some(Call::Probe { of: of.clone(), probe })
            }
            Call::StartRun { .. } => Some(Call::FindChild { of: effect.clone() }),
            _ => None,
        }
    }

    /// A probe answered; the event may name the probe, or the effect in doubt.
    fn probed(&mut self, named: &EffectId, finding: &Finding) -> Decision {
        let state = self.known(named)?;
        let target = match &state.purpose {
            // It looked before what is in doubt now: an answer of a probe that is over says nothing about a later attempt.
            Purpose::Probe(_) if state.is_settled() => return Ok(Verdict::Stale),
            Purpose::Probe(of) => of.clone(),
            Purpose::Step | Purpose::Undo(_) => named.clone(),
        };
        self.close_probes(&target);
        let value = match finding {
            Finding::Happened(value) => Some(value),
            Finding::DidNotHappen | Finding::Unclear(_) => None,
        };
        self.drive_effect(&target, &EffectEvent::Found(finding.clone()), value).map(verdict)
    }

    /// Settles the probes of an effect: they are answered, or no longer wanted.
    fn close_probes(&mut self, target: &EffectId) {
        let open = self.draft.run.effects.iter().filter(|(_, state)| !state.is_settled());
        let probes: Vec<(EffectId, Part<EffectState>)> = open
            .filter(|(_, state)| state.purpose == Purpose::Probe(target.clone()))
            .map(|(id, state)| (id.clone(), state.clone()))
            .collect();
        for (id, state) in probes {
            let was_sent = matches!(state.life.phase, EffectPhase::Leased { .. });
            let phase = if was_sent { EffectPhase::Succeeded } else { EffectPhase::Withdrawn };
            let life = state.life.to(phase);
            self.fact(Fact::EffectMoved { effect: id.clone(), life: life.clone() });
            self.arm(&id, &life);
        }
    }

    /// The operator settles an effect in doubt, or a dead one.
    fn settled(&mut self, effect: &EffectId, settlement: &Settlement) -> Decision {
        let state = self.known(effect)?;
        let has_undo = self.draft.run.undo.iter().any(|entry| entry.effect == *effect);
        if *settlement == Settlement::Undo && !has_undo {
            return Err(Refusal::NoUndo { effect: effect.clone() });
        }
        if *settlement == Settlement::Undo && self.draft.run.is_ended() {
            return Err(Refusal::NothingTakenBack { effect: effect.clone() });
        }
        if matches!(state.life.phase, EffectPhase::Dead { .. }) {
            return self.settle_dead(effect, &state, settlement);
        }
        self.close_probes(effect);
        let value = match settlement {
            Settlement::Happened(value) => Some(value),
            Settlement::DidNotHappen | Settlement::Undo | Settlement::Drop => None,
        };
        self.drive_effect(effect, &EffectEvent::Settle(settlement.clone()), value).map(verdict)
    }

    /// What an approved payload was made of has moved: the approval was of something else, so a person looks once more.
    fn outdated(&mut self, effect: &EffectId, moved: &[Basis]) -> Decision {
        let before = self.known(effect)?.basis.clone();
        let seen =
            |now: &Basis| before.iter().find(|seen| (&seen.record, &seen.key) == (&now.record, &now.key));
        let told: Vec<String> = moved
            .iter()
            .filter_map(|now| Some((seen(now)?.version, now)))
            .map(|(was, now)| {
                format!("{} \"{}\" was at version {was} and is at {} now", now.record, now.key, now.version)
            })
            .collect();
        let rule = format!("what was approved rests on records that have changed since: {}", told.join("; "));
        let verdict = self.needs_approval(effect, &rule)?;
        if verdict == Verdict::Applied {
            // The person decides about the records as they are now: from here on only a later change counts.
            let renewed = before.iter().map(|seen| {
                let now = moved.iter().find(|now| (&now.record, &now.key) == (&seen.record, &seen.key));
                now.unwrap_or(seen).clone()
            });
            let basis = renewed.collect();
            self.fact(Fact::BasisMoved { effect: effect.clone(), basis });
        }
        Ok(verdict)
    }

    fn needs_approval(&mut self, effect: &EffectId, rule: &str) -> Decision {
        let state = self.known(effect)?;
        let (Some(step), Some(call)) = (self.step(&state.step), state.call.clone()) else {
            return Err(Refusal::EffectPhase {
                effect: effect.clone(),
                phase: state.life.phase.word().to_owned(),
            });
        };
        let gate = self.next_gate(step);
        let kind = self.drive_effect(effect, &EffectEvent::Ask { gate }, None)?;
        if kind == Kind::Taken {
            let Described { verb, args } = described(&call);
            let call = CoveredCall {
                step: step.id.clone(),
                verb,
                effect: state.traits.effect,
                args,
                labels: state.labels,
                undo: None,
            };
            self.open_effect_gate(step, effect, Asked { call, why: rule.to_owned() });
        }
        Ok(verdict(kind))
    }
}

/// Returns whether a timer belongs to an effect.
fn is_of(timer: &TimerId, effect: &EffectId) -> bool {
    match timer {
        TimerId::Lease(of, _) | TimerId::Backoff(of, _) => of == effect,
        TimerId::Deadline | TimerId::Queue | TimerId::Wait(_) | TimerId::Gate(_) | TimerId::Scope(_) => false,
    }
}

/// Returns what a life machine's answer means for the event.
pub(super) fn verdict(kind: Kind) -> Verdict {
    match kind {
        Kind::Taken => Verdict::Applied,
        Kind::Repeated => Verdict::Duplicate { first: None },
        // `Refused` never comes here: it is an error before.
        Kind::Late | Kind::Refused => Verdict::Stale,
    }
}

/// Returns whether an effect changes nothing however often it is performed.
pub(super) fn is_pure(state: &EffectState) -> bool {
    state.traits.idempotency == Idempotency::Pure
}
