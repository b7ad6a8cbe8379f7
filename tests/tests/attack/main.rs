//! What strangers did to the program once, done again to the real binary: over loopback, while the operator goes on asking.
//!
//! `make attack` runs these one after the other and prints, for each, the daemon's peak memory and how long the operator and a
//! health probe waited. The bounds here only tell a daemon that stands from one that fell; figures are for the eye.

#![expect(clippy::unwrap_used, reason = "an attack that cannot be carried out has failed")]
#![expect(clippy::print_stdout, reason = "memory and answer times are what somebody looks for")]

mod disk;
mod doors;
mod mails;
mod proposals;
mod siege;
