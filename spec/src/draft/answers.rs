//! Answers about playbooks that are kept until something that was looked at for them is another.

use std::collections::{BTreeMap, BTreeSet};

use super::looks::{Looks, Moved, Part, Watched, has};
use crate::plan::Id;

/// Answers by the playbook that each is about.
#[derive(Debug)]
pub(crate) struct Answers<T> {
    rows: BTreeMap<Id, Watched<T>>,
    readers: Readers,
}

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), readers: Readers::default() }
    }
}

impl<T> Answers<T> {
    /// Forgets what may be another now, and returns about which playbooks that was.
    pub(crate) fn forget(&mut self, moved: &Moved) -> BTreeSet<Id> {
        let ids = self.readers.of(moved);
        for id in &ids {
            if let Some(row) = self.rows.remove(id) {
                self.readers.remove(id, &row.looks);
            }
        }
        ids
    }

    /// Returns the answer about a playbook, where one is known.
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(id).map(|row| &row.answer)
    }

    /// Keeps an answer.
    pub(crate) fn put(&mut self, id: &str, answer: Watched<T>) {
        if let Some(before) = self.rows.remove(id) {
            self.readers.remove(id, &before.looks);
        }
        self.readers.insert(id, &answer.looks);
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

/// Who looked at what: [`Looks`] the other way round, so that a change finds the few whom it concerns among thousands.
#[derive(Debug, Default)]
struct Readers {
    ones: BTreeMap<Part, BTreeMap<Id, BTreeSet<Id>>>,
    names: BTreeMap<Part, BTreeSet<Id>>,
    all: BTreeMap<Part, BTreeSet<Id>>,
}

impl Readers {
    fn insert(&mut self, reader: &str, looks: &Looks) {
        for (part, ids) in &looks.ones {
            let ones = self.ones.entry(*part).or_default();
            for id in ids {
                if let Some(readers) = ones.get_mut(id) {
                    readers.insert(reader.to_owned());
                } else {
                    ones.insert(id.clone(), BTreeSet::from([reader.to_owned()]));
                }
            }
        }
        for (parts, readers) in [(looks.names, &mut self.names), (looks.all, &mut self.all)] {
            for part in Part::ALL.into_iter().filter(|part| has(parts, *part)) {
                readers.entry(part).or_default().insert(reader.to_owned());
            }
        }
    }

    fn remove(&mut self, reader: &str, looks: &Looks) {
        for (part, ids) in &looks.ones {
            let Some(ones) = self.ones.get_mut(part) else { continue };
            for id in ids {
                if ones.get_mut(id).is_some_and(|readers| readers.remove(reader) && readers.is_empty()) {
                    ones.remove(id);
                }
            }
        }
        for (parts, readers) in [(looks.names, &mut self.names), (looks.all, &mut self.all)] {
            for (_, readers) in readers.iter_mut().filter(|(part, _)| has(parts, **part)) {
                readers.remove(reader);
            }
        }
    }

    /// Returns everybody whose answer may be another now.
    fn of(&self, moved: &Moved) -> BTreeSet<Id> {
        let mut readers = BTreeSet::new();
        for (part, ones) in &self.ones {
            readers.extend(moved.of(*part).filter_map(|id| ones.get(id)).flatten().cloned());
        }
        for (parts, known) in [(moved.names, &self.names), (moved.all, &self.all)] {
            let looked = known.iter().filter(|(part, _)| has(parts, **part));
            readers.extend(looked.flat_map(|(_, readers)| readers).cloned());
        }
        readers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{looks::Watcher, shelf::Shelf};

    fn shelf(rows: &[(&str, u32)], watcher: &Watcher) -> Shelf<u32> {
        let mut shelf = Shelf::new(Part::Texts, watcher);
        rows.iter().for_each(|(id, value)| shelf.insert(*id, *value));
        shelf
    }

    #[test]
    fn an_answer_is_forgotten_when_what_it_looked_at_last_is_another() {
        let watcher = Watcher::default();
        let old = shelf(&[("a", 1), ("b", 2)], &watcher);
        let mut answers = Answers::default();
        answers.put("one", watcher.watch(|| old.get("a").copied()));
        answers.put("names", watcher.watch(|| old.get("c").copied().or(u32::try_from(old.len()).ok())));
        answers.put("all", watcher.watch(|| old.values().max().copied()));
        // Whoever answers anew has looked at what he looked at then, and at nothing of before.
        answers.put("again", watcher.watch(|| old.get("a").copied()));
        answers.put("again", watcher.watch(|| old.get("b").copied()));
        let mut forget = |rows: &[(&str, u32)]| {
            let mut moved = Moved::default();
            shelf(rows, &watcher).compare(&old, &mut moved);
            answers.forget(&moved).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(forget(&[("a", 1), ("b", 2)]), Vec::<String>::new());
        assert_eq!(forget(&[("a", 9), ("b", 2)]), ["all", "one"]);
        assert_eq!(forget(&[("a", 9), ("b", 2)]), Vec::<String>::new(), "they are gone");
        assert_eq!(forget(&[("a", 1), ("b", 2), ("c", 3)]), ["names"]);
        assert_eq!(forget(&[("a", 1)]), ["again"]);
        assert_eq!(answers.iter().count(), 0);
        assert!(answers.readers.ones.values().all(BTreeMap::is_empty));
    }
}
