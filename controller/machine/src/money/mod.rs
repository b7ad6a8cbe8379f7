//! Money, rates and permissions as pure functions: the host reads rows, asks, and writes the verdict in the same batch.
//!
//! Nothing here keeps anything. A cap cannot leak because the row that was read is guarded by its version in the batch that
//! writes it: a moved row means that the question is asked again.

pub mod budget;
pub mod permission;
pub mod policy;
pub mod price;
pub mod rate;
