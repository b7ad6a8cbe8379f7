//! JSON from outside, read without losing a digit.
//!
//! The reader that everybody uses makes a binary number of whatever is no 64-bit integer: an order number of 20 digits
//! becomes another one, without a word. Such a number is kept as the text of its digits.

use rust_decimal::Decimal;
use serde_json::Value;

use super::decimal;

/// Reads JSON; a number that would lose digits is kept as a text.
///
/// # Errors
/// The text is no JSON.
pub fn from_outside(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let value: Value = serde_json::from_slice(bytes)?;
    // What has been read is JSON: whoever looks for numbers in it need not check its form.
    match std::str::from_utf8(bytes).ok().and_then(quoted) {
        Some(kept) => serde_json::from_str(&kept),
        None => Ok(value),
    }
}

/// Returns the text with quotes around the numbers that would lose digits, where there are such.
fn quoted(text: &str) -> Option<String> {
    let (mut out, mut done) = (String::new(), 0);
    let (mut at, mut is_text) = (0, false);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => is_text = !is_text,
            b'\\' if is_text => at += 1,
            b'-' | b'0'..=b'9' if !is_text => {
                let end = bytes[at..]
                    .iter()
                    .position(|byte| !is_part(*byte))
                    .map_or(bytes.len(), |length| at + length);
                let number = &text[at..end];
                if loses(number) {
                    out.push_str(&text[done..at]);
                    out.push('"');
                    out.push_str(number);
                    out.push('"');
                    done = end;
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    (done > 0).then(|| out + &text[done..])
}

fn is_part(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

/// Fifteen digits survive in every binary number.
const SAFE: usize = 15;

fn loses(number: &str) -> bool {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits <= SAFE || number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return false;
    }
    // By the reader itself: it is off by the last binary digit where a number is long.
    let float: f64 = serde_json::from_str(number).unwrap_or(f64::INFINITY);
    match decimal(number).map(|exact| exact.normalize()) {
        Some(exact) => decimal(&float.to_string()).is_none_or(|kept: Decimal| kept.normalize() != exact),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_digit_of_a_number_is_lost() {
        let body = r#"{"id": 12345678901234567890123, "same": 18446744073709551615, "price": 19.99, "n": -9223372036854775808,
            "long": 0.12345678901234567890, "rate": 0.30000000000000004, "big": 1e300, "text": "1234567890123456789012 \" 99999999999999999999",
            "list": [123456789012345678901234567890123, 1.5e3]}"#;
        let read = from_outside(body.as_bytes()).expect("it is JSON");
        let expected = json!({"id": "12345678901234567890123", "same": 18_446_744_073_709_551_615_u64, "price": 19.99,
            "n": i64::MIN, "long": "0.12345678901234567890", "rate": 0.300_000_000_000_000_04, "big": 1e300,
            "text": "1234567890123456789012 \" 99999999999999999999", "list": ["123456789012345678901234567890123", 1500.0]});
        assert_eq!(read, expected);
        assert!(from_outside(b"{").is_err());
    }
}
