//! Routes: local classification with abstention.

use serde::{Deserialize, Serialize};

use super::Id;
use crate::value::Template;

/// A route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The file's stem.
    pub id: Id,
    /// Its former ids.
    pub was: Vec<Id>,
    /// The slice that owns it.
    pub slice: Id,
    /// One persona.
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
