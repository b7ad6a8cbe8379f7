//! Agents: a function from a declared context to a schema-valid answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Id;
use crate::value::{Money, Period};

/// A model that is asked: its prompt, what it is given, what it answers, and what happens when it cannot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// The file's stem.
    pub id: Id,
    /// Its former ids.
    pub was: Vec<Id>,
    /// The slice that owns it.
    pub slice: Id,
    /// One persona.
    pub owner: Id,
    /// What it does, for people.
    pub title: Option<String>,
    /// The path of its prompt template from the root.
    pub prompt: String,
    /// The JSON Schema of its inputs.
    pub input: Value,
    /// The JSON Schema of its answer.
    pub output: Value,
    /// Expressions over its inputs that must hold before it is asked; its text by the expression.
    pub preconditions: Vec<crate::value::Template>,
    /// Which model answers.
    pub model: ModelChoice,
    /// Below this `confidence` of its answer the outcome is `low_confidence`.
    pub confidence: Option<f64>,
    /// What it promises.
    pub sla: Sla,
}

/// Which model answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelChoice {
    /// The connector of kind `openai` whose endpoint is asked; the company's only one when absent.
    pub connector: Option<Id>,
    /// The exact model name.
    pub name: Option<String>,
    /// Who answers when no model can.
    pub fallback: Fallback,
    /// When a gate that stands in for the model lapses; by risk when absent.
    pub fallback_expires: Option<Period>,
    /// The most tokens of an answer.
    pub max_tokens: u32,
}

/// Who answers when no model can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// A gate whose form is the output schema.
    Operator,
    /// Nobody: the outcome is `error`.
    Error,
}

/// What an agent promises; live, never pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Sla {
    /// The 95th percentile of its latency.
    pub p95: Option<Period>,
    /// The most that one answer may cost.
    pub max_cost: Option<Money>,
    /// The least share of answers accepted unedited.
    pub min_accept: Option<f64>,
    /// Words for later versions, kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Value>,
}
