//! Texts to vectors, whatever computes them.

use serde::{Deserialize, Serialize};

/// Which model computed a vector: vectors of different models are never compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Model {
    /// Its name, such as `all-MiniLM-L6-v2`.
    pub name: String,
    /// The digest of its files, `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// What a model makes of one text; each vector has length 1, or is all zero where the text has no words.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The sentence vector, as the model's authors publish it: `dims` numbers.
    pub sentence: Vec<f32>,
    /// The mean of the words before any context: a free second view, empty where the model has none.
    pub words: Vec<f32>,
}

/// Why a text got no vector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// The tokenizer refused the text.
    #[error("the tokenizer of \"{model}\" refuses a text of {bytes} bytes: {reason}")]
    Tokenize {
        /// The model's name.
        model: String,
        /// The length of the text.
        bytes: usize,
        /// What the tokenizer said.
        reason: String,
    },
    /// A tensor operation failed: a device ran out of memory, or our own mistake.
    #[error("the forward pass of \"{model}\" failed: {reason}")]
    Forward {
        /// The model's name.
        model: String,
        /// What the operation said.
        reason: String,
    },
    /// Nobody waits for the answer any more.
    #[error("nobody waits for \"{model}\" any more")]
    GaveUp {
        /// The model's name.
        model: String,
    },
    /// The model's thread has ended.
    #[error("the thread of \"{model}\" has ended")]
    Stopped {
        /// The model's name.
        model: String,
    },
    /// More texts wait than the queue takes; ask again later.
    #[error("\"{model}\" has {waiting} texts waiting, which is all that it takes")]
    Busy {
        /// The model's name.
        model: String,
        /// The texts in the queue.
        waiting: usize,
    },
}

/// Turns texts into vectors.
///
/// *Guarantees*: the same text gives the same vectors, alone or in any batch, in any order, with any number of threads.
///
/// *Errors*: [`EmbedError`]; a batch is answered whole or not at all.
pub trait Embedder: Send + Sync {
    /// Returns which model this is.
    fn model(&self) -> &Model;

    /// Returns how many numbers a sentence vector has.
    fn dims(&self) -> usize;

    /// Returns one embedding for each text, in their order.
    ///
    /// # Errors
    /// [`EmbedError`], for the whole batch.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError>;
}
