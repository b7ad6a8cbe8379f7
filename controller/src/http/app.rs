//! What HTTP stands on, and what every handler shares.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, sync::Arc};

use adjutant_machine::journal::Journal;
use tokio::sync::{broadcast::error::RecvError, watch};

use super::{auth::Vault, finish::Finisher, hooks::Hooks, metrics::Counters, places::Places};
use crate::desk::{Clock, Desk, Doors, Handle};

/// The longest body of a request; a hook has its connector's own `max_body`.
pub(super) const LONGEST_BODY: usize = 1024 * 1024;
/// The most requests of one caller that are worked on at once. Strangers have none of these: hooks and links are bounded by
/// connections, by what they may send, and by their own throttles.
pub(super) const MOST_REQUESTS: usize = 48;

/// The most changes that are worked on at once, of the control socket and of everybody else: twice as many as a listener has
/// connections, so that nobody waits behind changes whose bodies are still coming, nor behind those whose clients are gone.
pub(super) const MOST_CHANGES: u32 = 512;

/// What HTTP stands on.
pub struct Settings {
    /// The runtime.
    pub handle: Handle,
    /// The store, for sessions and tokens.
    pub journal: Arc<dyn Journal>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The rooms behind the desk.
    pub doors: Doors,
    /// Takes in what webhooks bring.
    pub hooks: Arc<dyn Hooks>,
    /// The data folder: the control socket lies in it.
    pub data: PathBuf,
    /// Where to listen; only the control socket when absent.
    pub listen: Option<SocketAddr>,
    /// How the operator's browser reaches us, where that is not the listening address.
    pub public_url: Option<String>,
}

/// What every handler shares.
#[derive(Clone)]
pub(super) struct App(pub(super) Arc<Shared>);

/// See [`App`].
pub(super) struct Shared {
    pub(super) desk: Desk,
    pub(super) vault: Vault,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) metrics: Counters,
    /// Where changes that the control socket asks for run, and those of everybody else: neither waits for the other.
    pub(super) finishers: (Finisher, Finisher),
    pub(super) places: Arc<Places>,
    pub(super) hosts: BTreeSet<String>,
    /// Tells streams that the server closes.
    pub(super) closing: watch::Receiver<bool>,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    /// Returns how many changes run, whether or not anybody waits for them.
    pub(super) fn changes(&self) -> u64 {
        let (own, others) = &self.finishers;
        (own.running() + others.running()) as u64
    }

    /// Returns whether a request may name this host.
    pub(super) fn knows_host(&self, name: &str) -> bool {
        self.hosts.contains(&name.to_ascii_lowercase())
    }
}

/// Counts transitions until the server closes.
pub(super) async fn count(app: App) {
    let mut changes = app.desk.changes();
    let mut closing = app.closing.clone();
    loop {
        let (word, times) = tokio::select! {
            change = changes.recv() => match change {
                Ok(change) => (change.kind, 1),
                Err(RecvError::Lagged(missed)) => ("missed".to_owned(), missed),
                Err(RecvError::Closed) => return,
            },
            () = closed(&mut closing) => return,
        };
        app.metrics.add(word, times);
    }
}

/// Waits until the server closes, or is gone.
pub(super) async fn closed(closing: &mut watch::Receiver<bool>) {
    drop(closing.wait_for(|closed| *closed).await);
}
