//! One run as the oracle looks at it.

use super::history::History;
use crate::{host::Kept, world::Act};

/// What is kept of a run, what its log tells, and what happened in the world for it.
pub(super) struct Case<'a> {
    pub(super) kept: Kept,
    pub(super) history: History,
    pub(super) acts: Vec<&'a Act>,
}
