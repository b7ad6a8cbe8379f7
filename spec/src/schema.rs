//! Whether a value fits a JSON Schema: one validator for contracts, records, forms, edits and answers.
//!
//! Three formats of ours say what JSON Schema cannot: `mailbox` is a mail address with or without a name, `address` one
//! without (so is JSON Schema's own `email`), `line` a text without control characters, which a header or a title can carry.

use jsonschema::Validator;
use serde_json::Value;

use crate::value::Mailbox;

/// One way in which a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Mismatch {
    /// Where in the value, as a JSON pointer; empty at its root.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// Returns every way in which a value does not fit a schema; a schema that is none counts as one.
#[must_use]
pub fn mismatches(schema: &Value, value: &Value) -> Vec<Mismatch> {
    let validator = match validator(schema) {
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

/// Returns what checks values against a schema; nothing that it points to is fetched.
///
/// # Errors
/// Where the schema is none: what is wrong with it, without values.
pub fn validator(schema: &Value) -> Result<Validator, String> {
    let options = jsonschema::options().should_validate_formats(true);
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
    fn a_broken_schema_fits_nothing() {
        assert_eq!(mismatches(&json!({"type": 7}), &json!("x")).len(), 1);
    }
}
