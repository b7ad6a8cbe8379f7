//! What the desk asks of rooms that it may not import; the composition root implements these traits.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use adjutant_machine::journal::ChainReport;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{NewProposal, PlanWish, Refusal};
use crate::{
    reconcile::{Company, Done, PlanView, ProposalView, Status},
    runtime::{
        PageWish,
        views::{CorrectionView, Paged},
    },
};

/// What a door answers.
pub type DoorAnswer<T> = BoxFuture<'static, Result<T, Refusal>>;

/// The rooms behind traits.
#[derive(Clone)]
pub struct Doors {
    /// The source of truth.
    pub git: Arc<dyn GitDoor>,
    /// Asks connectors whether they are there.
    pub probes: Arc<dyn Probes>,
    /// Copies of the store.
    pub backups: Arc<dyn Backups>,
}

/// The source of truth: revisions, plans, proposals and pushes.
///
/// *Guarantees*: an approval, a revert and a hold are durable before they are answered. *Errors*: [`Refusal`], with the place where
/// the truth lives in its help.
pub trait GitDoor: Send + Sync + 'static {
    /// Tells what the source wishes, and what became of it.
    fn source(&self) -> DoorAnswer<Status>;

    /// Computes what would change.
    fn plan(&self, wish: PlanWish) -> DoorAnswer<PlanView>;

    /// Returns the company as it is at a revision.
    fn company_at(&self, revision: &str) -> DoorAnswer<Company>;

    /// Lists the proposals, newest first and page by page, without their diffs.
    fn proposals(&self, wish: PageWish) -> DoorAnswer<Paged<ProposalView>>;

    /// Counts the proposals that the operator has to decide.
    fn open_proposals(&self) -> u64;

    /// Shows one proposal with what it changes; all of it where `full` asks, else what one reads at a glance.
    fn proposal(&self, id: &str, full: bool) -> DoorAnswer<ProposalView>;

    /// Opens a proposal, or replaces the head of the open one with the same author and topic.
    fn propose(&self, wish: NewProposal, by: &str) -> DoorAnswer<ProposalView>;

    /// Proposes what people said of a route's decisions as lessons in its file.
    fn refit(&self, route: &str, said: Vec<CorrectionView>, by: &str) -> DoorAnswer<ProposalView>;

    /// Approves what the digest names; another digest is a conflict.
    fn approve(&self, id: &str, digest: &str, by: &str) -> DoorAnswer<Done>;

    /// Refuses a proposal for good.
    fn refuse(&self, id: &str, reason: &str, by: &str) -> DoorAnswer<Done>;

    /// Activates a stored revision without Git and holds the one in force; the one before it when absent.
    fn revert(&self, to: Option<&str>, by: &str) -> DoorAnswer<Done>;

    /// Keeps the revision in force whatever the source says.
    fn hold(&self, reason: &str, by: &str) -> DoorAnswer<Done>;

    /// Follows the source again.
    fn release(&self, by: &str) -> DoorAnswer<Done>;

    /// Says yes to the plan that waits for it, by the token that was shown with it; another one is a conflict.
    fn confirm(&self, token: &str, by: &str) -> DoorAnswer<Done>;

    /// Answers a hook of `company.git`.
    fn pushed(&self, push: Push) -> DoorAnswer<PushAnswer>;
}

/// Asks connectors whether they are there: implemented where connectors are known.
pub trait Probes: Send + Sync + 'static {
    /// Asks a connector whether it is there, without changing anything.
    fn probe(&self, connector: &str) -> DoorAnswer<ProbeView>;
}

/// The store, as far as an operator handles it.
pub trait Backups: Send + Sync + 'static {
    /// Copies the store into a new folder of this machine while it works, and verifies the copy.
    fn backup(&self, folder: &Path) -> DoorAnswer<BackupView>;
}

/// What a hook of `company.git` asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Push {
    /// `pre-receive`, `post-receive`, `proc-receive`; set from the address.
    #[serde(default)]
    pub hook: String,
    /// Who pushes; set by the server.
    #[serde(default)]
    pub by: String,
    /// The branches and tags that the push would move.
    pub updates: Vec<PushedRef>,
    /// `git push -o …`.
    #[serde(default)]
    pub options: Vec<String>,
    /// Git's own variables, such as `GIT_QUARANTINE_PATH`: how to read what is not yet accepted.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// One ref of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PushedRef {
    /// The object before; zeros for a new ref.
    pub old: String,
    /// The object after; zeros for a deleted ref.
    pub new: String,
    /// The full name.
    pub name: String,
}

/// What a hook prints and answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
pub struct PushAnswer {
    /// Whether the push may go on.
    pub ok: bool,
    /// What the pusher reads: the plan, or the diagnostics.
    pub text: String,
    /// What became of each ref, for proc-receive: ref to refusal, or nothing where it was taken.
    #[serde(default)]
    pub refs: BTreeMap<String, Option<String>>,
    /// The plan, for programs.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub plan: Value,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeView {
    /// Whether it answers.
    pub ok: bool,
    /// What the connector answered, or why it did not, in words.
    pub message: String,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// A finished copy of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupView {
    /// Where it is: a data folder.
    pub folder: String,
    /// How many bytes the copy takes on disk.
    pub bytes: u64,
    /// What the check of its hash chain found.
    #[schema(value_type = Object)]
    pub chain: ChainReport,
}
