//! Schemas: a JSON file, a table that is a JSON Schema, or the short form.
//!
//! The short form of `{ name = "string", age = "integer?", tags = ["string"], at = { city = "string" } }` is a table with these
//! fields and no others (what the outside sends, such as events and the answers of verbs, may have more); `?` marks a field that may be missing, `a | b` a choice of words. A table is a JSON Schema in itself when
//! it has `$schema`, `$ref`, or a `type` that is a type word of JSON Schema.

use std::ops::Range;

use serde_json::{Map, Value, json};

use crate::{
    diag::Code,
    draft::{Node, NodeKind},
    files::slice_of,
};

use super::cx::Cx;

/// Why something is no schema.
pub(super) struct SchemaFault {
    pub(super) code: Code,
    pub(super) span: Option<Range<usize>>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl SchemaFault {
    fn new(code: Code, message: String) -> Self {
        Self { code, span: None, message, help: None }
    }
}

const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// Returns the JSON Schema that a value stands for.
pub(super) fn schema(node: &Node, cx: &Cx<'_>) -> Result<Value, SchemaFault> {
    match &node.kind {
        NodeKind::Text(path) => from_file(path, cx),
        NodeKind::Table(_) if is_schema(node) => checked(node.to_json()),
        NodeKind::Table(_) => checked(short_table(node)?),
        _ => Err(SchemaFault::new(Code::E0018, "a schema is a table, or the path of a JSON file".to_owned())),
    }
}

/// Returns the JSON Schema of something that the outside sends: in the short form, it may have more fields than are named.
pub(super) fn open_schema(node: &Node, cx: &Cx<'_>) -> Result<Value, SchemaFault> {
    let mut value = schema(node, cx)?;
    if matches!(node.kind, NodeKind::Table(_)) && !is_schema(node) {
        open(&mut value);
    }
    Ok(value)
}

fn open(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if fields.get("additionalProperties") == Some(&Value::Bool(false)) {
        fields.remove("additionalProperties");
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(open);
    }
    if let Some(items) = fields.get_mut("items") {
        open(items);
    }
}

fn is_schema(node: &Node) -> bool {
    let type_word = node.get("type").and_then(Node::text).is_some_and(|word| TYPES.contains(&word));
    type_word || node.get("$schema").is_some() || node.get("$ref").is_some()
}

fn from_file(path: &str, cx: &Cx<'_>) -> Result<Value, SchemaFault> {
    let own = format!("slices/{}/{path}", slice_of(cx.file));
    let bytes = cx.files.look(&own).or_else(|| cx.files.look(path)).ok_or_else(|| {
        let mut fault = SchemaFault::new(Code::E0019, format!("there is no file \"{path}\""));
        fault.help = Some("paths are relative to the slice, then to the root".to_owned());
        fault
    })?;
    let text = super::text::decode(bytes).map_err(|fault| SchemaFault::new(fault.code, fault.message))?;
    if super::text::conflict(text).is_some() {
        let message = format!("\"{path}\": a merge has left its markers in this file");
        return Err(SchemaFault::new(Code::E0020, message));
    }
    parse_json_schema(text).map_err(|fault| {
        let message = format!("\"{path}\": {}", fault.message);
        SchemaFault::new(fault.code, message)
    })
}

/// Parses a JSON file that holds a schema.
pub(super) fn parse_json_schema(text: &str) -> Result<Value, SchemaFault> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let start = offset(text, error.line(), error.column());
        let message = format!("JSON syntax: {}", without_place(&error.to_string()));
        SchemaFault {
            span: Some(start..(start + 1).min(text.len())),
            ..SchemaFault::new(Code::E0017, message)
        }
    })?;
    checked(value)
}

fn checked(value: Value) -> Result<Value, SchemaFault> {
    if !value.is_object() {
        return Err(SchemaFault::new(Code::E0018, "a schema is a JSON object".to_owned()));
    }
    match crate::schema::validator(&value) {
        Ok(_) => Ok(value),
        Err(error) => Err(SchemaFault::new(Code::E0018, format!("not a JSON Schema: {error}"))),
    }
}

fn without_place(message: &str) -> &str {
    message.split(" at line ").next().unwrap_or(message)
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

fn short_table(node: &Node) -> Result<Value, SchemaFault> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for entry in node.entries() {
        properties.insert(entry.key.clone(), short_value(&entry.value, &entry.key)?);
        if !is_optional(&entry.value) {
            required.push(Value::from(entry.key.clone()));
        }
    }
    Ok(
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false }),
    )
}

/// Returns whether a field may be missing: its word ends in `?`.
fn is_optional(node: &Node) -> bool {
    node.text().is_some_and(|word| word.ends_with('?'))
}

fn short_value(node: &Node, key: &str) -> Result<Value, SchemaFault> {
    match &node.kind {
        NodeKind::Text(word) => short_word(word.strip_suffix('?').unwrap_or(word).trim(), key),
        NodeKind::List(items) if items.len() == 1 => {
            let item = short_value(&items[0], key)?;
            Ok(json!({ "type": "array", "items": item }))
        }
        NodeKind::Table(_) if is_schema(node) => Ok(node.to_json()),
        NodeKind::Table(_) => short_table(node),
        _ => Err(unknown_type(key, node.type_word())),
    }
}

fn short_word(word: &str, key: &str) -> Result<Value, SchemaFault> {
    if word.contains('|') {
        let words: Vec<&str> = word.split('|').map(str::trim).collect();
        return Ok(json!({ "type": "string", "enum": words }));
    }
    Ok(match word {
        "string" | "number" | "integer" | "boolean" => json!({ "type": word }),
        "list" => json!({ "type": "array" }),
        "table" => json!({ "type": "object" }),
        "email" => json!({ "type": "string", "format": "address", "pattern": "^[^@\\s]+@[^@\\s]+$" }),
        "money" => crate::plan::ValueType::Money.schema(),
        "date" => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
        "any" => json!({}),
        _ => return Err(unknown_type(key, &format!("\"{word}\""))),
    })
}

fn unknown_type(key: &str, found: &str) -> SchemaFault {
    let mut fault = SchemaFault::new(Code::E0018, format!("field `{key}` has no type: found {found}"));
    let words = "string, number, integer, boolean, list, table, email, money, date, any, \"a | b\"";
    fault.help = Some(format!("write one of {words}, with `?` where the field may be missing"));
    fault
}
