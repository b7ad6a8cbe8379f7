//! Secrets leave no trace: every message and value that is stored, logged or sent to a model passes here.
//!
//! Two nets: the exact values of the company's secrets in every encoding they may come back in, and patterns of what
//! looks like a key whoever it belongs to.

use std::sync::OnceLock;

use age::secrecy::{ExposeSecret as _, SecretString};
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use data_encoding::HEXLOWER;
use regex_lite::Regex;
use serde_json::{Map, Value};

use super::secrets::Secret;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Shorter values would blacken ordinary words.
const SHORTEST: usize = 6;

/// What looks like a key. The alternatives have no group: the whole match is masked.
const PATTERNS: &str = concat!(
    r"AGE-SECRET-KEY-1[0-9A-Z]{20,}",
    r"|\b(?:sk|rk|pk)[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{20,}",
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"|\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}",
    r"|\bAKIA[0-9A-Z]{16}\b",
    r"|\bwhsec_[A-Za-z0-9+/=]{16,}",
    r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/=-]{16,}",
    r"|(?i:\bbasic\s+)[A-Za-z0-9+/=]{16,}",
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)-----END [A-Z ]*PRIVATE KEY-----",
);

/// Masks secrets in texts and values.
#[derive(Default)]
pub struct Redactor {
    /// Longest first, so that no needle leaves the rest of a longer one behind.
    needles: Vec<SecretString>,
}

impl Redactor {
    /// Makes a redactor for these secrets.
    #[must_use]
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut needles: Vec<String> =
            secrets.into_iter().flat_map(|secret| parts(secret.expose())).flat_map(encodings).collect();
        needles.retain(|needle| needle.len() >= SHORTEST);
        needles.sort_by(|left, right| right.len().cmp(&left.len()).then(left.cmp(right)));
        needles.dedup();
        Self { needles: needles.into_iter().map(SecretString::from).collect() }
    }

    /// Returns the text with every secret masked.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for needle in self.needles.iter().map(|needle| needle.expose_secret()) {
            if masked.contains(needle) {
                masked = masked.replace(needle, MASK);
            }
        }
        patterns().replace_all(&masked, MASK).into_owned()
    }

    /// Returns the value with every secret masked, names of fields included.
    #[must_use]
    pub fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (self.text(&name), self.value(value)))
                    .collect::<Map<_, _>>(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

/// A secret as a whole, and the password of a `user:password`.
fn parts(secret: &str) -> Vec<&str> {
    let password = secret.split_once(':').map(|(_, password)| password);
    std::iter::once(secret).chain(password).filter(|part| part.len() >= SHORTEST).collect()
}

fn encodings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let json = serde_json::to_string(secret).unwrap_or_default();
    let percent: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let strict: String = bytes.iter().map(|byte| percent_encoded(*byte)).collect();
    let mut all = vec![
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        percent,
        strict.to_lowercase(),
        strict,
        HEXLOWER.encode(bytes),
        HEXLOWER.encode(bytes).to_uppercase(),
    ];
    all.extend(
        (0..3).flat_map(|offset| [inside(&STANDARD, bytes, offset), inside(&URL_SAFE, bytes, offset)]),
    );
    all
}

fn percent_encoded(byte: u8) -> String {
    let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if is_unreserved { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// Returns the base64 characters that depend on the secret alone when so many bytes stand before it, whatever follows.
fn inside(engine: &impl base64::Engine, secret: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret);
    let encoded = engine.encode(&padded);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    encoded.get(first..last).unwrap_or_default().to_owned()
}

fn patterns() -> &'static Regex {
    static COMPILED: OnceLock<Regex> = OnceLock::new();
    COMPILED.get_or_init(|| Regex::new(PATTERNS).expect("the patterns are a constant that a test compiles"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use serde_json::json;

    const CANARY: &str = "ops:cäna?ry/7+secret=";

    fn redactor() -> Redactor {
        Redactor::of([&Secret::new(CANARY.to_owned())])
    }

    #[test]
    fn a_secret_is_masked_in_every_encoding() {
        let bytes = CANARY.as_bytes();
        let forms = [
            CANARY.to_owned(),
            "cäna?ry/7+secret=".to_owned(),
            STANDARD.encode(bytes),
            URL_SAFE.encode(bytes),
            HEXLOWER.encode(bytes),
            HEXLOWER.encode(bytes).to_uppercase(),
            url::form_urlencoded::byte_serialize(bytes).collect(),
            serde_json::to_string(CANARY).unwrap(),
        ];
        for form in forms {
            let masked = redactor().text(&format!("before {form} after"));
            assert!(masked.contains(MASK), "{form} stayed in {masked}");
            for piece in [form.trim_matches('"'), "ry/7+secret", &form[form.len() / 3..form.len() * 2 / 3]] {
                assert!(!masked.contains(piece), "{piece} stayed in {masked}");
            }
        }
    }

    #[test]
    fn a_secret_inside_other_base64_is_masked() {
        for before in ["", "a", "ab", "abc"] {
            let encoded = STANDARD.encode(format!("{before}{CANARY} and more"));
            let masked = redactor().text(&encoded);
            assert!(masked.contains(MASK), "offset {}: {masked}", before.len());
        }
    }

    #[test]
    fn what_looks_like_a_key_is_masked_unknown_as_it_is() {
        let texts = [
            "Authorization: Bearer abcdefghijklmnop1234",
            "sk-proj-ABCDEFGHIJKLMNOPQRSTUVWX",
            "ghp_abcdefghijklmnopqrstuvwxyz0123",
            "AKIAABCDEFGHIJKLMNOP",
            "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
            "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQ",
        ];
        for text in texts {
            assert!(Redactor::default().text(text).contains(MASK), "{text}");
        }
        let plain = "The bearer of this letter asks for a quote, basic but good.";
        assert_eq!(Redactor::default().text(plain), plain);
    }

    #[test]
    fn values_are_masked_at_every_depth() {
        let value = json!({ "a": [{ "b": format!("x{CANARY}") }], CANARY: 1 });
        assert_eq!(redactor().value(value), json!({ "a": [{ "b": "x***" }], "***": 1 }));
    }

    #[test]
    fn short_secrets_do_not_blacken_ordinary_words() {
        let redactor = Redactor::of([&Secret::new("a".to_owned())]);
        assert_eq!(redactor.text("a quote"), "a quote");
    }
}
