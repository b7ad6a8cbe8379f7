//! What a router learns from, and what it promises.

use serde::{Deserialize, Serialize};

use crate::embed::EmbedError;

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

/// All that a router is taught.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lessons {
    /// Texts of each class.
    pub examples: Vec<Example>,
    /// Texts that are known to be of no class, such as the operator's corrections.
    #[serde(default)]
    pub strangers: Vec<String>,
}

impl From<Vec<Example>> for Lessons {
    fn from(examples: Vec<Example>) -> Self {
        Self { examples, strangers: Vec::new() }
    }
}

/// What the operator was promised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// The share of its decisions that shall be right, from 0.5 to below 1; deciding about a stranger is wrong.
    pub precision: f64,
    /// The share of messages that are assumed to be of no class; `None`: as the number of classes suggests.
    #[serde(default)]
    pub strangers: Option<f64>,
}

impl Promise {
    /// Returns the promise of a precision, over traffic with as many strangers as the number of classes suggests.
    #[must_use]
    pub fn of(precision: f64) -> Self {
        Self { precision, strangers: None }
    }

    /// Returns whether both numbers can be kept to.
    pub(crate) fn is_sound(self) -> bool {
        let is_share = |share: f64| share > 0.0 && share < 1.0;
        (0.5..1.0).contains(&self.precision) && self.strangers.is_none_or(is_share)
    }
}

/// Why a router cannot be made from its lessons.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// There is nothing to choose between.
    #[error("a router needs examples of at least two classes, and got {0}")]
    TooFewClasses(usize),
    /// The promise is one that no router can keep.
    #[error(
        "a router promises a precision from 0.5 to below 1, over a share of strangers between 0 and 1, and not {}{}",
        .0.precision, .0.strangers.map_or(String::new(), |share| format!(" over {share}"))
    )]
    Promise(Promise),
    /// The examples got no vectors.
    #[error("the examples got no vectors")]
    Embed(#[from] EmbedError),
}
