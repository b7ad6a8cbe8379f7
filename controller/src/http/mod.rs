//! HTTP: the API, the dashboard, webhooks and the control socket, all one router of words around the [`Desk`](crate::desk::Desk).
//!
//! ```text
//!  TCP ──────────► Host, Origin ─► session or token ─┐
//!                                                    ├─► router ─► Desk (verbs, views) · Hooks
//!  control.sock ─► peer uid ─► operator ─────────────┘
//! ```
//! The control socket has threads of its own: what strangers do over TCP is never in front of the operator.
//! Every write is a command that is durable before it is answered; every page can be read and used without JavaScript.

mod api;
mod app;
mod auth;
mod clean;
mod crowd;
mod events;
mod extract;
mod finish;
mod health;
mod hooks;
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

use crate::desk::{Code, Refusal, Scope};
pub use api::openapi;
use app::App;
pub use app::Settings;
pub use auth::{GateLink, Vault};
pub use hooks::{HookRefusal, Hooks};
pub use serve::{Error as ServeError, Server, find_control};
