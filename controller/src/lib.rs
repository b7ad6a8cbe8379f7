//! The controller: the rooms between a Git revision and the world.

mod awake;
pub mod bench;
pub mod cli;
mod daemon;
pub mod desk;
pub mod effects;
pub mod http;
pub mod journal;
pub mod judgement;
pub mod private;
pub mod reconcile;
pub mod runtime;
pub mod source;
