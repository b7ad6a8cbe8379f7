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
mod app;
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
mod router;
mod serve;
#[cfg(test)]
mod tests;

pub use api::openapi;
use app::App;
pub use app::{Doors, Settings};
pub use auth::{GateLink, Issued, NewToken, Scope, TokenView, Vault};
pub use doors::{Backups, GitDoor, HookRefusal, Hooks, Probes};
pub use refusal::{Code, Refusal};
pub use serve::{Error as ServeError, Server, find_control};
