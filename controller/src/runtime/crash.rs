//! Named crash points for the kill harness: `ADJUTANT_CRASH=point[:n]` aborts the process the n-th time it comes there.
//!
//! | point | place |
//! |---|---|
//! | `before_append` | a transition is decided, nothing is written |
//! | `after_append` | a transition is durable, nothing has been dispatched |
//! | `before_send` | an effect is leased, nothing has left |
//! | `after_send` | the answer is here, nothing is recorded |
//! | `before_complete` | the answer is decided on, nothing is written |
//! | `after_approval` | a gate's decision is durable, nothing has been leased |
//!
//! The variable is read once, when the runtime opens. Without it a point costs one comparison.

use std::sync::atomic::{AtomicU32, Ordering};

/// A place where the process may be told to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    BeforeAppend,
    AfterAppend,
    BeforeSend,
    AfterSend,
    BeforeComplete,
    AfterApproval,
}

/// The point at which this process dies, if any.
#[derive(Debug, Default)]
pub(super) struct Crash {
    point: Option<Point>,
    left: AtomicU32,
}

impl Crash {
    /// Reads the environment.
    pub(super) fn from_env() -> Self {
        std::env::var("ADJUTANT_CRASH").ok().map(|text| Self::parse(&text)).unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let (name, count) = text.split_once(':').unwrap_or((text, "1"));
        let point = match name {
            "before_append" => Point::BeforeAppend,
            "after_append" => Point::AfterAppend,
            "before_send" => Point::BeforeSend,
            "after_send" => Point::AfterSend,
            "before_complete" => Point::BeforeComplete,
            "after_approval" => Point::AfterApproval,
            _ => {
                tracing::warn!(point = name, "unknown crash point in ADJUTANT_CRASH");
                return Self::default();
            }
        };
        Self { point: Some(point), left: AtomicU32::new(count.parse().unwrap_or(1)) }
    }

    /// Dies here, if told so.
    pub(super) fn at(&self, point: Point) {
        if self.point == Some(point) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            tracing::error!(?point, "crash point reached: aborting as told");
            // Signal 9, as the out-of-memory killer sends it: no handler, no flush, no goodbye.
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
                .unwrap_or_default();
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_with_its_count() {
        let crash = Crash::parse("after_send:3");
        assert_eq!((crash.point, crash.left.load(Ordering::SeqCst)), (Some(Point::AfterSend), 3));
        assert_eq!(Crash::parse("nowhere").point, None);
    }
}
