//! What a runtime is opened with.

use std::sync::Arc;

use adjutant_machine::journal::Journal;

use super::{Clock, Performer};

/// What a runtime stands on.
pub struct Settings {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The world.
    pub performer: Arc<dyn Performer>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The most calls of one connector, or of one route, at once.
    pub verbs: usize,
    /// The most agents at once, where no `active_agents` limit says less.
    pub agents: usize,
    /// The most bytes of decoded states that are kept in memory.
    pub cache_bytes: usize,
}
