//! The steps of a draft: the machine is asked, admission is asked, and what may ride in the same batch rides.

use std::{collections::BTreeSet, sync::Arc};

use adjutant_machine::{
    Definition,
    call::{Call, Perform},
    codec,
    event::{Envelope, Event},
    id::EffectId,
    journal::JournalError,
    projection::{self, Lane, Waiting},
    run::{EffectPhase, LEASE_GRACE, Run},
    step, step_buried, step_kill,
    verdict::{Env, Verdict},
};
use adjutant_spec::plan::Idempotency;

use super::{
    admission::{self, Admitted},
    draft::{Action, Draft, Leased, MOST_ENTRIES, Waits},
    pools::Permit,
};

/// An effect that may ride in a batch.
struct Ready {
    effect: EffectId,
    /// The lane that it needs a place in.
    lane: Lane,
}

impl Draft<'_> {
    /// Steps the machine once.
    pub(super) fn apply(&mut self, envelope: &Envelope) -> Result<Verdict, JournalError> {
        if self.run.is_none() && self.is_gone {
            return Ok(Verdict::Refused(adjutant_machine::Refusal::NotStarted));
        }
        let seq = self.run.as_ref().map_or(0, |run| run.seq) + 1;
        let env = Env { seq, seed: self.core.seed };
        let stepped = match (&envelope.event, &self.run) {
            (Event::RunKilled { .. }, Some(run)) => step_kill(run, envelope, &env),
            // What it pins may be lost with its state: it is not asked.
            (_, Some(run)) if run.buried.is_some() => step_buried(run, envelope, &env),
            _ => {
                let Some(def) = self.definition(&envelope.event)? else {
                    return Ok(Verdict::Refused(adjutant_machine::Refusal::NotStarted));
                };
                step(&def, self.run.as_deref(), envelope, &env)
            }
        };
        let Some(next) = stepped.next else { return Ok(stepped.verdict) };
        self.entries.push(codec::encode_entry(&next.entry));
        self.word = envelope.event.word();
        self.decides |= matches!(envelope.event, Event::GateDecided(_));
        let before = self.run.replace(Arc::new(next.run));
        self.messages(seq, &next.entry);
        admission::settle(self, before.as_deref(), envelope)?;
        super::tell::tell(self, before.as_deref());
        Ok(stepped.verdict)
    }

    fn definition(&self, event: &Event) -> Result<Option<Arc<Definition>>, JournalError> {
        let id = match (&self.run, event) {
            (Some(run), _) => &run.bundle,
            (None, Event::RunStarted(started)) => &started.bundle,
            (None, _) => return Ok(None),
        };
        let missing = || JournalError::Corrupt {
            place: format!("bundle {id}"),
            problem: "the store does not hold it".to_owned(),
        };
        self.core.definition(id)?.ok_or_else(missing).map(Some)
    }

    /// Leases an effect that has a place, if admission lets it.
    pub(super) fn lease(&mut self, effect: &EffectId, permit: Permit) -> Result<(), JournalError> {
        self.lines.looked_at.insert(effect.clone());
        let Some(perform) = self.queued(effect) else { return Ok(()) };
        self.tried.insert(effect.clone());
        if matches!(*perform.call, Call::RecordWrite { .. }) && self.changes_shared_rows() {
            return Ok(());
        }
        match admission::decide(self, &perform)? {
            Admitted::Wait(ticket) => {
                let lane = Lane::of(&perform.call);
                self.lines.waits.push(Waits { effect: effect.clone(), lane, ticket });
                Ok(())
            }
            Admitted::Go { reserved, plan } => {
                let until = self.now.plus(perform.timeout.saturating_add(LEASE_GRACE));
                let attempt = perform.attempt;
                self.host_event(
                    format!("{effect}#{attempt}#lease"),
                    Event::EffectLeased { effect: effect.clone(), attempt, until, reserved },
                )?;
                // A key that is too old is not sent: the machine asks its probe, or the operator.
                let leased = Leased { perform, plan, until, permit };
                if self.is_leased(effect) { self.dispatch(leased) } else { Ok(()) }
            }
            Admitted::Stop { event } => {
                let id = self.core.unique(&format!("{effect}#{}#admission", perform.attempt));
                self.host_event(id, event)
            }
        }
    }

    fn is_leased(&self, effect: &EffectId) -> bool {
        let state = self.run.as_ref().and_then(|run| run.effects.get(effect));
        state.is_some_and(|state| matches!(state.life.phase, EffectPhase::Leased { .. }))
    }

    fn dispatch(&mut self, leased: Leased) -> Result<(), JournalError> {
        let perform = &leased.perform;
        match *perform.call {
            Call::StartRun { .. } => {
                self.actions.push(Action::Child { perform: Box::new(leased.perform) });
                Ok(())
            }
            Call::Signal { .. } => {
                self.actions.push(Action::Signal { perform: Box::new(leased.perform) });
                Ok(())
            }
            Call::FindChild { ref of } => {
                let event = super::records::find_child(self, &perform.effect, of)?;
                let id = format!("{}#{}", perform.effect, perform.attempt);
                self.host_event(id, event)
            }
            Call::RecordRead { .. } | Call::RecordList { .. } | Call::RecordWrite { .. } => {
                let event = super::records::perform(self, perform)?;
                let id = format!("{}#{}", perform.effect, perform.attempt);
                self.host_event(id, event)
            }
            _ => {
                self.actions.push(Action::Send(Box::new(leased)));
                Ok(())
            }
        }
    }

    /// Steps an event that the host itself decided on; the machine must take it.
    fn host_event(&mut self, id: String, event: Event) -> Result<(), JournalError> {
        let envelope = Envelope { at: self.now, id, by: "host".to_owned(), event };
        match self.apply(&envelope)? {
            Verdict::Applied => Ok(()),
            other => Err(JournalError::Corrupt {
                place: format!("a decision of the host about {}", self.instance),
                problem: format!("the machine answers {other:?} to {:?}", envelope.event),
            }),
        }
    }

    /// Returns what a queued effect wants to have done; it is read from the state, not from the row.
    pub(super) fn queued(&self, effect: &EffectId) -> Option<Perform> {
        projection::perform(self.run.as_ref()?, effect)
    }

    /// Takes what may ride in this batch: what the runtime does itself, and leases of keyed and pure effects.
    pub(super) fn ride(&mut self) -> Result<(), JournalError> {
        while self.entries.len() < MOST_ENTRIES {
            let Some(Ready { effect, lane }) = self.next_ride() else { return Ok(()) };
            self.tried.insert(effect.clone());
            if let Some(permit) = self.core.pools.try_take(&lane) {
                self.lease(&effect, permit)?;
            }
        }
        Ok(())
    }

    /// A batch that changes shared rows must not be refused for a moved record, and the other way round: these two never ride together.
    fn next_ride(&self) -> Option<Ready> {
        let run = self.run.as_deref()?;
        run.effects.iter().find_map(|(id, state)| {
            if !matches!(state.life.phase, EffectPhase::Queued) || self.tried.contains(id) {
                return None;
            }
            let call = state.call.as_deref()?;
            let lane = Lane::of(call);
            let guards = matches!(call, Call::RecordWrite { .. });
            let rides = match lane {
                Lane::Local => !guards || !self.changes_shared_rows(),
                Lane::Connector(_) | Lane::Agent(_) | Lane::Route(_) => {
                    !self.writes_records
                        && matches!(state.traits.idempotency, Idempotency::NativeKey | Idempotency::Pure)
                }
            };
            rides.then(|| Ready { effect: id.clone(), lane })
        })
    }

    /// Queues the effects that became ready and did not ride.
    pub(super) fn queue_rest(&mut self, before: Option<&Run>) {
        let Some(run) = &self.run else { return };
        let waits: BTreeSet<&EffectId> = self.lines.waits.iter().map(|waits| &waits.effect).collect();
        let is_known = |id: &EffectId, attempt: u32| {
            let old = before.and_then(|before| before.effects.get(id));
            old.is_some_and(|old| {
                matches!(old.life.phase, EffectPhase::Queued) && old.life.attempt == attempt
            })
        };
        let ready = run
            .effects
            .iter()
            .filter(|(id, state)| {
                matches!(state.life.phase, EffectPhase::Queued)
                    && !waits.contains(id)
                    && (!is_known(id, state.life.attempt) || self.tried.contains(*id))
            })
            .filter_map(|(id, state)| {
                let Waiting { lane, attempt, .. } = projection::waiting(state)?;
                Some(Action::Enqueue { effect: id.clone(), lane, attempt })
            });
        let ready: Vec<Action> = ready.collect();
        self.actions.extend(ready);
    }
}
