//! A value that fits a schema: what a run that only observes reads where the world was not asked.

use serde_json::{Map, Value, json};

/// How deep a sample goes.
const DEPTH: u32 = 8;

/// Returns a value that fits a schema as far as its types go; texts are `(observed)`.
#[must_use]
pub fn of(schema: &Value) -> Value {
    at_depth(schema, DEPTH)
}

fn at_depth(schema: &Value, depth: u32) -> Value {
    let given = ["const", "default"].iter().find_map(|word| schema.get(*word));
    let listed = ["examples", "enum"].iter().find_map(|word| schema.get(*word)?.get(0));
    if let Some(value) = given.or(listed) {
        return value.clone();
    }
    if depth == 0 {
        return Value::Null;
    }
    match type_of(schema) {
        Some("object") => object(schema, depth - 1),
        Some("array") => items(schema, depth - 1),
        Some("string") => json!("(observed)"),
        Some("number" | "integer") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        _ => Value::Null,
    }
}

fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => Some(name),
        Some(Value::Array(names)) => names.iter().find_map(Value::as_str),
        _ => schema.get("properties").map(|_| "object"),
    }
}

fn object(schema: &Value, depth: u32) -> Value {
    let fields = schema.get("properties").and_then(Value::as_object);
    let fields = fields.into_iter().flatten().map(|(name, field)| (name.clone(), at_depth(field, depth)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn items(schema: &Value, depth: u32) -> Value {
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(16);
    let item = schema.get("items").map_or(Value::Null, |items| at_depth(items, depth));
    Value::Array((0..least).map(|_| item.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_fit_their_schema() {
        let schema = json!({"type": "object", "required": ["id", "lines"], "properties": {
            "id": {"type": "string"}, "total": {"type": "number", "minimum": 3}, "state": {"enum": ["open", "paid"]},
            "lines": {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}}});
        let sample = of(&schema);
        assert!(adjutant_spec::schema::mismatches(&schema, &sample).is_empty(), "{sample}");
    }
}
