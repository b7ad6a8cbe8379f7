//! Jumps of the clock, as they are seen; [`super::put_right`] does what follows.
//!
//! The wall clock is held against a steady one while the process runs, and against the last moment that the store has seen when
//! it opens.

use std::sync::{Mutex, MutexGuard, PoisonError};

use adjutant_machine::{
    id::Stamp,
    journal::{Journal, Table},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Clock, Error, rows, views::When};

/// Clocks are set by less than this all the time, in milliseconds.
const TOLERANCE: i64 = 5_000;
/// A machine that sleeps looks the same as a clock that is set forward: only more than an hour is told.
const FORWARD: i64 = 3_600_000;
/// How often the store is told what time it is, in milliseconds.
const NOTED_EVERY: i64 = 3_600_000;
/// How many jumps are remembered.
const MOST: usize = 8;
/// How long a clock that was set back is worth telling, in milliseconds: a week.
const TOLD_FOR: i64 = 7 * 86_400_000;

/// What is known of the clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ClockView {
    /// The last moment that this store has seen.
    #[serde(default)]
    #[schema(required)]
    pub last: When,
    /// When it jumped, the newest last.
    #[serde(default)]
    #[schema(required)]
    pub jumps: Vec<JumpView>,
}

/// A jump of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JumpView {
    /// What it would have shown.
    pub from: When,
    /// What it showed.
    pub to: When,
}

impl std::fmt::Display for JumpView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it showed {} and then {}", self.from, self.to)
    }
}

impl ClockView {
    /// Returns the last time that the clock was set back, while it is worth telling.
    #[must_use]
    pub fn last_set_back(&self) -> Option<JumpView> {
        let is_recent = |jump: &&JumpView| self.last.0.0.saturating_sub(jump.to.0.0).abs() < TOLD_FOR;
        self.jumps.iter().rev().filter(|jump| jump.millis() < 0).find(is_recent).copied()
    }
}

impl JumpView {
    /// Returns by how many milliseconds it was set forward; negative: back.
    #[must_use]
    pub fn millis(&self) -> i64 {
        self.to.0.0.saturating_sub(self.from.0.0)
    }
}

/// What is known of the clock.
#[derive(Debug, Default)]
pub(super) struct Drift {
    known: Mutex<KnownTime>,
}

#[derive(Debug, Default)]
struct KnownTime {
    /// The wall clock and the steady one at the last look.
    looked: Option<(Stamp, u64)>,
    /// Whether the clock was set back, and not everything that follows is durable.
    owes: bool,
    view: ClockView,
}

impl Drift {
    fn known(&self) -> MutexGuard<'_, KnownTime> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is known, for people.
    pub(super) fn view(&self) -> ClockView {
        self.known().view.clone()
    }

    /// Takes up what the store remembers, and compares it with the clock.
    pub(super) fn open(&self, journal: &dyn Journal, clock: &dyn Clock) -> Result<(), Error> {
        let row = journal.row(Table::Host, rows::host::CLOCK)?;
        let stored: Option<ClockView> = row.and_then(|row| serde_json::from_slice(&row.value).ok());
        let mut known = self.known();
        known.view = stored.clone().unwrap_or_default();
        known.looked = Some((clock.now(), clock.steady()));
        if let Some(last) = stored.map(|stored| stored.last) {
            known.owes = last.0 > clock.now();
            // Time that passed while nothing ran is no jump, however much it was.
            known.judge(last.0, clock.now().min(last.0));
        }
        Ok(())
    }

    /// Returns whether the clock was set back, and not everything that follows is durable.
    pub(super) fn owes(&self) -> bool {
        self.known().owes
    }

    /// Notes what time it is, and returns what is known then: everything that followed from a clock that was set back is durable.
    pub(super) fn note(&self, now: Stamp) -> ClockView {
        let mut known = self.known();
        known.owes = false;
        known.view.last = When(now);
        known.view.clone()
    }

    /// Returns whether the clock was set since the last look.
    pub(super) fn is_to_be_seen(&self, clock: &dyn Clock) -> bool {
        let (now, steady) = (clock.now(), clock.steady());
        let looked = self.known().looked;
        looked.is_some_and(|(then, before)| is_jump(then.plus(steady.saturating_sub(before)), now))
    }

    /// Looks at the clock; returns the jump since the last look.
    pub(super) fn look(&self, clock: &dyn Clock) -> Option<JumpView> {
        let (now, steady) = (clock.now(), clock.steady());
        let mut known = self.known();
        let (then, before) = known.looked.replace((now, steady))?;
        let jump = known.judge(then.plus(steady.saturating_sub(before)), now);
        known.owes |= jump.is_some_and(|jump| jump.millis() < 0);
        jump
    }

    pub(super) fn is_to_be_noted(&self, now: Stamp) -> bool {
        (now.0 - self.known().view.last.0.0).abs() >= NOTED_EVERY
    }
}

fn is_jump(expected: Stamp, now: Stamp) -> bool {
    let off = now.0.saturating_sub(expected.0);
    !(-TOLERANCE..=FORWARD).contains(&off)
}

impl KnownTime {
    fn judge(&mut self, expected: Stamp, now: Stamp) -> Option<JumpView> {
        if !is_jump(expected, now) {
            return None;
        }
        let jump = JumpView { from: When(expected), to: When(now) };
        tracing::warn!(from = %jump.from, to = %jump.to, "the clock jumped");
        self.view.jumps.push(jump);
        let surplus = self.view.jumps.len().saturating_sub(MOST);
        self.view.jumps.drain(..surplus);
        Some(jump)
    }
}

/// Returns what a store remembers of the clock, for a look without a daemon.
///
/// # Errors
/// [`Error::Journal`] where it cannot be read.
pub fn stored(journal: &dyn Journal) -> Result<ClockView, Error> {
    let row = journal.row(Table::Host, rows::host::CLOCK)?;
    Ok(row.and_then(|row| serde_json::from_slice(&row.value).ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::ManualClock;

    #[test]
    fn a_clock_that_is_set_back_is_seen_and_one_that_runs_is_not() {
        let (drift, clock) = (Drift::default(), ManualClock::at(Stamp(1_000_000)));
        assert_eq!(drift.look(&clock), None);
        clock.advance(400 * 86_400_000);
        assert_eq!(drift.look(&clock), None, "a year that passes is no jump");
        clock.set(Stamp(1_000_000));
        assert!(drift.look(&clock).is_some_and(|jump| jump.millis() == -400 * 86_400_000));
        assert_eq!(drift.look(&clock), None);
        clock.set(Stamp(1_000_000 + FORWARD + 1));
        assert!(drift.look(&clock).is_some_and(|jump| jump.millis() > 0));
        clock.set(Stamp(1_000_000 + FORWARD - TOLERANCE + 1));
        assert_eq!(drift.look(&clock), None, "clocks are set by a little all the time");
        assert_eq!(drift.view().jumps.len(), 2);
    }
}
