//! The source of truth behind the API: what HTTP asks of Git, answered by reconcile over the source room.

mod repository;
mod shapes;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use serde_json::Value;

pub(crate) use repository::Git;
pub(crate) use shapes::seen;

use crate::{
    desk::{
        self, Done, NewProposal, PageWish, PlanWish, Refusal,
        doors::DoorAnswer,
        views::{ConditionView, CorrectionView, Paged, PlanView, ProposalView, Push, PushAnswer, Status},
    },
    judgement::Routers,
    reconcile::{self, Reconciler, proposers},
    source::{Destination, Dialogue, RefUpdate},
};

/// The name of the environment variable that tells where a push lies in quarantine.
const QUARANTINE: &str = "GIT_QUARANTINE_PATH";

/// Implements the door of HTTP to Git.
#[derive(Clone)]
pub(crate) struct GitDoor {
    reconciler: Reconciler,
    git: Arc<Git>,
    routers: Routers,
    wake: Arc<dyn Fn() + Send + Sync>,
    more: Option<Conditions>,
}

/// What else the status tells, beside what reconcile knows.
pub(crate) type Conditions = Arc<dyn Fn() -> Vec<ConditionView> + Send + Sync>;

impl GitDoor {
    /// Returns the door; `wake` makes the source look at once.
    #[must_use]
    pub(crate) fn new(
        (reconciler, routers): (Reconciler, Routers),
        git: Arc<Git>,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self { reconciler, git, routers, wake, more: None }
    }

    /// Adds conditions to the status.
    #[must_use]
    pub(crate) fn with_conditions(self, more: Conditions) -> Self {
        Self { more: Some(more), ..self }
    }

    async fn pre_receive(&self, push: &Push) -> Result<PushAnswer, Refusal> {
        let mut answer = PushAnswer { ok: true, ..PushAnswer::default() };
        let quarantine = push.environment.get(QUARANTINE).map(Path::new);
        let git: Arc<dyn reconcile::Repository> =
            Arc::new(self.git.within(quarantine).map_err(shapes::repository)?);
        for update in &push.updates {
            let (ok, text) = match shapes::update(update).destination() {
                Err(refusal) => (false, format!("{refusal}\n")),
                Ok(Destination::Tag) => (true, String::new()),
                Ok(Destination::Main { commit }) => {
                    let admitted = self.reconciler.admit(&commit, &push.options, Arc::clone(&git)).await;
                    let admitted = admitted?;
                    answer.plan = admitted.plan;
                    (admitted.ok, admitted.text)
                }
                Ok(Destination::Proposal { commit, .. }) => {
                    let admitted = self.reconciler.admit_proposal(&commit, Arc::clone(&git)).await;
                    let admitted = admitted?;
                    answer.plan = admitted.plan;
                    (admitted.ok, admitted.text)
                }
            };
            answer.ok &= ok;
            answer.text.push_str(&text);
        }
        Ok(answer)
    }

    async fn proc_receive(&self, push: &Push) -> PushAnswer {
        let mut answer = PushAnswer { ok: true, ..PushAnswer::default() };
        let updates: Vec<RefUpdate> = push.updates.iter().map(shapes::update).collect();
        let dialogue = Dialogue { updates, push_options: push.options.clone() };
        for update in &dialogue.updates {
            let outcome = match update.destination() {
                Ok(Destination::Proposal { commit, .. }) => {
                    self.propose_push(&dialogue, &commit, &push.by).await
                }
                Ok(_) => Err("not a proposal".to_owned()),
                Err(refusal) => Err(refusal.to_string()),
            };
            let refused = match outcome {
                Ok(view) => {
                    answer.text.push_str(&shapes::opened(&view));
                    answer.plan[&update.name] = Value::String(format!("refs/adjutant/proposals/{}", view.id));
                    None
                }
                Err(reason) => Some(reason),
            };
            answer.refs.insert(update.name.clone(), refused);
        }
        answer
    }

    async fn propose_push(
        &self,
        dialogue: &Dialogue,
        commit: &str,
        by: &str,
    ) -> Result<ProposalView, String> {
        let option = |name: &str| {
            dialogue.push_options.iter().find_map(|option| option.strip_prefix(name)).map(str::to_owned)
        };
        let wish = reconcile::NewProposal {
            title: option("title=").unwrap_or_default(),
            reason: option("reason="),
            topic: dialogue.topic().to_owned(),
            source: reconcile::ProposalSource::Head(commit.to_owned()),
            evidence: Value::Null,
        };
        self.reconciler.propose(wish, by).await.map_err(|error| error.to_string())
    }
}

impl desk::GitDoor for GitDoor {
    fn source(&self) -> DoorAnswer<Status> {
        let mut source = self.reconciler.status();
        source.conditions.extend(self.more.iter().flat_map(|more| more()));
        let git = Arc::clone(&self.git);
        Box::pin(async move {
            // A repository that cannot be read is told by the conditions; the status itself must always come.
            let main = tokio::task::spawn_blocking(move || reconcile::Repository::main(&*git)).await;
            source.main = main.ok().and_then(Result::ok).flatten();
            Ok(source)
        })
    }

    fn plan(&self, wish: PlanWish) -> DoorAnswer<PlanView> {
        let door = self.clone();
        Box::pin(async move {
            if wish.simulate.is_some() {
                return Err(Refusal::invalid("`--simulate` is not in this version")
                    .help("`adjutant plan` shows what would change"));
            }
            Ok(door.reconciler.plan(wish.to.as_deref()).await?.view())
        })
    }

    fn company_at(&self, revision: &str) -> DoorAnswer<reconcile::Company> {
        let (door, revision) = (self.clone(), revision.to_owned());
        Box::pin(async move { Ok(door.reconciler.company_at(&revision).await?) })
    }

    fn proposals(&self, wish: PageWish) -> DoorAnswer<Paged<ProposalView>> {
        let door = self.clone();
        Box::pin(async move { Ok(door.reconciler.proposals(&wish).await?) })
    }

    fn open_proposals(&self) -> u64 {
        self.reconciler.open_proposals()
    }

    fn proposal(&self, id: &str, full: bool) -> DoorAnswer<ProposalView> {
        let (door, id) = (self.clone(), id.to_owned());
        let extent = if full { reconcile::Extent::All } else { reconcile::Extent::Glance };
        Box::pin(async move { Ok(door.reconciler.proposal(&id, extent).await?) })
    }

    fn propose(&self, wish: NewProposal, by: &str) -> DoorAnswer<ProposalView> {
        let (door, by) = (self.clone(), by.to_owned());
        Box::pin(async move { Ok(door.reconciler.propose(wish.try_into()?, &by).await?) })
    }

    fn refit(&self, route: &str, said: Vec<CorrectionView>, by: &str) -> DoorAnswer<ProposalView> {
        let (door, route, by) = (self.clone(), route.to_owned(), by.to_owned());
        Box::pin(async move {
            let (git, routers) = (Arc::clone(&door.git), door.routers.clone());
            let work = move || proposers::refit(git.as_ref(), &routers, &route, &said);
            let wish = tokio::task::spawn_blocking(work).await;
            let wish = wish.map_err(|error| Refusal::bug(error.to_string()))??;
            Ok(door.reconciler.propose(wish, &by).await?)
        })
    }

    fn approve(&self, id: &str, digest: &str, by: &str) -> DoorAnswer<Done> {
        let (door, id, digest, by) = (self.clone(), id.to_owned(), digest.to_owned(), by.to_owned());
        Box::pin(async move {
            let done = door.reconciler.approve(&id, &digest, &by).await?;
            (door.wake)();
            Ok(done)
        })
    }

    fn refuse(&self, id: &str, reason: &str, by: &str) -> DoorAnswer<Done> {
        let (door, id, reason, by) = (self.clone(), id.to_owned(), reason.to_owned(), by.to_owned());
        Box::pin(async move { Ok(door.reconciler.refuse(&id, &reason, &by).await?) })
    }

    fn revert(&self, to: Option<&str>, by: &str) -> DoorAnswer<Done> {
        let (door, to, by) = (self.clone(), to.map(str::to_owned), by.to_owned());
        Box::pin(async move { Ok(door.reconciler.revert(to.as_deref(), &by).await?) })
    }

    fn hold(&self, reason: &str, by: &str) -> DoorAnswer<Done> {
        let (door, reason, by) = (self.clone(), reason.to_owned(), by.to_owned());
        Box::pin(async move { Ok(door.reconciler.hold(&reason, &by).await?) })
    }

    fn release(&self, by: &str) -> DoorAnswer<Done> {
        let (door, by) = (self.clone(), by.to_owned());
        Box::pin(async move { Ok(door.reconciler.release(&by).await?) })
    }

    fn confirm(&self, token: &str, by: &str) -> DoorAnswer<Done> {
        let (door, token, by) = (self.clone(), token.to_owned(), by.to_owned());
        Box::pin(async move { Ok(door.reconciler.confirm_plan(&token, &by).await?) })
    }

    fn pushed(&self, push: Push) -> DoorAnswer<PushAnswer> {
        let door = self.clone();
        Box::pin(async move {
            match push.hook.as_str() {
                "pre-receive" => door.pre_receive(&push).await,
                "proc-receive" => Ok(door.proc_receive(&push).await),
                _ => {
                    (door.wake)();
                    Ok(PushAnswer { ok: true, ..PushAnswer::default() })
                }
            }
        })
    }
}
