//! Whether a value fits a JSON Schema: one validator for contracts, records, forms, edits and answers.
//!
//! Three formats of ours say what JSON Schema cannot: `mailbox` is a mail address with or without a name, `address` one
//! without (so is JSON Schema's own `email`), `line` a text without control characters, which a header or a title can carry.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::value::Mailbox;

/// How often one `pattern` may go back, and how large its program may be: a schema of a proposal is tried on texts from
/// outside, and an expression that goes back without end would hold a worker.
const BACKTRACKS: usize = 100_000;
const LARGEST: usize = 256 * 1024;

/// One way in which a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Mismatch {
    /// Where in the value, as a JSON pointer; empty at its root.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// A schema that was made ready once, for values that come again and again.
#[derive(Debug)]
pub struct Schema(Result<Validator, String>);

impl Schema {
    /// Makes a schema ready; one that is none fits nothing and says so of each value.
    #[must_use]
    pub fn new(schema: &Value) -> Self {
        Self(validator(schema))
    }

    /// Returns every way in which a value does not fit.
    #[must_use]
    pub fn mismatches(&self, value: &Value) -> Vec<Mismatch> {
        let validator = match &self.0 {
            Ok(validator) => validator,
            Err(problem) => {
                return vec![Mismatch { path: String::new(), problem: format!("no schema: {problem}") }];
            }
        };
        let errors = validator.iter_errors(value);
        errors
            .map(|error| Mismatch { path: error.instance_path().to_string(), problem: error.to_string() })
            .collect()
    }

    /// Returns the first way in which a value does not fit; asking so is cheap where it does.
    #[must_use]
    pub fn first_mismatch(&self, value: &Value) -> Option<Mismatch> {
        match &self.0 {
            Ok(validator) if validator.is_valid(value) => None,
            _ => self.mismatches(value).into_iter().next(),
        }
    }
}

/// Returns every way in which a value does not fit a schema; a schema that is none counts as one.
#[must_use]
pub fn mismatches(schema: &Value, value: &Value) -> Vec<Mismatch> {
    Schema::new(schema).mismatches(value)
}

/// Returns what checks values against a schema; nothing that it points to is fetched.
///
/// # Errors
/// Where the schema is none: what is wrong with it, without values.
pub fn validator(schema: &Value) -> Result<Validator, String> {
    let patterns = PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS).size_limit(LARGEST);
    let options = jsonschema::options().should_validate_formats(true).with_pattern_options(patterns);
    let options = options
        .with_format("mailbox", |text: &str| text.parse::<Mailbox>().is_ok())
        .with_format("address", is_address)
        .with_format("email", is_address)
        .with_format("idn-email", is_address)
        .with_format("line", |text: &str| !text.chars().any(|one| one.is_control() && one != '\t'));
    options.build(schema).map_err(|error| error.masked().to_string())
}

fn is_address(text: &str) -> bool {
    !text.contains('<') && text.parse::<Mailbox>().is_ok()
}

/// More complaints than these help nobody.
const MOST: usize = 8;

/// Returns what is wrong with a value, place first, without the value itself: what goes into logs, answers and the second try
/// of a model must not carry a client's words. Empty where it fits.
#[must_use]
pub fn complaints(schema: &Value, value: &Value) -> Vec<String> {
    let validator = match validator(schema) {
        Ok(validator) => validator,
        Err(problem) => return vec![format!("the schema itself is wrong: {problem}")],
    };
    validator.iter_errors(value).take(MOST).map(|error| complaint(&error)).collect()
}

fn complaint(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "the value".to_owned() } else { format!("`{place}`") };
    format!("{place}: {}", error.masked_with("this"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_mismatch_is_told_with_its_place() {
        let schema =
            json!({"type": "object", "required": ["email"], "properties": {"score": {"maximum": 1}}});
        let found = mismatches(&schema, &json!({"score": 2}));
        let places: Vec<&str> = found.iter().map(|mismatch| mismatch.path.as_str()).collect();
        assert_eq!(places.len(), 2, "{found:?}");
        assert!(places.contains(&"/score") && places.contains(&""));
    }

    #[test]
    fn what_fits_has_no_mismatch() {
        assert!(mismatches(&json!({"type": "string"}), &json!("x")).is_empty());
    }

    #[test]
    fn addresses_and_lines_are_judged_by_us() {
        let fits =
            |format: &str, text: &str| mismatches(&json!({ "format": format }), &json!(text)).is_empty();
        assert!(fits("mailbox", "Ana <ana@bücher.example>") && fits("mailbox", "ana@b.example"));
        assert!(fits("address", "ana@bücher.example") && !fits("address", "Ana <ana@b.example>"));
        assert!(fits("line", "Your\toffer") && !fits("line", "a\r\nBcc: b") && !fits("line", "a\u{1b}[2J"));
        for text in ["nobody", "a@b@c", "a@b.example\n", "a..b@c.example"] {
            assert!(!fits("mailbox", text) && !fits("address", text), "{text}");
        }
    }

    #[test]
    fn a_pattern_that_goes_back_without_end_is_cut_off() {
        let schema = json!({"type": "string", "pattern": "^(?=a)(a|aa|aaa)+(?=b)$"});
        assert_eq!(mismatches(&schema, &json!("a".repeat(200))).len(), 1);
        assert!(!mismatches(&json!({"pattern": "(a{1000}){1000}"}), &json!("x")).is_empty());
    }

    #[test]
    fn a_broken_schema_fits_nothing() {
        assert_eq!(mismatches(&json!({"type": 7}), &json!("x")).len(), 1);
    }
}
