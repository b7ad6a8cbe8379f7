//! Shapes: what a JSON Schema says about the fields of a value, as far as it can be told without a value.

use serde_json::{Map, Value};

/// Why a path does not exist in a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoField {
    /// The field that is not there.
    pub(crate) field: String,
    /// The fields that are there instead.
    pub(crate) known: Vec<String>,
}

/// Returns what a field of an object may be, `None` where the schema does not say and allows anything.
pub(crate) fn field<'a>(
    root: &'a Value,
    schema: &'a Value,
    name: &str,
) -> Result<Option<&'a Value>, NoField> {
    let mut known = Vec::new();
    let mut open = false;
    for part in parts(root, schema) {
        match part.get("properties").and_then(Value::as_object) {
            Some(properties) => match properties.get(name) {
                Some(found) => return Ok(Some(found)),
                None => known.extend(properties.keys().cloned()),
            },
            None => open |= says_nothing_of_fields(part),
        }
        open |= part.contains_key("patternProperties")
            || matches!(part.get("additionalProperties"), Some(Value::Object(_) | Value::Bool(true)));
    }
    if open || !matches!(schema, Value::Object(_)) {
        return Ok(None);
    }
    Err(NoField { field: name.to_owned(), known })
}

/// A schema that names no field and is not of a simple type allows any field.
fn says_nothing_of_fields(part: &Map<String, Value>) -> bool {
    let closed = part.get("additionalProperties") == Some(&Value::Bool(false));
    let simple = part.get("type").is_some_and(|types| !mentions(types, "object"));
    let composed = ["allOf", "anyOf", "oneOf", "$ref"].iter().any(|key| part.contains_key(*key));
    !closed && !simple && !composed && !part.contains_key("const") && !part.contains_key("enum")
}

/// Walks a path of fields.
pub(crate) fn walk(schema: &Value, path: &[&str]) -> Result<(), NoField> {
    let mut here = schema;
    for name in path {
        match field(schema, here, name)? {
            Some(next) => here = next,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Returns the schema of a path of fields, where it says something of it.
pub(crate) fn lookup<'a>(schema: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(schema, |here, name| field(schema, here, name).ok()?)
}

/// Returns whether an object that fits may lack something on a path: a field that it need not have, or that may be nothing.
pub(crate) fn may_be_missing(schema: &Value, path: &[&str]) -> bool {
    let mut here = schema;
    for name in path {
        let is_required = parts(schema, here)
            .into_iter()
            .filter_map(|part| part.get("required")?.as_array())
            .any(|names| names.iter().any(|required| required == name));
        // Of what the schema does not name nothing is known.
        let Ok(Some(next)) = field(schema, here, name) else { return false };
        let is_nullable = types(schema, next).is_some_and(|types| types.contains(&"null"));
        if !is_required || is_nullable {
            return true;
        }
        here = next;
    }
    false
}

/// Returns whether everything that fits one schema has the type of another; what a schema leaves open is taken as fitting.
///
/// Nothing is left out: a field that may be `null` counts as one that may be missing.
pub(crate) fn is_within(root: &Value, schema: &Value, wanted: &Value) -> bool {
    let (Some(found), Some(allowed)) = (types(root, schema), types(wanted, wanted)) else { return true };
    let fits = |word: &&str| {
        *word == "null" || allowed.contains(word) || (*word == "integer" && allowed.contains(&"number"))
    };
    let has_pattern = match wanted.get("pattern") {
        Some(pattern) => parts(root, schema).into_iter().any(|part| part.get("pattern") == Some(pattern)),
        None => true,
    };
    found.iter().all(fits) && has_pattern
}

/// Returns the type words that a schema allows, `None` where it allows any.
fn types<'a>(root: &'a Value, schema: &'a Value) -> Option<Vec<&'a str>> {
    let rows = parts(root, schema).into_iter().filter_map(|part| match part.get("type")? {
        Value::String(one) => Some(vec![one.as_str()]),
        Value::Array(many) => Some(many.iter().filter_map(Value::as_str).collect()),
        _ => None,
    });
    let found: Vec<&str> = rows.flatten().collect();
    (!found.is_empty()).then_some(found)
}

/// Returns the names of the fields that an object must have.
pub(crate) fn required(schema: &Value) -> Vec<&str> {
    let rows = parts(schema, schema).into_iter().filter_map(|part| part.get("required")?.as_array());
    rows.flatten().filter_map(Value::as_str).collect()
}

/// Returns whether a schema allows a text.
pub(crate) fn allows_text(root: &Value, schema: &Value) -> bool {
    let types: Vec<&Value> = parts(root, schema).into_iter().filter_map(|part| part.get("type")).collect();
    types.is_empty() || types.into_iter().any(|types| mentions(types, "string"))
}

/// Returns the words of the types that a schema allows.
pub(crate) fn type_words(schema: &Value) -> String {
    match schema.get("type") {
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "something else".to_owned(),
    }
}

fn mentions(types: &Value, word: &str) -> bool {
    match types {
        Value::String(one) => one == word,
        Value::Array(many) => many.iter().any(|one| one == word),
        _ => false,
    }
}

/// Returns a schema and what it is composed of: local references and `allOf`, `anyOf`, `oneOf`, each part once.
fn parts<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Map<String, Value>> {
    let mut found: Vec<&Map<String, Value>> = Vec::new();
    let mut open = vec![schema];
    while let Some(schema) = open.pop() {
        let Value::Object(part) = schema else { continue };
        // A schema may refer to itself, once or in many branches.
        if found.iter().any(|seen| std::ptr::eq(*seen, part)) {
            continue;
        }
        found.push(part);
        let pointer = part.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        open.extend(pointer.and_then(|pointer| root.pointer(pointer)));
        for key in ["allOf", "anyOf", "oneOf"] {
            open.extend(part.get(key).and_then(Value::as_array).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_followed_through_objects_references_and_unions() {
        let schema = json!({
            "type": "object",
            "properties": {
                "lead": {"$ref": "#/$defs/lead"},
                "any": {"type": "object"},
                "either": {"anyOf": [{"type": "null"}, {"properties": {"a": {"type": "string"}}}]}
            },
            "$defs": {"lead": {"type": "object", "properties": {"email": {"type": "string"}}}}
        });
        assert!(walk(&schema, &["lead", "email"]).is_ok());
        assert!(walk(&schema, &["any", "thing"]).is_ok());
        assert!(walk(&schema, &["either", "a"]).is_ok());
        let missing = walk(&schema, &["lead", "mail"]).expect_err("no such field");
        assert_eq!((missing.field.as_str(), missing.known), ("mail", vec!["email".to_owned()]));
        assert!(walk(&schema, &["lead", "email", "host"]).is_err());
    }

    #[test]
    fn a_schema_that_refers_to_itself_in_many_branches_ends() {
        let branches: Vec<Value> =
            (0..64).map(|_| json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]})).collect();
        let schema = json!({"anyOf": branches, "properties": {"a": {"type": "string"}}});
        assert!(walk(&schema, &["a"]).is_ok());
        assert_eq!(walk(&schema, &["b"]).map_err(|missing| missing.known), Err(vec!["a".to_owned()]));
    }
}
