//! What is to be told of the drop folders: which cannot be used, and which items are in the way.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// How one drop folder stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DropStanding {
    /// The folder, links followed where it could be found.
    pub folder: PathBuf,
    /// Why nothing in it can be taken, where that is so.
    pub problem: Option<String>,
    /// What stays in it, by name, and why; names and reasons can be shown as they are.
    pub stuck: BTreeMap<String, String>,
}

/// The folders by connector, shared with whoever tells of them.
#[derive(Debug, Clone, Default)]
pub(in crate::effects) struct Standings {
    all: Arc<Mutex<BTreeMap<String, DropStanding>>>,
}

impl Standings {
    /// Keeps how a folder stands; what makes all of it unusable is logged when it begins, not at each look.
    pub(in crate::effects) fn set(&self, connector: &str, standing: DropStanding) {
        let problem = standing.problem.clone();
        let before = self.lock().insert(connector.to_owned(), standing);
        let was_wrong = before.is_some_and(|before| before.problem.is_some());
        if let Some(problem) = problem.filter(|_| !was_wrong) {
            tracing::warn!(connector, problem, "mail drop cannot be read");
        }
    }

    /// Keeps those of the connectors that are there.
    pub(in crate::effects) fn keep(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|connector, _| is_there(connector));
    }

    /// Returns how each folder stands.
    pub(in crate::effects) fn all(&self) -> BTreeMap<String, DropStanding> {
        self.lock().clone()
    }

    /// The lock is held for one look or one change, never across an await: readers are pages and the status.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, DropStanding>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
