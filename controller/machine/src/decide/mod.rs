//! The decision: what follows from an event, in facts.
//!
//! ```text
//! event ──► admit (seen? ended?) ──► effect · gate · timer · control ──► life machine ──► facts
//!                                                        │ its step goes on
//!                                                        ▼
//!                                  walk: pure steps one after the other ──► next effect, gate, wait or end
//! ```
//! The definition is read, the state is never changed but by facts. Whatever cannot go on fails its run and unwinds it:
//! there is no state in which nothing will happen any more (law 11).

mod answer;
mod ask;
mod auto;
mod branches;
mod calls;
mod clock;
mod control;
mod correct;
mod edits;
mod effects;
mod fallback;
mod flow;
mod gates;
mod payload;
mod preview;
mod queue;
mod records;
mod retry;
mod rollback;
mod scopes;
mod signals;
mod steps;
mod unwind;

use adjutant_spec::{advice::Advice, plan::Step};

use crate::{
    call::Notice,
    definition::Definition,
    draft::Draft,
    eval::Scope,
    fact::Fact,
    life::{
        Driven, Kind, Lifecycle,
        run::{RunAction, RunEvent, RunLife},
    },
    run::{Failing, Failure, Phase, Position},
    verdict::{Refusal, Verdict},
};

pub use preview::{Returning, WayBack, returning};

/// What an event came to, or why it cannot be.
pub(crate) type Decision = Result<Verdict, Refusal>;

/// A decision in the making.
#[derive(Debug)]
pub(crate) struct Decider<'a> {
    /// What the run pins, compiled.
    pub(crate) def: &'a Definition,
    /// The state so far, and the facts that made it.
    pub(crate) draft: Draft<'a>,
}

impl<'a> Decider<'a> {
    /// Returns the definition of a step of this run, or of this branch: what is outside is none of it.
    fn step(&self, id: &str) -> Option<&'a Step> {
        self.def.step_of(&self.draft.run.id, id)
    }

    /// Returns what the templates of this run may read now.
    fn scope(&self) -> Scope<'_> {
        Scope::of(&self.draft.run, self.def)
    }

    /// Adds a fact, and applies it to the state at once.
    fn fact(&mut self, fact: Fact) {
        self.draft.fact(fact);
    }

    fn is_active(&self) -> bool {
        self.draft.run.phase == Phase::Active
    }

    /// Returns whether nothing new starts: the run is paused, or its turn has not come.
    fn is_held(&self) -> bool {
        matches!(self.draft.run.phase, Phase::Paused { .. } | Phase::Queued { .. })
    }

    fn is_unwinding(&self) -> bool {
        matches!(self.draft.run.phase, Phase::Unwinding { .. })
    }

    /// Returns whether the run, or a scope of it, takes back what it did.
    fn takes_back(&self) -> bool {
        self.is_unwinding() || self.draft.run.failing_scope().is_some()
    }

    /// Moves the run's position.
    fn stand(&mut self, position: Option<Position>) {
        if self.draft.run.position != position {
            self.fact(Fact::Positioned { position });
        }
    }

    /// Hands an event to the run's life machine and does what it says.
    fn live(&mut self, event: &RunEvent) -> Kind {
        let Driven { state: phase, answer } = RunLife.drive(&self.draft.run.phase, event);
        if phase != self.draft.run.phase {
            self.leave_queue(&phase);
            self.fact(Fact::RunMoved { phase });
        }
        for action in &answer.actions {
            match action {
                RunAction::Hold => self.hold(),
                RunAction::GoOn => self.go_on(),
                RunAction::Unwind => self.begin_unwinding(),
                RunAction::TakeChildrenBack => self.close_children(),
                RunAction::End => self.end(),
                RunAction::Begin => {}
            }
        }
        answer.kind
    }

    /// Fails the scope that has an edge for it, else the run: it unwinds.
    fn fail(&mut self, failure: Failure) {
        let message = match &failure.step {
            Some(step) => format!("step \"{step}\": {}", failure.message),
            None => failure.message.clone(),
        };
        if let Some(scope) = failure.step.as_deref().and_then(|step| self.catching(step)) {
            return self.fail_scope(&scope, Failing { outcome: "error".to_owned(), message });
        }
        if self.draft.run.failure.is_none() {
            self.fact(Fact::Failed { failure });
        }
        self.live(&RunEvent::Fail(message));
    }

    /// Tells the operator something once for each cause.
    fn tell(&mut self, topic: &str, cause: &str, title: String) {
        let run = &self.draft.run;
        let action = match topic {
            "dead" | "unknown" => Advice::Dead.into(),
            _ => Advice::Run(&run.id).into(),
        };
        let id = format!("{}.{topic}.{cause}", run.id);
        self.draft.notify(Notice { id, topic: topic.to_owned(), risk: None, title, action });
    }
}
