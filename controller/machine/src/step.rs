//! The one door: `step` answers every (state, event) pair (law 1), from its arguments alone (law 2).

use adjutant_spec::plan::Bundle;

use crate::{
    event::{Envelope, Event},
    kill::step_kill,
    run::Run,
    verdict::{Env, Refusal, Step},
};

/// Answers an event.
///
/// *Flow*: the host loads the state, calls this, stores `next` in one batch, and acts on the entry's commands once it is
/// durable. *Guarantees*: never panics; the same arguments give the same bytes; folding the entries gives the state.
pub fn step(_def: &Bundle, state: Option<&Run>, envelope: &Envelope, env: &Env) -> Step {
    match (state, &envelope.event) {
        (Some(run), Event::RunKilled { .. }) => step_kill(run, envelope, env),
        (Some(run), _) => Step::refused(Refusal::Phase { phase: run.status().to_owned() }),
        (None, _) => Step::refused(Refusal::NotStarted),
    }
}
