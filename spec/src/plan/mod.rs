//! The plan: what a company repository says, checked. The only types that other rooms see.
//!
//! After [`Plan`] nothing is optional that the user had to give, and every reference resolves.

mod agent;
mod bundle;
mod company;
mod connector;
mod id;
mod input;
mod oldest;
mod playbook;
mod policy;
mod route;
pub mod scenario;
mod step;
mod templates;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

pub use agent::{Agent, Fallback, ModelChoice, Sla};
pub use bundle::{AgentContract, Bundle, BundleId, Covered, RouteRules, VerbContract};
pub use company::{Company, Persona, Slice, Stage};
pub use connector::{Connector, Effect, Idempotency, Mode, Rate, Verb};
pub use id::is_id;
pub use id::{Id, StepId};
pub use input::{Input, ValueType};
pub use oldest::{OldestId, Renamed, Subject};
pub use playbook::{About, Automatic, OnUpdate, Overlap, Playbook, RecordChange, Trigger};
pub use policy::{
    Autonomy, Budget, Freeze, Level, Limit, NotifyRule, OnExceed, Policies, Price, Prices, Retention,
    RetentionClass, Window,
};
pub use route::{Class, Route, RouteCalibration, Rule};
pub use step::{
    Auto, Backoff, Choice, DEEPEST_BRANCH, Fragment, Join, Lane, RecordOp, Retry, Risk, Step, StepKind, Tier,
    Undo, Until, as_written,
};

/// The signal that a mail sends which answers one of ours: its key is the id of the mail that it answers.
pub const REPLY: &str = "reply";

/// How many steps that wait for nothing a run takes in one go: far more than any playbook has, far less than a hang. `check`
/// refuses what could pass it, and the machine stops there.
pub const PURE_STEPS: u32 = 1_000;

/// Everything that a revision of a company repository says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `adjutant.toml`.
    pub company: Company,
    /// The slices by name; `company` is always there.
    pub slices: BTreeMap<Id, Slice>,
    /// The playbooks by id, their names resolved.
    pub playbooks: BTreeMap<Id, Arc<Playbook>>,
    /// The agents by id, their names resolved.
    pub agents: BTreeMap<Id, Agent>,
    /// The connectors by id, with the verbs and events of their kind.
    pub connectors: BTreeMap<Id, Connector>,
    /// The routes by id.
    pub routes: BTreeMap<Id, Route>,
    /// The JSON Schema of each kind of business record.
    pub records: BTreeMap<Id, serde_json::Value>,
    /// Quantities and permissions: read live at each step, never pinned.
    pub policies: Policies,
    /// What models cost.
    pub prices: Prices,
    /// The digest of each local model that `adjutant.lock` pins: routes decide with no other.
    #[serde(default)]
    pub models: BTreeMap<String, String>,
    /// What new runs of each playbook pin, by the id of the playbook.
    pub bundles: BTreeMap<Id, Arc<Bundle>>,
    /// The ciphertext of each secret by its name.
    pub secrets: BTreeMap<Id, Vec<u8>>,
}
