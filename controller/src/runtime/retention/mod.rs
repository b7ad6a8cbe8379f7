//! Retention: what ended long ago is removed, whole trees at a time; that it was there stays known.
//!
//! ```text
//!  ended runs, the oldest first ──► tree: all that one began, where all of it is over ──► each run by itself, who began it first
//! ```
//! A run without branches goes in one batch. Of one that has some the run leaves the lists first
//! ([`Removing::First`](super::mailbox::Removing)) and the store last, so nobody takes up a run whose branches are gone, and a crash in
//! between leaves a row from which the next pass goes on.

mod handle;
mod job;
mod pass;
mod report;
mod tree;

use adjutant_machine::id::Stamp;
use adjutant_spec::plan::{Plan, RetentionClass};

pub(super) use self::{job::remove, pass::keep_watch};

/// Returns before which moment what ended is removed; nothing where it is kept for good.
fn cutoff(plan: Option<&Plan>, class: RetentionClass, now: Stamp) -> Option<Stamp> {
    let keep = plan?.policies.keep(class)?.millis();
    Some(Stamp(now.0.saturating_sub(i64::try_from(keep).unwrap_or(i64::MAX))))
}
