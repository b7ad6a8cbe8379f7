//! Every decision of Adjutant, pure: no clock, no files, no network, no randomness, no async.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod about;
pub mod accept;
mod bury;
pub mod chain;
pub mod channel;
pub mod codec;
pub mod command;
pub mod contract;
mod decide;
pub mod decided;
mod definition;
mod draft;
pub mod eval;
pub mod event;
pub mod evolve;
pub mod fact;
pub mod id;
pub mod journal;
mod kill;
pub mod labels;
pub mod life;
pub mod memory;
pub mod money;
pub mod projection;
pub mod reads;
pub mod run;
pub mod sample;
pub mod skeleton;
mod step;
pub mod time;
pub mod trust;
pub mod verdict;
pub mod wait;

pub use bury::{Remains, step_buried, step_bury};
pub use definition::Definition;
pub use evolve::{apply, begins, fold};
pub use kill::step_kill;
pub use step::step;
pub use verdict::{Env, First, Next, Refusal, Step, Verdict};
