//! What every router answers, whatever it computes with.
//!
//! ```text
//!   lessons (examples, strangers) + promise ─► fit ─► router
//!   text ─► router ─► decision {class, probability that it is right, neighbours, …}, or an abstention
//! ```
//! A router never looks at rules, hops or money: its caller asks rules first and maps an abstention to the next hop.

mod background;
mod calibration;
mod corpus;
mod decision;
mod gate;
mod judge;
mod lessons;
mod matrix;
mod minimise;
mod outside;
mod regression;
mod rehearsal;
mod sentence;
mod statistics;
mod weighing;

pub use calibration::{Calibration, ENOUGH_OUTCOMES, Outcome, Platt};
pub(crate) use decision::rounded;
pub use decision::{Decision, Neighbour, Score};
pub use lessons::{Example, FitError, Lessons, Promise};
pub use sentence::SentenceRouter;
pub use statistics::wilson_lower;

use crate::embed::{EmbedError, Model};

/// Classifies texts.
///
/// *Guarantees*: the same examples and the same text give the same decision, bit for bit, on any number of threads.
///
/// *Assumptions*: the caller maps an abstention to its own next hop; a decision that abstains still names the likeliest
/// class, for people.
pub trait Router: Send + Sync {
    /// Returns what the router thinks of a text.
    ///
    /// # Errors
    /// [`EmbedError`] where the text gets no vector.
    fn decide(&self, text: &str) -> Result<Decision, EmbedError>;

    /// Returns the digest of what decides: the method, its constants, the model, the lessons and the promise.
    fn digest(&self) -> &str;

    /// Returns the model whose vectors it reads.
    fn model(&self) -> &Model;

    /// Returns the probability below which it abstains.
    fn threshold(&self) -> f64;
}
