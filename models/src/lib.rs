//! Local inference behind small traits, so that it can be replaced or left out.
//!
//! A [`Router`] says which class a text belongs to, how sure it is, and when it would rather not say. The one built in,
//! [`TokenOverlap`], needs no model file: it compares words and character trigrams with the examples of each class.

mod embed;
mod overlap;
mod router;
mod tokens;

pub use embed::{EmbedError, Embedder, Embedding, Model};
pub use overlap::TokenOverlap;
pub use router::{Decision, Example, FitError, Lessons, Neighbour, Promise, Router, Score};
