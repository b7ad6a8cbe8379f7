//! Runs: start, list, show, explain, steer.

use adjutant_machine::id::InstanceId;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{
    Answered, CorrectWish, Desk, Reason, Refusal, ReplayWish, RetryWish, RollbackWish, Scope, SendSignal,
    StartWish, Who,
};
use crate::runtime::{
    Another, Answer, PageWish, PlayAgain, Retry, RollBack, RunFilter, SignalWish, StartRun, Started,
    views::{LogView, Paged, ReplayView, RollbackView, RunLine, RunView, ScenarioView, WhyView},
};

/// The most entries of a log that are read at once, and how many where nobody says.
const MOST_ENTRIES: usize = 1_000;

/// Which entries of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogWish {
    /// The first one; 1 when absent.
    pub from: Option<u64>,
    /// At most so many; 1,000 when absent.
    pub limit: Option<usize>,
}

/// Splits `run@seq` into the run and the entry that it is shown at.
///
/// # Errors
/// A sequence number that is none.
pub fn split_at(id: &str) -> Result<(&str, Option<u64>), Refusal> {
    let Some((run, seq)) = id.rsplit_once('@') else { return Ok((id, None)) };
    let seq = seq.parse().map_err(|_| Refusal::invalid(format!("\"{seq}\" is no sequence number")))?;
    Ok((run, Some(seq)))
}

impl Desk {
    /// Starts a run; the same key is the same run.
    ///
    /// # Errors
    /// Without the scope, for an unknown playbook, wrong inputs, or a key that was used with other inputs.
    pub async fn start(&self, who: &Who, wish: StartWish) -> Answered<Started> {
        who.must(Scope::Run)?;
        let StartWish { playbook, input, key, dry } = wish;
        let (by, speaker) = (who.by.clone(), who.speaker());
        let trigger = serde_json::json!({ "kind": "manual", "by": by, "speaker": speaker });
        Ok(self.handle.start(StartRun { playbook, input, key, by, speaker, dry, trigger }).await?)
    }

    /// Lists runs, newest first.
    ///
    /// # Errors
    /// Without the scope, and for a playbook or a run to go on after that is not there.
    pub async fn runs(&self, who: &Who, filter: RunFilter) -> Answered<Vec<RunLine>> {
        who.must(Scope::Read)?;
        Ok(self.handle.runs(filter).await?)
    }

    /// Shows a run, now or as it was after one of its entries.
    ///
    /// # Errors
    /// Without the scope, and for a run that is not there or set aside.
    pub async fn run(&self, who: &Who, id: &str, at: Option<u64>) -> Answered<RunView> {
        who.must(Scope::Read)?;
        Ok(match at {
            Some(seq) => self.handle.run_at(id, seq).await?,
            None => self.handle.run(id).await?,
        })
    }

    /// Lists the branches of a run, each before its own, page by page.
    ///
    /// # Errors
    /// Without the scope, and for a run, or a branch to go on after, that is not there.
    pub async fn branches(&self, who: &Who, id: &str, page: PageWish) -> Answered<Paged<RunLine>> {
        who.must(Scope::Read)?;
        Ok(self.handle.branches(id, page).await?)
    }

    /// Shows the entries of an instance.
    ///
    /// # Errors
    /// Without the scope, for an instance that is not there, and for a number that no entry can have.
    pub async fn log(&self, who: &Who, id: &InstanceId, wish: LogWish) -> Answered<Vec<LogView>> {
        who.must(Scope::Read)?;
        if wish.from.is_some_and(|from| i64::try_from(from).is_err()) {
            return Err(Refusal::invalid("no log has an entry of so high a number"));
        }
        let limit = wish.limit.unwrap_or(MOST_ENTRIES).clamp(1, MOST_ENTRIES);
        Ok(self.handle.log(id, wish.from.unwrap_or(1), limit).await?)
    }

    /// Explains a run, a gate, an effect or a delivery: cause behind cause, down to the file.
    ///
    /// # Errors
    /// Without the scope, and for what is not there.
    pub async fn why(&self, who: &Who, id: &str) -> Answered<WhyView> {
        who.must(Scope::Read)?;
        Ok(self.handle.why(id).await?)
    }

    /// Sends a signal to those who wait for it, and starts what it triggers.
    ///
    /// # Errors
    /// Without the scope, for a run that is not there, and for a signal that could be for nobody.
    pub async fn signal(&self, who: &Who, wish: SendSignal) -> Answered<Answer> {
        who.must(Scope::Run)?;
        let SendSignal { signal, to, key, data, id } = wish;
        let (by, speaker) = (who.by.clone(), who.speaker());
        let data = serde_json::Value::Object(data.into_iter().collect());
        Ok(self.handle.signal(SignalWish { signal, to, key, data, id, by, speaker }).await?)
    }

    /// Pauses a run: no further effect starts.
    ///
    /// # Errors
    /// Without the scope, for a run that is not there, and one that has ended; the same for every verb that steers a run.
    pub async fn pause(&self, who: &Who, id: &str, wish: Reason) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.pause(id, &wish.reason, &who.by).await?)
    }

    /// Lets a paused run go on.
    ///
    /// # Errors
    /// As [`Desk::pause`].
    pub async fn resume(&self, who: &Who, id: &str, wish: Reason) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.resume(id, &wish.reason, &who.by).await?)
    }

    /// Cancels a run: what it did is taken back.
    ///
    /// # Errors
    /// As [`Desk::pause`].
    pub async fn cancel(&self, who: &Who, id: &str, wish: Reason) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.cancel(id, &wish.reason, &who.by).await?)
    }

    /// Writes a run down as the scenario that plays it again.
    ///
    /// # Errors
    /// Without the scope, for a run that is not there, and for a branch.
    pub async fn scenario(&self, who: &Who, id: &str) -> Answered<ScenarioView> {
        who.must(Scope::Read)?;
        Ok(self.handle.scenario(id).await?)
    }

    /// Plays a run again, as it was or with something changed: nothing of it touches the world, and nothing is kept.
    ///
    /// # Errors
    /// Without the scope, for a run or a revision that is not there, and for a change that leads nowhere.
    pub async fn replay(&self, who: &Who, id: &str, wish: ReplayWish) -> Answered<ReplayView> {
        who.must(Scope::Read)?;
        let ReplayWish { set, to, assume } = wish;
        let by = match to.as_deref() {
            None => None,
            Some("applied") => self.in_force(),
            Some(revision) => {
                let company = self.doors.git.company_at(revision).await?;
                Some(Another { revision: company.revision, plan: company.plan })
            }
        };
        let wish = PlayAgain { changes: set, by, assumes: assume };
        Ok(self.handle.replay(id, wish).await?)
    }

    /// Returns the company as it is in force.
    fn in_force(&self) -> Option<Another> {
        let revision = self.handle.applied().map(|applied| applied.revision).unwrap_or_default();
        self.handle.plan().map(|plan| Another { revision, plan })
    }

    /// Shows what taking a run back would come to; changes nothing.
    ///
    /// # Errors
    /// Without the scope, for a run that is not there, and for a branch.
    pub async fn rollback(&self, who: &Who, id: &str) -> Answered<RollbackView> {
        who.must(Scope::Read)?;
        Ok(self.handle.rollback(id).await?)
    }

    /// Takes a run back as a preview showed it, whether it goes on or has ended.
    ///
    /// # Errors
    /// As [`Desk::pause`], without a reason, and where it is not as it was shown.
    pub async fn roll_back(&self, who: &Who, id: &str, wish: RollbackWish) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        let RollbackWish { token, reason } = wish;
        if reason.trim().is_empty() {
            return Err(Refusal::invalid("why it is taken back is not said").help("the log keeps the reason"));
        }
        Ok(self.handle.roll_back(id, RollBack { token, reason }, &who.by).await?)
    }

    /// Ends a run at once: nothing is taken back.
    ///
    /// # Errors
    /// As [`Desk::pause`].
    pub async fn kill(&self, who: &Who, id: &str, wish: Reason) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.kill(id, &wish.reason, &who.by).await?)
    }

    /// Lets a quarantined run go on, once what was damaged is repaired: it is looked at before.
    ///
    /// # Errors
    /// As [`Desk::pause`], and while it is still damaged.
    pub async fn release(&self, who: &Who, id: &str) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.release(id, &who.by).await?)
    }

    /// Tries a failed run again, with corrected values where given.
    ///
    /// # Errors
    /// As [`Desk::pause`].
    pub async fn retry(&self, who: &Who, id: &str, wish: RetryWish) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        let retry = Retry { step: wish.step, edits: wish.edits, speaker: who.speaker(), reason: None };
        Ok(self.handle.retry(id, retry, &who.by).await?)
    }

    /// Notes what the text of a route step really is; the run goes on as it was.
    ///
    /// # Errors
    /// As [`Desk::pause`], and for a class that the route does not have.
    pub async fn correct(&self, who: &Who, id: &str, wish: CorrectWish) -> Answered<Answer> {
        who.must(Scope::Operate)?;
        Ok(self.handle.correct(id, wish, &who.by).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_may_be_asked_for_at_an_entry() {
        assert_eq!(split_at("lead-abc@12").unwrap(), ("lead-abc", Some(12)));
        assert_eq!(split_at("lead-abc").unwrap(), ("lead-abc", None));
        assert!(split_at("lead-abc@x").is_err());
    }
}
