//! What the whole-system tests share: a scratch world with the real binary in it, the real daemon, companies, and a desk in process.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs, reason = "test helpers: a panic is their answer")]

mod agency;
mod binary;
mod company;
mod daemon;
pub mod desk;
mod seed;
mod world;

pub use agency::Agency;
pub use binary::{adjutant, binary};
pub use company::{BUDGET, LEAD, Stage, lead, letter, quote_form};
pub use daemon::{Answer, Api, Daemon, Office, terminate};
pub use seed::Dice;
pub use world::{Ran, World};
