//! The one door: `step` answers every (state, event) pair (law 1), from its arguments alone (law 2).

use crate::{
    bury::step_buried,
    decide::Decider,
    definition::Definition,
    draft::Draft,
    event::{Envelope, Event},
    kill::step_kill,
    run::{Phase, Run},
    verdict::{Env, Refusal, Step, Verdict},
};

/// Answers an event.
///
/// *Flow*: the host loads the state, calls this, stores `next` in one batch with the difference of its
/// projections ([`crate::projection`]), and acts on what they show once the batch is durable. *Guarantees*: never panics; the same arguments give the same bytes; folding the entries gives the state.
/// *Assumptions*: `def` is made of the bundle that the run pins; `env.seq` is the run's last sequence number plus one.
pub fn step(def: &Definition, state: Option<&Run>, envelope: &Envelope, env: &Env) -> Step {
    match (state, &envelope.event) {
        (Some(run), Event::RunKilled { .. }) => step_kill(run, envelope, env),
        (Some(run), _) if run.buried.is_some() => step_buried(run, envelope, env),
        (Some(run), _) => answer(def, run, envelope, *env),
        (None, Event::RunStarted(started)) => {
            let draft = Draft::open(started, envelope, *env);
            Decider { def, draft }.start().finish(Verdict::Applied)
        }
        (None, _) => Step::refused(Refusal::NotStarted),
    }
}

fn answer(def: &Definition, run: &Run, envelope: &Envelope, env: Env) -> Step {
    if run.has_seen(&envelope.id) {
        return Step::nothing(Verdict::Duplicate { first: None });
    }
    if let (Phase::Ended { status, .. }, true) = (&run.phase, is_too_late(&envelope.event)) {
        return Step::refused(Refusal::Ended { status: status.word().to_owned() });
    }
    let draft = Draft::new(run.clone(), envelope, env);
    Decider { def, draft }.decide().unwrap_or_else(Step::refused)
}

/// Returns whether an event cannot matter to a run that has ended; answers of the world always may.
fn is_too_late(event: &Event) -> bool {
    match event {
        Event::EffectLeased { .. }
        | Event::EffectDeferred { .. }
        | Event::EffectNeedsApproval { .. }
        | Event::EffectOutdated { .. }
        | Event::RunPaused { .. }
        | Event::RunResumed { .. }
        | Event::TurnCame
        | Event::ClockSetBack
        | Event::RunCancelled { .. } => true,
        Event::RunStarted(_)
        | Event::EffectDenied { .. }
        | Event::EffectSucceeded { .. }
        | Event::EffectFailed { .. }
        | Event::EffectUnknown { .. }
        | Event::EffectHeldBack { .. }
        | Event::EffectProbed { .. }
        | Event::EffectSettled { .. }
        | Event::TimerFired { .. }
        | Event::GateDecided(_)
        | Event::ChildEnded { .. }
        | Event::RunKilled { .. }
        | Event::RunRetried { .. }
        | Event::ClassCorrected { .. }
        | Event::BranchEnded(_)
        | Event::MailboxTold(_)
        | Event::SignalCame(_)
        | Event::RunRolledBack { .. } => false,
    }
}
