//! One bridge over statig for all machines, without `unsafe`.

use statig::{
    Outcome,
    blocking::{IntoStateMachine, IntoStateMachineExt, State, Superstate},
};

/// What a machine says to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<A> {
    /// What the caller should do, in order.
    pub actions: Vec<A>,
    /// What became of the event.
    pub kind: Kind,
}

/// A machine after one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driven<S, A> {
    /// The state that it is in now.
    pub state: S,
    /// What it says to the event.
    pub answer: Answer<A>,
}

/// What became of an event of a life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was taken.
    Taken,
    /// It was taken before.
    Repeated,
    /// It comes too late to matter.
    Late,
    /// It cannot be in this state.
    Refused,
}

impl<A> Answer<A> {
    fn new() -> Self {
        Self { actions: Vec::new(), kind: Kind::Taken }
    }

    /// Asks the caller for something.
    pub fn act(&mut self, action: A) {
        self.actions.push(action);
    }

    /// Says that the event was taken before.
    pub fn repeated<S>(&mut self) -> Outcome<S> {
        self.kind = Kind::Repeated;
        Outcome::Handled
    }

    /// Says that the event comes too late.
    pub fn late<S>(&mut self) -> Outcome<S> {
        self.kind = Kind::Late;
        Outcome::Handled
    }

    fn refuse(&mut self) {
        self.kind = Kind::Refused;
    }
}

/// A life cycle: what never changes about a thing, and how its state answers events.
pub trait Lifecycle: Clone + Sized {
    /// What changes, and is stored.
    type State: Clone;
    /// What can happen.
    type Event;
    /// What the caller should do.
    type Action;

    /// Returns the state that a new thing begins in.
    fn beginning() -> Self::State;

    /// Answers an event in a state; `Super` refuses it.
    fn on(
        &self,
        state: &Self::State,
        event: &Self::Event,
        answer: &mut Answer<Self::Action>,
    ) -> Outcome<Self::State>;

    /// Runs the statig machine for one event and returns the state after it.
    #[must_use]
    fn drive(&self, state: &Self::State, event: &Self::Event) -> Driven<Self::State, Self::Action>;
}

/// The superstate above all states: it refuses what no state answered.
#[derive(Debug)]
pub enum Root {
    /// There is one only.
    Refuse,
}

/// Says that nobody answered.
pub(crate) fn refuse<S, A>(answer: &mut Answer<A>) -> Outcome<S> {
    answer.refuse();
    Outcome::Handled
}

/// Restores a machine in a state, hands it one event, and returns what is left.
pub(crate) fn drive<M, S, E, A>(shared: &M, state: &S, event: &E) -> Driven<S, A>
where
    M: Clone
        + for<'e, 'c> IntoStateMachine<Event<'e> = E, Context<'c> = Answer<A>, State = S>
        + IntoStateMachineExt,
    S: State<M> + Clone,
    for<'s> M::Superstate<'s>: Superstate<M>,
{
    let mut restored = shared.clone().uninitialized_state_machine();
    *restored.state_mut() = state.clone();
    let mut answer = Answer::new();
    let mut machine = restored.init_with_context(&mut answer);
    machine.handle_with_context(event, &mut answer);
    Driven { state: machine.state().clone(), answer }
}

/// Makes a [`Lifecycle`] out of a type, its state, its events and its actions.
macro_rules! machine {
    ($machine:ty, $state:ty, $event:ty, $action:ty, $beginning:expr, $on:path) => {
        impl $crate::life::Lifecycle for $machine {
            type State = $state;
            type Event = $event;
            type Action = $action;

            fn beginning() -> $state {
                $beginning
            }

            fn on(
                &self,
                state: &$state,
                event: &$event,
                answer: &mut $crate::life::Answer<$action>,
            ) -> statig::Outcome<$state> {
                $on(self, state, event, answer)
            }

            fn drive(&self, state: &$state, event: &$event) -> $crate::life::Driven<$state, $action> {
                $crate::life::bridge::drive(self, state, event)
            }
        }

        impl statig::blocking::IntoStateMachine for $machine {
            type Event<'e> = $event;
            type Context<'c> = $crate::life::Answer<$action>;
            type State = $state;
            type Superstate<'s> = $crate::life::Root;

            fn initial() -> $state {
                <$machine as $crate::life::Lifecycle>::beginning()
            }
        }

        impl statig::blocking::State<$machine> for $state {
            fn call_handler(
                &mut self,
                shared: &mut $machine,
                event: &$event,
                answer: &mut $crate::life::Answer<$action>,
            ) -> statig::Outcome<$state> {
                $crate::life::Lifecycle::on(&*shared, &*self, event, answer)
            }

            fn superstate(&mut self) -> Option<$crate::life::Root> {
                Some($crate::life::Root::Refuse)
            }
        }

        impl statig::blocking::Superstate<$machine> for $crate::life::Root {
            fn call_handler(
                &mut self,
                _shared: &mut $machine,
                _event: &$event,
                answer: &mut $crate::life::Answer<$action>,
            ) -> statig::Outcome<$state> {
                $crate::life::bridge::refuse(answer)
            }
        }
    };
}
pub(crate) use machine;
