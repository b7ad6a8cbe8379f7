//! What the whole-system tests share: a scratch world with the real binary in it, the real daemon, companies, and a desk in process.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs, reason = "test helpers: a panic is their answer")]

mod binary;
pub mod desk;
mod world;

pub use binary::{adjutant, binary};
pub use world::{Ran, World};
