//! The JSON Schema of each kind of file, for completion and checks in editors (`#:schema`).

use serde_json::{Map, Value, json};

use super::{Cases, Field, FileKind, SCHEMA, Support, Table, Ty, Word};

impl FileKind {
    /// Returns the JSON Schema (draft 2020-12) of this kind of file.
    #[must_use]
    pub fn json_schema(&self) -> Value {
        let mut schema = of_table(self.table);
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
            fields.insert("title".to_owned(), json!(format!("{} ({SCHEMA})", self.path)));
        }
        schema
    }
}

fn of_table(table: &Table) -> Value {
    let mut properties = Map::new();
    let all = std::iter::once(table).chain(table.case_tables().iter().copied());
    for field in all.flat_map(|table| table.fields) {
        add(&mut properties, field);
    }
    let mut schema = json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "patternProperties": { "^x-": {} },
        "additionalProperties": false,
        "required": required(table),
    });
    let cases = cases(table);
    if !cases.is_null() {
        schema["allOf"] = cases;
    }
    schema
}

/// Adds a key; one that several kinds have takes what any of them takes.
fn add(properties: &mut Map<String, Value>, field: &Field) {
    let mut schema = of_type(&field.ty);
    if let Some(fields) = schema.as_object_mut() {
        let not_yet = if field.support == Support::Later { "Not supported yet. " } else { "" };
        fields.insert("description".to_owned(), json!(format!("{not_yet}{}", field.doc)));
    }
    match properties.get_mut(field.name) {
        None => drop(properties.insert(field.name.to_owned(), schema)),
        Some(before) if *before == schema => {}
        Some(before) => match before.get_mut("anyOf").and_then(Value::as_array_mut) {
            Some(any) => any.push(schema),
            None => *before = json!({ "anyOf": [before.clone(), schema] }),
        },
    }
}

fn required(table: &Table) -> Vec<&'static str> {
    table.fields.iter().filter(|field| field.required).map(|field| field.name).collect()
}

fn cases(table: &Table) -> Value {
    match table.cases {
        Cases::None => Value::Null,
        Cases::ByKey(cases) => {
            let one: Vec<Value> = cases.iter().map(|case| json!({ "required": required(case) })).collect();
            json!([{ "oneOf": one }])
        }
        Cases::ByWord(key, cases) => cases
            .iter()
            .map(|case| {
                json!({
                    "if": { "properties": { key: { "const": case.name } }, "required": [key] },
                    "then": { "required": required(case) },
                })
            })
            .collect(),
    }
}

fn of_type(ty: &Ty) -> Value {
    match ty {
        Ty::Boolean => json!({ "type": "boolean" }),
        Ty::Integer(low, i64::MAX) => json!({ "type": "integer", "minimum": low }),
        Ty::Integer(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Ty::Number(low, high) => json!({ "type": "number", "minimum": low, "maximum": high }),
        Ty::Decimal => json!({ "type": ["string", "number"] }),
        Ty::Id | Ty::Step => json!({ "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$" }),
        Ty::Money => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?( [A-Z]{3})?$" }),
        Ty::Period => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d|w)$" }),
        Ty::Backoff => {
            json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d|w)\\.\\.[0-9]+(ms|s|m|h|d|w)$" })
        }
        Ty::Currency => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
        Ty::Words(words) => of_words(words),
        Ty::Schema => json!({ "type": ["object", "string"] }),
        Ty::Any | Ty::Args(_) => json!({}),
        Ty::List(item) => json!({ "type": "array", "items": of_type(item) }),
        Ty::Map(item) => json!({ "type": "object", "additionalProperties": of_type(item) }),
        Ty::Table(table) => of_table(table),
        Ty::Either(types) => json!({ "anyOf": types.iter().map(of_type).collect::<Vec<_>>() }),
        _ => json!({ "type": "string" }),
    }
}

fn of_words(words: &[Word]) -> Value {
    let one = words.iter().map(|word| json!({ "const": word.word, "description": word.doc }));
    json!({ "type": "string", "oneOf": one.collect::<Vec<_>>() })
}
