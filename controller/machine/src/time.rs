//! Moments written as RFC 3339: the only civil time that the machine reads, and only with an offset.
//!
//! What [`write()`] prints [`parse`] reads, for every moment that can be stored: before the year 0 and after 9999 the year
//! has a sign and six digits or more, as ISO 8601 has it.

use crate::id::Stamp;

/// Returns the moment that a text such as `2026-03-01T08:00:00+01:00` means.
#[must_use]
pub fn parse(text: &str) -> Option<Stamp> {
    let text = text.trim();
    let (date, rest) = date(text)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let [hour, minute, second] = three(clock, ':')?;
    let (millis, offset) = fraction(rest)?;
    let is_valid = (1..=12).contains(&date.month)
        && (1..=days_in(date.year, date.month)).contains(&date.day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !is_valid {
        return None;
    }
    let seconds = date.number() * 86_400 + hour * 3_600 + minute * 60 + second - offset_seconds(offset)?;
    // The first moment that can be stored lies in a second whose beginning cannot.
    i64::try_from(i128::from(seconds) * 1_000 + i128::from(millis)).ok().map(Stamp)
}

/// Returns a moment in UTC with milliseconds, such as `2026-03-01T07:00:00.250Z`; every moment has such a text.
#[must_use]
pub fn write(moment: Stamp) -> String {
    let (seconds, millis) = (moment.0.div_euclid(1_000), moment.0.rem_euclid(1_000));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let Date { year, month, day } = Date::of(day);
    let year = if (0..=9_999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// A day of the calendar.
struct Date {
    year: i64,
    /// From 1 to 12.
    month: i64,
    /// The day of its month, from 1 to 31.
    day: i64,
}

/// Splits off the date; one with a sign has a year of more than four digits.
fn date(text: &str) -> Option<(Date, &str)> {
    let Some(unsigned) = text.strip_prefix(['+', '-']) else {
        let (date, rest) = text.split_at_checked(10)?;
        let [year, month, day] = three(date, '-')?;
        return Some((Date { year, month, day }, rest));
    };
    let (date, rest) = unsigned.split_at_checked(unsigned.find(['T', 't', ' '])?)?;
    let [year, month, day] = three(date, '-')?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    // The last moment that can be stored lies in the year 292278994.
    (year < 300_000_000).then_some((Date { year: sign * year, month, day }, rest))
}

fn three(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let found = [number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?];
    parts.next().is_none().then_some(found)
}

fn number(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Splits `.123456+01:00` into milliseconds and the offset.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (digits, offset) = rest.split_at(end);
    let digits: String = digits.chars().chain("000".chars()).take(3).collect();
    Some((number(&digits)?, offset))
}

fn offset_seconds(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Date {
    /// Returns how many days it lies after 1970 (Howard Hinnant's `days_from_civil`: years begin in March, so that the leap day
    /// is the last one).
    fn number(&self) -> i64 {
        let &Self { year, month, day } = self;
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// Returns the date that lies so many days after 1970: the way back of [`Date::number`].
    fn of(number: i64) -> Self {
        let days = number + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_written_as_people_know_them() {
        for (moment, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_772_348_400_250, "2026-03-01T07:00:00.250Z"),
            (253_402_300_799_000, "9999-12-31T23:59:59.000Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "+292278994-08-17T07:12:55.807Z"),
            (i64::MIN, "-292275055-05-16T16:47:04.192Z"),
        ] {
            assert_eq!(write(Stamp(moment)), text);
            assert_eq!(parse(text), Some(Stamp(moment)), "{text}");
        }
        assert_eq!(parse("+999999999999-01-01T00:00:00Z"), None);
        assert_eq!(parse("+292278994-08-17T07:12:55.808Z"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(moment in prop_oneof![any::<i64>(), -99_999_999_999_999..999_999_999_999_999_i64]) {
            prop_assert_eq!(parse(&write(Stamp(moment))), Some(Stamp(moment)));
        }

        #[test]
        fn no_text_is_too_odd_to_be_refused(text in "[-+0-9:.TZ ]{0,40}") {
            let read = parse(&text);
            prop_assert!(read.is_none_or(|moment| parse(&write(moment)) == Some(moment)));
        }
    }

    #[test]
    fn moments_are_read_with_their_offset() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(Stamp(0)));
        assert_eq!(parse("2026-03-01T08:00:00.25+01:00"), Some(Stamp(1_772_348_400_250)));
        assert_eq!(parse("2024-02-29 23:59:59-05:00"), Some(Stamp(1_709_269_199_000)));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in
            ["", "2026-03-01", "2026-03-01T08:00:00", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "ä"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
