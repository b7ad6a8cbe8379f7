//! Looking at a proposal: the merge, its plan, and the digest that an approval must name.

use std::sync::Arc;

use adjutant_machine::life::proposal::ProposalPhase;
use adjutant_spec::advice::Advice;
use serde_json::{Value, json};

use super::{
    ProposalView,
    book::Proposal,
    looks::{Look, Merge, Pair},
};
use crate::{
    reconcile::{
        Error, Extent, Mode, PlanAnswer, Reconciler, Repository, Review, files::digest, in_force::InForce,
        judge, repository::Merged, store::blocking,
    },
    runtime::{PageWish, views::Paged},
};

/// How many digits a digest has: enough that nobody finds another change with the same one.
const DIGITS: usize = 32;

/// A proposal as it was on the board, and what was in force then: who decides later looks whether both still are.
pub(super) struct OnDesk {
    pub(super) base: InForce,
    pub(super) proposal: Proposal,
}

/// A proposal as it is now: merged with `main`, judged and planned.
pub(super) struct Assessed {
    pub(super) look: Arc<Look>,
    pub(super) answer: Option<PlanAnswer>,
    /// What an approval must name; empty while it cannot be approved.
    pub(super) digest: String,
    pub(super) files: String,
}

impl Assessed {
    /// Returns whether the view at a glance shows everything.
    pub(super) fn is_shown(&self) -> bool {
        self.look.review.as_ref().is_some_and(|review| review.hidden.is_empty())
    }
}

impl Reconciler {
    /// Lists the proposals, newest first, without their diffs: only those of the page are looked at.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the proposal to go on after is not there.
    pub async fn proposals(&self, wish: &PageWish) -> Result<Paged<ProposalView>, Error> {
        let (base, page) = {
            let board = self.inner.board.lock().await;
            (board.in_force.clone(), board.book.page(wish)?)
        };
        let mut items = Vec::new();
        for proposal in &page.items {
            let view = match self.assess_open(&base, proposal).await {
                Ok(assessed) => self.view(proposal, assessed.as_ref(), Extent::Glance),
                // One that cannot be read any more must not hide the others.
                Err(error) => ProposalView {
                    hidden: vec![error.to_string()],
                    ..self.view(proposal, None, Extent::Glance)
                },
            };
            items.push(view);
        }
        Ok(Paged { items, next: page.next, total: page.total })
    }

    /// Counts the proposals that the operator has to decide.
    #[must_use]
    pub fn open_proposals(&self) -> u64 {
        self.inner.status.borrow().proposals
    }

    /// Shows one proposal with what it changes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Repository`].
    pub async fn proposal(&self, id: &str, extent: Extent) -> Result<ProposalView, Error> {
        let OnDesk { base, proposal } = self.take(id).await?;
        let mut assessed = self.assess_open(&base, &proposal).await?;
        if let Some(found) = &mut assessed
            && let Some(judged) = &found.look.judged
        {
            found.answer = Some(self.answer(&base, &proposal.head, judged).await?);
        }
        let mut view = self.view(&proposal, assessed.as_ref(), extent);
        if let Some(review) = self.review(&proposal, assessed.as_ref(), extent).await? {
            (view.diff, view.hidden, view.protected) = (Some(review.text), review.hidden, review.protected);
        }
        Ok(view)
    }

    /// Returns a proposal and what is in force, without keeping the board.
    pub(super) async fn take(&self, id: &str) -> Result<OnDesk, Error> {
        let board = self.inner.board.lock().await;
        Ok(OnDesk { base: board.in_force.clone(), proposal: board.book.get(id)?.state.clone() })
    }

    /// Shows what a proposal changes: what it would, or what was approved.
    async fn review(
        &self,
        proposal: &Proposal,
        assessed: Option<&Assessed>,
        extent: Extent,
    ) -> Result<Option<Review>, Error> {
        let glance = assessed.and_then(|found| found.look.review.clone());
        if extent == Extent::Glance && glance.is_some() {
            return Ok(glance);
        }
        let merge = assessed.map(|found| &found.look.merge);
        let approved =
            proposal.approval.as_ref().map(|approval| (approval.main.clone(), approval.tree.clone()));
        let sides = merge.and_then(|merge| Some((merge.main.clone(), merge.tree.clone()?))).or(approved);
        let Some((main, tree)) = sides else { return Ok(None) };
        let repository = Arc::clone(&self.inner.settings.repository);
        blocking(move || Ok(Some(repository.review(&main, &tree, extent)?))).await
    }

    /// Returns the view of a proposal, without its diff.
    fn view(&self, proposal: &Proposal, assessed: Option<&Assessed>, extent: Extent) -> ProposalView {
        let mut view = ProposalView {
            id: proposal.id(),
            state: proposal.phase.word().to_owned(),
            title: proposal.title.clone(),
            author: proposal.author.clone(),
            topic: proposal.topic.clone(),
            base: proposal.base.clone(),
            head: proposal.head.clone(),
            digest: proposal.approval.as_ref().map(|approval| approval.digest.clone()).unwrap_or_default(),
            plan: None,
            diff: None,
            evidence: proposal.evidence.clone(),
            backtest: Value::Null,
            reason: proposal.reason.clone(),
            conflicts: Vec::new(),
            hidden: Vec::new(),
            protected: Vec::new(),
            next: self.next_step(proposal),
        };
        if let Some(approval) = &proposal.approval {
            view.base.clone_from(&approval.main);
        }
        if let ProposalPhase::Refused { reason } = &proposal.phase {
            view.reason = Some(reason.clone());
        }
        let Some(assessed) = assessed else { return view };
        view.base.clone_from(&assessed.look.merge.main);
        view.conflicts.clone_from(&assessed.look.merge.conflicts);
        if let Some(review) = &assessed.look.review {
            (view.hidden, view.protected) = (review.hidden.clone(), review.protected.clone());
        }
        view.plan = assessed.answer.as_ref().map(PlanAnswer::view);
        // The digest is told beside what it is bound to, and nowhere else.
        if assessed.is_shown() || extent == Extent::All {
            view.digest.clone_from(&assessed.digest);
        }
        if !view.digest.is_empty() {
            view.next = Some(Advice::ApproveProposal { proposal: &view.id, digest: &view.digest }.into());
        } else if !assessed.digest.is_empty() {
            view.next = Some(Advice::DiffProposalFull(&view.id).into());
        }
        view
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

    /// Works out what a proposal is now, where it is still to be decided.
    async fn assess_open(&self, base: &InForce, proposal: &Proposal) -> Result<Option<Assessed>, Error> {
        if proposal.approval.is_some() || !proposal.phase.is_open() {
            return Ok(None);
        }
        self.assess(base, proposal).await.map(Some)
    }

    /// Works out what a proposal is now.
    pub(super) async fn assess(&self, base: &InForce, proposal: &Proposal) -> Result<Assessed, Error> {
        let repository = Arc::clone(&self.inner.settings.repository);
        let look = self.look(repository, &proposal.head).await?;
        let (Some(judged), Some(review)) = (&look.judged, &look.review) else {
            return Ok(Assessed { look, answer: None, digest: String::new(), files: String::new() });
        };
        let answer = self.outline(base, &proposal.head, judged).await?;
        let digest = match (&answer.plan, &look.merge.tree) {
            (Some(plan), Some(tree)) if answer.ok => {
                let shown = digest(review.text.as_bytes());
                let bound = json!({ "tree": tree, "policy": plan.policy, "plan": plan.id, "shown": shown });
                digest(bound.to_string().as_bytes())[..DIGITS].to_owned()
            }
            _ => String::new(),
        };
        let files = judged.manifest.digest().to_owned();
        Ok(Assessed { look, answer: Some(answer), digest, files })
    }

    /// Merges a head into `main`, judges the result and shows it, reading through the given repository.
    ///
    /// A merge result is judged as a whole in every mode: nobody approves half of a change.
    pub(in crate::reconcile) async fn look(
        &self,
        repository: Arc<dyn Repository>,
        head: &str,
    ) -> Result<Arc<Look>, Error> {
        let (main, head) = (Arc::clone(&repository), head.to_owned());
        let main = blocking(move || Ok(main.main()?)).await?.ok_or_else(no_main)?;
        let pair = Pair { main: main.clone(), head: head.clone() };
        if let Some(known) = self.inner.looks.known(&pair) {
            return Ok(known);
        }
        let look = blocking(move || {
            let Merged { tree, conflicts } = repository.merge(&main, &head)?;
            let files = tree.as_deref().map(|tree| repository.tree(tree)).transpose()?;
            let show = |tree: &str| repository.review(&main, tree, Extent::Glance);
            let review = tree.as_deref().map(show).transpose()?;
            let judged = files.as_ref().map(judge::whole);
            Ok(Arc::new(Look { merge: Merge { main, tree, conflicts }, judged, review }))
        })
        .await?;
        self.inner.looks.keep(pair, &look);
        Ok(look)
    }
}

/// What is said before the first commit.
pub(super) fn no_main() -> Error {
    Error::conflict("there is no `main` yet to propose for", "commit or push a first revision")
}
