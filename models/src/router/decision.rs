//! What a router says about one text: all of it is recorded, so that nobody has to ask again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An example near the text that was asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The class of the example.
    pub class: String,
    /// The text of the example.
    pub text: String,
    /// How alike the two are, from 0 to 1.
    pub similarity: f64,
}

/// A class and its share of the closed-world probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The class.
    pub class: String,
    /// Its probability if the text is of one of the classes at all.
    pub probability: f64,
}

/// What a router thinks of a text; every number is rounded to six digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The likeliest class, told even where the router abstains; `None` where nothing is alike at all.
    pub class: Option<String>,
    /// The second likeliest class.
    #[serde(default)]
    pub runner_up: Option<String>,
    /// The calibrated probability that the class is right, from 0 to 1; a stranger's class is never right.
    pub probability: f64,
    /// How far the likeliest class lies above the runner-up, in closed-world probability.
    pub margin: f64,
    /// Whether the router would rather not say.
    pub abstains: bool,
    /// The likeliest classes, likeliest first.
    #[serde(default)]
    pub scores: Vec<Score>,
    /// What the probability was computed from, by name.
    #[serde(default)]
    pub features: BTreeMap<String, f64>,
    /// The nearest examples, nearest first, ties in the order of the lessons.
    pub neighbours: Vec<Neighbour>,
}

/// Six digits: enough to compare, few enough to read.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
