//! The course of revisions, durably: which one was tried last and how far it came, what was in force before, and what holds it.
//!
//! It is the fold of its entries (`revision/source`); each entry carries everything that it changes.

use std::{collections::VecDeque, ops::Deref};

use adjutant_machine::{
    id::Stamp,
    life::{
        Driven, Kind, Lifecycle,
        revision::{RevisionEvent, RevisionLife, RevisionPhase},
    },
    skeleton::HostEvent,
};
use serde::{Deserialize, Serialize};

use super::store::HostEntry;
use crate::runtime::views::Lineage;

/// How many revisions that were in force stay revertible.
const KEPT: usize = 50;
/// How many confirmations are remembered.
const CONFIRMED: usize = 20;

/// The fewest digits that name a revision.
const SHORTEST: usize = 7;

/// What was decided so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(super) struct Course {
    /// The revision that was tried last.
    pub(super) attempt: Option<Attempt>,
    /// What was in force, newest last.
    pub(super) good: Vec<Good>,
    /// Why the source is not followed.
    pub(super) hold: Option<Hold>,
    /// Plans that the operator confirmed although they take much away.
    pub(super) confirmed: VecDeque<String>,
}

/// A revision that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// Its id at the source.
    pub(super) revision: String,
    /// The tree of its files of the language: equal to the applied one once all of it is in force.
    #[serde(default)]
    pub(super) tree: String,
    /// The commit that it is, or is based on.
    pub(super) commit: Option<String>,
    /// The first line of its commit's message.
    pub(super) title: String,
    /// The digest of its files.
    pub(super) files: String,
    /// How far it came on its way into force.
    pub(super) phase: RevisionPhase,
}

/// A set of files that was in force, and can be again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Good {
    /// The tree that was in force: the applied id.
    pub(super) tree: String,
    /// The revision that brought it, with its title and slices.
    #[serde(flatten)]
    pub(super) from: Lineage,
    /// When that began.
    pub(super) at: Stamp,
}

impl Deref for Good {
    type Target = Lineage;

    fn deref(&self) -> &Lineage {
        &self.from
    }
}

/// Why the source is not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Why the source is not followed, as whoever holds it says.
    pub reason: String,
    /// The principal that holds it.
    pub by: String,
    /// When that began.
    pub at: Stamp,
    /// The revision that is kept out, where it is one.
    pub revision: Option<String>,
    /// Whether it ends once the source wishes what is in force.
    pub ends_itself: bool,
}

/// One entry of the course's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// When it happened.
    pub(super) at: Stamp,
    /// The principal that did it; `reconcile` and `source` are this room itself.
    pub(super) by: String,
    /// What happened.
    pub(super) what: What,
}

/// What happened to the course of revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// A revision is tried for the first time.
    Attempted(Attempt),
    /// Something happened to the revision that is being tried.
    Life(RevisionEvent),
    /// A set of files came into force.
    Good(Good),
    /// The source is not followed.
    Held(Hold),
    /// The source is followed again.
    Released,
    /// The operator confirmed a plan.
    Confirmed(String),
}

impl HostEntry for Entry {
    fn at(&self) -> Stamp {
        self.at
    }

    fn event(&self) -> HostEvent {
        match self.what {
            What::Attempted(_) => HostEvent::RevisionAttempted,
            What::Life(_) => HostEvent::RevisionMoved,
            What::Good(_) => HostEvent::RevisionApplied,
            What::Held(_) => HostEvent::SourceHeld,
            What::Released => HostEvent::SourceReleased,
            What::Confirmed(_) => HostEvent::PlanConfirmed,
        }
    }
}

impl Course {
    /// Applies one entry; returns false where the life cycle refuses it.
    pub(super) fn apply(&mut self, what: &What) -> bool {
        match what {
            What::Attempted(attempt) => self.attempt = Some(attempt.clone()),
            What::Life(event) => return self.live(event),
            What::Good(good) => {
                self.good.push(good.clone());
                let excess = self.good.len().saturating_sub(KEPT);
                self.good.drain(..excess);
            }
            What::Held(hold) => self.hold = Some(hold.clone()),
            What::Released => self.hold = None,
            What::Confirmed(plan) => {
                self.confirmed.push_back(plan.clone());
                while self.confirmed.len() > CONFIRMED {
                    self.confirmed.pop_front();
                }
            }
        }
        true
    }

    fn live(&mut self, event: &RevisionEvent) -> bool {
        let Some(attempt) = &mut self.attempt else { return false };
        let Driven { state: phase, answer } = RevisionLife.drive(&attempt.phase, event);
        attempt.phase = phase;
        answer.kind != Kind::Refused
    }

    /// Returns what came into force last, as this room knows it.
    pub(super) fn last_good(&self) -> Option<&Good> {
        self.good.last()
    }

    /// Finds what was in force by its tree, revision or commit, or by at least seven digits of one; the newest first.
    pub(super) fn stored(&self, name: &str) -> Option<Good> {
        let is_named = |id: &str| id == name || (name.len() >= SHORTEST && id.starts_with(name));
        let named = |good: &&Good| {
            is_named(&good.tree) || is_named(&good.revision) || good.commit.as_deref().is_some_and(is_named)
        };
        self.good.iter().rev().find(named).cloned()
    }
}
