//! The life of a proposed change.
//!
//! | state | event => next |
//! |---|---|
//! | draft | opened => open |
//! | open, changed | head replaced => changed · approved => approved, land · refused => refused |
//! | approved | head replaced => changed: what was approved is no longer what it is · landed => merged · could not land => changed · refused => refused · approved with the same digest: repeated |
//! | merged | activated => applied · landed: repeated |
//! | applied, refused | everything: late |
//!
//! Whether somebody may approve, and whether the digest is the present one, is decided before the event exists.

use serde::{Deserialize, Serialize};
use statig::Outcome;

use super::{Answer, machine};

/// What never changes about a proposal's life: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProposalLife;

/// Where a proposal stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum ProposalPhase {
    /// Nobody was asked yet.
    #[default]
    Draft,
    /// It waits for a decision.
    Open,
    /// It waits for a decision, and is not what it was at first.
    Changed,
    /// It was approved, as the digest says.
    Approved {
        /// The digest of what the operator saw and approved.
        digest: String,
    },
    /// The truth contains it.
    Merged {
        /// The commit that does.
        commit: String,
    },
    /// It is in force.
    Applied,
    /// It was refused for good.
    Refused {
        /// Why it was refused, for people.
        reason: String,
    },
}

/// What can happen to a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum ProposalEvent {
    /// It is put before the operator.
    Opened,
    /// Its author pushed again.
    HeadReplaced,
    /// The operator approved what the digest names.
    Approved {
        /// The digest of what the operator saw and approves.
        digest: String,
    },
    /// The truth contains it.
    Landed {
        /// The commit that does.
        commit: String,
    },
    /// What was approved is not what would land now.
    CouldNotLand,
    /// What contains it came into force.
    Activated,
    /// The operator refused it.
    Refused {
        /// Why it is refused, for people.
        reason: String,
    },
}

/// What the host does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProposalAction {
    /// Merge it into the truth, or publish it for whoever owns the truth.
    Land,
}

impl ProposalPhase {
    /// Returns the word for people and programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Changed => "changed",
            Self::Approved { .. } => "approved",
            Self::Merged { .. } => "merged",
            Self::Applied => "applied",
            Self::Refused { .. } => "refused",
        }
    }

    /// Returns whether a second push of the same topic belongs to it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Draft | Self::Open | Self::Changed | Self::Approved { .. } => true,
            Self::Merged { .. } | Self::Applied | Self::Refused { .. } => false,
        }
    }
}

machine!(ProposalLife, ProposalPhase, ProposalEvent, ProposalAction, ProposalPhase::Draft, on);

fn on(
    _: &ProposalLife,
    phase: &ProposalPhase,
    event: &ProposalEvent,
    answer: &mut Answer<ProposalAction>,
) -> Outcome<ProposalPhase> {
    use {ProposalEvent as E, ProposalPhase as P};
    match (phase, event) {
        (P::Applied | P::Refused { .. }, _) => answer.late(),
        (P::Draft, E::Opened) => Outcome::Transition(P::Open),
        (P::Open | P::Approved { .. }, E::HeadReplaced) | (P::Approved { .. }, E::CouldNotLand) => {
            Outcome::Transition(P::Changed)
        }
        (P::Changed, E::HeadReplaced) => Outcome::Handled,
        (P::Open | P::Changed, E::Approved { digest }) => {
            answer.act(ProposalAction::Land);
            Outcome::Transition(P::Approved { digest: digest.clone() })
        }
        (P::Approved { digest: known }, E::Approved { digest }) if known == digest => answer.repeated(),
        // The author may have brought an open proposal home without asking: then the truth contains it all the same.
        (P::Open | P::Changed | P::Approved { .. }, E::Landed { commit }) => {
            Outcome::Transition(P::Merged { commit: commit.clone() })
        }
        (P::Merged { .. }, E::Landed { .. }) => answer.repeated(),
        (P::Merged { .. }, E::Activated) => Outcome::Transition(P::Applied),
        (P::Draft | P::Open | P::Changed | P::Approved { .. }, E::Refused { reason }) => {
            Outcome::Transition(P::Refused { reason: reason.clone() })
        }
        _ => Outcome::Super,
    }
}
