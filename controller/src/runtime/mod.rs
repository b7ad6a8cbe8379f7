//! The runtime: one writer per instance, an outbox that survives, durable timers, admission, and the views.
//!
//! ```text
//!  Handle ──► mailbox ──► shard: load → step → one Batch ──► journal (one synced group)
//!                ▲                                              │ receipt
//!                │                                              ▼
//!     event ◄── Performer ◄── outbox (leases, pools) ◄──── commands; timers ──► wheel
//! ```
//! It never imports the store, Git, HTTP or a connector: only the machine's words, the journal's trait, and plan types.

mod clock;
mod error;
mod handle;
mod performer;
mod request;
pub mod views;

pub use clock::{Clock, ManualClock, RealClock};
pub use error::Error;
pub use handle::{Handle, Runtime, Settings};
pub use performer::{NotifyFailure, Performer};
pub use request::{Activation, Answer, Delivery, PauseScope, Retry, RunFilter, StartRun, Started};
