//! The life of a run.
//!
//! | state | event => next |
//! |---|---|
//! | queued | turn => active · pause => paused, and it keeps its place · fail, give up, roll back, stood too long => unwinding |
//! | active | pause => paused · fail, give up, deadline, roll back => unwinding · finish => ended |
//! | paused | resume => active, or queued where its turn had not come, or unwinding when overdue · fail, give up, roll back => unwinding · deadline => paused, overdue · finish => ended |
//! | unwinding | unwound => ended · give up, fail, deadline => unwinding (first reason stays) · roll back => unwinding, and what the runs did that it started is taken back too |
//! | ended | retry => active, or queued, unless it is done or rolled back · roll back => unwinding, unless it is rolled back · all else: refused |
//!
//! Kill is not here: it is written without asking any machine (`step_kill`).

use statig::Outcome;

use super::{Answer, machine};
use crate::{
    id::Stamp,
    run::{Phase, Status},
};

/// What never changes about a run's life: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunLife;

/// What can happen to a run's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// The operator pauses it.
    Pause(String),
    /// The operator lets it go on.
    Resume,
    /// It cannot go on.
    Fail(String),
    /// Somebody, or the playbook, gives up.
    GiveUp(String),
    /// Its time is over.
    Deadline,
    /// The playbook's own end was reached.
    Finish(Stamp),
    /// Everything is taken back.
    Unwound(Stamp),
    /// Its turn in the queue of its playbook came.
    Turn,
    /// The operator tries it again; in the queue of its playbook it has this place then.
    Retry(Option<Stamp>),
    /// What it did is taken back, whether it goes on or has ended, and however it has.
    RollBack(String),
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAction {
    /// Take effects out of the outbox.
    Hold,
    /// Put them back and go on.
    GoOn,
    /// Begin to take back what was done.
    Unwind,
    /// It unwinds already: take back what the runs did that it started, too.
    TakeChildrenBack,
    /// Write the terminal record.
    End,
    /// Take the step from which the run is tried again.
    Begin,
}

machine!(RunLife, Phase, RunEvent, RunAction, Phase::Active, on);

fn on(_: &RunLife, phase: &Phase, event: &RunEvent, answer: &mut Answer<RunAction>) -> Outcome<Phase> {
    match phase {
        Phase::Active => active(event, answer),
        Phase::Queued { since } => queued(*since, event, answer),
        Phase::Paused { reason, overdue, queued } => {
            let pause = Pause { reason, overdue: *overdue, queued: *queued };
            paused(pause, event, answer)
        }
        Phase::Unwinding { to, reason } => unwinding(*to, reason, event, answer),
        Phase::Ended { status, .. } => ended(*status, event, answer),
    }
}

fn active(event: &RunEvent, answer: &mut Answer<RunAction>) -> Outcome<Phase> {
    match event {
        RunEvent::Pause(reason) => {
            answer.act(RunAction::Hold);
            Outcome::Transition(Phase::Paused { reason: reason.clone(), overdue: false, queued: None })
        }
        RunEvent::Fail(reason) => unwind(Status::Failed, reason, answer),
        RunEvent::GiveUp(reason) => unwind(Status::Cancelled, reason, answer),
        RunEvent::Deadline => unwind(Status::Failed, DEADLINE, answer),
        RunEvent::RollBack(reason) => unwind(Status::RolledBack, reason, answer),
        RunEvent::Finish(at) => end(Status::Done, *at, None, answer),
        RunEvent::Turn => answer.repeated(),
        RunEvent::Resume | RunEvent::Unwound(_) | RunEvent::Retry(_) => Outcome::Super,
    }
}

const DEADLINE: &str = "its deadline passed";
const STOOD_TOO_LONG: &str = "it stood in the queue of its playbook for 30 days, and its turn did not come";

/// What holds for a run that stands holds for one that was paused there: it has not begun, so nothing is put back or taken out.
fn queued(since: Stamp, event: &RunEvent, answer: &mut Answer<RunAction>) -> Outcome<Phase> {
    match event {
        RunEvent::Turn => {
            answer.act(RunAction::GoOn);
            Outcome::Transition(Phase::Active)
        }
        RunEvent::Pause(reason) => {
            let (reason, queued) = (reason.clone(), Some(since));
            Outcome::Transition(Phase::Paused { reason, overdue: false, queued })
        }
        RunEvent::Deadline => unwind(Status::Failed, STOOD_TOO_LONG, answer),
        RunEvent::Fail(reason) => unwind(Status::Failed, reason, answer),
        RunEvent::GiveUp(reason) => unwind(Status::Cancelled, reason, answer),
        RunEvent::RollBack(reason) => unwind(Status::RolledBack, reason, answer),
        RunEvent::Resume | RunEvent::Finish(_) | RunEvent::Unwound(_) | RunEvent::Retry(_) => Outcome::Super,
    }
}

/// What a paused run was at.
#[derive(Clone, Copy)]
struct Pause<'a> {
    reason: &'a str,
    overdue: bool,
    queued: Option<Stamp>,
}

fn paused(pause: Pause<'_>, event: &RunEvent, answer: &mut Answer<RunAction>) -> Outcome<Phase> {
    let Pause { reason, overdue, queued } = pause;
    match event {
        RunEvent::Pause(_) => answer.repeated(),
        RunEvent::Resume if overdue => {
            let why = if queued.is_some() { STOOD_TOO_LONG } else { DEADLINE };
            unwind(Status::Failed, why, answer)
        }
        RunEvent::Resume => match queued {
            Some(since) => Outcome::Transition(Phase::Queued { since }),
            None => {
                answer.act(RunAction::GoOn);
                Outcome::Transition(Phase::Active)
            }
        },
        RunEvent::Deadline => {
            let reason = reason.to_owned();
            Outcome::Transition(Phase::Paused { reason, overdue: true, queued })
        }
        RunEvent::Fail(why) => unwind(Status::Failed, why, answer),
        RunEvent::GiveUp(why) => unwind(Status::Cancelled, why, answer),
        RunEvent::RollBack(why) => unwind(Status::RolledBack, why, answer),
        RunEvent::Finish(at) => end(Status::Done, *at, None, answer),
        RunEvent::Unwound(_) | RunEvent::Turn | RunEvent::Retry(_) => Outcome::Super,
    }
}

fn unwinding(to: Status, reason: &str, event: &RunEvent, answer: &mut Answer<RunAction>) -> Outcome<Phase> {
    match event {
        RunEvent::Unwound(at) => end(to, *at, Some(reason.to_owned()), answer),
        RunEvent::GiveUp(_) | RunEvent::Fail(_) | RunEvent::Deadline => answer.repeated(),
        RunEvent::RollBack(_) if to == Status::RolledBack => answer.repeated(),
        RunEvent::RollBack(why) => {
            answer.act(RunAction::TakeChildrenBack);
            Outcome::Transition(Phase::Unwinding { to: Status::RolledBack, reason: why.clone() })
        }
        RunEvent::Pause(_) | RunEvent::Resume | RunEvent::Finish(_) | RunEvent::Turn | RunEvent::Retry(_) => {
            Outcome::Super
        }
    }
}

fn ended(status: Status, event: &RunEvent, answer: &mut Answer<RunAction>) -> Outcome<Phase> {
    match event {
        RunEvent::RollBack(_) if status == Status::RolledBack => answer.repeated(),
        RunEvent::RollBack(reason) => unwind(Status::RolledBack, reason, answer),
        RunEvent::Retry(queue) if !matches!(status, Status::Done | Status::RolledBack) => {
            answer.act(RunAction::Begin);
            Outcome::Transition(queue.map_or(Phase::Active, |since| Phase::Queued { since }))
        }
        RunEvent::Deadline => answer.late(),
        _ => Outcome::Super,
    }
}

fn unwind(to: Status, reason: &str, answer: &mut Answer<RunAction>) -> Outcome<Phase> {
    answer.act(RunAction::Unwind);
    Outcome::Transition(Phase::Unwinding { to, reason: reason.to_owned() })
}

fn end(status: Status, at: Stamp, reason: Option<String>, answer: &mut Answer<RunAction>) -> Outcome<Phase> {
    answer.act(RunAction::End);
    Outcome::Transition(Phase::Ended { status, at, reason })
}
