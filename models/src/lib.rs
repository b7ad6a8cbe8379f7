//! Local inference behind small traits, so that it can be replaced or left out.
//!
//! A [`Router`] says which class a text belongs to, how sure it is, and when it would rather not say;
//! [`SentenceRouter`] learns that from examples.
//!
//! An [`Embedder`] turns texts into vectors: [`Encoder`] with a model of the BERT family, on threads of its own, and
//! [`StaticTable`], which is part of the binary and answers where no model was pulled. [`Worker`] stands in front for
//! callers from anywhere, [`Cached`] for texts that come again.

pub mod bench;
mod bert;
mod cache;
mod embed;
pub mod eval;
pub mod fake;
mod router;
mod simd;
mod static_table;
mod team;
mod worker;

pub use bert::{Device, Encoder, LoadError, Options};
pub use cache::{Cached, Uses};
pub use embed::{EmbedError, Embedder, Embedding, Model};
pub use router::{
    Calibration, Decision, ENOUGH_OUTCOMES, Example, FitError, Lessons, Neighbour, Outcome, Platt, Promise,
    Router, Score, SentenceRouter, wilson_lower,
};
pub use static_table::StaticTable;
pub use worker::{Limits, Pending, Worker};
