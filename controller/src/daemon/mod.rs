//! The daemon, put together from its rooms: the composition root, the hooks of its repository, and the door to Git.
//!
//! ```text
//!  journal ─► runtime ◄─── World (performer) ─► effects ◄── mail drop, webhooks
//!                ▲                                             │
//!                └── reconcile ◄── source (files, Git)         ▼
//!                        ▲                                 deliveries
//!                        └──────── http (API, dashboard, hooks, control socket)
//! ```
//! What is opened last is closed first. Nothing is lost when it is not closed at all.
//! Nothing here is printed: the command `up` opens it and tells of it.

mod boot;
mod doors;
mod error;
mod git_door;
pub(crate) mod hook;
mod intake;
mod models;
mod rehearsal;
mod truth;
mod world;

pub(crate) use boot::{Address, Daemon, Rooms};
pub(crate) use error::Error;
pub(crate) use git_door::seen;
pub(crate) use truth::Truth;
