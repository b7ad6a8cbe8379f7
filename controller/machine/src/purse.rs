//! Caps on what a part of a run may cost: a scope, or the items of an `each`, each time.

use adjutant_spec::value::Money;
use serde::{Deserialize, Serialize};

use crate::branch::Round;

/// A cap on what a part of a run may cost, and its branches with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    /// The run, or the branch, that the step is one of.
    pub run: String,
    /// The step with the budget, and which time it is.
    pub round: Round,
    /// The most that may be spent.
    pub limit: Money,
}
