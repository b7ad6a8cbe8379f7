//! Periods: `"90s"`, `"72h"`, `"14d"`; a day is 24 hours exactly.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in milliseconds, more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u64);

/// Why a text is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The text does not have the form `<number><unit>`.
    #[error("a period is a whole number and one of ms, s, m, h, d, w, such as \"72h\"")]
    Form,
    /// The number is zero or too large.
    #[error("a period lies between 1ms and 3650d")]
    Range,
}

const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
const LONGEST: u64 = 3_650 * 86_400_000;

impl Period {
    /// Returns the period of so many milliseconds.
    ///
    /// # Errors
    /// [`PeriodError::Range`] for zero and for more than ten years.
    pub fn from_millis(millis: u64) -> Result<Self, PeriodError> {
        if millis == 0 || millis > LONGEST { Err(PeriodError::Range) } else { Ok(Self(millis)) }
    }

    /// Returns the length in milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(PeriodError::Form)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| PeriodError::Form)?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(PeriodError::Form)?;
        Self::from_millis(number.checked_mul(*scale).ok_or(PeriodError::Range)?)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
            .into_iter()
            .find(|(_, scale)| self.0.is_multiple_of(*scale))
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
