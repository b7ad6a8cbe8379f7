//! What comes later, by its moment.

use std::collections::BTreeMap;

use adjutant_machine::{
    call::Perform,
    event::{Decision, Event},
    id::{EffectId, Stamp},
    life::mailbox::MailboxTold,
};

use super::script::Taken;

/// Something that comes later.
#[derive(Debug)]
pub(super) enum Due {
    /// The answer of an attempt.
    Answer(Box<Answered>),
    /// An answer that comes once more, or after nobody waits for it.
    Late(Box<Answered>),
    /// A person decides a gate.
    Decision(Box<Decided>),
    /// The operator settles a call in doubt.
    Settlement(Box<Settled>),
    /// A signal is sent.
    Signal(Box<MailboxTold>),
    /// A child run that is not played tells its end.
    ChildEnd(Box<ChildEnd>),
    /// Somebody else writes a record: which one of those that the scenario gives.
    Record(usize),
    /// The operator cancels the run.
    Cancel,
}

/// The answer of an attempt.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) perform: Perform,
    pub(super) event: Event,
    /// Whether it happens in the world.
    pub(super) acts: bool,
}

/// A person's answer to a gate.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) run: String,
    pub(super) gate: String,
    pub(super) decision: Decision,
    /// Which answer of the scenario it is.
    pub(super) place: usize,
}

/// How the operator settles a call in doubt.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) effect: EffectId,
    pub(super) taken: Taken,
}

/// The end of a child run that is not played.
#[derive(Debug)]
pub(super) struct ChildEnd {
    pub(super) run: String,
    pub(super) event: Event,
}

/// What comes later; of two things at one moment the one that was put here first comes first.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    rows: BTreeMap<Moment, Due>,
    count: u64,
}

/// When something comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    at: Stamp,
    order: u64,
}

impl Agenda {
    /// Puts something on the agenda.
    pub(super) fn put(&mut self, at: Stamp, due: Due) {
        self.count += 1;
        self.rows.insert(Moment { at, order: self.count }, due);
    }

    /// Returns when the next thing comes.
    pub(super) fn next(&self) -> Option<Stamp> {
        self.rows.keys().next().map(|moment| moment.at)
    }

    /// Takes the next thing.
    pub(super) fn take(&mut self) -> Option<Due> {
        self.rows.pop_first().map(|(_, due)| due)
    }

    /// Takes the answers that are on their way.
    pub(super) fn take_answers(&mut self) -> Vec<Answered> {
        let (answers, rest) =
            std::mem::take(&mut self.rows).into_iter().partition(|(_, due)| matches!(due, Due::Answer(_)));
        self.rows = rest;
        let answers: BTreeMap<Moment, Due> = answers;
        let answer = |due| match due {
            Due::Answer(answered) => Some(*answered),
            _ => None,
        };
        answers.into_values().filter_map(answer).collect()
    }

    /// Returns whether the operator has still to cancel the run.
    pub(super) fn has_cancel(&self) -> bool {
        self.rows.values().any(|due| matches!(due, Due::Cancel))
    }
}
