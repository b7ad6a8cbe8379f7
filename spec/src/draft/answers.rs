//! Answers about playbooks that are kept until something that was looked at for them is another.

use std::collections::{BTreeMap, BTreeSet};

use super::looks::{Moved, Watched};
use crate::plan::Id;

/// Answers by the playbook that each is about.
#[derive(Debug)]
pub(crate) struct Answers<T> {
    rows: BTreeMap<Id, Watched<T>>,
}

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

impl<T> Answers<T> {
    /// Forgets what may be another now, and returns about which playbooks that was.
    pub(crate) fn forget(&mut self, moved: &Moved) -> BTreeSet<Id> {
        if moved.is_nothing() {
            return BTreeSet::new();
        }
        let stale = self.rows.iter().filter(|(_, row)| moved.concerns(&row.looks));
        let ids: BTreeSet<Id> = stale.map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| drop(self.rows.remove(id)));
        ids
    }

    /// Returns the answer about a playbook, where one is known.
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(id).map(|row| &row.answer)
    }

    /// Keeps an answer.
    pub(crate) fn put(&mut self, id: &str, answer: Watched<T>) {
        self.rows.insert(id.to_owned(), answer);
    }

    /// Returns the playbooks with their answers, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Id, &T)> {
        self.rows.iter().map(|(id, row)| (id, &row.answer))
    }

    /// Returns the answers in the order of the playbooks.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.values().map(|row| &row.answer)
    }
}
