//! A transition in the making: the state as it will be, with the facts so far.
//!
//! Every conclusion is applied at once, so a decision always reads the state that the facts before it made; that is why
//! the fold of the facts is the stored state (law 6) and not a second truth.

use crate::{
    call::Notice,
    event::{Envelope, Event, RunStarted, TimerId},
    evolve::{close, evolve_run, opened},
    fact::{Entry, Fact},
    id::{EffectId, InstanceId, Stamp},
    run::Run,
    verdict::{Env, Next, Step, Verdict},
};

/// A transition in the making.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    /// The state so far.
    pub(crate) run: Run,
    /// The event that is answered, with its moment.
    pub(crate) envelope: &'a Envelope,
    /// What the host gave.
    pub(crate) env: Env,
    facts: Vec<Fact>,
    asked: u16,
    told: u16,
}

impl<'a> Draft<'a> {
    /// Begins a transition of a run.
    pub(crate) fn new(run: Run, envelope: &'a Envelope, env: Env) -> Self {
        Self { run, envelope, env, facts: Vec::new(), asked: 0, told: 0 }
    }

    /// Begins the life of a run.
    pub(crate) fn open(started: &RunStarted, envelope: &'a Envelope, env: Env) -> Self {
        let mut draft = Self::new(opened(started, envelope.at), envelope, env);
        draft.facts.push(Fact::RunOpened { started: Box::new(started.clone()), at: envelope.at });
        draft
    }

    /// Returns the moment of the event: the only time there is.
    pub(crate) fn at(&self) -> Stamp {
        self.envelope.at
    }

    /// Adds a fact, and applies it to the state at once.
    pub(crate) fn fact(&mut self, fact: Fact) {
        evolve_run(&mut self.run, &fact);
        self.facts.push(fact);
    }

    /// Stores a timer; a second setting moves it.
    pub(crate) fn set_timer(&mut self, timer: TimerId, at: Stamp) {
        self.fact(Fact::TimerSet { timer, at });
    }

    /// Removes a timer, if it is there.
    pub(crate) fn clear_timer(&mut self, timer: &TimerId) {
        if self.run.timers.contains_key(timer) {
            self.fact(Fact::TimerCleared { timer: timer.clone() });
        }
    }

    /// Tells the operator.
    pub(crate) fn notify(&mut self, notice: Notice) {
        let index = self.next_told();
        self.fact(Fact::Told { index, notice: Box::new(notice) });
    }

    /// Tells another instance.
    pub(crate) fn post(&mut self, to: InstanceId, event: Event) {
        let index = self.next_told();
        self.fact(Fact::Posted { index, to, event: Box::new(event) });
    }

    fn next_told(&mut self) -> u16 {
        let index = self.told;
        self.told = self.told.saturating_add(1);
        index
    }

    /// Returns the id of the next effect of this transition.
    pub(crate) fn next_effect(&mut self) -> EffectId {
        let id = EffectId { run: self.run.id.clone(), seq: self.env.seq, index: self.asked };
        self.asked = self.asked.saturating_add(1);
        id
    }

    /// Returns whether nothing was concluded: there is nothing to store.
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Ends the transition.
    pub(crate) fn finish(self, verdict: Verdict) -> Step {
        Step { verdict, next: Some(Box::new(self.next())) }
    }

    /// Ends the transition and returns what is to be stored.
    pub(crate) fn next(mut self) -> Next {
        close(&mut self.run, self.envelope);
        let entry = Entry { envelope: self.envelope.clone(), facts: self.facts };
        Next { run: self.run, entry }
    }
}
