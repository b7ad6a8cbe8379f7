//! Forms from JSON Schema: what a gate lets a person fill in, as fields, and the fields back as a value.
//!
//! A table becomes one field for each leaf, named by its path; whatever has no plain field, such as a list, is typed as JSON.

use std::collections::BTreeMap;

use adjutant_spec::value::from_outside;
use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::http::Refusal;

/// How deep tables become fields; deeper ones are typed as JSON.
const DEEPEST: usize = 4;

/// One field of a form.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    path: Vec<String>,
    title: String,
    help: Option<String>,
    is_required: bool,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Line,
    Text,
    Number { is_integer: bool },
    Yes,
    Choice(Vec<String>),
    Json,
}

/// Returns the fields of a schema.
pub(super) fn fields(schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    collect(schema, &mut Vec::new(), &mut found);
    if found.is_empty() {
        found.push(field(schema, &["value".to_owned()], true));
    }
    found
}

fn collect(schema: &Value, path: &mut Vec<String>, found: &mut Vec<Field>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, inner) in properties {
        path.push(name.clone());
        let is_table = inner.get("properties").is_some() && path.len() < DEEPEST;
        if is_table {
            collect(inner, path, found);
        } else {
            found.push(field(inner, path, required.contains(&name.as_str())));
        }
        path.pop();
    }
}

fn field(schema: &Value, path: &[String], is_required: bool) -> Field {
    let word = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
    Field {
        path: path.to_vec(),
        title: word("title").unwrap_or_else(|| path.join(" · ").replace('_', " ")),
        help: word("description"),
        is_required,
        kind: kind(schema, path),
    }
}

fn kind(schema: &Value, path: &[String]) -> Kind {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let words: Option<Vec<String>> =
            choices.iter().map(|choice| choice.as_str().map(str::to_owned)).collect();
        return words.map_or(Kind::Json, Kind::Choice);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => {
            let name = path.last().map(String::as_str).unwrap_or_default();
            let longest = schema.get("maxLength").and_then(Value::as_u64);
            let is_line = longest.is_some_and(|longest| longest <= 120)
                || [
                    "email", "name", "company", "subject", "title", "amount", "currency", "phone", "url",
                    "id",
                ]
                .contains(&name);
            if is_line { Kind::Line } else { Kind::Text }
        }
        Some("integer") => Kind::Number { is_integer: true },
        Some("number") => Kind::Number { is_integer: false },
        Some("boolean") => Kind::Yes,
        _ => Kind::Json,
    }
}

impl Field {
    fn name(&self) -> String {
        format!("form:{}", self.path.join("."))
    }

    /// Returns the field as HTML; `scope` makes its id unique on the page.
    pub(super) fn html(&self, scope: &str) -> Markup {
        let id = format!("{scope}-{}", self.path.join("-"));
        let name = self.name();
        let help_id = format!("{id}-help");
        let described = self.help.as_ref().map(|_| help_id.as_str());
        html! {
            div.field {
                @if self.kind == Kind::Yes {
                    label.check { input id=(id) type="checkbox" name=(name) value="true" aria-describedby=[described]; " " (self.title) }
                } @else {
                    label for=(id) { (self.title) @if !self.is_required { span.soft { " (optional)" } } }
                    @match &self.kind {
                        Kind::Line => input id=(id) name=(name) type="text" required[self.is_required] aria-describedby=[described];,
                        Kind::Number { is_integer } => input id=(id) name=(name) type="number"
                            step=(if *is_integer { "1" } else { "any" }) required[self.is_required] aria-describedby=[described];,
                        Kind::Choice(words) => select id=(id) name=(name) required[self.is_required] aria-describedby=[described] {
                            option value="" { "Choose…" }
                            @for word in words { option value=(word) { (word) } }
                        },
                        Kind::Text | Kind::Json | Kind::Yes =>
                            textarea id=(id) name=(name) rows="3" required[self.is_required] aria-describedby=[described] {},
                    }
                }
                @if let Some(help) = &self.help { p.soft id=(help_id) { (help) } }
                @if self.kind == Kind::Json { p.soft { "As JSON, such as " code { "[\"one\", \"two\"]" } } }
            }
        }
    }

    fn read(&self, typed: Option<&str>) -> Result<Option<Value>, Refusal> {
        let text = typed.map(str::trim).filter(|text| !text.is_empty());
        let wrong = |what: &str| Refusal::invalid(format!("\"{}\" is no {what}", self.title));
        let value = match (&self.kind, text) {
            (Kind::Yes, text) => Value::Bool(text.is_some()),
            (_, None) => return Ok(None),
            (Kind::Line | Kind::Text | Kind::Choice(_), Some(text)) => Value::String(text.to_owned()),
            (Kind::Number { is_integer: true }, Some(text)) => {
                Value::Number(text.parse::<i64>().map_err(|_| wrong("whole number"))?.into())
            }
            (Kind::Number { is_integer: false }, Some(text)) => {
                // Read as JSON is: a number with more digits than JSON carries is no number here.
                let number = from_outside(text.as_bytes()).ok().filter(Value::is_number);
                number.ok_or_else(|| wrong("number"))?
            }
            (Kind::Json, Some(text)) => serde_json::from_str(text).map_err(|_| wrong("JSON"))?,
        };
        Ok(Some(value))
    }
}

/// Reads what a person typed back into a value of the schema's shape.
///
/// # Errors
/// [`crate::http::Code::Invalid`] for a number or JSON that is none; the schema itself is checked by the machine.
pub(super) fn read(schema: &Value, typed: &BTreeMap<&str, &str>) -> Result<Value, Refusal> {
    let mut whole = Value::Object(Map::new());
    for field in fields(schema) {
        let path = field.path.join(".");
        if let Some(value) = field.read(typed.get(path.as_str()).copied())? {
            put(&mut whole, &field.path, value);
        }
    }
    let has_plain_value = schema.get("properties").is_none();
    Ok(if has_plain_value { whole.get("value").cloned().unwrap_or(Value::Null) } else { whole })
}

fn put(whole: &mut Value, path: &[String], value: Value) {
    let Some((last, before)) = path.split_last() else { return };
    let mut place = whole;
    for name in before {
        let Value::Object(table) = place else { return };
        place = table.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    if let Value::Object(table) = place {
        table.insert(last.clone(), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({ "type": "object", "required": ["lead", "fit"], "properties": {
            "lead": { "type": "object", "required": ["email"], "properties": { "email": { "type": "string" }, "budget": { "type": "integer" } } },
            "fit": { "enum": ["good", "bad"] },
            "urgent": { "type": "boolean" },
            "reasons": { "type": "array", "items": { "type": "string" } },
            "confidence": { "type": "number" },
        } })
    }

    #[test]
    fn what_is_typed_comes_back_in_the_schemas_shape() {
        let typed = [
            ("lead.email", "ada@example.com"),
            ("lead.budget", " 20 "),
            ("fit", "good"),
            ("reasons", "[\"a\"]"),
            ("confidence", "0.5"),
        ];
        let value = read(&schema(), &typed.into()).unwrap();
        let expected = json!({ "lead": { "email": "ada@example.com", "budget": 20 }, "fit": "good", "urgent": false, "reasons": ["a"], "confidence": 0.5 });
        assert_eq!(value, expected);
    }

    #[test]
    fn what_is_no_number_is_said_by_name() {
        let refusal = read(&schema(), &[("lead.budget", "many")].into()).unwrap_err();
        assert_eq!(refusal.message, "\"lead · budget\" is no whole number");
    }

    #[test]
    fn a_schema_without_fields_takes_one_value() {
        assert_eq!(read(&json!({ "type": "string" }), &[("value", "x")].into()).unwrap(), json!("x"));
    }
}
