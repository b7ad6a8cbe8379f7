//! What `status` and `audit verify` show.

use std::collections::BTreeMap;

use adjutant_machine::id::InstanceId;
use adjutant_spec::value::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ClockView, When, lineage::Lineage};

/// The runtime's part of `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// The revision in force, if any.
    pub applied: Option<AppliedView>,
    /// How many runs there are by status.
    pub runs: BTreeMap<String, u64>,
    /// How many gates wait.
    pub inbox: u64,
    /// How many effects are dead or unknown.
    pub dead: u64,
    /// How many deliveries are open.
    pub deliveries: u64,
    /// What was spent and reserved today.
    pub spend_today: Option<Money>,
    /// What is paused: `everything`, `playbook:<id>`, `connector:<id>`.
    pub paused: Vec<PauseView>,
    /// Instances that are set aside because their stored state is damaged.
    pub quarantined: Vec<QuarantineView>,
    /// How many effects wait in the outbox of this process.
    pub outbox: u64,
    /// What is known of the clock.
    #[serde(default)]
    pub clock: ClockView,
}

/// The revision in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppliedView {
    /// Its id.
    pub revision: String,
    /// Since when.
    pub at: When,
    /// Who activated it.
    pub by: String,
    /// What is held back, by slice, with the reason.
    pub held: BTreeMap<String, String>,
    /// Where it comes from.
    pub detail: Lineage,
}

/// A pause of more than one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PauseView {
    /// `everything`, `playbook:<id>` or `connector:<id>`.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// Since when.
    pub at: When,
    /// When it ends by itself.
    #[serde(default)]
    pub until: Option<When>,
}

/// An instance that is set aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineView {
    /// Which one.
    #[schema(value_type = String)]
    pub instance: InstanceId,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: When,
}

/// What `audit verify` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Whether nothing was found.
    pub ok: bool,
    /// How many batches the chain has.
    pub batches: u64,
    /// How many entries.
    pub entries: u64,
    /// The chain's head, as hex.
    pub head: String,
    /// The first batch that does not follow from the one before it.
    pub broken_at: Option<u64>,
    /// How many instances were folded.
    pub instances: u64,
    /// Instances whose fold, indexes or rows differ from what is stored.
    pub findings: Vec<QuarantineView>,
}

/// The live runs that pin one bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PinnedBy {
    /// How many they are.
    pub count: u64,
    /// The first of them by their ids, at most [`PinnedBy::NAMED`].
    pub first: Vec<String>,
    /// The digest of all their ids: another one means that others are live now.
    pub digest: String,
}

impl PinnedBy {
    /// How many are named: who wants all of them asks for the list of runs.
    pub const NAMED: usize = 100;
}
