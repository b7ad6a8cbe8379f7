//! The effects room as the runtime's performer.

use std::sync::Arc;

use adjutant_machine::{
    call::{Call, Notice, Perform},
    event::Event,
    id::Stamp,
};
use adjutant_spec::plan::{NotifyRule, Plan};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    effects::{self, Doors, Effects, Leaving, Unpriced, worst_case},
    runtime::{Handle, NoRoom, NotifyFailure, Performer, Worst},
};

/// Performs effects under the plans that come with them.
///
/// The runtime needs a performer to open, and the doors of the effects need the runtime; the door between them opens once, and
/// what the outbox has left from before waits there.
#[derive(Clone)]
pub(super) struct World {
    effects: Arc<Effects>,
    door: watch::Receiver<Option<Handle>>,
}

impl World {
    /// Returns a performer that waits for the runtime.
    pub(super) fn new(effects: Arc<Effects>, door: watch::Receiver<Option<Handle>>) -> Self {
        Self { effects, door }
    }

    /// Returns the effects once the runtime is there; never while the process ends: nobody reads an answer then, and the outbox
    /// keeps what was asked.
    async fn opened(self) -> Arc<Effects> {
        let Self { effects, mut door } = self;
        if door.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
        effects
    }
}

/// The runtime's pauses and rates as the effects' doors.
///
/// The effects are there before the runtime is; until then nothing leaves.
pub(super) struct LiveDoors(pub(super) watch::Receiver<Option<Handle>>);

/// What is told before the runtime is there.
const ONLY_BEGINS: &str = "the daemon only begins";

impl Doors for LiveDoors {
    fn shut(&self, connector: &str) -> Option<String> {
        let door = self.0.borrow();
        let Some(handle) = &*door else { return Some(ONLY_BEGINS.to_owned()) };
        let pause = handle.door(connector)?;
        Some(format!("{} is paused by {}: {}", pause.scope, pause.by, pause.reason))
    }

    fn take<'a>(&'a self, leaving: Leaving<'a>) -> BoxFuture<'a, Result<(), effects::NoRoom>> {
        let handle = self.0.borrow().clone();
        Box::pin(async move {
            let begins = || effects::NoRoom { reason: ONLY_BEGINS.to_owned(), after: 1_000 };
            let handle = handle.ok_or_else(begins)?;
            let taken = handle.take(leaving.connector, leaving.verb).await;
            taken.map_err(|NoRoom { reason, after }| effects::NoRoom { reason, after })
        })
    }
}

impl Performer for World {
    fn perform(&self, plan: Arc<Plan>, job: Perform, _lease_until: Stamp) -> BoxFuture<'static, Event> {
        let world = self.clone();
        Box::pin(async move { world.opened().await.perform(&plan, &job).await })
    }

    fn worst_case(&self, plan: &Plan, call: &Call) -> Worst {
        match worst_case(plan, call) {
            Ok(None) | Err(Unpriced::Unavailable(_)) => Worst::Nothing,
            Ok(Some(money)) => Worst::AtMost(money),
            Err(unpriced @ (Unpriced::Model(_) | Unpriced::Range(_))) => {
                Worst::Unpriced(unpriced.to_string())
            }
        }
    }

    fn masked(&self, plan: &Plan, value: Value) -> Value {
        self.effects.masked(plan, value)
    }

    fn notify(
        &self,
        plan: Arc<Plan>,
        notice: Notice,
        rule: Option<NotifyRule>,
    ) -> BoxFuture<'static, Result<(), NotifyFailure>> {
        let world = self.clone();
        Box::pin(async move {
            let told = world.opened().await.notify(&plan, &notice, rule.as_ref()).await;
            told.map_err(|failure| {
                let effects::NotifyFailure { retry, is_held, after, message } = failure;
                NotifyFailure { retry, is_held, after, message }
            })
        })
    }
}
