//! Why something waits: cause behind cause, down to the file.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::When;

/// The reason chain of a run, gate, effect or delivery: each line is the cause of the one before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhyView {
    /// What was asked about.
    pub subject: String,
    /// The chain.
    pub chain: Vec<WhyLine>,
}

/// One cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhyLine {
    /// `run`, `step`, `gate`, `effect`, `delivery`, `waits`, `event`, `trigger`, `file`, `pause` and others.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// In words.
    pub text: String,
    /// When, where known.
    pub at: Option<When>,
}
