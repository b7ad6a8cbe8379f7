//! Money: `"20.00 EUR"`, an exact decimal with a currency.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// An amount in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// The exact amount.
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

/// Why a text is no money, or two amounts do not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text does not have the form `<decimal> <currency>`.
    #[error("money is a decimal and a currency, such as \"20.00 EUR\"")]
    Form,
    /// The currency is not three capital letters.
    #[error("a currency is three capital letters, such as EUR")]
    Currency,
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

impl Currency {
    /// Returns the three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let bytes: [u8; 3] = text.as_bytes().try_into().map_err(|_| MoneyError::Currency)?;
        if bytes.iter().all(u8::is_ascii_uppercase) { Ok(Self(bytes)) } else { Err(MoneyError::Currency) }
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
    /// [`MoneyError::Form`] or [`MoneyError::Currency`].
    pub fn parse(text: &str, default: Option<Currency>) -> Result<Self, MoneyError> {
        let (amount, currency) = match text.trim().split_once(' ') {
            Some((amount, code)) => (amount, code.trim().parse()?),
            None => (text.trim(), default.ok_or(MoneyError::Form)?),
        };
        let amount = Decimal::from_str_exact(amount).map_err(|_| MoneyError::Form)?;
        Ok(Self { amount, currency })
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

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
as_text!(Currency);
as_text!(Money);
