//! The life of one revision of the company, from the first look at it until it is in force or not.
//!
//! | state | event => next |
//! |---|---|
//! | seen | check passed => checked, plan · check failed => refused |
//! | checked | planned => planned · check failed => refused |
//! | planned | begun => applying, activate · withheld => held |
//! | applying | activated => live · moved => seen, check: something else came into force meanwhile, so plan again |
//! | held | again => seen, check: the hold ended |
//! | live | withheld => held: it was reverted · activated: repeated |
//! | refused, superseded, live | again => seen, check |
//! | every state but live, refused, superseded | newer => superseded |
//! | live, refused | newer => superseded |
//!
//! Nothing before `applying` has an effect, so each step there may be repeated after a crash.

use serde::{Deserialize, Serialize};
use statig::Outcome;

use super::{Answer, machine};

/// What never changes about a revision's life: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct RevisionLife;

/// Where a revision stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum RevisionPhase {
    /// It was read completely.
    Seen,
    /// What of it can be in force is known.
    Checked,
    /// What it would change is known.
    Planned {
        /// The plan's id.
        plan: String,
    },
    /// It is being put in force.
    Applying {
        /// The plan's id.
        plan: String,
    },
    /// It is in force, as far as its slices allow.
    Live,
    /// Its mistakes keep all of it out.
    Refused {
        /// Why, in one line.
        reason: String,
    },
    /// It is good, and kept out on purpose.
    Held {
        /// Why, in one line.
        reason: String,
    },
    /// A newer one took its place.
    Superseded {
        /// The id of the newer revision.
        by: String,
    },
}

/// What can happen to a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum RevisionEvent {
    /// It, or the part of it that can move, is free of mistakes.
    CheckPassed,
    /// Its mistakes keep all of it out.
    CheckFailed {
        /// Why, in one line.
        reason: String,
    },
    /// What it would change is known.
    Planned {
        /// The plan's id.
        plan: String,
    },
    /// It is kept out, or taken out of force.
    Withheld {
        /// Why, in one line.
        reason: String,
    },
    /// The activation begins.
    Begun,
    /// It is in force, durably.
    Activated,
    /// Something else came into force since it was planned.
    Moved,
    /// It comes up again: a hold ended, or the source went back to it.
    Again,
    /// A newer one was read.
    Newer {
        /// The id of the newer revision.
        by: String,
    },
}

/// What the reconciler does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionAction {
    /// Check it for mistakes.
    Check,
    /// Work out what it would change.
    Plan,
    /// Put it in force.
    Activate,
}

impl RevisionPhase {
    /// Returns the word for people and programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Checked => "checked",
            Self::Planned { .. } => "planned",
            Self::Applying { .. } => "applying",
            Self::Live => "live",
            Self::Refused { .. } => "refused",
            Self::Held { .. } => "held",
            Self::Superseded { .. } => "superseded",
        }
    }

    /// Returns whether nothing is left to do until something else happens.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Seen | Self::Checked | Self::Planned { .. } | Self::Applying { .. } => false,
            Self::Live | Self::Refused { .. } | Self::Held { .. } | Self::Superseded { .. } => true,
        }
    }
}

machine!(RevisionLife, RevisionPhase, RevisionEvent, RevisionAction, RevisionPhase::Seen, on);

fn on(
    _: &RevisionLife,
    phase: &RevisionPhase,
    event: &RevisionEvent,
    answer: &mut Answer<RevisionAction>,
) -> Outcome<RevisionPhase> {
    use {RevisionEvent as E, RevisionPhase as P};
    match (phase, event) {
        (P::Superseded { .. }, E::Newer { .. }) | (P::Live, E::Activated) => answer.repeated(),
        (_, E::Newer { by }) => Outcome::Transition(P::Superseded { by: by.clone() }),
        (P::Seen, E::CheckPassed) => {
            answer.act(RevisionAction::Plan);
            Outcome::Transition(P::Checked)
        }
        (P::Seen | P::Checked, E::CheckFailed { reason }) => {
            Outcome::Transition(P::Refused { reason: reason.clone() })
        }
        (P::Checked, E::Planned { plan }) => Outcome::Transition(P::Planned { plan: plan.clone() }),
        (P::Planned { plan }, E::Begun) => {
            answer.act(RevisionAction::Activate);
            Outcome::Transition(P::Applying { plan: plan.clone() })
        }
        (P::Planned { .. } | P::Live, E::Withheld { reason }) => {
            Outcome::Transition(P::Held { reason: reason.clone() })
        }
        (P::Applying { .. }, E::Activated) => Outcome::Transition(P::Live),
        (P::Applying { .. }, E::Moved)
        | (P::Held { .. } | P::Live | P::Refused { .. } | P::Superseded { .. }, E::Again) => {
            answer.act(RevisionAction::Check);
            Outcome::Transition(P::Seen)
        }
        // A crash between a step and its record: the same work is done once more from the beginning.
        (P::Seen | P::Checked | P::Planned { .. } | P::Applying { .. }, E::Again) => {
            answer.act(RevisionAction::Check);
            if *phase == P::Seen { Outcome::Handled } else { Outcome::Transition(P::Seen) }
        }
        _ => Outcome::Super,
    }
}
