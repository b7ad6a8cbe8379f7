//! Dead letters by their cause, and what became of those that were settled together.

use adjutant_spec::value::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Way, When};

/// A cause: everything that failed for good, or is in doubt, in the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CauseView {
    /// Its id: the same as long as it strikes in the same way.
    pub id: String,
    /// What was called: a verb, an agent, a route.
    pub target: String,
    /// `dead`, or `unknown`: then nobody knows whether it happened.
    pub phase: String,
    /// What went wrong, of one of them.
    pub error: String,
    /// How many calls it struck.
    pub count: u64,
    /// Of which playbooks.
    pub playbooks: Vec<String>,
    /// For whom, the first five.
    pub whom: Vec<String>,
    /// How much money the runs are about, by currency.
    #[schema(value_type = Vec<String>)]
    pub amounts: Vec<Money>,
    /// Since when the first of them waits.
    pub since: When,
    /// The ways to settle them.
    pub ways: Vec<Way>,
    /// Names exactly these calls: who settles them together says it, and is refused where others came.
    pub token: String,
}

/// What became of calls that were settled together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettledView {
    /// How many were settled.
    pub settled: u64,
    /// Those that were not, each with why.
    pub refused: Vec<NotSettledView>,
}

/// A call that was not settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotSettledView {
    /// The call.
    pub effect: String,
    /// Why it was not.
    pub reason: String,
}
