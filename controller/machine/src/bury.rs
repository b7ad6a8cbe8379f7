//! A run whose state cannot be read is ended all the same: with what the host's rows still tell of it.
//!
//! Its tombstone is an entry like any other, and a fold may begin there. What the rows say was leased is in doubt: it is listed
//! for the operator, who settles it without a definition. Nothing else of the run goes on, and it cannot be tried again.

use adjutant_spec::plan::{Backoff, Effect, Idempotency, Retry};

use crate::{
    draft::Draft,
    event::{Envelope, Event, RunStarted, Settlement},
    evolve::evolve,
    fact::{Entry, Fact},
    id::{AttemptId, EffectId, Stamp},
    kill::{doubt, tell_parent_for_good, tell_that_it_is_known},
    life::{
        Driven, Kind, Lifecycle,
        effect::{EffectEvent, Failing, Moment},
    },
    run::{EffectPhase, EffectState, Life, Phase, Purpose, Run, Status, Traits},
    verdict::{Env, Next, Refusal, Step, Verdict},
};

/// What is left of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Remains {
    /// With what it began, as far as the rows tell; what they do not tell is empty.
    pub started: RunStarted,
    /// When the run is ended by its tombstone.
    pub at: Stamp,
    /// The number of its last entry.
    pub seq: u64,
    /// What was under way, by attempt.
    pub leased: Vec<AttemptId>,
    /// What is wrong with its state.
    pub problem: String,
}

/// Ends a run that cannot be read.
#[must_use]
pub fn step_bury(remains: &Remains, reason: &str, envelope: &Envelope, env: &Env) -> Next {
    let buried = Fact::Buried {
        started: Box::new(remains.started.clone()),
        at: remains.at,
        seq: remains.seq,
        problem: remains.problem.clone(),
    };
    let mut state = None;
    evolve(&mut state, &buried);
    let run = state.unwrap_or_else(|| crate::evolve::opened(&remains.started, remains.at));
    let mut draft = Draft::new(run, envelope, *env);
    for AttemptId { effect, attempt } in &remains.leased {
        let why = "it was under way when its run was killed, and the run\u{2019}s state could not be read";
        let state = in_doubt(effect, *attempt, why).into();
        draft.fact(Fact::EffectAsked { effect: effect.clone(), state });
        let notice = doubt(&draft, effect, why);
        draft.notify(notice);
    }
    let phase = Phase::Ended { status: Status::Killed, at: draft.at(), reason: Some(reason.to_owned()) };
    draft.fact(Fact::RunMoved { phase });
    tell_parent_for_good(&mut draft);
    let Next { run, entry } = draft.next();
    let facts = std::iter::once(buried).chain(entry.facts).collect();
    Next { run, entry: Entry { facts, ..entry } }
}

/// An effect of which only the row is known: whatever it was, it is not repeated.
fn in_doubt(effect: &EffectId, attempt: u32, why: &str) -> EffectState {
    let second = "1s".parse().expect("the text is a period");
    let backoff = Backoff { first: second, longest: second };
    let phase = EffectPhase::Unknown { message: why.to_owned(), asked_operator: true };
    let life = Life { attempt, doubt: [attempt].into(), unwanted: true, ..Life::new(attempt, phase) };
    EffectState {
        step: String::new(),
        purpose: Purpose::Step,
        traits: Traits {
            id: effect.clone(),
            effect: Effect::Write,
            idempotency: Idempotency::AtMostOnce,
            has_probe: false,
            retry: Retry { attempts: 1, backoff },
            key_valid: None,
        },
        call: None,
        labels: Default::default(),
        approval: None,
        basis: Vec::new(),
        timeout: 0,
        life,
        child: None,
    }
}

/// What it did is not known, so nothing of it is taken back: who waits for that hears it.
fn step_back(run: &Run, envelope: &Envelope, (env, seen): (Env, Option<u64>)) -> Step {
    if seen.is_some() {
        return Step::refused(Refusal::DeedsNotKnown);
    }
    let mut draft = Draft::new(run.clone(), envelope, env);
    tell_parent_for_good(&mut draft);
    draft.finish(Verdict::Applied)
}

/// Answers an event of a run that was buried: what was in doubt can still be settled, and no more.
pub fn step_buried(run: &Run, envelope: &Envelope, env: &Env) -> Step {
    if run.has_seen(&envelope.id) {
        return Step::nothing(Verdict::Duplicate { first: None });
    }
    let moment = Moment { at: envelope.at, seed: env.seed };
    let (effect, event) = match &envelope.event {
        Event::EffectSettled { effect, settlement: Settlement::Undo, .. } => {
            return Step::refused(Refusal::NothingTakenBack { effect: effect.clone() });
        }
        Event::EffectSettled { effect, settlement, .. } => (effect, EffectEvent::Settle(settlement.clone())),
        Event::EffectSucceeded { effect, attempt, .. } => {
            (effect, EffectEvent::Succeed { attempt: *attempt })
        }
        Event::EffectFailed { effect, attempt, class, message, retry_after, .. } => {
            let (class, message, retry_after) = (*class, message.clone(), *retry_after);
            let failure = Failing { class, message, retry_after, moment };
            (effect, EffectEvent::Fail { attempt: *attempt, failure })
        }
        Event::RunRolledBack { seen, .. } => return step_back(run, envelope, (*env, *seen)),
        Event::RunRetried { .. } => return Step::refused(Refusal::Buried { playbook: run.playbook.clone() }),
        _ => return Step::refused(Refusal::Ended { status: run.status().to_owned() }),
    };
    let Some(state) = run.effects.get(effect) else {
        return Step::refused(Refusal::NoSuchEffect { effect: effect.clone() });
    };
    let Driven { state: life, answer } = state.traits.drive(&state.life, &event);
    match answer.kind {
        Kind::Refused => {
            let phase = state.life.phase.word().to_owned();
            Step::refused(Refusal::EffectPhase { effect: effect.clone(), phase })
        }
        Kind::Repeated => Step::nothing(Verdict::Duplicate { first: None }),
        Kind::Late => Step::nothing(Verdict::Stale),
        Kind::Taken => {
            let mut draft = Draft::new(run.clone(), envelope, *env);
            draft.fact(Fact::EffectMoved { effect: effect.clone(), life });
            if !draft.run.is_in_doubt() {
                tell_that_it_is_known(&mut draft);
            }
            draft.finish(Verdict::Applied)
        }
    }
}
