//! HTTP: the API, the dashboard, webhooks and the control socket, all one router over the runtime's handle.
//!
//! ```text
//!  TCP ──────────► Host, Origin ─► session or token ─┐
//!                                                    ├─► router ─► Handle (runtime) · GitDoor · Hooks · Probes
//!  control.sock ─► peer uid ─► operator ─────────────┘
//! ```
//! The control socket has threads of its own: what strangers do over TCP is never in front of the operator.
//! Every write is a command that is durable before it is answered; every page can be read and used without JavaScript.
//! What this room may not import it asks of the traits in [`doors`]; the composition root implements them.

mod api;
mod auth;
mod clean;
mod crowd;
pub mod doors;
mod events;
mod extract;
mod finish;
mod health;
mod intake;
mod metrics;
mod pace;
mod pages;
mod places;
mod refusal;
mod serve;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, sync::Arc};

use adjutant_machine::journal::Journal;
use axum::{Router, extract::DefaultBodyLimit, middleware};
use tokio::sync::watch;

pub use api::openapi;
pub use auth::{GateLink, Issued, NewToken, Scope, TokenView, Vault};
pub use doors::{Backups, GitDoor, HookRefusal, Hooks, Probes};
pub use refusal::{Code, Refusal};
pub use serve::{Error as ServeError, Server, find_control};

use crate::runtime::{Clock, Handle};

/// The longest body of a request; a hook has its connector's own `max_body`.
const LONGEST_BODY: usize = 1024 * 1024;
/// The most requests of one caller that are worked on at once. Strangers have none of these: hooks and links are bounded by
/// connections, by what they may send, and by their own throttles.
const MOST_REQUESTS: usize = 48;

/// The most changes that are worked on at once, of the control socket and of everybody else: twice as many as a listener has
/// connections, so that nobody waits behind changes whose bodies are still coming, nor behind those whose clients are gone.
const MOST_CHANGES: u32 = 512;

/// What HTTP stands on.
pub struct Settings {
    /// The runtime.
    pub handle: Handle,
    /// The store, for sessions and tokens.
    pub journal: Arc<dyn Journal>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The other rooms.
    pub doors: Doors,
    /// The data folder: the control socket lies in it.
    pub data: PathBuf,
    /// Where to listen; only the control socket when absent.
    pub listen: Option<SocketAddr>,
    /// How the operator's browser reaches us, where that is not the listening address.
    pub public_url: Option<String>,
}

/// The rooms behind traits.
#[derive(Clone)]
pub struct Doors {
    /// The source of truth.
    pub git: Arc<dyn GitDoor>,
    /// Webhook intake.
    pub hooks: Arc<dyn Hooks>,
    /// Connector probes.
    pub probes: Arc<dyn Probes>,
    /// Copies of the store.
    pub backups: Arc<dyn Backups>,
}

/// What every handler shares.
#[derive(Clone)]
struct App(Arc<Shared>);

struct Shared {
    handle: Handle,
    vault: Vault,
    clock: Arc<dyn Clock>,
    doors: Doors,
    metrics: metrics::Counters,
    /// Where changes that the control socket asks for run, and those of everybody else: neither waits for the other.
    finishers: (finish::Finisher, finish::Finisher),
    places: Arc<places::Places>,
    hosts: BTreeSet<String>,
    url: String,
    /// Tells streams that the server closes.
    closing: watch::Receiver<bool>,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    /// Returns how many changes run, whether or not anybody waits for them.
    fn changes(&self) -> u64 {
        let (own, others) = &self.finishers;
        (own.running() + others.running()) as u64
    }

    fn knows_host(&self, name: &str) -> bool {
        self.hosts.contains(&name.to_ascii_lowercase())
    }
}

/// Returns the router of both listeners.
fn router(app: App) -> Router {
    let guard = middleware::from_fn_with_state(app.clone(), auth::guard);
    Router::new()
        .merge(api::router())
        .merge(intake::router())
        .merge(health::router())
        .merge(events::router())
        .merge(pages::router())
        .fallback(pages::missing)
        .layer(guard)
        .layer(middleware::map_response(clean::answer))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(app)
}
