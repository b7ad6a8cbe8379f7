//! The operator's desk: one function for each verb, one type for each view, each wish and each answer.
//!
//! ```text
//!  API · pages · links ──► Desk::verb(who, wish) ──► runtime · reconcile · doors ──► view, answer or Refusal
//!  command line ─► the same wish as JSON, over the API ─► the same view, read back and put into words
//! ```
//! Who may do what is judged here and nowhere else. Views that one room fills stand in that room, so that nothing is copied on
//! the way: [`views`] names them all. The desk knows no HTTP, no terminal and no store; what it may not import it asks of the
//! traits in [`doors`], which the composition root implements.

mod arrivals;
mod deliveries;
pub mod doors;
mod gates;
mod people;
mod refusal;
mod runs;
mod source;
mod status;
pub mod views;
mod who;
mod wishes;
mod world;

use std::sync::Arc;

use adjutant_machine::id::Stamp;
use adjutant_spec::plan::Plan;
use tokio::sync::broadcast::Receiver;

pub use crate::{
    reconcile::Done,
    runtime::{Answer, Clock, CorrectWish, DeliveryFilter, ForAll, Handle, PageWish, RunFilter, Started},
};
pub use arrivals::{Received, Told};
pub use doors::{Backups, Doors, GitDoor, Probes};
pub use gates::Decide;
pub use people::NewToken;
pub use refusal::{Answered, Code, Refusal};
pub use runs::{LogWish, split_at};
pub use who::{Proof, Scope, Who};
pub use wishes::{
    Approve, ApproveProposal, BackupWish, Because, ConfirmPlan, Deny, DropWish, How, NewProposal, PauseWish,
    PlanWish, Reason, ReplayWish, RetryWish, RevertWish, RollbackWish, SendSignal, Settle, SettleCause,
    StartWish,
};

/// What every verb stands on.
#[derive(Clone)]
pub struct Desk {
    handle: Handle,
    clock: Arc<dyn Clock>,
    doors: Doors,
    /// How the operator's browser reaches us; empty where only the control socket is served.
    pub url: String,
}

impl Desk {
    /// Returns a desk whose dashboard is found there.
    #[must_use]
    pub fn new(handle: Handle, clock: Arc<dyn Clock>, doors: Doors, url: String) -> Self {
        Self { handle, clock, doors, url }
    }

    /// Returns the plan in force; `None` before the first activation.
    #[must_use]
    pub fn plan(&self) -> Option<Arc<Plan>> {
        self.handle.plan()
    }

    /// Returns the present moment.
    #[must_use]
    pub fn now(&self) -> Stamp {
        self.clock.now()
    }

    /// Returns whether a revision is in force.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn is_in_force(&self) -> Answered<bool> {
        Ok(self.handle.status().await?.applied.is_some())
    }

    /// Returns what the hooks of connectors were told.
    #[must_use]
    pub fn hooks(&self) -> Vec<views::HookView> {
        self.handle.hooks()
    }

    /// Returns a receiver of changes; one that lags misses some and reads again.
    #[must_use]
    pub fn changes(&self) -> Receiver<views::Notification> {
        self.handle.subscribe()
    }
}
