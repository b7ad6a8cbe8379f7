//! What was looked at: heads of proposals merged with `main`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::reconcile::{judge::Judged, repository::Review};

/// How many proposals stay read: as many as can be open.
const KEPT: usize = 64;

/// A merge with `main`, read.
pub(in crate::reconcile) struct Merge {
    /// The commit of `main`.
    pub(in crate::reconcile) main: String,
    /// The tree of the result.
    pub(in crate::reconcile) tree: Option<String>,
    /// The paths that both sides changed in ways that do not fit together.
    pub(in crate::reconcile) conflicts: Vec<String>,
}

/// A head merged with `main`, judged, and as it is shown: all that can be said of it whatever is in force.
pub(in crate::reconcile) struct Look {
    pub(in crate::reconcile) merge: Merge,
    /// Absent where files are in conflict, like the review.
    pub(in crate::reconcile) judged: Option<Judged>,
    pub(super) review: Option<Review>,
}

/// What was looked at, by `main` and head: the same two commits give the same result for ever.
#[derive(Default)]
pub(in crate::reconcile) struct Looks(Mutex<BTreeMap<Pair, Arc<Look>>>);

/// The two commits of a merge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) main: String,
    pub(super) head: String,
}

impl Looks {
    /// Returns what was seen of two commits; the lock is never held while anything is merged or judged.
    pub(super) fn known(&self, pair: &Pair) -> Option<Arc<Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(pair).cloned()
    }

    /// Keeps what was seen of two commits.
    pub(super) fn keep(&self, pair: Pair, look: &Arc<Look>) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What was seen with another `main` is never asked for again.
        looks.retain(|known, _| known.main == pair.main);
        if looks.len() >= KEPT {
            looks.clear();
        }
        looks.insert(pair, Arc::clone(look));
    }
}
