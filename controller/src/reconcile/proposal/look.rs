//! Looking at a proposal: the merge, its plan, and the digest that an approval must name.

use std::sync::Arc;

use adjutant_machine::life::proposal::ProposalPhase;
use adjutant_spec::{advice::Advice, files::FileSet};
use serde_json::{Value, json};

use super::{ProposalView, book::Proposal};
use crate::reconcile::{
    Error, Mode, PlanAnswer, Reconciler, Repository,
    desk::Desk,
    files::{Manifest, digest},
    judge::{self, Judged},
    repository::Merged,
    store::blocking,
};

/// How many digits a digest has: enough that nobody finds another change with the same one.
const DIGITS: usize = 32;

/// A merge with `main`, read.
pub(in crate::reconcile) struct Merge {
    /// The commit of `main`.
    pub(in crate::reconcile) main: String,
    /// The tree of the result.
    pub(in crate::reconcile) tree: Option<String>,
    /// Its files; absent where files are in conflict.
    pub(in crate::reconcile) files: Option<Arc<FileSet>>,
    /// The files in conflict.
    pub(in crate::reconcile) conflicts: Vec<String>,
}

/// A proposal as it is now.
pub(super) struct Assessed {
    pub(super) merge: Merge,
    pub(super) answer: Option<PlanAnswer>,
    /// Empty while it cannot be approved.
    pub(super) digest: String,
    pub(super) files: String,
}

impl Reconciler {
    /// Lists the proposals, newest first, without their diffs.
    ///
    /// # Errors
    /// [`Error::Repository`].
    pub async fn proposals(&self) -> Result<Vec<ProposalView>, Error> {
        let desk = self.inner.desk.lock().await;
        let mut views = Vec::new();
        for proposal in desk.book.newest_first() {
            views.push(self.view(&desk, proposal).await?.0);
        }
        Ok(views)
    }

    /// Shows one proposal with its diff.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Repository`].
    pub async fn proposal(&self, id: &str) -> Result<ProposalView, Error> {
        let desk = self.inner.desk.lock().await;
        let proposal = desk.book.get(id)?.state.clone();
        let (mut view, tree) = self.view(&desk, &proposal).await?;
        if let Some(tree) = tree {
            let (repository, base) = (Arc::clone(&self.inner.settings.repository), view.base.clone());
            let (diff, changed) =
                blocking(move || Ok((repository.diff(&base, &tree)?, repository.changed(&base, &tree)?)))
                    .await?;
            view.diff = Some(diff);
            view.protected = changed.into_iter().filter(|path| is_protected(path)).collect();
        }
        Ok(view)
    }

    /// Returns the view of a proposal, and the tree that it would give.
    pub(super) async fn view(
        &self,
        desk: &Desk,
        proposal: &Proposal,
    ) -> Result<(ProposalView, Option<String>), Error> {
        let mut view = ProposalView {
            id: proposal.id(),
            state: proposal.phase.word().to_owned(),
            title: proposal.title.clone(),
            author: proposal.author.clone(),
            topic: proposal.topic.clone(),
            base: proposal.base.clone(),
            head: proposal.head.clone(),
            digest: proposal.approval.as_ref().map(|approval| approval.digest.clone()).unwrap_or_default(),
            plan: Value::Null,
            diff: None,
            evidence: proposal.evidence.clone(),
            backtest: Value::Null,
            reason: proposal.reason.clone(),
            conflicts: Vec::new(),
            protected: Vec::new(),
            next: self.next_step(proposal),
        };
        if let Some(approval) = &proposal.approval {
            view.base.clone_from(&approval.main);
            return Ok((view, Some(approval.tree.clone())));
        }
        if let ProposalPhase::Refused { reason } = &proposal.phase {
            view.reason = Some(reason.clone());
            return Ok((view, None));
        }
        if !proposal.phase.is_open() {
            return Ok((view, None));
        }
        let assessed = self.assess(desk, proposal).await?;
        view.base = assessed.merge.main;
        view.digest = assessed.digest;
        view.conflicts = assessed.merge.conflicts;
        view.plan = assessed.answer.map_or(Value::Null, |answer| answer.to_json());
        if !view.digest.is_empty() {
            view.next = Some(Advice::ApproveProposal { proposal: &view.id, digest: &view.digest }.into());
        }
        Ok((view, assessed.merge.tree))
    }

    fn next_step(&self, proposal: &Proposal) -> Option<String> {
        let id = proposal.id();
        match &proposal.phase {
            ProposalPhase::Approved { .. } if self.inner.settings.mode != Mode::Push => Some(self.pull(&id)),
            ProposalPhase::Open | ProposalPhase::Changed => {
                Some("rebase it onto `main` and push it again".to_owned())
            }
            _ => None,
        }
    }

    /// Returns the command that brings an approved proposal home.
    pub(super) fn pull(&self, id: &str) -> String {
        format!("git pull {} approved/{id}", self.inner.settings.company)
    }

    /// Works out what a proposal is now.
    pub(super) async fn assess(&self, desk: &Desk, proposal: &Proposal) -> Result<Assessed, Error> {
        let repository = Arc::clone(&self.inner.settings.repository);
        let merge = self.merge_on(repository, &proposal.head).await?;
        let Some(files) = merge.files.clone() else {
            return Ok(Assessed { merge, answer: None, digest: String::new(), files: String::new() });
        };
        let judged = self.judge_merge(Arc::clone(&files)).await?;
        let answer = self.answer(desk, &proposal.head, &judged).await?;
        let digest = match (&answer.plan, &merge.tree) {
            (Some(plan), Some(tree)) if answer.ok => {
                let text = json!({ "tree": tree, "policy": plan.policy, "plan": plan.id }).to_string();
                digest(text.as_bytes())[..DIGITS].to_owned()
            }
            _ => String::new(),
        };
        Ok(Assessed { merge, answer: Some(answer), digest, files: Manifest::of(&files).digest() })
    }

    /// Merges a head into `main`, reading through the given repository.
    pub(in crate::reconcile) async fn merge_on(
        &self,
        repository: Arc<dyn Repository>,
        head: &str,
    ) -> Result<Merge, Error> {
        let head = head.to_owned();
        blocking(move || {
            let main = repository.main()?.ok_or_else(|| {
                Error::conflict("there is no `main` yet to propose for", "commit or push a first revision")
            })?;
            let Merged { tree, conflicts } = repository.merge(&main, &head)?;
            let files = tree.as_deref().map(|tree| repository.tree(tree)).transpose()?;
            Ok(Merge { main, tree, files, conflicts })
        })
        .await
    }

    /// A merge result is judged as a whole in every mode: nobody approves half of a change.
    pub(in crate::reconcile) async fn judge_merge(&self, files: Arc<FileSet>) -> Result<Judged, Error> {
        blocking(move || Ok(judge::whole(&files))).await
    }
}

/// Returns whether only the operator's own key may change a file: what says who may do what.
pub(super) fn is_protected(path: &str) -> bool {
    let in_slice = path.strip_prefix("slices/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
    in_slice.unwrap_or(path).starts_with("policies/")
}
