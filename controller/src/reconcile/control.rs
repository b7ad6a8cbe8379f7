//! What the operator does without Git: revert, hold, release.

use std::sync::Arc;

use adjutant_machine::life::revision::{RevisionEvent, RevisionPhase};
use adjutant_spec::advice::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Error, Reconciler,
    board::Board,
    course::{Good, Hold, What},
    files,
    judge::{self, Judged},
    plan::TOKEN,
    proposal::{NewProposal, Source},
    reconciler::Coming,
    store::blocking,
};

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// Whether the command changed anything.
    pub applied: bool,
    /// What came of it, in words.
    pub message: String,
    /// What to type next, where there is something.
    pub next: Option<String>,
}

impl Done {
    pub(super) fn new(applied: bool, message: impl Into<String>) -> Self {
        Self { applied, message: message.into(), next: None }
    }

    pub(super) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }
}

/// A revert that was carried out.
struct Reverted<'a> {
    /// What is in force by it.
    goal: &'a Good,
    /// What was in force before; absent where nothing was.
    bad: Option<&'a str>,
    by: &'a str,
}

const RELEASE: Advice<'_> = Advice::HoldRelease;

impl Reconciler {
    /// Keeps what is in force, whatever the source says.
    ///
    /// # Errors
    /// [`Error::Runtime`] where the store refuses.
    pub async fn hold(&self, reason: &str, by: &str) -> Result<Done, Error> {
        let mut board = self.inner.board.lock().await;
        if let Some(hold) = &board.course.state.hold {
            let message = format!("already held by {}: {}", hold.by, hold.reason);
            return Ok(Done::new(false, message).next(RELEASE));
        }
        let mut draft = self.draft(&board, by);
        draft.note(self.held(reason, by, None))?;
        self.commit(&mut board, draft).await?;
        self.publish(&board);
        Ok(Done::new(true, "what is in force stays; newer revisions are checked and wait").next(RELEASE))
    }

    /// Follows the source again; where a revision waits for a confirmation, this confirms it.
    ///
    /// # Errors
    /// [`Error::Runtime`] where the store refuses or the activation does.
    pub async fn release(&self, by: &str) -> Result<Done, Error> {
        let mut board = self.inner.board.lock().await;
        let outcome = self.release_on(&mut board, by).await;
        self.publish(&board);
        outcome
    }

    async fn release_on(&self, board: &mut Board, by: &str) -> Result<Done, Error> {
        let mut draft = self.draft(board, by);
        if board.course.state.hold.is_some() {
            draft.note(What::Released)?;
        } else if let Some(plan) = self.waiting(board).await? {
            draft.note(What::Confirmed(plan))?;
        } else {
            return Ok(Done::new(false, "nothing is held"));
        }
        self.commit(board, draft).await?;
        self.reconcile(board).await?;
        Ok(match board.course.state.attempt.as_ref().map(|attempt| &attempt.phase) {
            Some(RevisionPhase::Held { reason }) => {
                Done::new(true, format!("the hold ended, but the revision {reason}")).next(RELEASE)
            }
            Some(RevisionPhase::Refused { reason }) => {
                Done::new(true, format!("the hold ended, but the revision is refused: {reason}"))
                    .next(Advice::Status)
            }
            _ => Done::new(true, "the source is followed again"),
        })
    }

    /// Says yes to the plan that waits for it, by the token that was shown with it.
    ///
    /// # Errors
    /// [`Error::Conflict`] if nothing waits, or something else by now.
    pub async fn confirm_plan(&self, token: &str, by: &str) -> Result<Done, Error> {
        let mut board = self.inner.board.lock().await;
        let outcome = self.confirm_on(&mut board, token, by).await;
        self.publish(&board);
        outcome
    }

    async fn confirm_on(&self, board: &mut Board, token: &str, by: &str) -> Result<Done, Error> {
        let show = "`adjutant plan` shows what waits, with what to type";
        let Some(plan) = self.waiting(board).await? else {
            return Err(Error::conflict("nothing waits for a yes", show));
        };
        if token.len() < TOKEN || !plan.starts_with(token) {
            let reason =
                format!("\"{token}\" is not what waits now: the files, the policies or the live runs moved");
            return Err(Error::conflict(reason, show));
        }
        let mut draft = self.draft(board, by);
        draft.note(What::Confirmed(plan))?;
        self.commit(board, draft).await?;
        self.reconcile(board).await?;
        Ok(match board.course.state.attempt.as_ref().map(|attempt| &attempt.phase) {
            Some(RevisionPhase::Held { reason }) => {
                Done::new(true, format!("confirmed, but the revision {reason}"))
            }
            _ => Done::new(true, "confirmed: what the source wishes is in force"),
        })
    }

    /// Returns the plan of the candidate that waits for a confirmation, as it is now.
    async fn waiting(&self, board: &Board) -> Result<Option<String>, Error> {
        let attempt = board.course.state.attempt.as_ref();
        let is_waiting = attempt.is_some_and(|attempt| matches!(attempt.phase, RevisionPhase::Held { .. }));
        let Some(last) = board.last.as_ref().filter(|_| is_waiting) else { return Ok(None) };
        let judged = self.judge(&board.in_force, Arc::clone(&last.files)).await?;
        let plan = self.artefact(&board.in_force, &last.revision, &judged).await?;
        Ok(plan.filter(|plan| plan.confirm.is_some()).map(|plan| plan.id))
    }

    /// Puts a stored revision in force at once, without Git; holds the one that was, and opens the revert as a proposal.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the revision was never in force; [`Error::Conflict`] if it is in force already.
    pub async fn revert(&self, to: Option<&str>, by: &str) -> Result<Done, Error> {
        let mut board = self.inner.board.lock().await;
        let outcome = self.revert_on(&mut board, to, by).await;
        self.publish(&board);
        outcome
    }

    async fn revert_on(&self, board: &mut Board, to: Option<&str>, by: &str) -> Result<Done, Error> {
        let goal = self.goal(board, to)?;
        let judged = self.judge_stored(&goal).await?;
        let after = judged.plan.clone().filter(|_| judged.errors == 0).ok_or_else(|| {
            let reason = format!(
                "revision {} does not pass the checks of this version: {}",
                short(&goal.tree),
                judged.reason()
            );
            Error::invalid(reason, "choose another one with `adjutant revert --to REV`")
        })?;
        let bad = board.course.state.last_good().map(|good| good.revision.clone());
        let reason = format!("reverted to {}", short(&goal.tree));
        let goal = Good { at: self.inner.settings.clock.now(), ..goal };
        // The hold comes with it, or the bad revision would come back by itself.
        let mut draft = self.draft(board, by);
        draft.note(self.held(&reason, by, Some(bad.clone().unwrap_or_default())))?;
        if board.course.state.attempt.as_ref().is_some_and(|attempt| attempt.phase == RevisionPhase::Live) {
            draft.life(RevisionEvent::Withheld { reason: reason.clone() })?;
        }
        draft.note(What::Good(goal.clone()))?;
        self.activate(board, draft, Coming { good: &goal, judged: &judged, plan: after }).await?;
        tracing::warn!(applied = goal.tree, by, "reverted");
        Ok(self.open_revert(board, Reverted { goal: &goal, bad: bad.as_deref(), by }).await)
    }

    /// Finds where to go back to.
    fn goal(&self, board: &Board, to: Option<&str>) -> Result<Good, Error> {
        let applied = board.in_force.tree.as_deref();
        let found = match to {
            Some(name) => board.course.state.stored(name),
            None => {
                board.course.state.good.iter().rev().find(|good| Some(good.tree.as_str()) != applied).cloned()
            }
        };
        let found = found.ok_or_else(|| Error::NotFound {
            what: "revision that was in force",
            id: to.unwrap_or("before this one").to_owned(),
        })?;
        if Some(found.tree.as_str()) == applied {
            let reason = format!("{} is in force already", short(&found.tree));
            return Err(Error::conflict(reason, "`adjutant status` shows what is in force"));
        }
        Ok(found)
    }

    async fn judge_stored(&self, good: &Good) -> Result<Judged, Error> {
        let (journal, manifest) = (Arc::clone(&self.inner.settings.journal), good.files.clone());
        blocking(move || Ok(judge::whole(&Arc::new(files::load(journal.as_ref(), &manifest)?)))).await
    }

    /// A hold that keeps one revision out ends once the source wishes what is in force.
    fn held(&self, reason: &str, by: &str, revision: Option<String>) -> What {
        What::Held(Hold {
            reason: reason.to_owned(),
            by: by.to_owned(),
            at: self.inner.settings.clock.now(),
            ends_itself: revision.is_some(),
            revision: revision.filter(|id| !id.is_empty()),
        })
    }

    /// Opens the revert as a proposal; without a `main` there is nothing to propose for, and the revert stands all the same.
    async fn open_revert(&self, board: &mut Board, reverted: Reverted<'_>) -> Done {
        let Reverted { goal, bad, by } = reverted;
        let done = Done::new(true, format!("{} is in force; the source is held", short(&goal.tree)));
        let wish = NewProposal {
            title: format!(
                "Revert to {}",
                if goal.title.is_empty() { short(&goal.tree) } else { &goal.title }
            ),
            reason: bad.map(|bad| format!("{} was reverted by {by}", short(bad))),
            topic: format!("revert-{}", short(&goal.tree)),
            source: Source::Files(Arc::clone(&board.in_force.files)),
            evidence: serde_json::json!({ "reverted": bad, "to": goal.tree }),
        };
        let opened = match self.offer(wish).await {
            Ok(offer) => self.open_proposal(board, offer, by).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(id) => done.next(Advice::Proposal(&id)),
            Err(error) => {
                tracing::warn!(%error, "the revert could not be opened as a proposal");
                done.next("undo the change at the source, then `adjutant hold --release`")
            }
        }
    }
}

/// Returns the first digits of an id, for people.
pub(super) fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}
