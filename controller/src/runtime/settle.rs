//! Settling what failed for good, or what nobody can tell: one call, or all that one cause struck.

use std::collections::BTreeSet;

use adjutant_machine::{
    event::{Event, Settlement},
    id::EffectId,
};

use super::{
    Answer, Error, ForAll, Handle, SettleAll, answer, view,
    views::{CauseView, DeadView, NotSettledView, SettledView, Way},
};

type Answered<T> = Result<T, Error>;

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
        let (mut settled, mut refused, mut retried) = (0, Vec::new(), BTreeSet::new());
        for letter in letters {
            let effect = &letter.effect.id;
            let is_retried = wish.how == ForAll::Retry && letter.effect.ways.contains(&Way::Retry);
            let answer = if is_retried {
                // A run goes on as a whole: its second dead call comes along.
                if retried.insert(effect.run.clone()) { self.retry_of(effect, wish).await } else { Ok(()) }
            } else {
                let how = match wish.how {
                    ForAll::Retry => Settlement::DidNotHappen,
                    ForAll::Undo => Settlement::Undo,
                    ForAll::Drop => Settlement::Drop,
                };
                let settler = SettledBy { by: &wish.by, reason: Some(wish.reason.clone()) };
                self.settle_as(effect, how, settler).await.map(drop)
            };
            match answer {
                Ok(()) => settled += 1,
                Err(error) => {
                    refused.push(NotSettledView { effect: effect.to_string(), reason: error.to_string() })
                }
            }
        }
        SettledView { settled, refused }
    }

    async fn retry_of(&self, effect: &EffectId, wish: &SettleAll) -> Answered<()> {
        let (step, edits, speaker) = (None, Default::default(), wish.speaker);
        let event = Event::RunRetried { step, edits, speaker, reason: Some(wish.reason.clone()) };
        answer::of(self.control(effect.instance(), event, &wish.by).await?, "tried again").map(drop)
    }
}
