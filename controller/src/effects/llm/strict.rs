//! One schema in Git, two forms: the provider's strict mode gets a lowered one, the answer is checked against the original.
//!
//! Strict mode wants every property required and no others. What the original makes optional becomes nullable, and a
//! null that comes back for it is taken out again.

use serde_json::{Map, Value, json};

/// What strict mode does not take and the local check makes good.
const DROPPED: [&str; 22] = [
    "$schema",
    "$id",
    "title",
    "default",
    "examples",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contentEncoding",
    "contentMediaType",
    "deprecated",
];

/// What has no strict form.
const LOOSE: [&str; 10] = [
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "unevaluatedProperties",
    "prefixItems",
];

/// A schema as the provider takes it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::effects) struct Lowered {
    pub(in crate::effects) schema: Value,
    /// Whether the provider can be held to it; else it is a hint.
    pub(in crate::effects) is_strict: bool,
}

/// Returns a schema in the form that a provider's strict mode takes.
pub(super) fn lower(schema: &Value) -> Lowered {
    let mut is_strict = is_object(schema);
    let schema = walk(schema, &mut is_strict);
    Lowered { schema, is_strict }
}

/// Takes out the nulls that stand for "not there": of properties that the original does not require.
pub(super) fn without_nulls(value: Value, schema: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let properties = schema.get("properties");
            let kept = fields.into_iter().filter_map(|(name, value)| {
                let property = properties.and_then(|all| all.get(&name));
                let is_absent = value.is_null()
                    && property.is_some_and(|one| !takes_null(one))
                    && !is_required(schema, &name);
                (!is_absent).then(|| {
                    let value = without_nulls(value, property.unwrap_or(&Value::Null));
                    (name, value)
                })
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => {
            let inner = schema.get("items").unwrap_or(&Value::Null);
            items.into_iter().map(|item| without_nulls(item, inner)).collect()
        }
        other => other,
    }
}

fn walk(schema: &Value, is_strict: &mut bool) -> Value {
    let Some(fields) = schema.as_object() else {
        // `true` and `false` are schemas, too; strict mode knows neither.
        *is_strict = false;
        return schema.clone();
    };
    let mut out = Map::new();
    for (keyword, value) in fields {
        match keyword.as_str() {
            word if DROPPED.contains(&word) || word.starts_with("x-") => {}
            word if LOOSE.contains(&word) => {
                *is_strict = false;
                out.insert(word.to_owned(), value.clone());
            }
            "properties" | "required" | "additionalProperties" if is_object(schema) => {}
            "oneOf" | "anyOf" => {
                let arms = value.as_array().map(Vec::as_slice).unwrap_or_default();
                out.insert("anyOf".to_owned(), arms.iter().map(|arm| walk(arm, is_strict)).collect());
            }
            "items" => drop(out.insert("items".to_owned(), walk(value, is_strict))),
            "$defs" | "definitions" => drop(out.insert(keyword.clone(), named(value, is_strict))),
            "const" => drop(out.insert("enum".to_owned(), json!([value]))),
            _ => drop(out.insert(keyword.clone(), value.clone())),
        }
    }
    if is_object(schema) {
        object(schema, &mut out, is_strict);
    }
    Value::Object(out)
}

fn object(schema: &Value, out: &mut Map<String, Value>, is_strict: &mut bool) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let is_open = !matches!(schema.get("additionalProperties"), None | Some(Value::Bool(false)));
    if properties.is_empty() || is_open {
        *is_strict = false;
    }
    let lowered = properties.iter().map(|(name, property)| {
        let lowered = walk(property, is_strict);
        (name.clone(), if is_required(schema, name) { lowered } else { nullable(lowered) })
    });
    let lowered: Map<_, _> = lowered.collect();
    out.insert("required".to_owned(), lowered.keys().cloned().collect());
    out.insert("properties".to_owned(), Value::Object(lowered));
    out.insert("additionalProperties".to_owned(), Value::Bool(false));
}

fn named(schemas: &Value, is_strict: &mut bool) -> Value {
    let none = Map::new();
    let schemas = schemas.as_object().unwrap_or(&none);
    Value::Object(schemas.iter().map(|(name, schema)| (name.clone(), walk(schema, is_strict))).collect())
}

fn nullable(schema: Value) -> Value {
    if takes_null(&schema) { schema } else { json!({ "anyOf": [schema, { "type": "null" }] }) }
}

fn takes_null(schema: &Value) -> bool {
    let is_null = |kind: &Value| kind == "null";
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is_null),
        Some(kind) => is_null(kind),
        None => ["anyOf", "oneOf"].iter().any(|word| {
            schema.get(*word).and_then(Value::as_array).is_some_and(|arms| arms.iter().any(takes_null))
        }),
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == name))
}

fn is_object(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => schema.get("properties").is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original() -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["lead"],
            "properties": {
                "lead": { "type": "object", "required": ["email"], "properties": {
                    "email": { "type": "string", "format": "email", "maxLength": 200 },
                    "company": { "type": "string" } } },
                "budget": { "type": "number", "minimum": 0 },
                "fit": { "oneOf": [{ "const": "good" }, { "const": "no" }] },
                "reasons": { "type": "array", "maxItems": 5, "items": { "type": "string" } },
                "note": { "type": ["string", "null"] },
            }
        })
    }

    #[test]
    fn the_lowered_form_is_strict_all_the_way_down() {
        let lowered = lower(&original());
        assert!(lowered.is_strict);
        let schema = lowered.schema;
        assert_eq!(schema["required"], json!(["lead", "budget", "fit", "reasons", "note"]));
        assert_eq!(schema["properties"]["lead"]["additionalProperties"], false);
        assert_eq!(schema["properties"]["lead"]["properties"]["email"], json!({ "type": "string" }));
        assert_eq!(
            schema["properties"]["budget"],
            json!({ "anyOf": [{ "type": "number" }, { "type": "null" }] })
        );
        assert_eq!(schema["properties"]["note"], json!({ "type": ["string", "null"] }));
        let fit =
            json!({ "anyOf": [{ "anyOf": [{ "enum": ["good"] }, { "enum": ["no"] }] }, { "type": "null" }] });
        assert_eq!(schema["properties"]["fit"], fit);
        assert!(!schema.to_string().contains("maxItems") && schema.get("$schema").is_none());
    }

    #[test]
    fn what_has_no_strict_form_is_only_a_hint() {
        for schema in [
            json!({ "type": "object", "properties": {} }),
            json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": { "type": "string" } }),
            json!({ "type": "object", "properties": { "a": { "not": {} } } }),
            json!({ "type": "array", "items": {} }),
        ] {
            assert!(!lower(&schema).is_strict, "{schema}");
        }
    }

    #[test]
    fn nulls_for_what_is_optional_are_taken_out() {
        let answer = json!({ "lead": { "email": "a@b", "company": null }, "budget": null, "note": null, "reasons": ["x"] });
        let expected = json!({ "lead": { "email": "a@b" }, "note": null, "reasons": ["x"] });
        assert_eq!(without_nulls(answer, &original()), expected);
        let required = json!({ "lead": null });
        assert_eq!(without_nulls(required.clone(), &original()), required);
    }
}
