//! The door to the runtime: a cheap clone that the command line, HTTP and reconcile share.
//!
//! Everything is durable before it is answered. Reads run beside the writers and never block a worker of the async runtime.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use adjutant_machine::{
    Refusal,
    branch::{is_branch, root_of},
    call::Call,
    event::{Decision, Envelope, Event, GateDecided},
    id::InstanceId,
    verdict::Verdict,
};
use adjutant_spec::plan::{BundleId, Plan};
use futures::{future::BoxFuture, stream::BoxStream};
use tokio::sync::{Semaphore, SemaphorePermit, broadcast, oneshot};

use super::{
    Activation, Answer, CorrectWish, Error, NoRoom, PageWish, Pause, PauseScope, Retry, RunFilter, Settings,
    SignalWish, StartRun, Started, activate, answer,
    core::{Core, Stop},
    identity::run_of,
    mailbox::Job,
    masked, open, pauses, quarantine,
    rates::{self, Leaving},
    reads, signals, start, switch, view,
    views::{
        AppliedView, AuditView, CorrectionView, DeadView, GateView, LogView, MonthView, Notification, Paged,
        PauseView, PinnedBy, RecordView, RunLine, RunView, SlotView, SpendView, StatusView, WhyView,
    },
};

/// The most callers that wait at once.
const SEATS: usize = 4_096;
/// How long a shutdown waits for work under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a runtime.
pub struct Runtime;

/// The door to a runtime.
#[derive(Clone)]
pub struct Handle {
    pub(super) core: Arc<Core>,
    /// Callers that wait for their answers: more of them wait outside, so that memory stays bounded.
    seats: Arc<Semaphore>,
}

/// What every call answers.
type Answered<T> = Result<T, Error>;

impl Runtime {
    /// Opens a runtime on a store: reads the outbox and what is due, and takes up the work that is left.
    ///
    /// # Errors
    /// [`Error::Journal`] where the store cannot be read.
    pub async fn open(settings: Settings) -> Answered<Handle> {
        let core = open::open(settings).await?;
        Ok(Handle { core, seats: Arc::new(Semaphore::new(SEATS)) })
    }
}

impl Handle {
    /// Starts a run; the same key is the same run.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the playbook, [`Error::Invalid`] for inputs, [`Error::Conflict`] for a key that was used with
    /// other inputs.
    pub async fn start(&self, wish: StartRun) -> Answered<Started> {
        let _seat = self.seat().await?;
        let (core, wish) = (Arc::clone(&self.core), masked::wish(&self.core, wish));
        self.core.whole(async move { start::manual(&core, wish).await }).await
    }

    /// Sends a signal to those who wait for it, and starts what it triggers; the same id is the same signal.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the run, [`Error::Invalid`] for what is sent.
    pub async fn signal(&self, wish: SignalWish) -> Answered<Answer> {
        let _seat = self.seat().await?;
        let core = Arc::clone(&self.core);
        self.core.whole(async move { signals::wished(&core, wish).await }).await
    }

    /// Puts an event into an instance's mailbox and waits until it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] where the machine refuses.
    pub async fn deliver(&self, to: InstanceId, envelope: Envelope) -> Answered<Answer> {
        let event = envelope.event.word();
        let told = self.put(to, envelope).await?;
        answer::of(told, event)
    }

    /// Decides a gate: compare-and-set on the digest that was shown.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] for an opposite decision and a stale digest.
    pub async fn decide(&self, decided: GateDecided, by: &str) -> Answered<Answer> {
        let decided = masked::decided(&self.core, decided);
        let run = InstanceId::run(run_of(&decided.gate));
        let word = match decided.decision {
            Decision::Approved { .. } => "approved",
            Decision::Edited { .. } => "edited and approved",
            Decision::Denied => "denied",
        };
        let told = self.control(run, Event::GateDecided(Box::new(decided)), by).await?;
        answer::of(told, word)
    }

    /// Pauses one run.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn pause(&self, run: &str, reason: &str, by: &str) -> Answered<Answer> {
        let event = Event::RunPaused { reason: reason.to_owned() };
        answer::of(self.control(whole(run, "pause")?, event, by).await?, "paused")
    }

    /// Resumes one run.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn resume(&self, run: &str, reason: &str, by: &str) -> Answered<Answer> {
        let event = Event::RunResumed { reason: reason.to_owned() };
        answer::of(self.control(whole(run, "resume")?, event, by).await?, "resumed")
    }

    /// Cancels one run: it unwinds.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn cancel(&self, run: &str, reason: &str, by: &str) -> Answered<Answer> {
        let event = Event::RunCancelled { reason: reason.to_owned() };
        answer::of(
            self.control(InstanceId::run(run), event, by).await?,
            "cancelled: what it did is taken back now, then it ends",
        )
    }

    /// Ends one run at once: nothing is undone, no definition is loaded.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn kill(&self, run: &str, reason: &str, by: &str) -> Answered<Answer> {
        let event = Event::RunKilled { reason: reason.to_owned() };
        let answer = answer::of(self.control(InstanceId::run(run), event, by).await?, "killed")?;
        let run = run.to_owned();
        let left = self.core.read(move |core| view::left_by_kill(core, &run)).await?;
        Ok(Answer { message: format!("{}{left}", answer.message), ..answer })
    }

    /// Lets a quarantined run go on, once it can be read again.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it is damaged.
    pub async fn release(&self, run: &str, by: &str) -> Answered<Answer> {
        tracing::info!(run, by, "a quarantine is to end");
        quarantine::release(&self.core, run).await
    }

    /// Tries a failed run again.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn retry(&self, run: &str, retry: Retry, by: &str) -> Answered<Answer> {
        let Retry { step, edits, speaker, reason } = retry;
        let event = Event::RunRetried { step, edits, speaker, reason };
        let answer = answer::of(self.control(InstanceId::run(run), event, by).await?, "tried again")?;
        let run = run.to_owned();
        let now = self.core.read(move |core| view::after_retry(core, &run)).await?;
        Ok(Answer { message: format!("{}{now}", answer.message), ..answer })
    }

    /// Notes what the text of a route step really is: `None` for none of the route's classes. The run goes on as it was.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a class that the route in force does not have, else as [`Handle::deliver`].
    pub async fn correct(&self, run: &str, judged: CorrectWish, by: &str) -> Answered<Answer> {
        let CorrectWish { step, class } = judged;
        let (run_id, id, named) = (run.to_owned(), step.clone(), class.clone());
        self.core.read(move |core| view::check_class(core, &run_id, &id, named.as_deref())).await?;
        let word = format!("noted as {}", class.as_deref().unwrap_or("none of the classes"));
        let event = Event::ClassCorrected { step, class };
        answer::of(self.control(InstanceId::run(run), event, by).await?, &word)
    }

    /// Lists what people said of a route's decisions, by run.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn corrections(&self, route: &str) -> Answered<Vec<CorrectionView>> {
        let route = route.to_owned();
        self.core.read(move |core| view::corrections(core, &route)).await
    }

    /// Pauses everything, a playbook, or a connector: no further effect of it starts.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Journal`], and [`Error::Invalid`] for an end that is past.
    pub async fn pause_scope(&self, pause: Pause) -> Answered<Answer> {
        let core = Arc::clone(&self.core);
        self.core.whole(async move { switch::pause(&core, pause).await }).await
    }

    /// Ends such a pause.
    ///
    /// # Errors
    /// As [`Handle::pause_scope`].
    pub async fn resume_scope(&self, scope: PauseScope, reason: &str, by: &str) -> Answered<Answer> {
        let (core, reason, by) = (Arc::clone(&self.core), reason.to_owned(), by.to_owned());
        self.core.whole(async move { switch::resume(&core, scope, &reason, &by).await }).await
    }

    /// Returns why nothing may leave to a connector, where a pause shuts its door.
    #[must_use]
    pub fn door(&self, connector: &str) -> Option<PauseView> {
        pauses::door(&self.core.live(), connector).cloned()
    }

    /// Takes a place of every rate that holds for what leaves beside an effect; it is durable when this returns.
    ///
    /// # Errors
    /// [`NoRoom`], which says why, and after how long to ask again.
    pub async fn take(&self, connector: &str, verb: Option<&str>) -> Result<(), NoRoom> {
        let leaving = Leaving { connector: connector.to_owned(), verb: verb.map(str::to_owned) };
        let taken = rates::take(&self.core, leaving).await;
        // What cannot be counted does not leave.
        taken.unwrap_or_else(|error| Err(NoRoom { reason: error.to_string(), after: 1_000 }))
    }

    /// Puts a revision in force, in one batch: its plan, its bundles, its schedules. Compare-and-swap on the revision.
    ///
    /// # Errors
    /// [`Error::Conflict`] where another revision is in force than expected.
    pub async fn activate(&self, activation: Activation) -> Answered<()> {
        let core = Arc::clone(&self.core);
        self.core.whole(async move { activate::activate(&core, activation).await }).await
    }

    /// Returns the plan in force; `None` before the first activation.
    #[must_use]
    pub fn plan(&self) -> Option<Arc<Plan>> {
        self.core.live().plan.clone()
    }

    /// Returns the plan in force, if any, and each one that comes after it; of those that come faster than they are taken, the newest.
    #[must_use]
    pub fn plans(&self) -> BoxStream<'static, Arc<Plan>> {
        activate::plans(&self.core)
    }

    /// Returns the revision in force.
    #[must_use]
    pub fn applied(&self) -> Option<AppliedView> {
        self.core.live().applied.clone()
    }

    /// Lists runs, newest first.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn runs(&self, filter: RunFilter) -> Answered<Vec<RunLine>> {
        self.core.read(move |core| view::runs(core, &filter)).await
    }

    /// Shows a run as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Quarantined`].
    pub async fn run(&self, id: &str) -> Answered<RunView> {
        let id = id.to_owned();
        self.core.read(move |core| view::run(core, &id)).await
    }

    /// Shows a run as it was after one of its entries.
    ///
    /// # Errors
    /// As [`Handle::run`].
    pub async fn run_at(&self, id: &str, seq: u64) -> Answered<RunView> {
        let id = id.to_owned();
        self.core.read(move |core| view::run_at(core, &id, seq)).await
    }

    /// Returns what a run asked of the world, the earliest first; what cannot be read is left out, and an unknown run asked nothing.
    ///
    /// # Errors
    /// What the store answers when it cannot be read.
    pub async fn calls(&self, run: &str) -> Answered<Vec<Call>> {
        let id = run.to_owned();
        self.core.read(move |core| view::calls(core, &id)).await
    }

    /// Shows entries of an instance from a number on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn log(&self, id: &InstanceId, from: u64, limit: usize) -> Answered<Vec<LogView>> {
        let id = id.clone();
        self.core.read(move |core| view::log(core, &id, from, limit)).await
    }

    /// Lists the branches of a run, each before its own, page by page.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the run, or the branch to go on after, is not there.
    pub async fn branches(&self, id: &str, wish: PageWish) -> Answered<Paged<RunLine>> {
        let id = id.to_owned();
        self.core.read(move |core| view::branches(core, &id, &wish)).await
    }

    /// Lists the gates that wait, oldest first, page by page.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the gate to go on after is not there.
    pub async fn inbox(&self, wish: PageWish) -> Answered<Paged<GateView>> {
        self.core.read(move |core| view::inbox(core, &wish)).await
    }

    /// Shows one gate, decided or not.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn gate(&self, id: &str) -> Answered<GateView> {
        let id = id.to_owned();
        self.core.read(move |core| view::gate(core, &id)).await
    }

    /// Lists dead and unknown effects, page by page.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the effect to go on after is not there.
    pub async fn dead(&self, wish: PageWish) -> Answered<Paged<DeadView>> {
        self.core.read(move |core| view::dead(core, &wish)).await
    }

    /// Shows the runtime's part of `status`.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn status(&self) -> Answered<StatusView> {
        self.core.read(view::status).await
    }

    /// Explains a run, a gate, an effect or a delivery: cause behind cause, down to the file.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn why(&self, id: &str) -> Answered<WhyView> {
        let id = id.to_owned();
        self.core.read(move |core| view::why(core, &id)).await
    }

    /// Lists business records of a kind by key, page by page.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn records(&self, kind: &str, wish: PageWish) -> Answered<Paged<RecordView>> {
        let kind = kind.to_owned();
        self.core.read(move |core| view::records(core, &kind, &wish)).await
    }

    /// Shows what was spent against the caps in force.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn spend(&self) -> Answered<SpendView> {
        self.core.read(view::spend).await
    }

    /// Shows what a month cost, such as `2026-11`; the present one where none is named.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no month.
    pub async fn month(&self, month: Option<&str>) -> Answered<MonthView> {
        let month = month.map(str::to_owned);
        self.core.read(move |core| view::month(core, month.as_deref())).await
    }

    /// Lists the last slots of a playbook's schedule, newest first.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn slots(&self, playbook: &str, limit: usize) -> Answered<Vec<SlotView>> {
        let playbook = playbook.to_owned();
        self.core.read(move |core| view::slots(core, &playbook, limit)).await
    }

    /// Checks the hash chain, and that every instance's fold and index rows are what is stored.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn audit(&self) -> Answered<AuditView> {
        self.core.read(view::audit).await
    }

    /// Returns the live runs by the bundle that they pin: what a change of a playbook touches.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn live_runs(&self) -> Answered<BTreeMap<BundleId, PinnedBy>> {
        self.core.read(view::live_runs).await
    }

    /// Returns a receiver of changes; one that lags misses some and reads again.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notification> {
        self.core.changes.subscribe()
    }

    /// Resolves when the store has failed and the process must exit, with the reason and its exit code.
    #[must_use]
    pub fn failed(&self) -> BoxFuture<'static, Error> {
        let mut failure = self.core.failure.subscribe();
        Box::pin(async move {
            match failure.wait_for(Option::is_some).await {
                Ok(stop) => {
                    stop.as_ref().map_or_else(|| Error::unavailable("the runtime stopped"), Stop::error)
                }
                Err(_) => Error::unavailable("the runtime is closed"),
            }
        })
    }

    /// Waits until nothing is under way and nothing is due: for `up --once` and tests.
    pub async fn settled(&self) {
        self.core.settled().await;
    }

    /// Takes no more work, lets what is under way finish for a while, and leaves the rest in the outbox. When it returns and
    /// the last handle is dropped, nothing of the runtime holds the store any more.
    pub async fn shutdown(&self) {
        open::close(&self.core, PATIENCE).await;
    }

    pub(super) async fn seat(&self) -> Answered<SemaphorePermit<'_>> {
        self.seats.acquire().await.map_err(|_| Error::unavailable("the runtime is closing"))
    }

    /// Puts an event of a person into a mailbox and waits.
    pub(super) async fn control(&self, to: InstanceId, event: Event, by: &str) -> Answered<Verdict> {
        let id = self.core.unique(event.word());
        let envelope = Envelope { at: self.core.clock.now(), id, by: by.to_owned(), event };
        self.put(to, envelope).await
    }

    async fn put(&self, to: InstanceId, envelope: Envelope) -> Answered<Verdict> {
        self.core.check_open()?;
        if !to.is_run() {
            return Err(Error::NotFound { what: to.kind.word(), id: to.name });
        }
        let _seat = self.seat().await?;
        let (sender, receiver) = oneshot::channel();
        let job = Job::Event { envelope: Box::new(envelope), consume: None, reply: Some(sender) };
        let name = to.name.clone();
        self.core.send(to, job);
        let told = receiver.await.map_err(|_| Error::unavailable("the runtime is closing"))?;
        match told {
            // The machine knows no name of what it never began.
            Ok(Verdict::Refused(Refusal::NotStarted)) => {
                let run = InstanceId::run(&name);
                self.core.read(move |core| reads::exists(core, &run)).await?;
                Err(Error::NotFound { what: "run", id: name })
            }
            Err(Error::Quarantined { reason, .. }) => Err(Error::Quarantined { id: name, reason }),
            other => other,
        }
    }
}

/// Returns the run that is paused or resumed: always the whole of it, which tells its branches.
pub(super) fn whole(run: &str, verb: &str) -> Answered<InstanceId> {
    if is_branch(run) {
        let root = root_of(run);
        return Err(Error::invalid(format!(
            "\"{run}\" is a part of run \"{root}\", which can {verb} as a whole"
        )));
    }
    Ok(InstanceId::run(run))
}
