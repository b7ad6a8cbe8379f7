//! What is shown of what comes in: part of [`super::views`].

use adjutant_machine::life::delivery::Unmet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::views::When;

/// What the hook of a connector was told so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookView {
    /// The connector that the hook belongs to.
    pub connector: String,
    /// How many deliveries were taken: they have a run, or are open.
    pub taken: u64,
    /// How many requests were refused.
    pub refused: u64,
    /// How many deliveries were of an event that the connector does not declare: they start nothing.
    pub undeclared: u64,
    /// Whether requests are only refused: five in a row, and none was taken since.
    pub failing: bool,
    /// How many were refused since the last one that was taken.
    pub refused_in_a_row: u64,
    /// Why one was refused last.
    pub last_reason: Option<String>,
    /// When it refused something last.
    pub last_refused: Option<When>,
    /// When one was taken last.
    pub last_taken: Option<When>,
    /// The last event that the connector does not declare.
    pub last_undeclared: Option<String>,
}

/// A line of `deliveries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryLine {
    /// The id of the delivery, as the commands take it.
    pub id: String,
    /// The connector that it came through.
    pub connector: String,
    /// The event's name; empty where the item could not be read.
    pub event: String,
    /// The id that its sender gave it.
    pub delivery: String,
    /// `open`, `started`, `dropped`.
    pub state: String,
    /// When it came.
    pub at: When,
    /// Why it is open, or why it was dropped: one line.
    pub reason: String,
    /// The runs that it has so far.
    pub runs: Vec<String>,
    /// Whether a playbook can take it once it can; else its sender must bring it again.
    pub readable: bool,
}

/// A delivery in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// What the list shows.
    #[serde(flatten)]
    pub line: DeliveryLine,
    /// Who brought it.
    pub by: String,
    /// Why it is open, by playbook.
    #[schema(value_type = Vec<Object>)]
    pub reasons: Vec<Unmet>,
    /// What came in: its fields, or what is known of it.
    pub content: Value,
    /// Who changed it last, and when.
    pub changed_by: String,
    /// When it changed last.
    pub changed: When,
    /// What can be done with it, as commands.
    pub actions: Vec<String>,
}
