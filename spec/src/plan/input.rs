//! What a run is given: one judgement of types, for defaults, events, children and `run --input` alike.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::value::{Currency, Money, Privacy, Template, Trust};

/// One value that a run is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Where a trigger's event has it.
    pub from: Option<Template>,
    /// The type that a given value must have.
    #[serde(rename = "type")]
    pub type_: ValueType,
    /// What it is when nobody gives it.
    pub default: Option<Value>,
    /// How far it is trusted.
    pub trust: Trust,
    /// Who may see it.
    pub privacy: Privacy,
}

/// The type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A text of any length.
    String,
    /// A number, whole or not.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A list of values of any type.
    List,
    /// A table of named values of any type.
    Table,
    /// A decimal with a currency, as text.
    Money,
}

/// The text of money in a JSON Schema: what the short form `"money"` means too.
const MONEY: &str = "^-?[0-9]+(\\.[0-9]+)? [A-Z]{3}$";

impl ValueType {
    /// Returns what a value of it is, for people.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::String => "a text",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Table => "a table",
            Self::Money => "money, such as \"20.00 EUR\"",
        }
    }

    /// Returns whether a value is of it.
    #[must_use]
    pub fn accepts(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            // As JSON Schema has it: 3.0 is a whole number.
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Table => value.is_object(),
            Self::Money => value.as_str().is_some_and(|text| text.parse::<Money>().is_ok()),
        }
    }

    /// Returns the JSON Schema of it.
    #[must_use]
    pub fn schema(self) -> Value {
        match self {
            Self::String => json!({ "type": "string" }),
            Self::Number => json!({ "type": "number" }),
            Self::Integer => json!({ "type": "integer" }),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::List => json!({ "type": "array" }),
            Self::Table => json!({ "type": "object" }),
            Self::Money => json!({ "type": "string", "pattern": MONEY }),
        }
    }
}

impl Input {
    /// Returns what the input is: what is given, else its default.
    ///
    /// What is given as nothing is not given: an optional field may be written as `null`. Money gets the currency that it does not
    /// name.
    ///
    /// # Errors
    /// What is wrong with it, to be read after `input "name"`.
    pub fn settle(&self, given: Option<Value>, currency: Option<Currency>) -> Result<Value, String> {
        let value = given.filter(|value| !value.is_null()).or_else(|| self.default.clone());
        match value {
            None => Err("is missing".to_owned()),
            Some(Value::String(text)) if self.type_ == ValueType::Money => Money::parse(&text, currency)
                .map(|money| Value::String(money.to_string()))
                .map_err(|error| format!("must be {}: {error}", self.type_.noun())),
            Some(value) if self.type_.accepts(&value) => Ok(value),
            Some(value) => Err(format!("must be {}, it is {}", self.type_.noun(), noun(&value))),
        }
    }
}

/// Returns what a value is, for people.
#[must_use]
fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [ValueType; 7] = [
        ValueType::String,
        ValueType::Number,
        ValueType::Integer,
        ValueType::Boolean,
        ValueType::List,
        ValueType::Table,
        ValueType::Money,
    ];

    #[test]
    fn a_type_and_its_schema_judge_alike() {
        let values = [
            json!("a"),
            json!(""),
            json!("20.00 EUR"),
            json!("20 EURO"),
            json!(1),
            json!(1.0),
            json!(-7),
            json!(2.5),
            json!(true),
            json!([]),
            json!([1]),
            json!({}),
            json!({ "a": 1 }),
            Value::Null,
        ];
        for type_ in TYPES {
            let schema = type_.schema();
            for value in &values {
                let fits = crate::schema::mismatches(&schema, value).is_empty();
                assert_eq!(type_.accepts(value), fits, "{type_:?} {value}");
            }
        }
    }

    #[test]
    fn a_default_counts_when_nothing_is_given() {
        let input = |type_, default| Input {
            from: None,
            type_,
            default,
            trust: Trust::External,
            privacy: Privacy::Internal,
        };
        let number = input(ValueType::Number, Some(json!(0)));
        assert_eq!(number.settle(None, None), Ok(json!(0)));
        assert_eq!(number.settle(Some(Value::Null), None), Ok(json!(0)));
        assert_eq!(number.settle(Some(json!(7)), None), Ok(json!(7)));
        assert_eq!(number.settle(Some(json!("7")), None), Err("must be a number, it is a text".to_owned()));
        assert_eq!(input(ValueType::List, None).settle(None, None), Err("is missing".to_owned()));
    }
}
