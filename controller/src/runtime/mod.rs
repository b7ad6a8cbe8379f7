//! The runtime: one writer per instance, an outbox that survives, durable timers, admission, and the views.
//!
//! ```text
//!  Handle ──► mailbox ──► shard: load → step → one Batch ──► journal (one synced group)
//!                ▲                                              │ receipt
//!                │                                              ▼
//!     event ◄── Performer ◄── outbox (leases, pools) ◄──── commands; timers ──► wheel
//! ```
//! It never imports the store, Git, HTTP or a connector: only the machine's words, the journal's trait, and plan types.

mod activate;
mod admission;
mod answer;
mod begin;
mod clock;
mod core;
mod counted;
mod counts;
mod crash;
mod deliveries;
mod draft;
mod drift;
mod error;
mod gone;
mod group;
mod handle;
mod head;
mod hooks;
mod identity;
mod incoming;
mod keys;
mod leases;
mod lines;
mod loops;
mod mailbox;
mod masked;
mod money;
mod notices;
mod open;
mod outbox;
mod pauses;
mod performer;
mod places;
mod pools;
mod project;
mod put_right;
mod quarantine;
mod queues;
mod rates;
mod reads;
mod records;
mod replay;
mod request;
mod resume;
mod retention;
mod rollback;
mod rows;
mod schedule;
mod settings;
mod settle;
mod shard;
mod shared;
mod signals;
mod start;
mod switch;
mod tallies;
mod tell;
mod tombstone;
mod transition;
mod turns;
mod view;
pub mod views;
mod wheel;
mod windows;

#[cfg(test)]
mod tests;

pub use clock::{Clock, ManualClock, RealClock};
pub use drift::stored as stored_clock;
pub use error::Error;
pub use handle::{Handle, Runtime};
pub use identity::Started;
pub use performer::{NotifyFailure, Performer, Worst};
pub use replay::{Another, PlayAgain};
pub use request::{
    Activation, Answer, CorrectWish, Delivery, DeliveryFilter, ForAll, NoRoom, PageWish, Pause, PauseScope,
    Retry, RollBack, RunFilter, SetAside, SettleAll, SignalWish, StartRun, Story, Taken,
};
pub use settings::Settings;
pub use settle::SettledBy;
pub use tallies::Heard;
