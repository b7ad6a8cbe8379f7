//! Vectors of texts that were asked before, in memory and bounded.
//!
//! The key is the text's digest, and a cache belongs to one model: another model is another cache. Two generations
//! bound it without a list of uses: what is asked again moves to the young one; when the young one is full, it becomes
//! the old one and the old one is forgotten.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::embed::{EmbedError, Embedder, Embedding, Model};

type Generation = HashMap<[u8; 32], Embedding>;

/// An embedder that remembers.
pub struct Cached<E> {
    inner: E,
    /// How many texts one generation holds.
    most: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
    hits: u64,
    misses: u64,
}

/// How often a cache helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses {
    /// Texts that were there.
    pub hits: u64,
    /// Texts that were computed.
    pub misses: u64,
}

impl<E: Embedder> Cached<E> {
    /// Returns an embedder that remembers at most so many texts.
    pub fn new(inner: E, texts: usize) -> Self {
        Self { inner, most: (texts / 2).max(1), generations: Mutex::default() }
    }

    /// Returns how often it helped.
    pub fn uses(&self) -> Uses {
        let generations = self.lock();
        Uses { hits: generations.hits, misses: generations.misses }
    }

    /// Held to look something up and to put something down, never while the model computes.
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn get(&mut self, key: &[u8; 32], most: usize) -> Option<Embedding> {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let found = self.old.remove(key)?;
        self.put(*key, found.clone(), most);
        Some(found)
    }

    fn put(&mut self, key: [u8; 32], embedding: Embedding, most: usize) {
        if self.young.len() >= most && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, embedding);
    }
}

impl<E: Embedder> Embedder for Cached<E> {
    fn model(&self) -> &Model {
        self.inner.model()
    }

    fn dims(&self) -> usize {
        self.inner.dims()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        let keys: Vec<[u8; 32]> =
            texts.iter().map(|text| *blake3::hash(text.as_bytes()).as_bytes()).collect();
        let mut found: Vec<Option<Embedding>> = {
            let mut generations = self.lock();
            keys.iter().map(|key| generations.get(key, self.most)).collect()
        };
        // A text that stands twice in a request is computed once.
        let mut missing: BTreeMap<[u8; 32], &str> = BTreeMap::new();
        for (index, text) in texts.iter().enumerate().filter(|(index, _)| found[*index].is_none()) {
            missing.insert(keys[index], text);
        }
        let computed = match missing.is_empty() {
            true => Vec::new(),
            false => self.inner.embed(&missing.values().copied().collect::<Vec<_>>())?,
        };
        let computed: BTreeMap<[u8; 32], Embedding> = missing.into_keys().zip(computed).collect();
        for (key, found) in keys.iter().zip(&mut found) {
            *found = found.take().or_else(|| computed.get(key).cloned());
        }
        let mut generations = self.lock();
        generations.misses += computed.len() as u64;
        generations.hits += (texts.len() - computed.len()) as u64;
        for (key, embedding) in computed {
            generations.put(key, embedding, self.most);
        }
        Ok(found.into_iter().map(|found| found.expect("each text was found or computed")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeEmbedder;

    #[test]
    fn answers_are_those_of_the_model_and_computed_once() {
        let cached = Cached::new(FakeEmbedder::default(), 100);
        let texts = ["one", "two", "one", "three"];
        let expected = FakeEmbedder::default().embed(&texts).unwrap();
        assert_eq!(cached.embed(&texts).unwrap(), expected);
        assert_eq!(cached.embed(&texts).unwrap(), expected);
        assert_eq!(cached.uses(), Uses { hits: 5, misses: 3 });
    }

    #[test]
    fn never_holds_more_texts_than_it_may() {
        let cached = Cached::new(FakeEmbedder::default(), 10);
        for number in 0..200 {
            cached.embed(&[&format!("text {number}")]).unwrap();
            let generations = cached.lock();
            assert!(generations.young.len() + generations.old.len() <= 10);
        }
    }

    #[test]
    fn what_is_asked_again_and_again_stays() {
        let cached = Cached::new(FakeEmbedder::default(), 10);
        for number in 0..200 {
            cached.embed(&["often", &format!("text {number}")]).unwrap();
        }
        assert_eq!(cached.uses(), Uses { hits: 199, misses: 201 });
    }
}
