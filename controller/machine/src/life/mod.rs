//! The life-cycle machines: run, effect, gate, timer, breaker, revision, proposal, delivery. Each is a statig machine over a state of our own that is stored.
//!
//! Rules that the bridge keeps (each avoids a trap of statig): no entry or exit actions, since a restored machine would run
//! them again; every state hangs under one root that refuses, since an unhandled event is dropped silently; a machine is
//! restored in its uninitialised form, since the other way is unsafe; shared storage never changes.

pub mod breaker;
mod bridge;
pub mod delivery;
pub mod effect;
pub mod gate;
pub mod mailbox;
mod pauses;
pub mod proposal;
pub mod revision;
pub mod run;
pub mod table;
pub mod timer;

pub use bridge::{Answer, Driven, Kind, Lifecycle};
pub(crate) use bridge::{Root, machine};
