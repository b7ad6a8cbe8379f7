//! Business records, as every host keeps them: what a write leaves, what a filter finds, what fits. Where they are kept is the
//! host's affair.

use adjutant_spec::{plan::Bundle, schema};
use serde_json::Value;

/// Returns the old fields with the new ones over them.
#[must_use]
pub fn merged(old: Option<&Value>, new: &Value) -> Value {
    match (old, new) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            let mut merged = old.clone();
            merged.extend(new.iter().map(|(field, value)| (field.clone(), value.clone())));
            Value::Object(merged)
        }
        _ => new.clone(),
    }
}

/// Returns whether every field of a filter has the same value in a record.
#[must_use]
pub fn matches(value: &Value, filter: &Value) -> bool {
    let Value::Object(wanted) = filter else { return true };
    wanted.iter().all(|(field, wanted)| value.get(field) == Some(wanted))
}

/// Checks a record against the schema that a run pins.
///
/// # Errors
/// What is wrong with it, for people.
pub fn check(bundle: &Bundle, kind: &str, value: &Value) -> Result<(), String> {
    let Some(schema) = bundle.records.get(kind) else {
        return Err(format!("there is no kind of record \"{kind}\""));
    };
    let mismatches = schema::mismatches(schema, value);
    let problems: Vec<String> =
        mismatches.iter().map(|found| format!("{}: {}", found.path, found.problem)).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_write_keeps_the_fields_that_it_does_not_name() {
        let old = json!({ "name": "Ada", "stage": "lead" });
        assert_eq!(
            merged(Some(&old), &json!({ "stage": "client" })),
            json!({ "name": "Ada", "stage": "client" })
        );
    }

    #[test]
    fn a_filter_compares_every_field() {
        let record = json!({ "a": 1, "b": 2 });
        assert!(matches(&record, &json!({ "a": 1 })));
        assert!(!matches(&record, &json!({ "a": 1, "b": 3 })));
        assert!(!matches(&record, &json!({ "c": null })));
    }
}
