//! The source of truth: plans, proposals, revert and hold, and the hooks of `company.git`.

use super::{
    Answered, ApproveProposal, Because, ConfirmPlan, Desk, NewProposal, PlanWish, Refusal, RevertWish, Scope,
    Who,
    doors::{Push, PushAnswer},
};
use crate::{
    reconcile::{Done, PlanView, ProposalView},
    runtime::{PageWish, views::Paged},
};

/// The hooks that `company.git` has.
const HOOKS: [&str; 3] = ["pre-receive", "post-receive", "proc-receive"];

impl Desk {
    /// Computes what would change.
    ///
    /// # Errors
    /// Without the scope, and for a revision that is not there.
    pub async fn plan_of(&self, who: &Who, wish: PlanWish) -> Answered<PlanView> {
        who.must(Scope::Read)?;
        self.doors.git.plan(wish).await
    }

    /// Says yes to the plan that waits for it: what takes something away from live runs, or takes much away.
    ///
    /// # Errors
    /// Without the scope, and where another plan waits, or none.
    pub async fn confirm(&self, who: &Who, wish: ConfirmPlan) -> Answered<Done> {
        who.must(Scope::Operate)?;
        self.doors.git.confirm(&wish.token, &who.by).await
    }

    /// Lists the proposals, newest first and page by page, without their diffs.
    ///
    /// # Errors
    /// Without the scope, and for a proposal to go on after that is not there.
    pub async fn proposals(&self, who: &Who, page: PageWish) -> Answered<Paged<ProposalView>> {
        who.must(Scope::Read)?;
        self.doors.git.proposals(page).await
    }

    /// Shows a proposal with its diff, evidence and backtest: all of it where `full` asks, else what one reads at a glance.
    ///
    /// # Errors
    /// Without the scope, and for a proposal that is not there.
    pub async fn proposal(&self, who: &Who, id: &str, full: bool) -> Answered<ProposalView> {
        who.must(Scope::Read)?;
        self.doors.git.proposal(id, full).await
    }

    /// Opens a proposal.
    ///
    /// # Errors
    /// Without the scope, and for a change that is none or does not apply.
    pub async fn propose(&self, who: &Who, wish: NewProposal) -> Answered<ProposalView> {
        who.must(Scope::Propose)?;
        self.doors.git.propose(wish, &who.by).await
    }

    /// Proposes what people said of a route's decisions as lessons in its file.
    ///
    /// # Errors
    /// Without the scope, for a route that is not there, and where nobody said anything.
    pub async fn refit(&self, who: &Who, route: &str) -> Answered<ProposalView> {
        who.must(Scope::Propose)?;
        let said = self.handle.corrections(route).await?;
        self.doors.git.refit(route, said, &who.by).await
    }

    /// Approves a proposal: what the digest names, and only that.
    ///
    /// # Errors
    /// Without the scope or a fresh login, and where the proposal is another one now.
    pub async fn approve_proposal(&self, who: &Who, id: &str, wish: ApproveProposal) -> Answered<Done> {
        who.must(Scope::Approve)?;
        who.must_be_strong(self.clock.now())?;
        self.doors.git.approve(id, &wish.digest, &who.by).await
    }

    /// Refuses a proposal; it is remembered.
    ///
    /// # Errors
    /// Without the scope, and for a proposal that is decided.
    pub async fn refuse_proposal(&self, who: &Who, id: &str, wish: Because) -> Answered<Done> {
        who.must(Scope::Approve)?;
        self.doors.git.refuse(id, &wish.reason, &who.by).await
    }

    /// Activates a stored revision at once, without Git, and holds the one in force.
    ///
    /// # Errors
    /// Without the scope, and for a revision that is not stored.
    pub async fn revert(&self, who: &Who, wish: RevertWish) -> Answered<Done> {
        who.must(Scope::Operate)?;
        self.doors.git.revert(wish.to.as_deref(), &who.by).await
    }

    /// Keeps the revision in force, whatever the source says.
    ///
    /// # Errors
    /// Without the scope, and where it is held already.
    pub async fn hold(&self, who: &Who, wish: Because) -> Answered<Done> {
        who.must(Scope::Operate)?;
        self.doors.git.hold(&wish.reason, &who.by).await
    }

    /// Follows the source again.
    ///
    /// # Errors
    /// Without the scope, and where nothing is held.
    pub async fn release_hold(&self, who: &Who) -> Answered<Done> {
        who.must(Scope::Operate)?;
        self.doors.git.release(&who.by).await
    }

    /// Answers a hook of `company.git`: only over the control socket.
    ///
    /// # Errors
    /// For everybody else, and for a hook that is none of ours.
    pub async fn pushed(&self, who: &Who, push: Push) -> Answered<PushAnswer> {
        who.must_be_socket()?;
        if !HOOKS.contains(&push.hook.as_str()) {
            return Err(Refusal::not_found("hook", &push.hook));
        }
        self.doors.git.pushed(Push { by: who.by.clone(), ..push }).await
    }
}
