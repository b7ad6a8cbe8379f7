//! Money: `"20.00 EUR"`, an exact decimal with a currency of ISO 4217 and no more digits than its minor units have.
//!
//! What a person writes is read by [`Money::parse`] and [`Money::limit`]; what one call costs may be a part of a cent and is
//! read back by [`Money::exact`].

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::currency::{Currency, CurrencyError};

/// Nobody's limit is larger: a trillion of anything is a slip of the hand.
const LARGEST: i64 = 1_000_000_000_000;

/// An amount in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// The exact amount.
    pub amount: Decimal,
    /// The currency that the amount is counted in.
    pub currency: Currency,
}

/// Why a text is no money, or two amounts do not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text does not have the form `<decimal> <currency>`.
    #[error("money is a decimal and a currency, such as \"20.00 EUR\"")]
    Form,
    /// The currency is none.
    #[error(transparent)]
    Currency(#[from] CurrencyError),
    /// The amount has more digits than the currency has minor units.
    #[error("{currency} has {}: write {nearest}", digits(*.currency))]
    Minor {
        /// The currency of the amount.
        currency: Currency,
        /// The nearest amount that can be paid.
        nearest: Money,
    },
    /// A limit below nothing.
    #[error("a limit is not negative: write 0 for nothing at all")]
    Negative,
    /// The two amounts are in different currencies.
    #[error("the currencies {left} and {right} differ")]
    Mixed {
        /// The first currency.
        left: Currency,
        /// The second currency.
        right: Currency,
    },
    /// The sum cannot be represented.
    #[error("the amount is out of range")]
    Range,
}

fn digits(currency: Currency) -> String {
    match currency.minor_units() {
        0 => "no digits after the point".to_owned(),
        1 => "one digit after the point".to_owned(),
        many => format!("{many} digits after the point"),
    }
}

impl Money {
    /// Returns nothing in a currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }

    /// Parses `"20.00 EUR"`, or `"20.00"` in the default currency where one is given.
    ///
    /// # Errors
    /// [`MoneyError::Form`], [`MoneyError::Currency`], [`MoneyError::Minor`] for a part of the
    /// smallest coin, or [`MoneyError::Range`].
    pub fn parse(text: &str, default: Option<Currency>) -> Result<Self, MoneyError> {
        let money = Self::read(text, default)?;
        if money.amount.abs() > Decimal::from(LARGEST) {
            return Err(MoneyError::Range);
        }
        // Also digits that are zero: whoever writes "20.000" may mean twenty thousand.
        if money.amount.scale() > money.currency.minor_units() {
            return Err(MoneyError::Minor { currency: money.currency, nearest: money.rounded() });
        }
        Ok(money)
    }

    /// Parses an amount that limits something: as [`Money::parse`], and not negative.
    ///
    /// # Errors
    /// As [`Money::parse`], and [`MoneyError::Negative`].
    pub fn limit(text: &str, default: Option<Currency>) -> Result<Self, MoneyError> {
        let money = Self::parse(text, default)?;
        if money.amount.is_sign_negative() && !money.amount.is_zero() {
            return Err(MoneyError::Negative);
        }
        Ok(money)
    }

    /// Parses an amount that our own records hold: what a call cost may be a part of the smallest coin.
    ///
    /// # Errors
    /// [`MoneyError::Form`], [`MoneyError::Range`] or [`MoneyError::Currency`].
    pub fn exact(text: &str) -> Result<Self, MoneyError> {
        Self::read(text, None)
    }

    fn read(text: &str, default: Option<Currency>) -> Result<Self, MoneyError> {
        let (amount, currency) = match text.trim().split_once(' ') {
            Some((amount, code)) => (amount, code.trim().parse()?),
            None => (text.trim(), default.ok_or(MoneyError::Form)?),
        };
        if !is_plain(amount) {
            return Err(MoneyError::Form);
        }
        let amount = Decimal::from_str_exact(amount).map_err(|_| MoneyError::Range)?;
        Ok(Self { amount, currency })
    }

    /// Returns the amount in whole coins, with all the digits of its currency; half a coin is rounded away from zero.
    #[must_use]
    pub fn rounded(self) -> Self {
        let digits = self.currency.minor_units();
        let mut amount = self.amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
        amount.rescale(digits);
        Self { amount, ..self }
    }

    /// Returns the sum.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::Range`] past the decimal's range.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::Range)?;
        Ok(Self { amount, ..self })
    }

    /// Returns the difference, which may be negative.
    ///
    /// # Errors
    /// As [`Money::plus`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(Self { amount: -other.amount, ..other })
    }

    /// Returns whether this amount is larger.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`] for two currencies.
    pub fn exceeds(self, other: Self) -> Result<bool, MoneyError> {
        self.same_currency(other)?;
        Ok(self.amount > other.amount)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::Mixed { left: self.currency, right: other.currency })
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::parse(text, None)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::exact(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Digits with at most one point between them: no exponent, no separator, no lone point.
fn is_plain(amount: &str) -> bool {
    let number = amount.strip_prefix('-').unwrap_or(amount);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match number.split_once('.') {
        Some((whole, part)) => is_digits(whole) && is_digits(part),
        None => is_digits(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        Money::limit(text, "EUR".parse().ok())
            .map(|money| money.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_amount_has_the_digits_of_its_currency() {
        for good in
            ["20 EUR", "20.5 EUR", "20.05 EUR", "10 JPY", "0.005 KWD", "1.2345 CLF", "0 EUR", "7.1 UYW"]
        {
            assert_eq!(parse(good), Ok(good.to_owned()));
        }
        assert_eq!(parse("20.05"), Ok("20.05 EUR".to_owned()));
        for (bad, why) in [
            ("20.005 EUR", "EUR has 2 digits after the point: write 20.01 EUR"),
            ("20.000 EUR", "EUR has 2 digits after the point: write 20.00 EUR"),
            ("20.005", "EUR has 2 digits after the point: write 20.01 EUR"),
            ("10.50 JPY", "JPY has no digits after the point: write 11 JPY"),
            ("10.0 KRW", "KRW has no digits after the point: write 10 KRW"),
            ("1.2345 BHD", "BHD has 3 digits after the point: write 1.235 BHD"),
            ("1.23456 CLF", "CLF has 4 digits after the point: write 1.2346 CLF"),
        ] {
            assert_eq!(parse(bad), Err(why.to_owned()), "{bad}");
        }
    }

    #[test]
    fn what_nobody_can_pay_is_refused() {
        for (bad, why) in [
            ("20 EUX", "EUX is no currency of ISO 4217; did you mean EUR?"),
            ("20 USX", "USX is no currency of ISO 4217; did you mean USD?"),
            ("20 QQQ", "QQQ is no currency of ISO 4217"),
            ("20 eur", "a currency is three capital letters, such as EUR"),
            ("-5 EUR", "a limit is not negative: write 0 for nothing at all"),
            ("1000000000001 EUR", "the amount is out of range"),
            ("99999999999999999999999999999999 EUR", "the amount is out of range"),
        ] {
            assert_eq!(parse(bad), Err(why.to_owned()), "{bad}");
        }
        for bad in [
            "",
            "EUR",
            "1e3 EUR",
            "1_000 EUR",
            "1,50 EUR",
            ".5 EUR",
            "5. EUR",
            "+5 EUR",
            "5 EUR EUR",
            "٥ EUR",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn our_own_records_keep_parts_of_a_cent() {
        let kept: Money = serde_json::from_str("\"0.00044 EUR\"").expect("a cost");
        assert_eq!(kept.to_string(), "0.00044 EUR");
        assert!("0.00044 EUR".parse::<Money>().is_err());
    }
}
