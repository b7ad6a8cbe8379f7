//! Shelves: what a draft holds, by kind.
//!
//! There is no other way to what lies on a shelf than past its watcher, so nothing that was looked at can be forgotten.

use std::{
    collections::btree_map,
    ops::{Deref, DerefMut, Index},
    sync::Arc,
};

use super::looks::{Look, Moved, Part, Rows, Watcher};
use crate::plan::Id;

/// The objects of one kind by name. A copy costs nothing until something is put on it.
#[derive(Debug, Clone)]
pub struct Shelf<T> {
    part: Part,
    rows: Arc<Rows<T>>,
    watcher: Watcher,
}

impl<T> Shelf<T> {
    pub(crate) fn new(part: Part, watcher: &Watcher) -> Self {
        Self { part, rows: Arc::default(), watcher: watcher.clone() }
    }

    /// Returns the same shelf before another watcher.
    pub(super) fn before(&self, watcher: &Watcher) -> Self {
        Self { part: self.part, rows: Arc::clone(&self.rows), watcher: watcher.clone() }
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

    pub(crate) fn insert(&mut self, id: impl Into<Id>, value: impl Into<Arc<T>>) {
        Arc::make_mut(&mut self.rows).insert(id.into(), value.into());
    }

    /// Takes what lies on another shelf.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if !other.rows.is_empty() {
            let rows = other.rows.iter().map(|(id, row)| (id.clone(), Arc::clone(row)));
            Arc::make_mut(&mut self.rows).extend(rows);
        }
    }

    /// Lets go of everything that has a name on another shelf.
    pub(crate) fn release(&mut self, other: &Self) {
        if !other.rows.is_empty() {
            let rows = Arc::make_mut(&mut self.rows);
            other.rows.keys().for_each(|id| drop(rows.remove(id)));
        }
    }

    /// Returns whether nothing lies here, without a look at it.
    pub(super) fn holds_nothing(&self) -> bool {
        self.rows.is_empty()
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
        moved.compare(self.part, &before.rows, &self.rows);
    }
}

/// Something that a company has once; whoever looks into it has looked at all of it.
#[derive(Debug, Clone)]
pub struct Single<T> {
    part: Part,
    value: Arc<T>,
    watcher: Watcher,
}

impl<T: Default> Single<T> {
    pub(crate) fn new(part: Part, watcher: &Watcher) -> Self {
        Self { part, value: Arc::default(), watcher: watcher.clone() }
    }
}

impl<T> Single<T> {
    /// Returns the same before another watcher.
    pub(super) fn before(&self, watcher: &Watcher) -> Self {
        Self { part: self.part, value: Arc::clone(&self.value), watcher: watcher.clone() }
    }

    /// Takes the value of another, without a look at it.
    pub(super) fn take_after(&mut self, other: &Self) {
        self.value = Arc::clone(&other.value);
    }
}

impl<T: PartialEq> Single<T> {
    pub(crate) fn compare(&self, before: &Self, moved: &mut Moved) {
        if !Arc::ptr_eq(&self.value, &before.value) && self.value != before.value {
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

impl<T: Clone> DerefMut for Single<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.value)
    }
}
