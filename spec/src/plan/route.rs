//! Routes: local classification with abstention.

use serde::{Deserialize, Serialize};

use super::Id;
use crate::value::Template;

/// How a text is sorted into one of a few classes, and who is asked when that is not sure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The file's stem.
    pub id: Id,
    /// Its former ids.
    pub was: Vec<Id>,
    /// The slice that owns it.
    pub slice: Id,
    /// The persona that is responsible for it.
    pub owner: Id,
    /// Evaluated in order before any example is looked at.
    pub rules: Vec<Rule>,
    /// What a text can be.
    pub classes: Vec<Class>,
    /// Texts that belong to no class, mostly from corrections.
    #[serde(default)]
    pub strangers: Vec<String>,
    /// The precision that the operator asks for, between 0.5 and 1.
    pub precision: f64,
    /// Hops after abstention, such as `agent:sorter`.
    pub escalate: Vec<String>,
    /// What corrections and confirmations say about its probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<RouteCalibration>,
}

/// What a log of outcomes says about the probabilities of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteCalibration {
    /// What log-odds are multiplied with.
    pub slope: f64,
    /// What is added then.
    pub offset: f64,
    /// How many outcomes it was fitted to.
    pub outcomes: u32,
    /// The threshold that the log proves; absent where there are too few outcomes.
    pub threshold: Option<f64>,
    /// The digest of the model whose vectors were judged: those of another one are not calibrated by it.
    pub model: String,
}

/// A rule: the first that matches decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The class it gives.
    pub class: String,
    /// The whole text equals one of these, without regard to case and outer space.
    pub exact: Vec<String>,
    /// The text contains one of these words or phrases, without regard to case.
    pub contains: Vec<String>,
    /// The text matches one of these regular expressions.
    pub regex: Vec<String>,
    /// A condition over `input`, `steps` and `text`.
    pub when: Option<Template>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// Its name, the outcome in `on`.
    pub id: String,
    /// What belongs to it.
    pub description: String,
    /// Texts that belong to it.
    pub examples: Vec<String>,
}
