//! Shelves: what a draft holds, by kind. Whoever looks at something may be watched, so that an answer can be kept together with
//! everything that it was read from.
//!
//! ```text
//! watch(|| check a playbook) ──► answer + { this connector, that text, the names of all agents }
//! the next draft, compared ────► { what is another now } ── nothing in common? ──► the answer stands
//! ```
//! There is no other way to what lies on a shelf than past its watcher, so nothing that was looked at can be forgotten.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    ops::{Deref, DerefMut, Index},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::plan::Id;

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
    ones: BTreeMap<Part, BTreeSet<Id>>,
    names: u32,
    all: u32,
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

/// Who is watched writes here; nobody is until [`Watcher::watch`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Watcher(Arc<Mutex<Option<Looks>>>);

impl Watcher {
    /// Does something and returns with it what was looked at for it.
    pub(crate) fn watch<T>(&self, work: impl FnOnce() -> T) -> (T, Looks) {
        *self.looks() = Some(Looks::default());
        let done = work();
        (done, self.looks().take().unwrap_or_default())
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

/// What is another in one draft than in the one before it.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    ids: BTreeMap<Part, BTreeSet<Id>>,
    /// Parts of which something came or went.
    names: u32,
    /// Parts that are not as they were.
    all: u32,
}

impl Moved {
    /// Returns whether an answer may be another now.
    pub(crate) fn concerns(&self, looks: &Looks) -> bool {
        let is_one = |(part, moved): (&Part, &BTreeSet<Id>)| {
            looks.ones.get(part).is_some_and(|ones| ones.iter().any(|id| moved.contains(id)))
        };
        looks.all & self.all != 0 || looks.names & self.names != 0 || self.ids.iter().any(is_one)
    }

    /// Compares the rows of a part with those before.
    pub(crate) fn compare<T: PartialEq>(&mut self, part: Part, (old, new): (&Rows<T>, &Rows<T>)) {
        let mut ids = BTreeSet::new();
        let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some((before, _)), Some((after, _))) => before.cmp(after),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            match (before, after) {
                (Some((id, before)), Some((_, after))) => {
                    if !Arc::ptr_eq(before, after) && before != after {
                        ids.insert(id.clone());
                    }
                }
                (Some((id, _)), None) | (None, Some((id, _))) => {
                    self.names |= bit(part);
                    ids.insert(id.clone());
                }
                (None, None) => {}
            }
        }
        if !ids.is_empty() {
            self.all |= bit(part);
            self.ids.insert(part, ids);
        }
    }

    fn whole(&mut self, part: Part) {
        self.all |= bit(part);
    }
}

/// What lies on a shelf; unchanged rows of two drafts are one and the same.
pub(crate) type Rows<T> = BTreeMap<Id, Arc<T>>;

/// The objects of one kind by name.
#[derive(Debug, Clone)]
pub struct Shelf<T> {
    part: Part,
    rows: Rows<T>,
    watcher: Watcher,
}

impl<T> Shelf<T> {
    pub(crate) fn new(part: Part, watcher: &Watcher) -> Self {
        Self { part, rows: Rows::new(), watcher: watcher.clone() }
    }

    /// Returns the object with this name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&T> {
        self.row(id).map(AsRef::as_ref)
    }

    /// Returns whether there is an object with this name.
    #[must_use]
    pub fn contains_key(&self, id: &str) -> bool {
        self.row(id).is_some()
    }

    /// Returns the names in order.
    pub fn keys(&self) -> btree_map::Keys<'_, Id, Arc<T>> {
        self.watcher.note(self.part, Look::Names);
        self.rows.keys()
    }

    /// Returns the objects in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    /// Returns names and objects in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&Id, &T)> {
        self.watcher.note(self.part, Look::All);
        self.rows.iter().map(|(id, row)| (id, row.as_ref()))
    }

    /// Returns how many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys().len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn row(&self, id: &str) -> Option<&Arc<T>> {
        self.watcher.note(self.part, Look::One(id));
        self.rows.get(id)
    }

    /// Returns everything, for whoever gives no answer that is kept.
    pub(crate) fn rows(&self) -> &Rows<T> {
        &self.rows
    }

    pub(crate) fn insert(&mut self, id: impl Into<Id>, value: impl Into<Arc<T>>) {
        self.rows.insert(id.into(), value.into());
    }

    /// Takes what lies on another shelf.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.rows.extend(other.rows.iter().map(|(id, row)| (id.clone(), Arc::clone(row))));
    }
}

impl<T> Index<&str> for Shelf<T> {
    type Output = T;

    fn index(&self, id: &str) -> &T {
        self.get(id).expect("there is an object with this name")
    }
}

impl<T: PartialEq> Shelf<T> {
    pub(crate) fn compare(&self, before: &Self, moved: &mut Moved) {
        moved.compare(self.part, (&before.rows, &self.rows));
    }
}

/// Something that a company has once; whoever looks into it has looked at all of it.
#[derive(Debug, Clone)]
pub struct Single<T> {
    part: Part,
    value: T,
    watcher: Watcher,
}

impl<T: Default> Single<T> {
    pub(crate) fn new(part: Part, watcher: &Watcher) -> Self {
        Self { part, value: T::default(), watcher: watcher.clone() }
    }
}

impl<T: PartialEq> Single<T> {
    pub(crate) fn compare(&self, before: &Self, moved: &mut Moved) {
        if self.value != before.value {
            moved.whole(self.part);
        }
    }
}

impl<T> Deref for Single<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.watcher.note(self.part, Look::All);
        &self.value
    }
}

impl<T> DerefMut for Single<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(rows: &[(&str, u32)]) -> Shelf<u32> {
        let mut shelf = Shelf::new(Part::Texts, &Watcher::default());
        rows.iter().for_each(|(id, value)| shelf.insert(*id, *value));
        shelf
    }

    #[test]
    fn an_answer_stands_until_what_was_looked_at_is_another() {
        let old = shelf(&[("a", 1), ("b", 2)]);
        let watch = |look: &dyn Fn(&Shelf<u32>) -> bool| old.watcher.watch(|| look(&old)).1;
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
        let shelf = shelf(&[("a", 1)]);
        assert!(shelf.contains_key("a"));
        let (_, looks) = shelf.watcher.watch(|| ());
        assert!(looks.ones.is_empty() && looks.names == 0 && looks.all == 0);
    }
}
