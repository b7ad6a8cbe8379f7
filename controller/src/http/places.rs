//! Places for callers that are known: each has so many, whatever the others do.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The places of every caller.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    taken: Mutex<BTreeMap<String, usize>>,
}

/// A place; dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    name: String,
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// Takes a place of a caller; `None` where it has all of its own.
    pub(super) fn take(self: &Arc<Self>, name: &str) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(name.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(self), name: name.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caller_has_places_of_its_own() {
        let places = Places::new(2);
        let held = [places.take("a").unwrap(), places.take("a").unwrap()];
        assert!(places.take("a").is_none());
        assert!(places.take("b").is_some());
        drop(held);
        assert!(places.take("a").is_some());
        assert!(places.taken.lock().unwrap().is_empty(), "nobody is remembered who holds nothing");
    }
}
