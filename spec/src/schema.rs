//! Whether a value fits a JSON Schema: one validator for contracts, records, forms and edits.

use serde_json::Value;

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
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => return vec![Mismatch { path: String::new(), problem: format!("no schema: {error}") }],
    };
    let errors = validator.iter_errors(value);
    errors
        .map(|error| Mismatch { path: error.instance_path().to_string(), problem: error.to_string() })
        .collect()
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
    fn a_broken_schema_fits_nothing() {
        assert_eq!(mismatches(&json!({"type": 7}), &json!("x")).len(), 1);
    }
}
