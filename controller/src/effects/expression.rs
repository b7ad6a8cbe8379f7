//! Templates in connector settings: the small language of the playbooks, with other roots.

use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use super::outcome::Fault;

/// Settings are a few lines long; what needs more is no setting.
const FUEL: u64 = 50_000;

/// Renders every text of a setting; a text that is exactly one `{{ expression }}` keeps its type.
pub(super) fn render(setting: &Value, context: &Value) -> Result<Value, Fault> {
    match setting {
        Value::String(text) => render_text(text, context),
        Value::Array(items) => items.iter().map(|item| render(item, context)).collect(),
        Value::Object(fields) => {
            let rendered = fields.iter().map(|(name, value)| Ok((name.clone(), render(value, context)?)));
            Ok(Value::Object(rendered.collect::<Result<Map<_, _>, Fault>>()?))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(setting.clone()),
    }
}

/// Evaluates a bare expression.
pub(super) fn evaluate(expression: &str, context: &Value) -> Result<Value, Fault> {
    let environment = environment();
    let compiled = environment.compile_expression(expression).map_err(|error| refused(expression, &error))?;
    let value = compiled.eval(values(context)).map_err(|error| refused(expression, &error))?;
    serde_json::to_value(value)
        .map_err(|error| Fault::invalid(format!("`{expression}` has no value: {error}")))
}

/// Returns whether a bare expression holds.
pub(super) fn holds(expression: &str, context: &Value) -> Result<bool, Fault> {
    let environment = environment();
    let compiled = environment.compile_expression(expression).map_err(|error| refused(expression, &error))?;
    compiled.eval(values(context)).map(|value| value.is_true()).map_err(|error| refused(expression, &error))
}

fn render_text(text: &str, context: &Value) -> Result<Value, Fault> {
    if !text.contains("{{") && !text.contains("{%") {
        return Ok(Value::String(text.to_owned()));
    }
    if let Some(expression) = sole_expression(text) {
        return evaluate(expression, context);
    }
    environment().render_str(text, values(context)).map(Value::String).map_err(|error| refused(text, &error))
}

fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then(|| inner.trim())
}

fn values(context: &Value) -> minijinja::Value {
    minijinja::value::Serde(context).into()
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment
}

fn refused(text: &str, error: &minijinja::Error) -> Fault {
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
