//! Secrets leave no trace: every message and value that is stored, logged or sent to a model passes here.
//!
//! Two nets: the exact values of the company's secrets in whatever spelling they may come back in, and patterns of what
//! looks like a key whoever it belongs to. A text is masked **before** it is cut: half a secret is one, too.

mod needle;
mod spelling;

use std::{collections::BTreeMap, sync::OnceLock};

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::secrets::Secret;
use needle::Needle;

/// What stands in the place of a secret.
const MASK: &str = "***";

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
    needles: Vec<Needle>,
    /// Which needles begin with a character, the longest first: no needle leaves the rest of a longer one behind.
    beginning: BTreeMap<char, Vec<usize>>,
}

impl Redactor {
    /// Makes a redactor for these secrets.
    #[must_use]
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut needles: Vec<Needle> =
            secrets.into_iter().flat_map(|secret| Needle::all(secret.expose())).collect();
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        let mut beginning: BTreeMap<char, Vec<usize>> = BTreeMap::new();
        for (index, needle) in needles.iter().enumerate() {
            needle.first().for_each(|sign| beginning.entry(sign).or_default().push(index));
        }
        Self { needles, beginning }
    }

    /// Returns the text with every secret masked.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        patterns().replace_all(&self.without_needles(text), MASK).into_owned()
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
            // A secret of digits comes back as a number.
            Value::Number(number) => {
                let text = number.to_string();
                if self.without_needles(&text) == text { Value::Number(number) } else { MASK.into() }
            }
            Value::Null | Value::Bool(_) => value,
        }
    }

    fn without_needles(&self, text: &str) -> String {
        if self.needles.is_empty() {
            return text.to_owned();
        }
        let (mut masked, mut at, mut kept) = (String::with_capacity(text.len()), 0, 0);
        while at < text.len() {
            if let Some(end) = self.needle_at(text, at) {
                masked.push_str(&text[kept..at]);
                masked.push_str(MASK);
                (at, kept) = (end, end);
            } else {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        masked.push_str(&text[kept..]);
        masked
    }

    /// Returns where the longest secret ends that begins here.
    fn needle_at(&self, text: &str, at: usize) -> Option<usize> {
        let readings = spelling::readings(text, at).into_iter().flatten();
        let begun = readings.filter_map(|spelt| self.beginning.get(&spelt.sign));
        begun.flatten().filter_map(|index| self.needles[*index].end(text, at)).max()
    }
}

fn patterns() -> &'static Regex {
    static COMPILED: OnceLock<Regex> = OnceLock::new();
    COMPILED.get_or_init(|| Regex::new(PATTERNS).expect("the patterns are a constant that a test compiles"))
}

#[cfg(test)]
mod tests;
