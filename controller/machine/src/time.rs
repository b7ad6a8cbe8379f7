//! Moments written as RFC 3339: the only civil time that the machine reads, and only with an offset.

use crate::id::Stamp;

/// Returns the moment that a text such as `2026-03-01T08:00:00+01:00` means.
#[must_use]
pub fn parse(text: &str) -> Option<Stamp> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = three(date, '-')?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let (hour, minute, second) = three(clock, ':')?;
    let (millis, offset) = fraction(rest)?;
    let is_valid = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !is_valid {
        return None;
    }
    let seconds =
        days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_seconds(offset)?;
    Some(Stamp(seconds * 1_000 + millis))
}

fn three(text: &str, separator: char) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(separator);
    let found = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
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

/// Days since 1970 (Howard Hinnant's `days_from_civil`: years begin in March, so that the leap day is the last one).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

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
