//! A host without a world: keeps runs, outbox and timers in memory, and checks the laws at every step.
//!
//! It is what the real runtime must be equal to, and what simulations drive: the machine cannot tell them apart.

mod chaos;
mod host;
mod oracle;

pub use chaos::{Act, Chaos, Faults};
pub use host::{Broken, Host, Kept};
pub use oracle::judge;
