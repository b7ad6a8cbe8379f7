//! Rows that stand beside runs: business records, and the slots of schedules.

use adjutant_machine::id::EffectId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::When;

/// A business record with where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordView {
    /// The kind of record, as a `record` step names it.
    pub kind: String,
    /// The key that tells it from others of its kind.
    pub key: String,
    /// Its version, from 1.
    pub version: u64,
    /// Its fields, as they were written last.
    pub value: Value,
    /// Who wrote it last: the run's effect.
    #[schema(value_type = Option<String>)]
    pub effect: Option<EffectId>,
    /// The run that wrote it last.
    pub run: Option<String>,
    /// The step that wrote it last.
    pub step: Option<String>,
    /// When it was written last.
    pub at: When,
}

/// A slot of a schedule as it was dealt with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SlotView {
    /// The playbook whose schedule the slot is of.
    pub playbook: String,
    /// The slot, with its zone's offset; the first one of a span.
    pub slot: String,
    /// The last slot of a span that was skipped as a whole.
    #[serde(default)]
    pub through: Option<String>,
    /// How many slots it is about.
    #[serde(default = "one")]
    #[schema(required)]
    pub count: u64,
    /// `fired` or `skipped`.
    pub outcome: String,
    /// Why it was skipped.
    pub reason: Option<String>,
    /// How late it was dealt with, in milliseconds.
    pub late_ms: i64,
    /// The run that was started for it, where one was.
    pub run: Option<String>,
}

fn one() -> u64 {
    1
}
