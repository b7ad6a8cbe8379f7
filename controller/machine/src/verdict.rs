//! What the machine answers to an event.

use adjutant_spec::plan::StepId;
use serde::{Deserialize, Serialize};

use crate::{
    event::TimerId,
    fact::Entry,
    id::{EffectId, Stamp},
    run::Run,
};

/// What a transition gets from the host beside the event: no clock, no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Env {
    /// The sequence number that the entry will have: the last one plus one.
    pub seq: u64,
    /// The journal's seed: the only source of jitter.
    pub seed: u64,
}

/// The answer to an event.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Step {
    /// What became of the event.
    pub verdict: Verdict,
    /// The state after it, and the entry to store with it; `None` where nothing is to be stored.
    pub next: Option<Box<Next>>,
}

/// What is to be stored, in one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// The state after the event.
    pub run: Run,
    /// The entry to append to the run's log.
    pub entry: Entry,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It changed the state.
    Applied,
    /// It was applied before; the first one's author and moment, where they are known.
    Duplicate {
        /// The first one's author and moment, where they are known.
        first: Option<First>,
    },
    /// It comes too late to matter; recorded where it says something about the world.
    Stale,
    /// It cannot be, and nothing changed.
    Refused(Refusal),
}

/// The first of two equal events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// Who caused it.
    pub by: String,
    /// When the first one happened.
    pub at: Stamp,
}

/// Why an event cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "refusal")]
pub enum Refusal {
    /// There is no such run.
    #[error("the run has not started")]
    NotStarted,
    /// The run is over.
    #[error("the run is over: it is {status}")]
    Ended {
        /// The word for how it ended, such as `done` or `killed`.
        status: String,
    },
    /// The run's phase does not allow it.
    #[error("the run is {phase}")]
    Phase {
        /// The phase that the run is in, in words.
        phase: String,
    },
    /// The run has no such effect.
    #[error("the run has no effect \"{effect}\"")]
    NoSuchEffect {
        /// The effect that was meant.
        effect: EffectId,
    },
    /// The effect's phase does not allow it.
    #[error("effect \"{effect}\" is {phase}")]
    EffectPhase {
        /// The effect that was meant.
        effect: EffectId,
        /// The phase that the effect is in, in words.
        phase: String,
    },
    /// The attempt is not the one that is due.
    #[error("effect \"{effect}\" is at attempt {expected}, not {found}")]
    WrongAttempt {
        /// The effect that was meant.
        effect: EffectId,
        /// The one that is due.
        expected: u32,
        /// The one that was named.
        found: u32,
    },
    /// The run has no such gate.
    #[error("the run has no gate \"{gate}\"")]
    NoSuchGate {
        /// The id of the gate that was meant.
        gate: String,
    },
    /// The gate was decided otherwise.
    #[error("gate \"{gate}\" was already {decision} by {by}")]
    Conflict {
        /// The id of the gate that was meant.
        gate: String,
        /// The first decision: `approved`, `edited`, `denied`.
        decision: String,
        /// Who decided it first.
        by: String,
        /// When it was decided first.
        at: Stamp,
    },
    /// The gate closed without a decision.
    #[error("gate \"{gate}\" is {phase}")]
    GateClosed {
        /// The id of the gate that was meant.
        gate: String,
        /// How it closed: `expired`, `superseded`, `withdrawn`.
        phase: String,
        /// The gate that asks instead, where there is one.
        instead: Option<String>,
    },
    /// The person saw another card.
    #[error("the card of gate \"{gate}\" has digest {found}, not {shown}")]
    StaleDigest {
        /// The id of the gate that was meant.
        gate: String,
        /// The digest that the person named.
        shown: String,
        /// The digest of the card.
        found: String,
    },
    /// The path may not be edited.
    #[error("\"{path}\" may not be edited here: only what the card shows may")]
    NotEditable {
        /// The full path of the value that was to be changed.
        path: String,
    },
    /// A value breaks its schema.
    #[error("\"{path}\" is not valid: {problem}")]
    Invalid {
        /// The full path of the value, such as `input.price`.
        path: String,
        /// What is wrong with it, for people.
        problem: String,
    },
    /// The gate has a form and the answer has none.
    #[error("gate \"{gate}\" has a form: its values are missing")]
    FormMissing {
        /// The id of the gate that was meant.
        gate: String,
    },
    /// The playbook has no such step.
    #[error("the playbook has no step \"{step}\"")]
    NoSuchStep {
        /// The id of the step that was meant.
        step: StepId,
    },
    /// The step classifies nothing.
    #[error("step \"{step}\" asks no route, so there is no class to correct")]
    NotARoute {
        /// The id of the step that was meant.
        step: StepId,
    },
    /// The route step has not answered.
    #[error("step \"{step}\" has not classified anything yet")]
    NotDecided {
        /// The id of the step that was meant.
        step: StepId,
    },
    /// The run has no such branch.
    #[error("the run has no branch \"{branch}\" that began")]
    NoSuchBranch {
        /// The name of the branch that was meant.
        branch: String,
    },
    /// A branch is tried again with its run, and in no other way.
    #[error(
        "a branch is not tried again by itself: type `adjutant retry {root}`, and its step begins new ones"
    )]
    BranchAlone {
        /// The run that it is a part of.
        root: String,
    },
    /// The run has no such timer.
    #[error("the run does not wait for {timer}")]
    NoSuchTimer {
        /// The timer that was meant.
        timer: TimerId,
    },
    /// The timer is not due yet.
    #[error("{timer} is not over yet")]
    TooEarly {
        /// The timer that was meant.
        timer: TimerId,
        /// When it is due.
        at: Stamp,
    },
    /// Nobody knows whether an effect happened: nothing is tried again or taken back before it is known.
    #[error(
        "nobody knows whether \"{effect}\" happened, so nothing is tried again or taken back: look, then type \
         `adjutant dead settle {effect} --happened` or `adjutant dead settle {effect} --did-not-happen`"
    )]
    InDoubt {
        /// The effect that is in doubt.
        effect: EffectId,
    },
    /// A branch was killed, and nobody knows whether what it had begun happened: nothing is tried again or taken back before it is known.
    #[error(
        "nobody knows whether everything that branch \"{branch}\" began has happened, so nothing is tried again or \
         taken back: type `adjutant dead`, look, and settle what is listed of it"
    )]
    BranchInDoubt {
        /// The first such branch.
        branch: String,
    },
    /// A run that was killed when it could not be read cannot be tried again.
    #[error(
        "what the run did before it was killed could not be read, so it cannot be tried again: type \
         `adjutant run {playbook}` to begin a new one"
    )]
    Buried {
        /// The playbook of the run that was meant.
        playbook: String,
    },
    /// What the run did before it was killed is not known, so it cannot be taken back.
    #[error(
        "what the run did before it was killed could not be read, so it cannot be taken back: look at the other side, \
         and take it back there yourself"
    )]
    DeedsNotKnown,
    /// The run has moved since it was shown to the person who wants it taken back.
    #[error("the run has moved since it was shown: that was after entry {seen}, and it is at {found} now")]
    Moved {
        /// The number of the last entry that was shown.
        seen: u64,
        /// The number of the last entry that there is.
        found: u64,
    },
    /// A run that has ended takes nothing back.
    #[error(
        "the run has ended, and takes nothing back any more: take \"{effect}\" back yourself, then type \
         `adjutant dead settle {effect} --happened`"
    )]
    NothingTakenBack {
        /// The effect that was to be taken back.
        effect: EffectId,
    },
    /// An effect without an undo cannot be taken back.
    #[error("effect \"{effect}\" cannot be taken back: it has no undo")]
    NoUndo {
        /// The effect that was to be taken back.
        effect: EffectId,
    },
}

impl Step {
    /// Returns an answer that stores nothing.
    pub fn nothing(verdict: Verdict) -> Self {
        Self { verdict, next: None }
    }

    /// Returns a refusal.
    pub fn refused(refusal: Refusal) -> Self {
        Self::nothing(Verdict::Refused(refusal))
    }

    /// Returns whether there is something to store.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.next.is_some()
    }
}
