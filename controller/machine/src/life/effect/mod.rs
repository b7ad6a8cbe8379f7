//! The life of an effect: what the retry policy, the idempotency class and the operator make of answers.
//!
//! | state | event => next |
//! |---|---|
//! | queued, deferred | lease => leased · defer => deferred · deny => denied · ask => waiting for approval · hold => held · withdraw => withdrawn |
//! | queued, deferred | lease with a key that has lapsed and a doubt => unknown |
//! | leased | succeed => succeeded · fail => backing off, failed, unknown · hold back => queued · lose => backing off (pure, native key), unknown (probe, at most once) · lose with its host: the same, and no attempt is used up |
//! | backing off, deferred | wake => queued |
//! | held | release => queued |
//! | waiting for approval | approve => queued · refuse => denied |
//! | unknown | probe or operator: happened => succeeded, did not => queued again · unclear => unknown, operator asked · take back => succeeded, then undone · drop => dropped |
//! | dead | operator: happened => succeeded · did not => queued · drop => dropped |
//! | succeeded | undone => undone |
//! | any not settled | a success of an attempt that was sent => succeeded |
//! | failed | bury => dead |
//!
//! | any not settled | withdraw without a doubt => withdrawn, with one => unknown · leased, unknown: it stays, unwanted |
//! | any not settled | abandon: as withdraw, and what was leased => unknown, operator asked |
//!
//! An attempt that was lost leaves a doubt; while a doubt stands, an effect that is not pure never counts as failed: it is
//! `unknown`, and when its run unwinds it is not withdrawn. What is unwanted is never sent again, whatever is learned of it: a
//! failure settles it, and "it did not happen" withdraws it.

mod words;

use adjutant_spec::plan::Idempotency;
use statig::Outcome;

pub use super::pauses::jitter;
use super::{Answer, machine, pauses};
use crate::{
    event::{Denial, ErrorClass, Finding, Settlement},
    id::Stamp,
    run::{EffectPhase, Life, Traits},
};

pub use words::{EffectAction, EffectEvent, Failing, Leasing, Losing, Loss, Moment};

/// The longest pause that another side may ask for: a day.
const LONGEST_PAUSE: u64 = 86_400_000;

/// How many attempts may die with their host. A death says nothing about the other side, so it costs no attempt; but what dies
/// under the same attempt so often may be what kills the host, and a person has to look before it does so for ever.
const MOST_DEATHS: u32 = 20;

machine!(Traits, Life, EffectEvent, EffectAction, Life::new(1, EffectPhase::Queued), on);

type Reply = Answer<EffectAction>;

fn on(traits: &Traits, life: &Life, event: &EffectEvent, answer: &mut Reply) -> Outcome<Life> {
    match event {
        EffectEvent::Lease(leasing) => lease(traits, life, *leasing, answer),
        EffectEvent::Succeed { attempt } => succeed(life, *attempt, answer),
        EffectEvent::Fail { attempt, failure } => fail(traits, life, *attempt, failure, answer),
        EffectEvent::Lose(losing) => lose(traits, life, losing, answer),
        EffectEvent::HoldBack { attempt } => hold_back(traits, life, *attempt, answer),
        EffectEvent::Found(finding) => found(life, finding, answer),
        EffectEvent::Settle(settlement) => settle(life, settlement, answer),
        EffectEvent::Defer { .. }
        | EffectEvent::Deny { .. }
        | EffectEvent::Ask { .. }
        | EffectEvent::Approve => admit(life, event, answer),
        EffectEvent::Wake { attempt } => wake(life, *attempt, answer),
        EffectEvent::Hold | EffectEvent::Release => pauses::held(life, event, answer),
        EffectEvent::Withdraw => withdraw(traits, life, answer),
        EffectEvent::Abandon(why) => abandon(traits, life, why, answer),
        EffectEvent::Bury => match &life.phase {
            EffectPhase::Failed { class, message } => {
                Outcome::Transition(life.to(EffectPhase::Dead { class: *class, message: message.clone() }))
            }
            _ => Outcome::Super,
        },
        EffectEvent::Undone => match life.phase {
            EffectPhase::Succeeded => Outcome::Transition(life.to(EffectPhase::Undone)),
            _ => Outcome::Super,
        },
    }
}

fn lease(traits: &Traits, life: &Life, leasing: Leasing, answer: &mut Reply) -> Outcome<Life> {
    let Leasing { attempt, at, until } = leasing;
    if life.phase.is_settled() || attempt < life.attempt {
        return answer.late();
    }
    match life.phase {
        EffectPhase::Queued | EffectPhase::Deferred { .. } if attempt == life.attempt => {
            if has_lapsed(traits, life, at) {
                let message = "an earlier attempt may have happened, and its key is too old to be sent again";
                return doubt(traits, life, message, answer);
            }
            // Without a doubt nothing happened under the key so far: its time begins with this attempt.
            let sent = life.sent.filter(|_| !life.doubt.is_empty()).or(Some(at));
            Outcome::Transition(Life { sent, ..life.to(EffectPhase::Leased { until }) })
        }
        _ => Outcome::Super,
    }
}

/// Returns whether the other side may have forgotten the key under which an earlier attempt may have happened: sent once more,
/// it would be a second call and no repetition.
fn has_lapsed(traits: &Traits, life: &Life, at: Stamp) -> bool {
    let (Some(valid), Some(sent)) = (traits.key_valid, life.sent) else { return false };
    !life.doubt.is_empty() && at > sent.plus(valid)
}

/// What the host may say of an effect that has not left: it waits, it may not, a person must agree.
fn admit(life: &Life, event: &EffectEvent, answer: &mut Reply) -> Outcome<Life> {
    match (&life.phase, event) {
        (EffectPhase::Queued | EffectPhase::Deferred { .. }, EffectEvent::Defer { reason, until }) => {
            Outcome::Transition(life.to(EffectPhase::Deferred { reason: *reason, until: *until }))
        }
        (EffectPhase::Queued | EffectPhase::Deferred { .. }, EffectEvent::Ask { gate }) => {
            Outcome::Transition(life.to(EffectPhase::WaitingForApproval { gate: gate.clone() }))
        }
        (EffectPhase::Queued | EffectPhase::Deferred { .. }, EffectEvent::Deny { denial, message }) => {
            deny(life, *denial, message, answer)
        }
        (EffectPhase::WaitingForApproval { .. }, EffectEvent::Deny { denial, message }) => {
            deny(life, *denial, message, answer)
        }
        (EffectPhase::WaitingForApproval { .. }, EffectEvent::Approve) => {
            answer.act(EffectAction::Enqueue);
            Outcome::Transition(life.to(EffectPhase::Queued))
        }
        (phase, _) if phase.is_settled() => answer.late(),
        _ => Outcome::Super,
    }
}

/// A rule that forbids a later attempt does not undo the doubt about an earlier one.
fn deny(life: &Life, denial: Denial, message: &str, answer: &mut Reply) -> Outcome<Life> {
    if !life.doubt.is_empty() {
        answer.act(EffectAction::AskOperator(message.to_owned()));
        return Outcome::Transition(
            life.to(EffectPhase::Unknown { message: message.to_owned(), asked_operator: true }),
        );
    }
    answer.act(EffectAction::Denied(denial, message.to_owned()));
    Outcome::Transition(life.to(EffectPhase::Denied { denial, message: message.to_owned() }))
}

/// Returns whether an attempt was ever sent.
fn was_sent(life: &Life, attempt: u32) -> bool {
    let now = matches!(life.phase, EffectPhase::Leased { .. } | EffectPhase::Unknown { .. });
    attempt > 0 && (attempt < life.attempt || (attempt == life.attempt && now))
}

fn succeed(life: &Life, attempt: u32, answer: &mut Reply) -> Outcome<Life> {
    match life.phase {
        EffectPhase::Succeeded | EffectPhase::Undone => return answer.repeated(),
        _ if life.phase.is_settled() => return answer.late(),
        _ if !was_sent(life, attempt) => return Outcome::Super,
        _ => {}
    }
    answer.act(EffectAction::Happened);
    Outcome::Transition(Life { doubt: Default::default(), ..life.to(EffectPhase::Succeeded) })
}

fn fail(traits: &Traits, life: &Life, attempt: u32, failure: &Failing, answer: &mut Reply) -> Outcome<Life> {
    if life.phase.is_settled() {
        return answer.late();
    }
    if !was_sent(life, attempt) {
        return Outcome::Super;
    }
    let mut next = life.clone();
    let was_in_doubt = next.doubt.remove(&attempt);
    let is_unknown = matches!(life.phase, EffectPhase::Unknown { .. });
    if attempt == life.attempt || (is_unknown && was_in_doubt) {
        return after_failure(traits, &next, failure, answer);
    }
    if was_in_doubt { Outcome::Transition(next) } else { answer.late() }
}

/// Tries again where the class and the count allow it; else fails, or stays in doubt.
fn after_failure(traits: &Traits, life: &Life, failure: &Failing, answer: &mut Reply) -> Outcome<Life> {
    let may_work = matches!(failure.class, ErrorClass::Transient | ErrorClass::RateLimited);
    let stands_in_doubt = !life.doubt.is_empty() && traits.idempotency != Idempotency::Pure;
    // A doubt about an at-most-once or probed call forbids another attempt, however this one ended.
    let may_repeat = !stands_in_doubt || traits.idempotency == Idempotency::NativeKey;
    if may_work && may_repeat && !life.unwanted && life.attempt < life.attempts {
        return back_off(traits, life, failure.retry_after, failure.moment);
    }
    if stands_in_doubt {
        return doubt(traits, life, &failure.message, answer);
    }
    answer.act(EffectAction::Failed(failure.class, failure.message.clone()));
    let phase = EffectPhase::Failed { class: failure.class, message: failure.message.clone() };
    Outcome::Transition(life.to(phase))
}

fn back_off(traits: &Traits, life: &Life, asked: Option<u64>, moment: Moment) -> Outcome<Life> {
    // The pause grows with what the other side did, not with our own deaths.
    let heard = life.attempt.saturating_sub(life.deaths).max(1);
    let pause = jitter(traits, heard, moment.seed).max(asked.unwrap_or(0).min(LONGEST_PAUSE));
    let phase = EffectPhase::BackingOff { until: moment.at.plus(pause) };
    Outcome::Transition(Life { attempt: life.attempt + 1, ..life.to(phase) })
}

fn lose(traits: &Traits, life: &Life, losing: &Losing, answer: &mut Reply) -> Outcome<Life> {
    let attempt = losing.attempt;
    if life.phase.is_settled() || attempt < life.attempt {
        return answer.late();
    }
    match life.phase {
        EffectPhase::Leased { .. } if attempt == life.attempt => {}
        EffectPhase::Unknown { .. } if attempt == life.attempt => return answer.repeated(),
        _ => return Outcome::Super,
    }
    let mut next = life.clone();
    next.doubt.insert(attempt);
    match losing.by {
        Loss::HostDied if next.deaths >= MOST_DEATHS => {
            died_too_often(traits, &next, &losing.message, answer)
        }
        Loss::HostDied => {
            let (deaths, attempts) = (next.deaths + 1, next.attempts.saturating_add(1));
            after_loss(traits, &Life { deaths, attempts, ..next }, losing, answer)
        }
        Loss::Unanswered => after_loss(traits, &next, losing, answer),
    }
}

/// Puts back an attempt of which nothing left. It gets another number, as its answers have, and one attempt more.
fn hold_back(traits: &Traits, life: &Life, attempt: u32, answer: &mut Reply) -> Outcome<Life> {
    match life.phase {
        EffectPhase::Leased { .. } if attempt == life.attempt && life.unwanted => {
            if traits.idempotency != Idempotency::Pure && !life.doubt.is_empty() {
                return doubt(traits, life, "an earlier attempt may have happened", answer);
            }
            let_go(life)
        }
        EffectPhase::Leased { .. } if attempt == life.attempt => {
            answer.act(EffectAction::Enqueue);
            let attempts = life.attempts.saturating_add(1);
            Outcome::Transition(Life { attempt: attempt + 1, attempts, ..life.to(EffectPhase::Queued) })
        }
        _ if life.phase.is_settled() || attempt < life.attempt => answer.late(),
        _ => Outcome::Super,
    }
}

/// Tries again what may be repeated; else asks whoever can know.
fn after_loss(traits: &Traits, life: &Life, losing: &Losing, answer: &mut Reply) -> Outcome<Life> {
    let Losing { message, moment, .. } = losing;
    match traits.idempotency {
        Idempotency::Pure => {
            let class = ErrorClass::Transient;
            let failure = Failing { class, message: message.clone(), retry_after: None, moment: *moment };
            after_failure(traits, &Life { doubt: Default::default(), ..life.clone() }, &failure, answer)
        }
        Idempotency::NativeKey if life.attempt < life.attempts && !life.unwanted => {
            back_off(traits, life, None, *moment)
        }
        Idempotency::NativeKey | Idempotency::Probe | Idempotency::AtMostOnce => {
            doubt(traits, life, message, answer)
        }
    }
}

/// Ends a loop of crashes: a person looks at what every host died under.
fn died_too_often(traits: &Traits, life: &Life, message: &str, answer: &mut Reply) -> Outcome<Life> {
    let message =
        format!("{message}; that was so {} times: it may be what stops the process", life.deaths + 1);
    if traits.idempotency == Idempotency::Pure {
        answer.act(EffectAction::Failed(ErrorClass::Unavailable, message.clone()));
        let phase = EffectPhase::Failed { class: ErrorClass::Unavailable, message };
        return Outcome::Transition(Life { doubt: Default::default(), ..life.to(phase) });
    }
    answer.act(EffectAction::AskOperator(message.clone()));
    Outcome::Transition(life.to(EffectPhase::Unknown { message, asked_operator: true }))
}

/// Asks whoever can know: the probe first, then the operator.
fn doubt(traits: &Traits, life: &Life, message: &str, answer: &mut Reply) -> Outcome<Life> {
    let asked_operator = !traits.has_probe;
    answer.act(if asked_operator {
        EffectAction::AskOperator(message.to_owned())
    } else {
        EffectAction::Probe
    });
    Outcome::Transition(life.to(EffectPhase::Unknown { message: message.to_owned(), asked_operator }))
}

fn wake(life: &Life, attempt: u32, answer: &mut Reply) -> Outcome<Life> {
    match life.phase {
        EffectPhase::BackingOff { .. } | EffectPhase::Deferred { .. } if attempt == life.attempt => {
            answer.act(EffectAction::Enqueue);
            Outcome::Transition(life.to(EffectPhase::Queued))
        }
        _ => answer.late(),
    }
}

fn found(life: &Life, finding: &Finding, answer: &mut Reply) -> Outcome<Life> {
    let EffectPhase::Unknown { asked_operator, .. } = &life.phase else { return answer.late() };
    match finding {
        Finding::Happened(_) => happened(life, answer),
        Finding::DidNotHappen if life.unwanted => let_go(life),
        Finding::DidNotHappen if life.attempt < life.attempts => again(life, answer),
        Finding::DidNotHappen => {
            let message = "it did not happen, and no attempt is left".to_owned();
            answer.act(EffectAction::Failed(ErrorClass::Transient, message.clone()));
            let phase = EffectPhase::Failed { class: ErrorClass::Transient, message };
            Outcome::Transition(Life { doubt: Default::default(), ..life.to(phase) })
        }
        Finding::Unclear(_) if *asked_operator => answer.repeated(),
        Finding::Unclear(message) => {
            answer.act(EffectAction::AskOperator(message.clone()));
            Outcome::Transition(
                life.to(EffectPhase::Unknown { message: message.clone(), asked_operator: true }),
            )
        }
    }
}

fn happened(life: &Life, answer: &mut Reply) -> Outcome<Life> {
    answer.act(EffectAction::Happened);
    Outcome::Transition(Life { doubt: Default::default(), ..life.to(EffectPhase::Succeeded) })
}

fn again(life: &Life, answer: &mut Reply) -> Outcome<Life> {
    answer.act(EffectAction::Enqueue);
    let attempt = life.attempt + 1;
    let attempts = life.attempts.max(attempt);
    let phase = EffectPhase::Queued;
    Outcome::Transition(Life { attempt, attempts, doubt: Default::default(), phase, ..life.clone() })
}

/// It did not happen, and nobody wants it any more.
fn let_go(life: &Life) -> Outcome<Life> {
    Outcome::Transition(Life { doubt: Default::default(), ..life.to(EffectPhase::Withdrawn) })
}

fn settle(life: &Life, settlement: &Settlement, answer: &mut Reply) -> Outcome<Life> {
    match (&life.phase, settlement) {
        (EffectPhase::Unknown { .. } | EffectPhase::Dead { .. }, Settlement::Happened(_)) => {
            happened(life, answer)
        }
        (EffectPhase::Unknown { .. }, Settlement::DidNotHappen) if life.unwanted => let_go(life),
        (EffectPhase::Unknown { .. } | EffectPhase::Dead { .. }, Settlement::DidNotHappen) => {
            again(life, answer)
        }
        (EffectPhase::Unknown { .. } | EffectPhase::Dead { .. }, Settlement::Drop) => {
            answer.act(EffectAction::Dropped);
            Outcome::Transition(life.to(EffectPhase::Dropped))
        }
        (EffectPhase::Unknown { .. }, Settlement::Undo) => {
            answer.act(EffectAction::TakeBack);
            Outcome::Transition(Life { doubt: Default::default(), ..life.to(EffectPhase::Succeeded) })
        }
        (EffectPhase::Succeeded, Settlement::Happened(_))
        | (EffectPhase::Dropped, Settlement::Drop)
        | (EffectPhase::Withdrawn, Settlement::DidNotHappen) => answer.repeated(),
        _ => Outcome::Super,
    }
}

/// Takes back a wish. What may have happened is not forgotten: it is found out, and never sent again.
fn withdraw(traits: &Traits, life: &Life, answer: &mut Reply) -> Outcome<Life> {
    let is_pure = traits.idempotency == Idempotency::Pure;
    let unwanted = Life { unwanted: true, ..life.clone() };
    match &life.phase {
        phase if phase.is_settled() => answer.late(),
        EffectPhase::Leased { .. } | EffectPhase::Unknown { .. } if !is_pure => {
            if life.unwanted {
                answer.repeated()
            } else {
                Outcome::Transition(unwanted)
            }
        }
        _ if !is_pure && !life.doubt.is_empty() => {
            doubt(traits, &unwanted, "an earlier attempt may have happened", answer)
        }
        _ => Outcome::Transition(life.to(EffectPhase::Withdrawn)),
    }
}

/// Its run is killed: nobody sends or asks any more, so only the operator, or an answer that still comes, can tell.
fn abandon(traits: &Traits, life: &Life, why: &str, answer: &mut Reply) -> Outcome<Life> {
    if life.phase.is_settled() {
        return answer.late();
    }
    let mut next = Life { unwanted: true, ..life.clone() };
    if matches!(life.phase, EffectPhase::Leased { .. }) {
        next.doubt.insert(life.attempt);
    }
    let is_unknown = matches!(life.phase, EffectPhase::Unknown { .. });
    if traits.idempotency == Idempotency::Pure || (next.doubt.is_empty() && !is_unknown) {
        return Outcome::Transition(life.to(EffectPhase::Withdrawn));
    }
    if !matches!(life.phase, EffectPhase::Unknown { asked_operator: true, .. }) {
        answer.act(EffectAction::AskOperator(why.to_owned()));
    }
    let message = match &life.phase {
        EffectPhase::Unknown { message, .. } => message.clone(),
        _ => why.to_owned(),
    };
    Outcome::Transition(next.to(EffectPhase::Unknown { message, asked_operator: true }))
}
