//! Rates: a window that slides. Never more than `calls` in any stretch of `per`, wherever it begins.
//!
//! The generic cell rate algorithm with a burst lets `calls` go at once and one more soon after: more than the limit in the
//! first window. Without a burst it lets one go each `per / calls`, so that three mails of "5 a day" take half a day. A
//! sliding window has neither fault. It is kept as a few marks, each of one call or of a small part of the limit that went
//! close together; a mark counts as all its calls at its last one, so that the error is on the side of waiting.

use adjutant_spec::plan::Rate;
use serde::{Deserialize, Serialize};

use crate::id::Stamp;

/// The most marks of one row: a limit that is larger is counted in parts of a sixty-fourth.
const MOST_MARKS: u32 = 64;

/// Which part of the window is kept free at its end, in milliseconds: what is counted here arrives there a little later,
/// and not evenly.
const SLACK: (u64, u64) = (20, 250);

/// What is kept of the calls of one verb, or of one connector.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cell {
    /// The calls that count in the window, the oldest first.
    #[serde(default)]
    marks: Vec<Mark>,
}

/// Some calls that went close together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// When the last of them went.
    at: Stamp,
    /// How many calls went within the mark.
    calls: u32,
}

/// Whether a call may go now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may: the row to write.
    Admit(Cell),
    /// It may go when this moment has come, and not before.
    Wait(Stamp),
}

impl Cell {
    /// Returns the row with nothing after this moment, where it holds such a thing: a clock that was ahead made those calls,
    /// and they count as made now. The row must be written, else it would be "now" for ever.
    #[must_use]
    pub fn drawn_in(&self, now: Stamp) -> Option<Self> {
        let is_ahead = self.marks.iter().any(|mark| mark.at > now);
        is_ahead.then(|| Self {
            marks: self.marks.iter().map(|mark| Mark { at: mark.at.min(now), ..*mark }).collect(),
        })
    }
}

/// Returns whether a call may go now.
#[must_use]
pub fn admit(cell: &Cell, rate: Rate, now: Stamp) -> Verdict {
    let (most, window) = (u64::from(rate.calls.max(1)), window(rate));
    let mut marks: Vec<Mark> = cell.marks.iter().filter(|mark| mark.at.plus(window) > now).copied().collect();
    let mut taken: u64 = marks.iter().map(|mark| u64::from(mark.calls)).sum();
    if taken < most {
        note(&mut marks, now, rate);
        return Verdict::Admit(Cell { marks });
    }
    let mut until = now;
    for mark in &marks {
        if taken < most {
            break;
        }
        taken -= u64::from(mark.calls);
        until = mark.at.plus(window);
    }
    Verdict::Wait(until)
}

fn window(rate: Rate) -> u64 {
    let per = rate.per.millis().max(1);
    per.saturating_add((per / SLACK.0).min(SLACK.1))
}

fn note(marks: &mut Vec<Mark>, now: Stamp, rate: Rate) {
    let part = rate.calls.max(1).div_ceil(MOST_MARKS);
    match marks.last_mut() {
        Some(last) if last.at == now || last.calls < part => {
            *last = Mark { at: last.at.max(now), calls: last.calls.saturating_add(1) };
        }
        _ => marks.push(Mark { at: now, calls: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(calls: u32, per: &str) -> Rate {
        Rate { calls, per: per.parse().expect("a period") }
    }

    /// Asks at each of these moments; returns when calls went, and the row after them.
    fn passed(rate: Rate, moments: impl IntoIterator<Item = i64>) -> (Vec<i64>, Cell) {
        let (mut cell, mut passed) = (Cell::default(), Vec::new());
        for now in moments {
            if let Verdict::Admit(next) = admit(&cell, rate, Stamp(now)) {
                cell = next;
                passed.push(now);
            }
        }
        (passed, cell)
    }

    #[test]
    fn the_first_window_holds_no_more_than_the_limit() {
        let (went, _) = passed(rate(2, "1s"), (0..3_000).step_by(10));
        assert_eq!(went, [0, 10, 1_050, 1_060, 2_100, 2_110]);
    }

    #[test]
    fn a_day_s_few_may_go_in_one_morning() {
        let (went, _) = passed(rate(5, "24h"), 0..100);
        assert_eq!(went.len(), 5);
    }

    #[test]
    fn a_large_limit_is_kept_in_few_marks_and_is_nearly_used() {
        let (went, cell) = passed(rate(10_000, "1h"), (0..3_600_000).step_by(300));
        assert!(cell.marks.len() <= MOST_MARKS as usize + 1, "{} marks", cell.marks.len());
        assert!(went.len() > 9_700, "{} calls went", went.len());
    }

    #[test]
    fn the_moment_that_is_told_is_the_one_that_works() {
        let (mut cell, mut now) = (Cell::default(), Stamp(5));
        for _ in 0..50 {
            match admit(&cell, rate(7, "1s"), now) {
                Verdict::Admit(next) => cell = next,
                Verdict::Wait(until) => {
                    assert!(until > now && matches!(admit(&cell, rate(7, "1s"), until), Verdict::Admit(_)));
                    let early = admit(&cell, rate(7, "1s"), Stamp(until.0 - 1));
                    assert_eq!(early, Verdict::Wait(until));
                    now = until;
                }
            }
        }
    }

    #[test]
    fn calls_of_a_clock_that_was_ahead_count_as_made_now_and_then_pass() {
        let year = 31_536_000_000;
        let (_, cell) = passed(rate(2, "1s"), [year, year + 1]);
        let right = cell.drawn_in(Stamp(7)).expect("they lie ahead");
        assert_eq!(right.drawn_in(Stamp(8)), None, "once is enough");
        assert_eq!(admit(&right, rate(2, "1s"), Stamp(7)), Verdict::Wait(Stamp(7 + 1_050)));
    }

    proptest! {
        #[test]
        fn no_stretch_of_the_window_holds_more_than_the_limit(
            calls in 1_u32..200, per in 1_u64..5_000, gaps in prop::collection::vec(0_i64..400, 1..400)
        ) {
            let rate = rate(calls, &format!("{per}ms"));
            let moments = gaps.iter().scan(0, |now, gap| { *now += gap; Some(*now) });
            let (went, _) = passed(rate, moments);
            for (place, first) in went.iter().enumerate() {
                let within = went[place..].iter().take_while(|at| **at < first + per.cast_signed()).count();
                prop_assert!(within <= calls as usize, "{within} from {first} on");
            }
        }
    }
}
