//! Texts of no class: those of the general store, those that the operator calls so, and mixtures that play near ones.

use super::{
    background,
    corpus::{Corpus, embed},
    matrix::{Matrix, normalise},
};
use crate::embed::{EmbedError, Embedder};

/// A mixture has so much of an example, the rest is a text of the general store: on CLINC150's classes it is then about as
/// near as the messages of a neighbouring class. With 0.4 routes of five classes fell short, with 0.5 those of two
/// decided about little.
const OF_EXAMPLE: f32 = 0.45;

/// So many mixtures are played beside one judge.
const MOST_MIXTURES: usize = 100;

/// Mixtures of one example, dealt again, are with texts so far apart in the store.
const STRIDE: usize = 31;

/// Texts of no class: the operator's own, and those of the general store.
pub(super) struct Outside {
    /// The vectors of these texts, a row each.
    vectors: Matrix,
    /// The first so many are of the general store, the others the operator's.
    background: usize,
}

impl Outside {
    /// Embeds the texts of no class.
    pub(super) fn of(
        embedder: &dyn Embedder,
        corpus: &Corpus,
        strangers: &[String],
    ) -> Result<Self, EmbedError> {
        let mut texts: Vec<&str> = strangers.iter().map(String::as_str).collect();
        texts.sort_unstable();
        texts.dedup();
        let background = background::unlike(corpus, &embed(embedder, &background::texts())?);
        let strangers = embed(embedder, &texts)?;
        let vectors = if strangers.rows() == 0 { background.clone() } else { background.above(&strangers) };
        Ok(Self { background: background.rows(), vectors })
    }

    /// Returns the vectors, a row each.
    pub(super) fn vectors(&self) -> &Matrix {
        &self.vectors
    }

    /// Returns whether the operator calls a row strange.
    pub(super) fn is_the_operators(&self, row: usize) -> bool {
        row >= self.background
    }

    /// Returns the operator's strangers without those that are played.
    pub(super) fn strangers_without(&self, played: &[usize]) -> Matrix {
        let rows = self.background..self.vectors.rows();
        let shown: Vec<usize> = rows.filter(|row| !played.contains(row)).collect();
        self.vectors.select(&shown)
    }

    /// Returns mixtures of examples and texts of the general store: half about a class, and of none.
    pub(super) fn mixtures(&self, corpus: &Corpus, examples: &[usize], deal: usize) -> Matrix {
        if self.background == 0 {
            return corpus.vectors.select(&[]);
        }
        let step = examples.len().div_ceil(MOST_MIXTURES).max(1);
        let rows: Vec<usize> = examples.iter().copied().step_by(step).collect();
        let mut mixtures = corpus.vectors.select(&rows);
        for (at, row) in rows.into_iter().enumerate() {
            let other = self.vectors.row((row + deal * STRIDE) % self.background);
            let mixture = mixtures.row_mut(at);
            for (one, other) in mixture.iter_mut().zip(other) {
                *one = OF_EXAMPLE * *one + (1.0 - OF_EXAMPLE) * other;
            }
            let (sentence, words) = mixture.split_at_mut(corpus.dims);
            normalise(sentence);
            normalise(words);
        }
        mixtures
    }
}
