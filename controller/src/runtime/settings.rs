//! What a runtime is opened with.

use std::sync::Arc;

use adjutant_machine::journal::Journal;

use super::{Clock, Performer};

/// What a runtime stands on.
pub struct Settings {
    /// The store that everything is durable in before it is answered.
    pub journal: Arc<dyn Journal>,
    /// What makes calls to connectors, models and agents.
    pub performer: Arc<dyn Performer>,
    /// What tells the time, and wakes whoever waits for a moment.
    pub clock: Arc<dyn Clock>,
    /// The most calls of one connector, or of one route, at once.
    pub verbs: usize,
    /// The most agents at once, where no `active_agents` limit says less.
    pub agents: usize,
    /// The most bytes of decoded states that are kept in memory.
    pub cache_bytes: usize,
}
