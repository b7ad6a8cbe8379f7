//! What it would come to if a run were taken back: shown before anybody says yes to it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What taking a run back would come to, as things are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RollbackView {
    /// The run.
    pub run: String,
    /// Its status, as lists have it.
    pub status: String,
    /// The number of its last entry.
    pub seq: u64,
    /// The token of exactly this preview: whoever says yes names it.
    pub token: String,
    /// What stands in the way; nothing is taken back while there is any.
    pub blocked: Vec<BlockedView>,
    /// What cannot be taken back, the latest first; the first thousand.
    pub stays: Vec<StaysView>,
    /// How many there are.
    pub stays_total: u64,
    /// What is taken back, in this order; the first thousand.
    pub taken: Vec<TakenView>,
    /// How many there are.
    pub taken_total: u64,
    /// The runs that it started, and those that they started: they are taken back with it.
    pub runs: Vec<String>,
    /// The runs that it started to go on by themselves: they stay.
    pub detached: Vec<String>,
    /// What to think of beside it.
    pub hint: Option<String>,
}

/// What stands in the way of taking a run back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockedView {
    /// The run, or the branch, that it is about.
    pub run: String,
    /// Why, for people.
    pub reason: String,
    /// What to type first.
    pub next: Option<String>,
}

/// Something that a run did: which effect, to whom, and for how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeedView {
    /// The run, or the branch, that did it.
    pub run: String,
    /// The step that did it.
    pub step: String,
    /// The effect.
    pub effect: String,
    /// The verb that was called.
    pub verb: String,
    /// Whom it was for, where the call says.
    pub whom: Option<String>,
    /// The amount of money in it, where there is one.
    pub amount: Option<String>,
    /// Whether it has happened; else it is not known yet.
    pub happened: bool,
}

/// Something that cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StaysView {
    /// What was done.
    #[serde(flatten)]
    pub deed: DeedView,
    /// Why it stays.
    pub reason: String,
}

/// Something that is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TakenView {
    /// What was done.
    #[serde(flatten)]
    pub deed: DeedView,
    /// The verb that takes it back.
    pub undo: String,
    /// What it is called with; what is not known before it happened is a marked hole. Absent where it cannot be put together.
    pub args: Option<Value>,
    /// Why it cannot be put together: then it waits for the operator, as a dead call does.
    pub problem: Option<String>,
    /// Whether a person is asked before it is sent.
    pub asks: bool,
}
