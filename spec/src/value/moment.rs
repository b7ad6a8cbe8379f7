//! Moments: RFC 3339 with an offset, in the years that everything which prints and computes can handle.

use jiff::{Timestamp, civil::date, tz::TimeZone};

/// The years that a moment may lie in. What is accepted can be printed, added to and read again by every part.
const YEARS: (i16, i16) = (1970, 2199);

/// Why a text is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// The text has another form.
    #[error("a moment is RFC 3339 with an offset, such as \"2026-01-01T08:00:00+01:00\"")]
    Form,
    /// The year is none that is counted with.
    #[error("a moment lies in the years 1970 to 2199")]
    Range,
}

/// Returns the moment that a text such as `2026-03-01T08:00:00+01:00` means, in milliseconds since 1970.
///
/// # Errors
/// [`MomentError`].
pub fn moment(text: &str) -> Result<i64, MomentError> {
    let text = text.trim();
    // The date is judged first: a year past the calendar's own end is out of range, not out of form.
    if text
        .get(..4)
        .is_some_and(|year| year.parse::<i16>().is_ok_and(|year| !(YEARS.0..=YEARS.1).contains(&year)))
        && text.as_bytes().get(4) == Some(&b'-')
    {
        return Err(MomentError::Range);
    }
    let found = text.parse::<Timestamp>().map_err(|_| MomentError::Form)?;
    let first = |year: i16| date(year, 1, 1).to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let (from, until) = (first(YEARS.0), first(YEARS.1 + 1));
    match (from, until) {
        (Ok(from), Ok(until)) if (from..until).contains(&found) => Ok(found.as_millisecond()),
        _ => Err(MomentError::Range),
    }
}

/// Returns a moment as people and keys write it in a zone: civil time with its offset.
#[must_use]
pub fn civil(millis: i64, zone: &str) -> Option<String> {
    let zone = TimeZone::get(zone).ok()?;
    let moment = Timestamp::from_millisecond(millis).ok()?;
    Some(moment.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_with_their_offset() {
        assert_eq!(moment("1970-01-01T00:00:00Z"), Ok(0));
        assert_eq!(moment("2026-03-01T08:00:00.25+01:00"), Ok(1_772_348_400_250));
        assert_eq!(moment(" 2024-02-29 23:59:59-05:00\n"), Ok(1_709_269_199_000));
        assert_eq!(moment("2199-12-31T23:59:59Z"), Ok(7_258_118_399_000));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T08:00:00",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "ä",
            "soon",
        ] {
            assert_eq!(moment(text), Err(MomentError::Form), "{text}");
        }
    }

    #[test]
    fn a_year_that_nothing_can_print_is_refused() {
        for text in [
            "9999-12-31T23:59:59Z",
            "9999-12-30T22:00:00Z",
            "2200-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "2199-12-31T23:59:59-01:00",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(moment(text), Err(MomentError::Range), "{text}");
        }
    }

    #[test]
    fn what_is_accepted_is_printed_and_read_again() {
        for text in ["1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999Z", "2026-06-30T12:00:00+02:00"] {
            let millis = moment(text).expect("a moment");
            let printed = Timestamp::from_millisecond(millis).expect("a moment").to_string();
            assert_eq!(moment(&printed), Ok(millis), "{text}");
        }
    }
}
