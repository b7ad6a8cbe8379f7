//! Lengths of time and distances as one would say them: the one place where numbers become such words.
//!
//! Every number has words, also those that only a broken clock makes.

use std::time::Duration;

use crate::value::Period;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Returns a length of time in its largest unit, rounded down: `250 ms`, `40 s`, `5 min`, `47 h`, `3 days`.
#[must_use]
pub fn span(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        // Up to two days hours are easier to plan with.
        HOUR..172_800 => format!("{} h", seconds / HOUR),
        _ => format!("{} days", seconds / DAY),
    }
}

/// Returns a limit of time in its largest unit.
#[must_use]
pub fn limit(time: Duration) -> String {
    span(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Returns how far a moment is from another, both in milliseconds since 1970: `3 min ago`, `in 2 h`, `now`.
#[must_use]
pub fn distance(moment: i64, now: i64) -> String {
    let far = moment.abs_diff(now);
    match (far < 1_000, moment < now) {
        (true, _) => "now".to_owned(),
        (false, true) => format!("{} ago", span(far)),
        (false, false) => format!("in {}", span(far)),
    }
}

/// Returns a period exactly, in days, hours, minutes and seconds: `3 days`, `1 day 12 h`, `90 s` as `1 min 30 s`.
#[must_use]
pub fn period(period: Period) -> String {
    let millis = period.millis();
    let seconds = millis / 1_000;
    let days = match seconds / DAY {
        0 => None,
        1 => Some("1 day".to_owned()),
        days => Some(format!("{days} days")),
    };
    let part = |count: u64, unit: &str| (count > 0).then(|| format!("{count} {unit}"));
    let rest = [
        part(seconds / HOUR % 24, "h"),
        part(seconds / MINUTE % 60, "min"),
        part(seconds % 60, "s"),
        part(millis % 1_000, "ms"),
    ];
    days.into_iter().chain(rest.into_iter().flatten()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_told_in_the_largest_unit() {
        let now = 1_000_000_000;
        for (millis, words) in [
            (200, "now"),
            (-5_000, "5 s ago"),
            (90_000, "in 1 min"),
            (-7_200_000, "2 h ago"),
            (-47 * 3_600_000, "47 h ago"),
            (72 * 3_600_000, "in 3 days"),
        ] {
            assert_eq!(distance(now + millis, now), words);
        }
    }

    #[test]
    fn every_distance_has_words() {
        for (moment, now) in
            [(i64::MAX, i64::MIN), (i64::MIN, i64::MAX), (i64::MIN, 0), (0, i64::MIN), (i64::MAX, 0)]
        {
            assert!(distance(moment, now).contains("days"));
        }
        assert_eq!(span(u64::MAX), "213503982334 days");
    }

    #[test]
    fn periods_are_told_exactly() {
        for (written, words) in [
            ("72h", "3 days"),
            ("24h", "1 day"),
            ("36h", "1 day 12 h"),
            ("90s", "1 min 30 s"),
            ("14d", "14 days"),
            ("1500ms", "1 s 500 ms"),
            ("45m", "45 min"),
        ] {
            assert_eq!(period(written.parse().expect("a period")), words);
        }
    }
}
