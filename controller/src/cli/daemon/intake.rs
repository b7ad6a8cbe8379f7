//! Mails that are dropped into a folder become deliveries; each is moved away only after it is recorded.

use std::sync::Arc;

use adjutant_machine::journal::JournalError;
use tokio::sync::watch;

use crate::{
    effects::{
        self, Effects,
        intake::{self, Refused},
    },
    runtime::{self, Delivery, Handle},
};

/// Returns a delivery as the runtime takes it.
pub(super) fn delivery(from: effects::Delivery) -> Delivery {
    let effects::Delivery { connector, event, id, fields, by } = from;
    Delivery { connector, event, id, fields, by }
}

/// Watches the drop folders of the plan in force until told to stop.
pub(super) async fn watch_folders(effects: Arc<Effects>, handle: Handle, stop: watch::Receiver<bool>) {
    let deliver = move |found: effects::Delivery| {
        let handle = handle.clone();
        async move {
            let started = handle.intake(delivery(found)).await.map_err(refused)?;
            for run in &started {
                tracing::info!(run = run.run, created = run.created, "mail taken in");
            }
            Ok(())
        }
    };
    intake::watch(effects, deliver, stop).await;
}

/// A mail that was not recorded for want of a store stays where it is.
fn refused(error: runtime::Error) -> Refused {
    match error {
        runtime::Error::Unavailable { .. }
        | runtime::Error::Journal(JournalError::Disk(_) | JournalError::Busy) => {
            Refused::Later(error.to_string())
        }
        other => Refused::Never(other.to_string()),
    }
}
