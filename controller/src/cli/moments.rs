//! Moments as people read them: how long ago, or how soon.

use adjutant_machine::id::Stamp;

use crate::runtime::views::When;

/// Returns the present moment.
#[must_use]
pub(crate) fn now() -> Stamp {
    Stamp(jiff::Timestamp::now().as_millisecond())
}

/// Returns `3 min ago`, `in 2 h`, `now`.
#[must_use]
pub(crate) fn relative(when: When, now: Stamp) -> String {
    let millis = when.0.0 - now.0;
    let span = span(millis.unsigned_abs());
    match millis {
        -999..=999 => "now".to_owned(),
        i64::MIN..=-1000 => format!("{span} ago"),
        _ => format!("in {span}"),
    }
}

/// Returns a length of time in its largest unit.
#[must_use]
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_their_largest_unit() {
        let now = Stamp(1_000_000_000);
        let at = |offset: i64| relative(When(Stamp(now.0 + offset)), now);
        assert_eq!(at(200), "now");
        assert_eq!(at(-5_000), "5 s ago");
        assert_eq!(at(180_000), "in 3 min");
        assert_eq!(at(72 * 3_600_000), "in 3 days");
        assert_eq!(at(-47 * 3_600_000), "47 h ago");
    }
}
