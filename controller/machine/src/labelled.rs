//! A value with its labels: what events, states and templates hand on.

use adjutant_spec::value::{Labels, Privacy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value with its labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Labelled {
    /// The value itself, as JSON.
    pub value: Value,
    /// Its trust and privacy.
    pub labels: Labels,
}

impl Labelled {
    /// Returns a value that is the machine's own.
    pub(crate) fn ours(value: Value) -> Self {
        Self { value, labels: Labels { privacy: Privacy::Internal, ..Labels::OPERATOR } }
    }
}
