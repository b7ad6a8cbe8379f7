//! Looks: who looks at a part of a draft may be watched, so that an answer can be kept together with everything that it was read from.
//!
//! ```text
//! watch(|| check a playbook) ──► answer + { this connector, that text, the names of all agents }
//! the next draft, compared ────► { what is another now } ── nothing in common? ──► the answer stands
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{plan::Id, sides::side_by_side};

/// What a draft holds of one kind by name; unchanged rows of two drafts are one and the same.
pub(crate) type Rows<T> = BTreeMap<Id, Arc<T>>;

/// The parts of a draft, and what is made of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Company,
    Slices,
    Playbooks,
    Agents,
    Connectors,
    Routes,
    Records,
    Scenarios,
    Texts,
    Policies,
    Prices,
    Secrets,
    Models,
    Broken,
    Places,
    /// Playbooks with their names resolved.
    Resolved,
}

impl Part {
    pub(super) const ALL: [Self; 16] = [
        Self::Company,
        Self::Slices,
        Self::Playbooks,
        Self::Agents,
        Self::Connectors,
        Self::Routes,
        Self::Records,
        Self::Scenarios,
        Self::Texts,
        Self::Policies,
        Self::Prices,
        Self::Secrets,
        Self::Models,
        Self::Broken,
        Self::Places,
        Self::Resolved,
    ];
}

/// One look at a part.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Look<'a> {
    /// At what has this name, or at its absence.
    One(&'a str),
    /// At the names of all.
    Names,
    /// At every row: whatever changes in the part concerns who looked so.
    All,
}

/// Everything that was looked at for one answer; a set of parts has one bit for each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Looks {
    pub(super) ones: BTreeMap<Part, BTreeSet<Id>>,
    pub(super) names: u32,
    pub(super) all: u32,
}

impl Looks {
    fn note(&mut self, part: Part, look: Look<'_>) {
        match look {
            Look::Names => self.names |= bit(part),
            Look::All => self.all |= bit(part),
            Look::One(id) => {
                let ones = self.ones.entry(part).or_default();
                // Most of what is looked at is looked at again and again.
                if !ones.contains(id) {
                    ones.insert(id.to_owned());
                }
            }
        }
    }
}

/// An answer, with everything that was looked at for it.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    pub(crate) answer: T,
    pub(crate) looks: Looks,
}

/// Who is watched writes here; nobody is until [`Watcher::watch`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Watcher(Arc<Mutex<Option<Looks>>>);

impl Watcher {
    /// Does something and returns with it what was looked at for it.
    pub(crate) fn watch<T>(&self, work: impl FnOnce() -> T) -> Watched<T> {
        *self.looks() = Some(Looks::default());
        let answer = work();
        Watched { answer, looks: self.looks().take().unwrap_or_default() }
    }

    pub(crate) fn note(&self, part: Part, look: Look<'_>) {
        if let Some(looks) = &mut *self.looks() {
            looks.note(part, look);
        }
    }

    fn looks(&self) -> MutexGuard<'_, Option<Looks>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bit(part: Part) -> u32 {
    1 << part as u32
}

/// Returns whether a part is one of these.
pub(super) fn has(parts: u32, part: Part) -> bool {
    parts & bit(part) != 0
}

/// What is another in one draft than in the one before it.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    ids: BTreeMap<Part, BTreeSet<Id>>,
    /// Parts of which something came or went.
    pub(super) names: u32,
    /// Parts that are not as they were.
    pub(super) all: u32,
}

impl Moved {
    /// Returns whether nothing is another in any part but these.
    pub(crate) fn is_within(&self, parts: &[Part]) -> bool {
        self.all & !parts.iter().fold(0, |bits, part| bits | bit(*part)) == 0
    }

    /// Returns the names in a part that came, went, or stand for something else now.
    pub(crate) fn of(&self, part: Part) -> impl Iterator<Item = &Id> {
        self.ids.get(&part).into_iter().flatten()
    }

    /// Returns whether an answer may be another now.
    pub(crate) fn concerns(&self, looks: &Looks) -> bool {
        let is_one = |(part, moved): (&Part, &BTreeSet<Id>)| {
            looks.ones.get(part).is_some_and(|ones| have_common(ones, moved))
        };
        looks.all & self.all != 0 || looks.names & self.names != 0 || self.ids.iter().any(is_one)
    }

    /// Compares the rows of a part with those before.
    pub(crate) fn compare<T: PartialEq>(&mut self, part: Part, old: &Arc<Rows<T>>, new: &Arc<Rows<T>>) {
        if Arc::ptr_eq(old, new) {
            return;
        }
        let mut ids = BTreeSet::new();
        for at in side_by_side(old, new) {
            match (at.old, at.new) {
                (Some(old), Some(new)) if Arc::ptr_eq(old, new) || old == new => continue,
                (Some(_), Some(_)) => {}
                (_, _) => self.names |= bit(part),
            }
            ids.insert(at.key.clone());
        }
        if !ids.is_empty() {
            self.all |= bit(part);
            self.ids.insert(part, ids);
        }
    }

    pub(super) fn whole(&mut self, part: Part) {
        self.all |= bit(part);
    }
}

/// Returns whether two sets have something in common. Mostly one thing has moved, and every answer is asked: the smaller set is walked.
fn have_common(one: &BTreeSet<Id>, other: &BTreeSet<Id>) -> bool {
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    few.iter().any(|id| many.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::shelf::Shelf;

    fn shelf(rows: &[(&str, u32)]) -> Shelf<u32> {
        watched(rows, &Watcher::default())
    }

    fn watched(rows: &[(&str, u32)], watcher: &Watcher) -> Shelf<u32> {
        let mut shelf = Shelf::new(Part::Texts, watcher);
        rows.iter().for_each(|(id, value)| shelf.insert(*id, *value));
        shelf
    }

    #[test]
    fn an_answer_stands_until_what_was_looked_at_is_another() {
        let watcher = Watcher::default();
        let old = watched(&[("a", 1), ("b", 2)], &watcher);
        let watch = |look: &dyn Fn(&Shelf<u32>) -> bool| watcher.watch(|| look(&old)).looks;
        let (one, absent) =
            (watch(&|shelf| shelf.contains_key("a")), watch(&|shelf| shelf.contains_key("c")));
        let (names, all) = (watch(&Shelf::is_empty), watch(&|shelf| shelf.values().any(|value| *value == 9)));
        let mut table = Vec::new();
        for new in [
            shelf(&[("a", 1), ("b", 2)]),
            shelf(&[("a", 1), ("b", 3)]),
            shelf(&[("a", 2), ("b", 2)]),
            shelf(&[("a", 1), ("b", 2), ("c", 3)]),
            shelf(&[("b", 2)]),
        ] {
            let mut moved = Moved::default();
            new.compare(&old, &mut moved);
            table.push([&one, &absent, &names, &all].map(|looks| moved.concerns(looks)));
        }
        assert_eq!(
            table,
            [
                [false, false, false, false],
                [false, false, false, true],
                [true, false, false, true],
                [false, true, true, true],
                [true, false, true, true],
            ]
        );
    }

    #[test]
    fn who_is_not_watched_leaves_no_trace() {
        let watcher = Watcher::default();
        assert!(watched(&[("a", 1)], &watcher).contains_key("a"));
        let Watched { looks, .. } = watcher.watch(|| ());
        assert!(looks.ones.is_empty() && looks.names == 0 && looks.all == 0);
    }
}
