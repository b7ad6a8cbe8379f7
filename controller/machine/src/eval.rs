//! Evaluates templates and expressions over a run: strict about what is undefined, with a bound on work, without IO.

use std::{collections::BTreeMap, fmt, sync::Arc, sync::LazyLock};

use adjutant_spec::{
    plan::Bundle,
    value::{Arg, Template},
};
use minijinja::{
    Environment, UndefinedBehavior,
    value::{Object, ObjectRepr, Serde, Value as Jinja},
};
use serde_json::{Map, Value, json};

use crate::run::{Run, StepState};

/// How many instructions one evaluation may take; a template of a hundred kilobytes needs a few thousand.
const FUEL: u64 = 200_000;

/// Why a template has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}` cannot be evaluated: {problem}")]
pub struct EvalError {
    /// The template as written, cut.
    pub source_text: String,
    /// What is wrong.
    pub problem: String,
}

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(50);
    engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    engine
});

/// What templates may read.
#[derive(Debug, Clone)]
pub struct Scope {
    root: BTreeMap<String, Jinja>,
}

impl Scope {
    /// Returns the scope of a run: `input`, `steps`, `event`, `run`, `company`.
    #[must_use]
    pub fn of(run: &Run, def: &Bundle) -> Self {
        let root = BTreeMap::from([
            ("input".to_owned(), jinja(input(run))),
            ("steps".to_owned(), jinja(steps(run))),
            ("event".to_owned(), jinja(&run.trigger)),
            ("run".to_owned(), jinja(identity(run))),
            ("company".to_owned(), jinja(&def.company)),
        ]);
        Self { root }
    }

    /// Returns the scope of a trigger, before there is a run: its event and the company.
    #[must_use]
    pub fn of_event(def: &Bundle, event: &Value) -> Self {
        let root =
            BTreeMap::from([("event".to_owned(), jinja(event)), ("company".to_owned(), jinja(&def.company))]);
        Self { root }
    }

    /// Returns the scope of an agent: its own inputs, the run's identity and the company.
    #[must_use]
    pub fn of_inputs(run: &Run, def: &Bundle, inputs: &Value) -> Self {
        let root = BTreeMap::from([
            ("input".to_owned(), jinja(inputs)),
            ("run".to_owned(), jinja(identity(run))),
            ("company".to_owned(), jinja(&def.company)),
        ]);
        Self { root }
    }

    /// Returns the scope with the key of an effect, as undos read it.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.root.insert("effect".to_owned(), jinja(json!({ "key": key })));
        self
    }

    /// Returns the scope in which a step's own result and the effect's key are marked holes.
    #[must_use]
    pub fn with_holes(mut self, run: &Run, own: &str) -> Self {
        let mut known = BTreeMap::new();
        for (id, value) in steps(run) {
            known.insert(id, jinja(value));
        }
        known.insert(own.to_owned(), Hole::at(format!("steps.{own}")));
        self.root.insert("steps".to_owned(), Jinja::from_pairs(known));
        self.root.insert("effect".to_owned(), Hole::at("effect".to_owned()));
        self
    }

    fn context(&self) -> Jinja {
        Jinja::from_pairs(self.root.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }

    /// Evaluates a template: one that is exactly one expression keeps its type, anything else is text.
    ///
    /// # Errors
    /// [`EvalError`] for what is undefined, ill-typed, or takes too long.
    pub fn render(&self, template: &Template) -> Result<Value, EvalError> {
        let fail = |problem: String| EvalError { source_text: cut(&template.source), problem };
        let Some(expression) = &template.expression else {
            let text =
                ENGINE.render_str(&template.source, self.context()).map_err(|error| fail(tell(&error)))?;
            return Ok(Value::String(text));
        };
        let compiled = ENGINE.compile_expression(expression).map_err(|error| fail(tell(&error)))?;
        let value = compiled.eval(self.context()).map_err(|error| fail(tell(&error)))?;
        if value.is_undefined() {
            return Err(fail("it is undefined".to_owned()));
        }
        serde_json::to_value(&value).map_err(|error| fail(error.to_string()))
    }

    /// Evaluates a template to a text.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn text(&self, template: &Template) -> Result<String, EvalError> {
        Ok(match self.render(template)? {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn holds(&self, template: &Template) -> Result<bool, EvalError> {
        Ok(match self.render(template)? {
            Value::Null => false,
            Value::Bool(value) => value,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
        })
    }

    /// Evaluates a nested argument.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn arg(&self, arg: &Arg) -> Result<Value, EvalError> {
        match arg {
            Arg::Literal(value) => Ok(value.clone()),
            Arg::Template(template) => self.render(template),
            Arg::List(items) => items.iter().map(|item| self.arg(item)).collect(),
            Arg::Table(fields) => self.args(fields),
        }
    }

    /// Evaluates a `with` table.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn args(&self, fields: &BTreeMap<String, Arg>) -> Result<Value, EvalError> {
        let fields: Result<Map<String, Value>, EvalError> =
            fields.iter().map(|(name, arg)| Ok((name.clone(), self.arg(arg)?))).collect();
        fields.map(Value::Object)
    }
}

fn jinja<T: serde::Serialize>(value: T) -> Jinja {
    Jinja::from(Serde(value))
}

fn input(run: &Run) -> BTreeMap<&str, &Value> {
    run.input.iter().map(|(name, labelled)| (name.as_str(), &labelled.value)).collect()
}

fn identity(run: &Run) -> Value {
    json!({ "id": run.id, "key": run.key, "playbook": run.playbook })
}

/// The results of all steps that were reached; one without a result is an empty table, so that `default()` and
/// `is defined` can guard its fields.
fn steps(run: &Run) -> BTreeMap<String, Value> {
    run.steps.iter().map(|(id, step)| (id.clone(), result(run, id, step))).collect()
}

fn result(run: &Run, id: &str, step: &StepState) -> Value {
    let mut value = match &step.value {
        Some(labelled) => labelled.value.clone(),
        None => Value::Object(Map::new()),
    };
    let prefix = format!("steps.{id}.");
    let edits: Vec<_> = run.edits.iter().filter(|(path, _)| path.starts_with(&prefix)).collect();
    if let (Value::Object(fields), false) = (&mut value, edits.is_empty()) {
        let mut original = Value::Object(Map::new());
        for (path, edit) in edits {
            put(&mut original, &path[prefix.len()..], edit.original.clone());
        }
        fields.insert("original".to_owned(), original);
    }
    value
}

/// Puts a value at a dotted path, making the tables on the way.
fn put(root: &mut Value, path: &str, value: Value) {
    let mut place = root;
    for part in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(part).or_insert(Value::Null);
    }
    *place = value;
}

/// Returns the value at a dotted path such as `steps.qualify.lead.email` or `input.message`.
#[must_use]
pub fn at_path<'a>(run: &'a Run, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let root = match (parts.next()?, parts.next()?) {
        ("input", name) => &run.input.get(name)?.value,
        ("steps", step) => &run.steps.get(step)?.value.as_ref()?.value,
        _ => return None,
    };
    parts.try_fold(root, |value, part| match value {
        Value::Object(fields) => fields.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn tell(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

fn cut(text: &str) -> String {
    text.chars().take(120).collect()
}

/// A value that is known only after its step: prints as its path in brackets.
#[derive(Debug)]
struct Hole {
    path: String,
}

impl Hole {
    fn at(path: String) -> Jinja {
        Jinja::from_object(Self { path })
    }
}

impl Object for Hole {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        Some(Self::at(format!("{}.{key}", self.path)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "⟨{}⟩", self.path)
    }
}
