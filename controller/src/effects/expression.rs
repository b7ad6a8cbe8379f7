//! Templates in connector settings: the small language of the playbooks, with other roots, evaluated at the same place and
//! within the same bounds.

use adjutant_machine::eval::Scope;
use adjutant_spec::value::Template;
use serde_json::{Map, Value};

use super::outcome::Fault;

/// Renders every text of a setting; a text that is exactly one `{{ expression }}` keeps its type.
pub(super) fn render(setting: &Value, context: &Value) -> Result<Value, Fault> {
    render_in(setting, &Scope::of_fields(context))
}

fn render_in(setting: &Value, scope: &Scope<'_>) -> Result<Value, Fault> {
    match setting {
        Value::String(text) => render_text(text, scope),
        Value::Array(items) => items.iter().map(|item| render_in(item, scope)).collect(),
        Value::Object(fields) => {
            let rendered = fields.iter().map(|(name, value)| Ok((name.clone(), render_in(value, scope)?)));
            Ok(Value::Object(rendered.collect::<Result<Map<_, _>, Fault>>()?))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(setting.clone()),
    }
}

/// Evaluates a bare expression.
pub(super) fn evaluate(expression: &str, context: &Value) -> Result<Value, Fault> {
    Scope::of_fields(context).render(&parsed(expression)?).map_err(|error| Fault::invalid(error.to_string()))
}

/// Returns whether a bare expression holds.
pub(super) fn holds(expression: &str, context: &Value) -> Result<bool, Fault> {
    Scope::of_fields(context).holds(&parsed(expression)?).map_err(|error| Fault::invalid(error.to_string()))
}

fn parsed(expression: &str) -> Result<Template, Fault> {
    Template::parse_expression(expression).map_err(|error| refused(expression, &error))
}

fn render_text(text: &str, scope: &Scope<'_>) -> Result<Value, Fault> {
    if !text.contains("{{") && !text.contains("{%") {
        return Ok(Value::String(text.to_owned()));
    }
    let template = Template::parse(text).map_err(|error| refused(text, &error))?;
    scope.render(&template).map_err(|error| Fault::invalid(error.to_string()))
}

fn refused(text: &str, error: &impl std::fmt::Display) -> Fault {
    let text: String = text.chars().take(120).collect();
    Fault::invalid(format!("`{text}` cannot be evaluated: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_lone_expression_keeps_its_type_and_the_rest_is_text() {
        let context = json!({ "args": { "amount": 12.5, "tags": ["a"], "name": "<b>" } });
        let setting = json!({ "amount": "{{ args.amount }}", "tags": "{{ args.tags }}", "memo": "for {{ args.name }}", "n": 1 });
        let expected = json!({ "amount": 12.5, "tags": ["a"], "memo": "for <b>", "n": 1 });
        assert_eq!(render(&setting, &context), Ok(expected));
    }

    #[test]
    fn undefined_names_and_endless_loops_are_refused() {
        let context = json!({});
        assert!(render(&json!("x {{ args.nope }}"), &context).is_err());
        assert!(render(&json!("{% for i in range(100000) %}{{ i }}{% endfor %}x"), &context).is_err());
    }
}
