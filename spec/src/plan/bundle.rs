//! What a run pins: its playbook and everything structural that it references, by content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Class, Effect, Fallback, Id, Idempotency, Playbook, RouteCalibration, Rule, StepId};
use crate::value::{Period, Template};

/// The digest of a bundle's canonical form, as 64 hex digits.
pub type BundleId = String;

/// What a run pins. Limits, endpoints, secrets, rates, budgets, prices and autonomy are not in it: they are read live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The playbook that the run follows.
    pub playbook: Playbook,
    /// The agents it asks, without their promises and budgets.
    pub agents: BTreeMap<Id, AgentContract>,
    /// The verbs it uses, probes and undos among them, by full name.
    pub verbs: BTreeMap<String, VerbContract>,
    /// The routes it takes.
    pub routes: BTreeMap<Id, RouteRules>,
    /// Its templates and prompts by path from the root.
    pub templates: BTreeMap<String, Template>,
    /// The JSON Schema of each kind of record it touches.
    pub records: BTreeMap<Id, Value>,
    /// The playbooks it runs, by id.
    pub children: BTreeMap<Id, BundleId>,
    /// What templates read as `company`: name, owner, zone, currency.
    #[serde(default)]
    pub company: BTreeMap<String, String>,
    /// What each gate covers, in flow order, proven by dominance.
    pub covers: BTreeMap<StepId, Vec<Covered>>,
}

/// A guarded step whose payload a gate approves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// The id of the guarded step.
    pub step: StepId,
    /// What it does to the world.
    pub effect: Effect,
}

/// The structural part of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentContract {
    /// The path of its prompt in [`Bundle::templates`].
    pub prompt: String,
    /// The JSON Schema of its inputs.
    pub input: Value,
    /// The JSON Schema of its answer.
    pub output: Value,
    /// Expressions over its inputs that must hold.
    pub preconditions: Vec<Template>,
    /// The exact model name, where pinned.
    pub model: Option<String>,
    /// The connector of kind `openai`.
    pub connector: Option<Id>,
    /// Who answers when no model can.
    pub fallback: Fallback,
    /// When a gate that stands in for the model lapses.
    pub fallback_expires: Period,
    /// Below this the outcome is `low_confidence`.
    pub confidence: Option<f64>,
    /// The most tokens of an answer.
    pub max_tokens: u32,
}

/// The structural part of a verb.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerbContract {
    /// What it does to the world.
    pub effect: Effect,
    /// What makes a repetition safe.
    pub idempotency: Idempotency,
    /// How long the other side keeps a key, for `native_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_valid: Option<Period>,
    /// The probe's full name.
    pub probe: Option<String>,
    /// The undoing verb's full name.
    pub undo: Option<String>,
    /// The JSON Schema of its arguments.
    pub input: Value,
    /// The JSON Schema of its answer.
    pub output: Value,
    /// How long one attempt may take.
    pub timeout: Period,
}

/// The structural part of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteRules {
    /// Rules, in order.
    pub rules: Vec<Rule>,
    /// Classes with their examples.
    pub classes: Vec<Class>,
    /// Texts that belong to no class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<String>,
    /// The precision asked for.
    pub precision: f64,
    /// Hops after abstention.
    pub escalate: Vec<String>,
    /// What corrections say about its probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<RouteCalibration>,
    /// The digest of the fit, else the name of the built-in method; then the pinned models.
    pub fit: String,
}

impl Bundle {
    /// Returns the canonical bytes: JSON with sorted tables and no spaces.
    ///
    /// # Panics
    /// Never: every part of a bundle has a JSON form.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut value = serde_json::to_value(self).expect("a bundle holds only values that have a JSON form");
        value.sort_all_objects();
        value.to_string().into_bytes()
    }

    /// Returns the digest of the canonical bytes.
    #[must_use]
    pub fn id(&self) -> BundleId {
        blake3::hash(&self.canonical()).to_hex().to_string()
    }

    /// Returns every template and expression that the machine evaluates while it runs this bundle.
    ///
    /// Conditions of a route's rules are not among them: the side that classifies evaluates those.
    #[must_use]
    pub fn templates(&self) -> Vec<&Template> {
        let mut all: Vec<&Template> = self.templates.values().collect();
        all.extend(self.agents.values().flat_map(|agent| &agent.preconditions));
        self.playbook.collect_templates(&mut all);
        all
    }
}
