//! Proposals: changes that wait for the operator's yes.
//!
//! ```text
//!  push to refs/for/main, `proposals new`, revert ─► open ─► changed ─► approved(digest) ─► merged ─► applied
//!                                                      └────────┴──────────┴─► refused
//! ```
//! What is judged is always the merge result with `main`. The digest of an approval binds the merged tree, the version of the
//! policies, the plan, and what was shown; when any of them moves, the digest is stale. What is not shown has no digest.
//! Agents may open and never approve.
//!
//! A proposal is somebody else's making: it is read, merged and judged without the board, so that nobody waits for it.

mod act;
mod book;
mod look;
mod looks;

use std::sync::Arc;

use adjutant_spec::files::FileSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::PlanView;

pub(super) use book::Book;
pub(super) use looks::Looks;

/// Where a proposed change comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A commit or a branch, here or in the folder that is followed.
    Head(String),
    /// A unified diff against `main`.
    Patch(String),
    /// All files of the language as they should be.
    Files(Arc<FileSet>),
}

/// What somebody wants to have proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewProposal {
    /// One line; the commit's when empty.
    pub title: String,
    /// The author's reason.
    pub reason: Option<String>,
    /// One open proposal for each author and topic.
    pub topic: String,
    /// Where the change comes from.
    pub source: Source,
    /// What speaks for it, for whoever decides: a table of the author's own making.
    pub evidence: Value,
}

/// A proposal, as people and programs see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
pub struct ProposalView {
    /// Its id.
    pub id: String,
    /// `draft`, `open`, `changed`, `approved`, `merged`, `applied`, `refused`.
    pub state: String,
    /// What it changes, in one line.
    pub title: String,
    /// The principal that proposes: the operator, a token or an agent.
    pub author: String,
    /// What it is about, by one word or path: one open proposal for each author and topic.
    pub topic: String,
    /// The commit of `main` that it is judged against.
    pub base: String,
    /// The commit that is proposed.
    pub head: String,
    /// What an approval must name; empty while it cannot be approved, and where not everything is shown.
    pub digest: String,
    /// What would change; absent while that cannot be worked out.
    pub plan: Option<PlanView>,
    /// What differs between `main` and the merge result, line by line, with everything invisible written out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub diff: Option<String>,
    /// What speaks for it, for whoever decides: a table of the author's own making.
    #[schema(value_type = Object)]
    pub evidence: Value,
    /// What would have been decided otherwise; not in this version.
    #[schema(value_type = Object)]
    pub backtest: Value,
    /// Why it was refused, or what the author says.
    pub reason: Option<String>,
    /// Files in conflict with `main`.
    pub conflicts: Vec<String>,
    /// What the diff does not show; `?full=true` shows it, with the digest.
    pub hidden: Vec<String>,
    /// Changed files that say who may do what.
    pub protected: Vec<String>,
    /// The command that moves it on.
    pub next: Option<String>,
}
