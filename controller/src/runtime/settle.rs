//! Settling what failed for good, or what nobody can tell: one call, or all that one cause struck.

use std::collections::BTreeMap;

use adjutant_machine::{
    branch::root_of,
    event::{Event, Settlement},
    id::{EffectId, InstanceId},
};

use super::{
    Answer, Error, ForAll, Handle, SettleAll, answer, view,
    views::{CauseView, DeadView, NotSettledView, SettledView, Way},
};

type Answered<T> = Result<T, Error>;

/// Why what is in doubt is not simply tried again.
const UNKNOWN: &str =
    "nobody knows whether it happened: look at the other side, then say that it did not, or drop it";

/// Who settles something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledBy<'a> {
    /// Who does.
    pub by: &'a str,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Handle {
    /// Settles an unknown or dead effect.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn settle(&self, effect: &EffectId, how: Settlement, by: &str) -> Answered<Answer> {
        self.settle_as(effect, how, SettledBy { by, reason: None }).await
    }

    /// As [`Handle::settle`], with why.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn settle_as(
        &self,
        effect: &EffectId,
        how: Settlement,
        settler: SettledBy<'_>,
    ) -> Answered<Answer> {
        let SettledBy { by, reason } = settler;
        let event = Event::EffectSettled { effect: effect.clone(), settlement: how, reason };
        answer::of(self.control(effect.instance(), event, by).await?, "settled")
    }

    /// Lists the causes of all dead letters, the one that struck most first.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn causes(&self) -> Answered<Vec<CauseView>> {
        let causes = self.core.read(view::causes).await?;
        Ok(causes.into_iter().map(|cause| cause.view).collect())
    }

    /// Settles everything that a cause struck, as it was shown: where more came since, or less is left, nothing is done. One that
    /// cannot be settled so keeps no other one from it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the cause, [`Error::Conflict`] where it moved, [`Error::Invalid`] without a reason.
    pub async fn settle_all(&self, wish: SettleAll) -> Answered<SettledView> {
        if wish.reason.trim().is_empty() {
            return Err(Error::invalid("say why: the log of each run keeps it"));
        }
        let id = wish.cause.clone();
        let causes = self.core.read(view::causes).await?;
        let cause = causes.into_iter().find(|cause| cause.view.id == id);
        let cause = cause.ok_or(Error::NotFound { what: "cause", id })?;
        if cause.view.token != wish.token {
            let reason = format!(
                "it has struck other calls since: {} now, token {}",
                cause.view.count, cause.view.token
            );
            return Err(Error::Conflict { reason });
        }
        let handle = self.clone();
        // Whoever asked may go away: what was begun is finished.
        self.core.whole(async move { Ok(handle.settle_each(&cause.letters, &wish).await) }).await
    }

    async fn settle_each(&self, letters: &[DeadView], wish: &SettleAll) -> SettledView {
        let (mut settled, mut refused) = (0, Vec::new());
        // A run goes on as a whole, with its branches: what became of that is what became of each of its dead calls.
        let mut retried: BTreeMap<&str, Option<String>> = BTreeMap::new();
        for letter in letters {
            let effect = &letter.effect.id;
            let problem = match wish.how {
                ForAll::Retry if !letter.effect.ways.contains(&Way::Retry) => Some(UNKNOWN.to_owned()),
                ForAll::Retry => {
                    let root = root_of(&effect.run);
                    match retried.get(root) {
                        Some(known) => known.clone(),
                        None => {
                            let problem =
                                self.retry_of(root, wish).await.err().map(|error| error.to_string());
                            retried.insert(root, problem.clone());
                            problem
                        }
                    }
                }
                ForAll::DidNotHappen => self.settled_as(effect, Settlement::DidNotHappen, wish).await,
                ForAll::Undo => self.settled_as(effect, Settlement::Undo, wish).await,
                ForAll::Drop => self.settled_as(effect, Settlement::Drop, wish).await,
            };
            match problem {
                None => settled += 1,
                Some(reason) => refused.push(NotSettledView { effect: effect.to_string(), reason }),
            }
        }
        SettledView { settled, refused }
    }

    /// Settles one; returns why that is refused.
    async fn settled_as(&self, effect: &EffectId, how: Settlement, wish: &SettleAll) -> Option<String> {
        let settler = SettledBy { by: &wish.by, reason: Some(wish.reason.clone()) };
        self.settle_as(effect, how, settler).await.err().map(|error| error.to_string())
    }

    async fn retry_of(&self, run: &str, wish: &SettleAll) -> Answered<()> {
        let (step, edits, speaker) = (None, Default::default(), wish.speaker);
        let event = Event::RunRetried { step, edits, speaker, reason: Some(wish.reason.clone()) };
        answer::of(self.control(InstanceId::run(run), event, &wish.by).await?, "tried again").map(drop)
    }
}
