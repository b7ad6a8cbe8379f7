//! What the provider demands of a schema in strict mode, with its own words for what is missing.

use serde_json::{Map, Value};

/// Keywords that strict mode does not take.
const REFUSED: [&str; 9] = [
    "allOf",
    "not",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "then",
    "else",
    "patternProperties",
    "oneOf",
];

const MAX_DEPTH: usize = 10;
const MAX_PROPERTIES: usize = 5000;

/// Where a schema is not strict, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    path: Vec<String>,
    reason: String,
}

impl Breach {
    /// Returns the provider's sentence.
    pub(super) fn message(&self, name: &str) -> String {
        let path: Vec<String> = self.path.iter().map(|step| format!("'{step}'")).collect();
        let context = match path.as_slice() {
            [one] => format!("({one},)"),
            path => format!("({})", path.join(", ")),
        };
        format!("Invalid schema for response_format '{name}': In context={context}, {}", self.reason)
    }
}

/// Checks a schema that is to be enforced strictly.
pub(super) fn check(schema: &Value) -> Result<(), Breach> {
    let mut walk = Walk { path: Vec::new(), depth: 0, properties: 0 };
    if !is_object(schema) {
        return Err(walk.breach("schema must be a JSON Schema of 'type: \"object\"'."));
    }
    walk.schema(schema)
}

struct Walk {
    path: Vec<String>,
    depth: usize,
    properties: usize,
}

impl Walk {
    fn schema(&mut self, schema: &Value) -> Result<(), Breach> {
        let Some(fields) = schema.as_object() else {
            return Err(self.breach("schema must be an object."));
        };
        if let Some(keyword) = REFUSED.iter().find(|keyword| fields.contains_key(**keyword)) {
            return Err(self.breach(&format!("'{keyword}' is not permitted.")));
        }
        if is_object(schema) {
            self.object(fields)?;
        }
        if let Some(items) = fields.get("items") {
            self.inside("items", items)?;
        }
        self.each_listed("anyOf", fields)?;
        self.each_named("$defs", fields)?;
        self.each_named("definitions", fields)
    }

    fn object(&mut self, fields: &Map<String, Value>) -> Result<(), Breach> {
        if fields.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err(self.breach("'additionalProperties' is required to be supplied and to be false."));
        }
        let none = Map::new();
        let properties = fields.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required =
            fields.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if let Some(missing) = properties.keys().find(|name| !required.iter().any(|one| one == name.as_str()))
        {
            let reason = format!(
                "'required' is required to be supplied and to be an array including every key in properties. \
                 Missing '{missing}'."
            );
            return Err(self.breach(&reason));
        }
        if let Some(extra) =
            required.iter().filter_map(Value::as_str).find(|name| !properties.contains_key(*name))
        {
            return Err(self.breach(&format!("Extra required key '{extra}' supplied.")));
        }
        self.properties += properties.len();
        if self.properties > MAX_PROPERTIES {
            return Err(self.breach(&format!("more than {MAX_PROPERTIES} properties.")));
        }
        self.each_named("properties", fields)
    }

    fn each_named(&mut self, keyword: &str, fields: &Map<String, Value>) -> Result<(), Breach> {
        let Some(named) = fields.get(keyword).and_then(Value::as_object) else { return Ok(()) };
        self.path.push(keyword.to_owned());
        for (name, schema) in named {
            self.inside(name, schema)?;
        }
        self.path.pop();
        Ok(())
    }

    fn each_listed(&mut self, keyword: &str, fields: &Map<String, Value>) -> Result<(), Breach> {
        let Some(listed) = fields.get(keyword).and_then(Value::as_array) else { return Ok(()) };
        self.path.push(keyword.to_owned());
        for (index, schema) in listed.iter().enumerate() {
            self.inside(&index.to_string(), schema)?;
        }
        self.path.pop();
        Ok(())
    }

    fn inside(&mut self, step: &str, schema: &Value) -> Result<(), Breach> {
        self.path.push(step.to_owned());
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.breach(&format!("nested deeper than {MAX_DEPTH} levels.")));
        }
        self.schema(schema)?;
        self.depth -= 1;
        self.path.pop();
        Ok(())
    }

    fn breach(&self, reason: &str) -> Breach {
        Breach { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// `type` may be a list, of which one is null.
fn is_object(schema: &Value) -> bool {
    match &schema["type"] {
        Value::String(kind) => kind == "object",
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(properties: Value, required: Value) -> Value {
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    }

    #[test]
    fn a_strict_schema_passes() {
        let lead = object(json!({ "email": { "type": ["string", "null"] } }), json!(["email"]));
        let schema = object(
            json!({ "lead": lead, "reasons": { "type": "array", "items": { "type": "string" } } }),
            json!(["lead", "reasons"]),
        );
        assert_eq!(check(&schema), Ok(()));
    }

    #[test]
    fn what_is_not_strict_is_named_with_its_place() {
        let open = json!({ "type": "object", "properties": {}, "required": [] });
        let optional = object(json!({ "budget": { "type": "number" } }), json!([]));
        let nested = object(json!({ "lead": { "anyOf": [optional] } }), json!(["lead"]));
        let extra = object(json!({}), json!(["ghost"]));
        let union = object(json!({ "a": { "oneOf": [] } }), json!(["a"]));
        let refused = [
            (open, "In context=(), 'additionalProperties' is required"),
            (nested, "In context=('properties', 'lead', 'anyOf', '0'), 'required' is required"),
            (extra, "Extra required key 'ghost'"),
            (union, "In context=('properties', 'a'), 'oneOf' is not permitted"),
            (json!({ "type": "array", "items": {} }), "type: \"object\""),
        ];
        for (schema, reason) in refused {
            let message = check(&schema).unwrap_err().message("q");
            assert!(message.contains(reason), "{message}");
        }
    }
}
