//! Every decision of Adjutant, pure: no clock, no files, no network, no randomness, no async.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod codec;
pub mod command;
mod draft;
pub mod event;
pub mod evolve;
pub mod fact;
pub mod id;
pub mod journal;
mod kill;
pub mod run;
mod step;
pub mod verdict;

pub use evolve::{apply, fold};
pub use kill::step_kill;
pub use step::step;
pub use verdict::{Env, First, Next, Refusal, Step, Verdict};
