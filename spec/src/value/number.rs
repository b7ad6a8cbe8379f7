//! Numbers as they are written: decimals, never binary.

use rust_decimal::Decimal;

/// Returns the number that a text is: digits, perhaps a point, `_` between digits, an exponent. `None` where it is no number
/// or has more than 28 digits.
#[must_use]
pub fn decimal(written: &str) -> Option<Decimal> {
    let plain: String = written.trim().chars().filter(|letter| *letter != '_').collect();
    if plain.contains(['e', 'E']) {
        return scientific(&plain);
    }
    Decimal::from_str_exact(&plain).ok()
}

/// Moves the point by hand: the crate's own reader loses digits without a word.
fn scientific(plain: &str) -> Option<Decimal> {
    let (digits, exponent) = plain.split_once(['e', 'E'])?;
    let number = Decimal::from_str_exact(digits).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let steps = exponent.unsigned_abs();
    if exponent < 0 {
        let mut moved = number;
        let scale = number.scale().checked_add(steps).filter(|scale| *scale <= 28)?;
        return moved.set_scale(scale).is_ok().then_some(moved);
    }
    (0..steps.min(60)).try_fold(number, |moved, _| moved.checked_mul(Decimal::TEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_is_written() {
        for (written, is) in [
            ("302.00", "302.00"),
            ("0.1", "0.1"),
            ("1_000.50", "1000.50"),
            ("19.990000000000000000000000", "19.990000000000000000000000"),
            ("1e3", "1000"),
            ("2.5e-3", "0.0025"),
            ("1E2", "100"),
        ] {
            assert_eq!(decimal(written).map(|number| number.to_string()).as_deref(), Some(is), "{written}");
        }
        for bad in ["", "a", "1e300", "1e-300", "0.12345678901234567890123456789012345"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }
}
