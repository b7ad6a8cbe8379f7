//! Taking a run back: first what it would come to, then exactly that.

use adjutant_machine::{event::Event, id::InstanceId};

use super::{
    Answer, Error, Handle, RollBack, answer,
    handle::whole,
    view,
    views::{BlockedView, RollbackView},
};

type Answered<T> = Result<T, Error>;

const DONE: &str =
    "taken back: what can be is taken back now, the last first; what needs a person comes to the inbox";

impl Handle {
    /// Returns what taking a run back would come to; nothing is changed.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Quarantined`], and [`Error::Invalid`] for a branch.
    pub async fn rollback(&self, run: &str) -> Answered<RollbackView> {
        let run = whole(run, "be taken back")?.name;
        self.core.read(move |core| view::rollback(core, &run)).await
    }

    /// Takes a run back, exactly as a preview showed it.
    ///
    /// # Errors
    /// [`Error::Conflict`] where another preview would be shown now, or something stands in the way; else as [`Handle::rollback`].
    pub async fn roll_back(&self, run: &str, wish: RollBack, by: &str) -> Answered<Answer> {
        let shown = self.rollback(run).await?;
        if let Some(blocked) = shown.blocked.first() {
            return Err(Error::Conflict { reason: in_the_way(blocked) });
        }
        if shown.token != wish.token {
            let reason = format!("\"{run}\" is not as it was shown: what would be taken back is another");
            return Err(Error::Conflict { reason });
        }
        let event = Event::RunRolledBack { reason: wish.reason, seen: Some(shown.seq) };
        answer::of(self.control(InstanceId::run(run), event, by).await?, DONE)
    }
}

fn in_the_way(blocked: &BlockedView) -> String {
    let next = blocked.next.as_ref().map_or_else(String::new, |next| format!(": type `{next}`"));
    format!("\"{}\" stands in the way: {}{next}", blocked.run, blocked.reason)
}
