//! How long somebody waits for work that runs on a thread: the work asks, between its steps, whether it should go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::outcome::Fault;

/// What work asks whether it should go on.
#[derive(Debug, Clone)]
pub struct Patience {
    until: Option<Instant>,
    ended: Arc<AtomicBool>,
}

/// Ends the patience when it is dropped: whoever waited is gone.
#[derive(Debug)]
pub struct Waiting(Arc<AtomicBool>);

impl Patience {
    /// Returns a patience of so long, and what ends it before that.
    #[must_use]
    pub fn of(time: Duration) -> (Self, Waiting) {
        let ended = Arc::new(AtomicBool::new(false));
        (Self { until: Instant::now().checked_add(time), ended: Arc::clone(&ended) }, Waiting(ended))
    }

    /// Returns the patience of a run: what it waits for has its own time limit.
    #[must_use]
    pub fn endless() -> Self {
        Self { until: None, ended: Arc::new(AtomicBool::new(false)) }
    }

    /// Returns whether nobody waits any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ended.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Stops the work where nobody waits any more.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.is_over() { Err(Fault::invalid("it took too long".to_owned())) } else { Ok(()) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
