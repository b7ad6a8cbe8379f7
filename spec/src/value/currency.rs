//! The currencies of ISO 4217 and how many digits their coins have.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A currency that people pay with: its code of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Why a text is no currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// It is not three capital letters.
    #[error("a currency is three capital letters, such as EUR")]
    Form,
    /// No country has it.
    #[error("{code} is no currency of ISO 4217{}", .nearest.map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    Unknown {
        /// The code as written.
        code: String,
        /// The currency that is written most alike.
        nearest: Option<Currency>,
    },
}

/// The list of ISO 4217 of 2025, without funds, metals and test codes, by the number of digits after the point. A list of our
/// own: the crates that have one carry names, symbols and countries, and none is newer than the list.
const BY_DIGITS: [(u32, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD \
    CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP \
    GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD \
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP \
    PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT \
    TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// What most people mean by a code with one wrong letter.
const COMMON: [&str; 5] = ["EUR", "USD", "GBP", "CHF", "JPY"];

/// Returns all currencies, those with the fewest digits first.
fn all() -> impl Iterator<Item = Currency> {
    BY_DIGITS.iter().flat_map(|(_, codes)| codes.split(' ')).filter_map(|code| code.parse().ok())
}

impl Currency {
    /// Returns the currency of a company that names none.
    pub(crate) fn euro() -> Self {
        "EUR".parse().expect("EUR is three capital letters")
    }

    /// Returns the three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Returns how many digits an amount has after the point.
    #[must_use]
    pub fn minor_units(self) -> u32 {
        listed(self.as_str()).unwrap_or(2)
    }
}

fn listed(code: &str) -> Option<u32> {
    BY_DIGITS.iter().find(|(_, codes)| codes.split(' ').any(|known| known == code)).map(|(digits, _)| *digits)
}

/// Returns the currency that is written most like a code, for a hint.
fn nearest(code: &str) -> Option<Currency> {
    let alike = |known: &Currency| strsim::damerau_levenshtein(code, known.as_str());
    // Of those that differ by one letter, the one that most people mean comes first.
    let common = COMMON.iter().filter_map(|code| code.parse().ok());
    common.chain(all()).find(|known| alike(known) == 1)
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let bytes: [u8; 3] = text.as_bytes().try_into().map_err(|_| CurrencyError::Form)?;
        if !bytes.iter().all(u8::is_ascii_uppercase) {
            return Err(CurrencyError::Form);
        }
        if listed(text).is_none() {
            return Err(CurrencyError::Unknown { code: text.to_owned(), nearest: nearest(text) });
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_no_code_twice_and_the_digits_that_people_know() {
        let mut codes: Vec<Currency> = all().collect();
        let count = codes.len();
        codes.sort();
        codes.dedup();
        assert_eq!((codes.len(), count), (165, 165));
        for (code, digits) in
            [("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("BHD", 3), ("JOD", 3), ("CLF", 4), ("UYW", 4)]
        {
            assert_eq!(code.parse::<Currency>().map(Currency::minor_units), Ok(digits), "{code}");
        }
    }
}
