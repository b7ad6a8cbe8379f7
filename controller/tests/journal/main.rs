//! The store on disk: the contract, the comparison with the store in memory, crashes, damage, copies.

#![expect(clippy::unwrap_used, reason = "a test that cannot be arranged has failed")]

mod contract;
mod crash;
mod damage;
mod differential;
mod fixture;
mod folder;
mod forgery;
mod texts;
mod writer;
