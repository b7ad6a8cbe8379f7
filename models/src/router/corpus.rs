//! The lessons as vectors, in an order of their own: neither the order nor the repetition of lessons changes a router.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    lessons::{Example, FitError, Lessons},
    matrix::Matrix,
};
use crate::embed::{EmbedError, Embedder, Embedding};

/// So many texts are embedded at a time: a queue in front of the model need not take them all.
const TEXTS_AT_A_TIME: usize = 64;

/// With fewer messages in a class, on average, a regression learns their accidents: centroids judge instead.
const ENOUGH_TO_LEARN: usize = 3;

/// Examples with their vectors.
pub(super) struct Corpus {
    /// The classes, in order.
    pub(super) classes: Vec<String>,
    /// The examples, by class.
    pub(super) examples: Vec<Example>,
    /// The class of each example.
    pub(super) labels: Vec<usize>,
    /// The vectors of each example; the first `dims` columns are the sentence vector.
    pub(super) vectors: Matrix,
    /// How long a sentence vector is.
    pub(super) dims: usize,
}

impl Corpus {
    /// Embeds the examples.
    pub(super) fn of(embedder: &dyn Embedder, lessons: &Lessons) -> Result<Self, FitError> {
        let examples = in_order(&lessons.examples);
        let classes: BTreeSet<&str> = examples.iter().map(|example| example.class.as_str()).collect();
        if classes.len() < 2 {
            return Err(FitError::TooFewClasses(classes.len()));
        }
        let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
        let index: BTreeMap<&str, usize> =
            classes.iter().enumerate().map(|(index, class)| (class.as_str(), index)).collect();
        let labels = examples.iter().map(|example| index[example.class.as_str()]).collect();
        let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
        let vectors = embed(embedder, &texts)?;
        Ok(Self { labels, vectors, dims: embedder.dims(), classes, examples })
    }

    /// Returns the sentence vector of an example.
    pub(super) fn sentence(&self, row: usize) -> &[f32] {
        &self.vectors.row(row)[..self.dims]
    }

    /// Returns whether there are enough messages for a regression.
    ///
    /// The whole corpus is asked, not the part that a rehearsal keeps: it must rehearse what will be played.
    pub(super) fn can_be_learnt(&self) -> bool {
        self.messages().count() >= ENOUGH_TO_LEARN * self.classes.len()
    }

    /// Returns the rows that are messages, not descriptions.
    pub(super) fn messages(&self) -> impl Iterator<Item = usize> {
        (0..self.examples.len()).filter(|row| !self.examples[*row].is_description)
    }
}

/// Returns the vectors of texts, a row each.
pub(super) fn embed(embedder: &dyn Embedder, texts: &[&str]) -> Result<Matrix, EmbedError> {
    let mut rows = Vec::new();
    let mut columns = embedder.dims();
    for texts in texts.chunks(TEXTS_AT_A_TIME) {
        for embedding in embedder.embed(texts)? {
            let row = view(&embedding);
            columns = row.len();
            rows.extend(row);
        }
    }
    Ok(Matrix::of(columns, rows))
}

/// Both views of a text side by side: what it says, and which words it uses.
pub(super) fn view(embedding: &Embedding) -> Vec<f32> {
    [embedding.sentence.as_slice(), embedding.words.as_slice()].concat()
}

/// Sorts by class, then by a digest of the text: neighbours in this order have nothing to do with each other.
fn in_order(examples: &[Example]) -> Vec<Example> {
    let key = |example: &Example| {
        let text = *blake3::hash(example.text.as_bytes()).as_bytes();
        (example.class.clone(), text, example.is_description)
    };
    let by_key: BTreeMap<_, &Example> = examples.iter().map(|example| (key(example), example)).collect();
    by_key.into_values().cloned().collect()
}
