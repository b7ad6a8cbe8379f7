//! Jumps of the clock: seen, told, and put right.
//!
//! A moment that is stored is right only as long as the clock is. A clock that was ahead leaves moments behind that lie further
//! from now than they ever could: the next slot of a schedule, a rate's marks, a breaker's pause, a lease. Each of them is drawn
//! in to now and its own window when the clock was set back: schedules and runs here, rates and breakers where they are read.
//!
//! The wall clock is held against a steady one while the process runs, and against the last moment that the store has seen when
//! it opens.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use adjutant_machine::{
    event::{Envelope, Event},
    id::{InstanceId, Stamp},
    journal::{self, Batch, Journal, RowWrite, Table},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Clock, Error, core::Core, mailbox::Job, rows, schedule, views::When};

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
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The wall clock and the steady one at the last look.
    looked: Option<(Stamp, u64)>,
    view: ClockView,
}

impl Drift {
    fn known(&self) -> MutexGuard<'_, Known> {
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
        if let Some(last) = stored.map(|stored| stored.last) {
            // Time that passed while nothing ran is no jump, however much it was.
            known.judge(last.0, clock.now().min(last.0));
        }
        Ok(())
    }

    /// Returns whether the clock was set since the last look.
    pub(super) fn is_to_be_seen(&self, clock: &dyn Clock) -> bool {
        let (now, steady) = (clock.now(), clock.steady());
        let looked = self.known().looked;
        looked.is_some_and(|(then, before)| is_jump(then.plus(steady.saturating_sub(before)), now))
    }

    /// Looks at the clock; returns the jump since the last look.
    fn look(&self, clock: &dyn Clock) -> Option<JumpView> {
        let (now, steady) = (clock.now(), clock.steady());
        let mut known = self.known();
        let (then, before) = known.looked.replace((now, steady))?;
        known.judge(then.plus(steady.saturating_sub(before)), now)
    }

    fn is_to_be_noted(&self, now: Stamp) -> bool {
        (now.0 - self.known().view.last.0.0).abs() >= NOTED_EVERY
    }
}

fn is_jump(expected: Stamp, now: Stamp) -> bool {
    let off = now.0.saturating_sub(expected.0);
    !(-TOLERANCE..=FORWARD).contains(&off)
}

impl Known {
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

/// Looks at the clock at the start of a process: what a clock that was ahead has left behind is put right.
pub(super) async fn begin(core: &Arc<Core>) {
    let is_back = core.drift.view().last.0 > core.clock.now();
    // The first look only begins to compare.
    let jumped = core.drift.look(core.clock.as_ref()).is_some_and(|jump| jump.millis() < 0);
    if is_back || jumped {
        put_right(core).await;
    }
    note(core).await;
}

/// Looks at the clock while the process runs.
pub(super) async fn look(core: &Arc<Core>) {
    match core.drift.look(core.clock.as_ref()) {
        Some(jump) => {
            if jump.millis() < 0 {
                put_right(core).await;
            }
            note(core).await;
        }
        None if core.drift.is_to_be_noted(core.clock.now()) => note(core).await,
        None => {}
    }
}

/// Tells the store what time it is.
async fn note(core: &Arc<Core>) {
    let view = {
        let mut known = core.drift.known();
        known.view.last = When(core.clock.now());
        known.view.clone()
    };
    let row = RowWrite {
        table: Table::Host,
        key: rows::host::CLOCK.to_vec(),
        value: serde_json::to_vec(&view).ok(),
    };
    if let Err(error) = core.write(Batch { writes: vec![row], ..Batch::default() }).await {
        tracing::warn!(%error, "the store was not told what time it is");
    }
}

/// Draws in what lies further from now than it could.
async fn put_right(core: &Arc<Core>) {
    if let Err(error) = schedule::arm_again(core).await {
        tracing::error!(%error, "schedules could not be armed again after the clock was set back");
    }
    if let Err(error) = tell_runs(core).await {
        tracing::error!(%error, "runs could not be told that the clock was set back");
    }
    // Rates, breakers, freezes and windows are read anew by whoever waits for them.
    core.all_moved();
}

/// Tells every run that has a timer: it knows what of it a clock that was ahead has set.
async fn tell_runs(core: &Arc<Core>) -> Result<(), Error> {
    let runs = core.read(|core| timed(core.journal.as_ref())).await?;
    for instance in runs {
        let (at, id) = (core.clock.now(), core.unique("clock"));
        let envelope = Box::new(Envelope { at, id, by: "host".to_owned(), event: Event::ClockSetBack });
        core.send(instance, Job::Event { envelope, consume: None, reply: None });
    }
    Ok(())
}

fn timed(journal: &dyn Journal) -> Result<BTreeSet<InstanceId>, Error> {
    let mut found = BTreeSet::new();
    for row in journal::rows(journal, Table::Timer, b"") {
        let timer = rows::timer::read(&row?.key);
        found.extend(timer.map(|timer| timer.instance).filter(InstanceId::is_run));
    }
    Ok(found)
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
