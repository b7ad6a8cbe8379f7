//! The place of a run in the queue of its playbook: read off its phase, so a place outlives no run, and none has two.
//!
//! Of a playbook that queues one run works; the others stand, in the order in which they came. Who is next follows from the places
//! alone ([`next`]): a host that forgot to call it looks again.

use super::{Phase, Run};
use crate::id::Stamp;

/// How long a run may stand before it fails aloud, in milliseconds: 30 days.
pub const MOST_STANDING: u64 = 30 * 86_400_000;

/// The place of a run in the queue of its playbook. Whoever works is before those that stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// It is the one that works: it has begun and has not ended, be it paused or taking back what it did.
    Works,
    /// It waits for its turn.
    Stands {
        /// Since when: who stands for longer goes first.
        since: Stamp,
        /// Whether it may begin: one that is paused keeps its place, and lets others go first.
        is_ready: bool,
    },
}

/// A run with its place. Members of one queue sort as they stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Where it stands, or that it works.
    pub place: Place,
    /// The id of the run.
    pub run: String,
}

/// Returns whose turn it is, of the members of one queue in their order; `None` while somebody works.
pub fn next(members: impl IntoIterator<Item = Member>) -> Option<String> {
    for Member { place, run } in members {
        match place {
            Place::Works => return None,
            Place::Stands { is_ready: true, .. } => return Some(run),
            Place::Stands { is_ready: false, .. } => {}
        }
    }
    None
}

impl Run {
    /// Returns its place in the queue of its playbook; `None` where it has none: it is over, or goes beside the queue.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let stands = |since, is_ready| Place::Stands { since, is_ready };
        match &self.phase {
            _ if !self.queues || self.beside => None,
            Phase::Queued { since } => Some(stands(*since, true)),
            Phase::Paused { queued: Some(since), .. } => Some(stands(*since, false)),
            Phase::Active | Phase::Paused { queued: None, .. } | Phase::Unwinding { .. } => {
                Some(Place::Works)
            }
            Phase::Ended { .. } => None,
        }
    }

    /// Returns since when it stands in the queue of its playbook.
    #[must_use]
    pub fn stands_since(&self) -> Option<Stamp> {
        match self.place()? {
            Place::Stands { since, .. } => Some(since),
            Place::Works => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(run: &str, since: i64, is_ready: bool) -> Member {
        Member { place: Place::Stands { since: Stamp(since), is_ready }, run: run.to_owned() }
    }

    fn works(run: &str) -> Member {
        Member { place: Place::Works, run: run.to_owned() }
    }

    fn next_of(mut members: Vec<Member>) -> Option<String> {
        members.sort();
        next(members)
    }

    #[test]
    fn who_has_stood_longest_is_next() {
        let members = vec![stands("c", 3, true), stands("a", 2, true), stands("b", 1, true)];
        assert_eq!(next_of(members).as_deref(), Some("b"));
        assert_eq!(next_of(Vec::new()), None);
    }

    #[test]
    fn nobody_is_next_while_one_works() {
        assert_eq!(next_of(vec![stands("a", 1, true), works("z")]), None);
    }

    #[test]
    fn who_is_paused_lets_others_go_first_and_keeps_the_place() {
        let paused = vec![stands("a", 1, false), stands("b", 2, true)];
        assert_eq!(next_of(paused).as_deref(), Some("b"));
        let resumed = vec![stands("a", 1, true), stands("b", 2, true)];
        assert_eq!(next_of(resumed).as_deref(), Some("a"));
    }
}
