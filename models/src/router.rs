//! What every router answers, whatever it computes with.

use serde::{Deserialize, Serialize};

/// A text whose class is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The class it belongs to.
    pub class: String,
    /// The text.
    pub text: String,
    /// Whether it describes the class instead of being a message of it; descriptions weigh less.
    pub is_description: bool,
}

/// An example near the text that was asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its class.
    pub class: String,
    /// Its text.
    pub text: String,
    /// How alike the two are, from 0 to 1.
    pub similarity: f64,
}

/// What a router thinks of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The likeliest class, told even where the router abstains; `None` where nothing is alike at all.
    pub class: Option<String>,
    /// The calibrated probability that the class is right, from 0 to 1.
    pub probability: f64,
    /// How far the probability lies above the runner-up's.
    pub margin: f64,
    /// Whether the router would rather not say.
    pub abstains: bool,
    /// The nearest examples, nearest first, ties in text order.
    pub neighbours: Vec<Neighbour>,
}

/// Why a router cannot be made from examples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// There is nothing to choose between.
    #[error("a router needs examples of at least two classes, and got {0}")]
    TooFewClasses(usize),
}

/// Classifies texts.
///
/// *Guarantees*: the same examples and the same text give the same decision, bit for bit, on any thread.
///
/// *Assumptions*: the caller maps an abstention to its own next hop; a decision that abstains still names the likeliest
/// class, for people.
pub trait Router: Send + Sync {
    /// Returns what the router thinks of a text.
    fn decide(&self, text: &str) -> Decision;

    /// Returns the digest of what decides: the method, its constants and the examples.
    fn digest(&self) -> &str;
}
