//! Every decision of Adjutant, pure: no clock, no files, no network, no randomness, no async.

pub mod command;
pub mod event;
pub mod id;
pub mod journal;
