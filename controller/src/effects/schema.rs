//! Values against JSON Schemas, with complaints that a person, or a model on its second try, can act on.

use adjutant_spec::schema::complaints;
use serde_json::Value;

/// Checks a value; returns what is wrong with it, place first, without the value itself.
///
/// # Errors
/// The complaints, at least one.
pub(super) fn check(schema: &Value, value: &Value) -> Result<(), Vec<String>> {
    let found = complaints(schema, value);
    if found.is_empty() { Ok(()) } else { Err(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn complaints_name_places_and_no_values() {
        let schema = json!({ "type": "object", "required": ["email"],
            "properties": { "email": { "type": "string" }, "budget": { "type": "number" } } });
        assert_eq!(check(&schema, &json!({ "email": "a@b" })), Ok(()));
        let complaints = check(&schema, &json!({ "budget": "hidden-canary" })).unwrap_err().join("; ");
        assert!(complaints.contains("`/budget`") && complaints.contains("email"), "{complaints}");
        assert!(!complaints.contains("hidden-canary"), "{complaints}");
    }

    #[test]
    fn a_schema_that_points_outside_is_refused_instead_of_fetched() {
        let schema = json!({ "$ref": "http://127.0.0.1:1/schema.json" });
        assert!(check(&schema, &json!({})).unwrap_err()[0].contains("schema itself"));
    }
}
