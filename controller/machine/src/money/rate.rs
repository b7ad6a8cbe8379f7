//! Rates: the generic cell rate algorithm. One moment for each verb is the whole state.
//!
//! The moment is the theoretical arrival time of the next call if all came evenly; a call may be early by at most the
//! burst, which is the whole window: `calls` in a row, then one each `per / calls`.

use adjutant_spec::plan::Rate;
use serde::{Deserialize, Serialize};

use crate::id::Stamp;

/// What is kept for one verb: when the next call would come if all came evenly, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cell {
    /// The theoretical arrival time, in microseconds since 1970.
    pub arrival: i64,
}

/// Whether a call may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may: the row to write.
    Admit(Cell),
    /// Not before then.
    Wait(Stamp),
}

/// Returns whether a call may go now.
#[must_use]
pub fn admit(cell: Cell, rate: Rate, now: Stamp) -> Verdict {
    let window = i64::try_from(rate.per.millis()).unwrap_or(i64::MAX / 1_000).saturating_mul(1_000);
    let step = (window / i64::from(rate.calls.max(1))).max(1);
    let now = now.0.saturating_mul(1_000);
    let arrival = cell.arrival.max(now);
    let earliest = arrival.saturating_sub(window - step);
    if earliest <= now {
        return Verdict::Admit(Cell { arrival: arrival.saturating_add(step) });
    }
    Verdict::Wait(Stamp(earliest.div_euclid(1_000) + i64::from(earliest.rem_euclid(1_000) > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(calls: u32, per: &str) -> Rate {
        Rate { calls, per: per.parse().expect("a period") }
    }

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let mut cell = Cell::default();
        let mut passed = Vec::new();
        for now in (0..4_000).step_by(100) {
            if let Verdict::Admit(next) = admit(cell, rate(3, "3s"), Stamp(now)) {
                cell = next;
                passed.push(now);
            }
        }
        assert_eq!(passed, [0, 100, 200, 1_000, 2_000, 3_000]);
    }

    #[test]
    fn the_moment_that_is_told_is_the_one_that_works() {
        let mut cell = Cell::default();
        let mut now = Stamp(5);
        for _ in 0..50 {
            match admit(cell, rate(7, "1s"), now) {
                Verdict::Admit(next) => cell = next,
                Verdict::Wait(until) => {
                    assert!(until > now && matches!(admit(cell, rate(7, "1s"), until), Verdict::Admit(_)));
                    assert!(matches!(admit(cell, rate(7, "1s"), Stamp(until.0 - 1)), Verdict::Wait(_)));
                    now = until;
                }
            }
        }
    }
}
