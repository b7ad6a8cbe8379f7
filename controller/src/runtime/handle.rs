//! The door to the runtime: a cheap clone that the command line, HTTP and reconcile share.
//!
//! Everything is durable before it is answered. Reads run beside the writers and never block a worker of the async runtime.

use std::sync::Arc;

use adjutant_machine::{
    event::{Envelope, GateDecided, Settlement},
    id::{EffectId, InstanceId},
    journal::Journal,
};
use adjutant_spec::plan::Plan;
use futures::future::BoxFuture;
use tokio::sync::broadcast;

use super::{
    Activation, Answer, Clock, Delivery, Error, PauseScope, Performer, Retry, RunFilter, StartRun, Started,
    views::{
        AppliedView, AuditView, DeadView, GateView, LogView, Notification, RecordView, RunLine, RunView,
        SlotView, SpendView, StatusView, WhyView,
    },
};

/// What a runtime stands on.
pub struct Settings {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The world.
    pub performer: Arc<dyn Performer>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The most verbs at once.
    pub verbs: usize,
    /// The most agents at once, where no `active_agents` limit says less.
    pub agents: usize,
    /// The most bytes of decoded states that are kept in memory.
    pub cache_bytes: usize,
}

/// Opens a runtime.
pub struct Runtime;

/// The door to a runtime.
#[derive(Clone)]
pub struct Handle;

/// What every call answers.
type Answered<T> = Result<T, Error>;

fn closed<T>() -> Answered<T> {
    Err(Error::unavailable("the runtime is not open"))
}

impl Runtime {
    /// Opens a runtime on a store: reads the outbox and what is due, and takes up the work that is left.
    ///
    /// # Errors
    /// [`Error::Journal`] where the store cannot be read.
    pub async fn open(_settings: Settings) -> Answered<Handle> {
        closed()
    }
}

impl Handle {
    /// Starts a run; the same key is the same run.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the playbook, [`Error::Invalid`] for inputs, [`Error::Conflict`] for the same key with other inputs.
    pub async fn start(&self, _wish: StartRun) -> Answered<Started> {
        closed()
    }

    /// Takes in what a connector tells: starts every playbook whose trigger matches, once for each delivery id.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the sender shall come again.
    pub async fn intake(&self, _delivery: Delivery) -> Answered<Vec<Started>> {
        closed()
    }

    /// Puts an event into an instance's mailbox and waits until it is durable.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] where the machine refuses.
    pub async fn deliver(&self, _to: InstanceId, _envelope: Envelope) -> Answered<Answer> {
        closed()
    }

    /// Decides a gate: compare-and-set on the digest that was shown.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] for an opposite decision and a stale digest.
    pub async fn decide(&self, _decided: GateDecided, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Pauses one run.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn pause(&self, _run: &str, _reason: &str, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Resumes one run.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn resume(&self, _run: &str, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Cancels one run: it unwinds.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn cancel(&self, _run: &str, _reason: &str, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Ends one run at once: nothing is undone, no definition is loaded.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn kill(&self, _run: &str, _reason: &str, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Tries a failed run again.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn retry(&self, _run: &str, _retry: Retry, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Settles an unknown or dead effect.
    ///
    /// # Errors
    /// As [`Handle::deliver`].
    pub async fn settle(&self, _effect: &EffectId, _how: Settlement, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Pauses everything, a playbook, or a connector: no further effect of it starts.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn pause_scope(&self, _scope: PauseScope, _reason: &str, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Ends such a pause.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn resume_scope(&self, _scope: PauseScope, _by: &str) -> Answered<Answer> {
        closed()
    }

    /// Puts a revision in force, in one batch: its plan, its bundles, its schedules. Compare-and-swap on the revision.
    ///
    /// # Errors
    /// [`Error::Conflict`] where another revision is in force than expected.
    pub async fn activate(&self, _activation: Activation) -> Answered<()> {
        closed()
    }

    /// Returns the plan in force; `None` before the first activation.
    #[must_use]
    pub fn plan(&self) -> Option<Arc<Plan>> {
        None
    }

    /// Returns the revision in force.
    #[must_use]
    pub fn applied(&self) -> Option<AppliedView> {
        None
    }

    /// Lists runs, newest first.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn runs(&self, _filter: RunFilter) -> Answered<Vec<RunLine>> {
        closed()
    }

    /// Shows a run as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Quarantined`].
    pub async fn run(&self, _id: &str) -> Answered<RunView> {
        closed()
    }

    /// Shows a run as it was after one of its entries.
    ///
    /// # Errors
    /// As [`Handle::run`].
    pub async fn run_at(&self, _id: &str, _seq: u64) -> Answered<RunView> {
        closed()
    }

    /// Shows entries of an instance from a number on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn log(&self, _id: &InstanceId, _from: u64, _limit: usize) -> Answered<Vec<LogView>> {
        closed()
    }

    /// Lists the gates that wait, oldest first.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn inbox(&self) -> Answered<Vec<GateView>> {
        closed()
    }

    /// Shows one gate, decided or not.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn gate(&self, _id: &str) -> Answered<GateView> {
        closed()
    }

    /// Lists dead and unknown effects.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn dead(&self) -> Answered<Vec<DeadView>> {
        closed()
    }

    /// Shows the runtime's part of `status`.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn status(&self) -> Answered<StatusView> {
        closed()
    }

    /// Explains a run, a gate or an effect: cause behind cause, down to the file.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn why(&self, _id: &str) -> Answered<WhyView> {
        closed()
    }

    /// Lists business records of a kind after a key; at most 1,000.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn records(
        &self,
        _kind: &str,
        _after: Option<&str>,
        _limit: usize,
    ) -> Answered<Vec<RecordView>> {
        closed()
    }

    /// Shows what was spent against the caps in force.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn spend(&self) -> Answered<SpendView> {
        closed()
    }

    /// Lists the last slots of a playbook's schedule, newest first.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn slots(&self, _playbook: &str, _limit: usize) -> Answered<Vec<SlotView>> {
        closed()
    }

    /// Checks the hash chain, and that every instance's fold and index rows are what is stored.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn audit(&self) -> Answered<AuditView> {
        closed()
    }

    /// Returns a receiver of changes; one that lags misses some and reads again.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notification> {
        broadcast::channel(1).1
    }

    /// Resolves when the store has failed and the process must exit, with the reason and its exit code.
    #[must_use]
    pub fn failed(&self) -> BoxFuture<'static, Error> {
        Box::pin(std::future::pending())
    }

    /// Waits until nothing is under way and nothing is due: for `up --once` and tests.
    pub async fn settled(&self) {}

    /// Takes no more work, lets what is under way finish for a while, and leaves the rest in the outbox.
    pub async fn shutdown(&self) {}
}
