//! Hosts without a world, and a world that disturbs them: what explores faults, and what the real runtime must be equal to.
//!
//! ```text
//!  chaos ──(starts, answers, loses, delays, meddles; one seed)──► Host ◄── the real runtime, in the controller's tests
//!                                                                  ▲
//!  oracle ◄──(acts of the world, logs, states, outboxes)───────────┴───── MemoryHost, which checks the laws at every step
//! ```
//!
//! Pure like the machine: no clock, no files, no threads. What a host keeps beside its states is read off them
//! ([`adjutant_machine::projection`]); no host decides anything.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod branching;
mod chaos;
pub mod companies;
mod dice;
mod host;
mod mailboxes;
mod memory;
mod oracle;
mod queues;
mod recorded;
pub mod recording;
mod redecide;
pub mod scenario;
mod scoping;
mod world;
mod written;

pub use branching::Many;
pub use chaos::{Chaos, Faults};
pub use companies::Company;
pub use dice::Dice;
pub use host::{Broken, Host, Kept, OnItsWay};
pub use mailboxes::KeptMailbox;
pub use memory::MemoryHost;
pub use oracle::judge;
pub use world::{Act, World};
