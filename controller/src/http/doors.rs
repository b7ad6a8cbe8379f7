//! What HTTP asks of rooms that it may not import; the composition root implements these traits.
//!
//! The types are the JSON of the operator's surface: fields are only added.

use std::collections::BTreeMap;

use adjutant_machine::journal::ChainReport;
use axum::http::HeaderMap;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Refusal;
use crate::runtime::{
    Delivery, PageWish, SetAside,
    views::{CorrectionView, Paged},
};

/// What a door answers.
pub type Answered<T> = BoxFuture<'static, Result<T, Refusal>>;

/// The source of truth: revisions, plans, proposals and pushes.
///
/// *Guarantees*: an approval, a revert and a hold are durable before they are answered. *Errors*: [`Refusal`], with the place where
/// the truth lives in its help.
pub trait GitDoor: Send + Sync + 'static {
    /// Tells what the source wishes, and what became of it.
    fn source(&self) -> Answered<SourceView>;

    /// Computes what would change.
    fn plan(&self, wish: PlanWish) -> Answered<Value>;

    /// Lists the proposals, newest first and page by page, without their diffs.
    fn proposals(&self, wish: PageWish) -> Answered<Paged<ProposalView>>;

    /// Counts the proposals that the operator has to decide.
    fn open_proposals(&self) -> u64;

    /// Shows one proposal with what it changes; all of it where `full` asks, else what one reads at a glance.
    fn proposal(&self, id: &str, full: bool) -> Answered<ProposalView>;

    /// Opens a proposal, or replaces the head of the open one with the same author and topic.
    fn propose(&self, wish: NewProposal, by: &str) -> Answered<ProposalView>;

    /// Proposes what people said of a route's decisions as lessons in its file.
    fn refit(&self, route: &str, said: Vec<CorrectionView>, by: &str) -> Answered<ProposalView>;

    /// Approves what the digest names; another digest is a conflict.
    fn approve(&self, id: &str, digest: &str, by: &str) -> Answered<Done>;

    /// Refuses a proposal for good.
    fn refuse(&self, id: &str, reason: &str, by: &str) -> Answered<Done>;

    /// Activates a stored revision without Git and holds the one in force; the one before it when absent.
    fn revert(&self, to: Option<&str>, by: &str) -> Answered<Done>;

    /// Keeps the revision in force whatever the source says.
    fn hold(&self, reason: &str, by: &str) -> Answered<Done>;

    /// Follows the source again.
    fn release(&self, by: &str) -> Answered<Done>;

    /// Says yes to the plan that waits for it, by the token that was shown with it; another one is a conflict.
    fn confirm(&self, token: &str, by: &str) -> Answered<Done>;

    /// Answers a hook of `company.git`.
    fn pushed(&self, push: Push) -> Answered<PushAnswer>;
}

/// Webhook intake: bytes in, what the sender proved to have sent out. The signature is checked over the bytes as they came.
pub trait Hooks: Send + Sync + 'static {
    /// Returns the most bytes of a delivery: asked before anything of its body is read.
    ///
    /// # Errors
    /// [`HookRefusal::Unknown`], [`HookRefusal::Unavailable`].
    fn limit(&self, connector: &str) -> Result<usize, HookRefusal>;

    /// Verifies a delivery; nothing is stored yet.
    fn verify(
        &self,
        connector: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> BoxFuture<'static, Result<Received, HookRefusal>>;
}

/// What a webhook's sender proved to have sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A delivery of a declared event.
    Delivery(Delivery),
    /// An item that cannot be read as an event.
    Unread(SetAside),
    /// An event that the connector does not declare.
    Undeclared {
        /// The name of the event, as the sender gave it.
        event: String,
        /// What the sender wants to read in the answer.
        challenge: Option<String>,
    },
}

/// Connector probes.
pub trait Probes: Send + Sync + 'static {
    /// Asks a connector whether it is there, without changing anything.
    fn probe(&self, connector: &str) -> Answered<ProbeView>;
}

/// The store, as far as an operator handles it.
pub trait Backups: Send + Sync + 'static {
    /// Copies the store into a new folder of this machine while it works, and verifies the copy.
    fn backup(&self, folder: &std::path::Path) -> Answered<BackupView>;
}

/// Why a webhook delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookRefusal {
    /// There is no connector of this name that receives: 404.
    #[error("no connector \"{0}\" takes webhooks")]
    Unknown(String),
    /// The signature is missing, wrong, or too old: 401.
    #[error("{0}")]
    Signature(String),
    /// The body or its fields are not what the connector declares: 422.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The body is longer than the connector takes: 413.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// The connector cannot verify now, for want of its secret: 503.
    #[error("{0}")]
    Unavailable(String),
}

/// The source's part of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
pub struct SourceView {
    /// `worktree`, `commit`, `remote`, `push`.
    pub mode: String,
    /// The folder, URL or repository that is followed.
    pub place: String,
    /// The revision that the source wishes.
    pub desired: Option<String>,
    /// The last one that was tried.
    pub attempted: Option<String>,
    /// The commit that this is, or is based on.
    #[serde(default)]
    pub commit: Option<String>,
    /// What waits for the operator's yes.
    #[serde(default)]
    pub waits: Option<WaitsView>,
    /// The commit that proposals are merged with: `main` of the company's own repository.
    #[serde(default)]
    pub main: Option<String>,
    /// Whether what is desired is in force and everything it needs is there.
    pub ready: bool,
    /// The state of each resource.
    pub conditions: Vec<ConditionView>,
    /// What is wrong with the attempted revision, in the form of `check`.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Value>,
    /// The slices.
    pub slices: Vec<SliceView>,
    /// Why the source is not followed, while it is held.
    pub hold: Option<HoldView>,
}

/// A change that waits for the operator's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitsView {
    /// What the yes must name.
    pub token: String,
    /// Why it waits, one line each.
    pub because: Vec<String>,
    /// What to type.
    pub next: String,
}

/// One condition of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConditionView {
    /// What it is about, such as `company` or `slice/NAME`.
    pub resource: String,
    /// `Ready`, `Reconciling`, `Stalled`, `Degraded`.
    pub condition: String,
    /// Whether it holds.
    pub holds: bool,
    /// A stable word.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// The revision that was looked at.
    pub revision: Option<String>,
}

impl ConditionView {
    /// Returns whether something is not as it should be: it is not ready, or it stands in the way.
    #[must_use]
    pub fn is_unmet(&self) -> bool {
        self.holds != (self.condition == "Ready")
    }

    /// Returns whether it is unmet and says what a screen does not say already: that tells why the company stands still (a hold,
    /// a change that waits for a yes, mistakes), or names these slices as held back. A mistake appears once.
    #[must_use]
    pub fn is_news(&self, is_company_told: bool, held: &[&str]) -> bool {
        let is_told = match self.resource.as_str() {
            "company" => self.condition == "Reconciling" || is_company_told,
            other => other.strip_prefix("slice/").is_some_and(|id| held.contains(&id)),
        };
        self.is_unmet() && !is_told
    }
}

/// One slice of the company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SliceView {
    /// Its name.
    pub id: String,
    /// The revision that it comes from.
    pub applied: Option<String>,
    /// Why it is held back, where it is.
    pub held: Option<String>,
    /// What is wrong with the attempted one.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Value>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldView {
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// The revision that is kept out, where one is.
    pub revision: Option<String>,
}

/// What to plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanWish {
    /// The revision; what the source wishes when absent.
    pub to: Option<String>,
    /// How many recorded runs to decide again.
    pub simulate: Option<u32>,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, ToSchema)]
pub struct ProposalView {
    /// Its id.
    pub id: String,
    /// `draft`, `open`, `changed`, `approved`, `merged`, `applied`, `refused`.
    pub state: String,
    /// One line.
    pub title: String,
    /// Who proposes.
    pub author: String,
    /// The revision that it starts from.
    pub base: String,
    /// Its newest commit.
    pub head: String,
    /// What an approval must name; empty while it cannot be approved, and where not everything is shown.
    pub digest: String,
    /// What would change, in domain words.
    #[schema(value_type = Object)]
    pub plan: Value,
    /// What differs between base and the merge result, line by line, with everything invisible written out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub diff: Option<String>,
    /// What the diff does not show; `?full=true` shows it, with the digest.
    #[serde(default)]
    pub hidden: Vec<String>,
    /// The changed files that say who may do what.
    #[serde(default)]
    pub protected: Vec<String>,
    /// What to type next.
    #[serde(default)]
    pub next: Option<String>,
    /// What speaks for it.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub evidence: Value,
    /// What would have been decided otherwise.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub backtest: Value,
    /// Why it was refused, or what the author says.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A wish to propose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProposal {
    /// One line.
    pub title: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// One open proposal for each author and topic; `main` when absent.
    #[serde(default)]
    pub topic: Option<String>,
    /// A commit or branch that the source can resolve; or
    #[serde(default)]
    pub head: Option<String>,
    /// a patch in unified form.
    #[serde(default)]
    pub patch: Option<String>,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// Whether it changed anything.
    pub applied: bool,
    /// In words.
    pub message: String,
    /// What to type next, where there is something.
    #[serde(default)]
    pub next: Option<String>,
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
    /// The refs.
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
    /// In words.
    pub message: String,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

/// A finished copy of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupView {
    /// Where it is: a data folder.
    pub folder: String,
    /// Its size.
    pub bytes: u64,
    /// What the check of its hash chain found.
    #[schema(value_type = Object)]
    pub chain: ChainReport,
}
