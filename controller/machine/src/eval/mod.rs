//! Evaluates templates and expressions over a run: strict about what is undefined, with a bound on work, without IO.

mod about;
mod asks;
mod call;
mod company;
mod data;
mod engine;
mod lists;
mod meter;
mod number;
mod numbers;
mod operators;
mod program;
#[cfg(test)]
mod tests;
mod texts;

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

use adjutant_spec::{
    plan::{Bundle, StepId},
    value::{Arg, Template},
};
use minijinja::value::{Object, Value as Jinja};
use serde_json::{Map, Value, json};

pub use self::about::about;
pub(crate) use self::{company::company, program::Programs};
use self::{
    data::{Hole, from_json, given},
    engine::Outcome,
    program::Program,
};
use crate::{
    definition::Definition,
    event::Labelled,
    run::{Part, Run, StepState},
};

/// Why a template has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}` cannot be evaluated: {problem}")]
pub struct EvalError {
    /// The template as written, cut.
    pub source_text: String,
    /// What is wrong.
    pub problem: String,
}

/// What templates may read. What a run holds is made ready for them at the first one: most arguments are plain values.
#[derive(Debug, Clone)]
pub struct Scope<'d> {
    run: Option<Reads<'d>>,
    /// What stands beside the run's names, and in place of them.
    own: BTreeMap<String, Jinja>,
    root: OnceCell<Jinja>,
    /// What was compiled before; anything else is compiled where it is evaluated.
    programs: Option<&'d Programs>,
}

/// Whose `input`, `steps`, `event`, `run` and `company` are read.
#[derive(Debug, Clone, Copy)]
struct Reads<'d> {
    run: &'d Run,
    def: &'d Definition,
}

impl<'d> Scope<'d> {
    /// Returns the scope of a run: `input`, `steps`, `event`, `run`, `company`.
    #[must_use]
    pub fn of(run: &'d Run, def: &'d Definition) -> Self {
        Self { run: Some(Reads { run, def }), programs: Some(def.programs()), ..Self::with([]) }
    }

    /// Returns the scope of a trigger, before there is a run: its event and the company.
    #[must_use]
    pub fn of_event(def: &Bundle, event: &Value) -> Self {
        Self::with([("event".to_owned(), from_json(event)), ("company".to_owned(), company(def))])
    }

    /// Returns the scope of what a run is given, before there is a run.
    #[must_use]
    pub fn of_given(input: &BTreeMap<String, Labelled>) -> Self {
        let values = input.iter().map(|(name, labelled)| (name.as_str().into(), from_json(&labelled.value)));
        Self::with([("input".to_owned(), given(values.collect()))])
    }

    /// Returns the scope of an agent: its own inputs, the run's identity and the company.
    #[must_use]
    pub fn of_inputs(run: &Run, def: &'d Definition, inputs: &Value) -> Self {
        let names = [
            ("input".to_owned(), from_json(inputs)),
            ("run".to_owned(), from_json(&identity(run))),
            ("company".to_owned(), def.company()),
        ];
        Self { programs: Some(def.programs()), ..Self::with(names) }
    }

    /// Returns the scope whose names are the fields of a table.
    #[must_use]
    pub fn of_fields(fields: &Value) -> Self {
        let fields = fields.as_object().into_iter().flatten();
        Self::with(fields.map(|(name, value)| (name.clone(), from_json(value))))
    }

    fn with(names: impl IntoIterator<Item = (String, Jinja)>) -> Self {
        Self { run: None, own: names.into_iter().collect(), root: OnceCell::new(), programs: None }
    }

    /// Returns the scope with the key of an effect, as undos read it.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.own.insert("effect".to_owned(), from_json(&json!({ "key": key })));
        self
    }

    /// Returns the scope in which a step's own result and the effect's key are marked holes.
    #[must_use]
    pub fn with_holes(mut self, run: &Run, own: &str) -> Self {
        let mut known = steps(run);
        known.insert(Jinja::from(own), Hole::at(format!("steps.{own}")));
        self.own.insert("steps".to_owned(), given(known));
        self.own.insert("effect".to_owned(), Hole::at("effect".to_owned()));
        self
    }

    fn root(&self) -> Jinja {
        let made = self.root.get_or_init(|| {
            let mut names = self.run.map(Reads::names).unwrap_or_default();
            names.extend(self.own.iter().map(|(name, value)| (name.clone(), value.clone())));
            Jinja::from_object(Root(names))
        });
        made.clone()
    }

    fn evaluate(&self, template: &Template) -> Result<Outcome, EvalError> {
        let walk = if template.expression.is_some() { engine::value } else { engine::fill };
        let outcome = match self.programs.and_then(|programs| programs.get(template)) {
            Some(program) => walk(program, self.root()),
            None => Program::of(template).and_then(|program| walk(&program, self.root())),
        };
        outcome.map_err(|problem| EvalError { source_text: cut(&template.source), problem })
    }

    /// Evaluates a template: one that is exactly one expression keeps its type, anything else is text.
    ///
    /// # Errors
    /// [`EvalError`] for what is undefined, ill-typed, or takes too much time or memory.
    pub fn render(&self, template: &Template) -> Result<Value, EvalError> {
        let fail = |error: minijinja::Error| EvalError {
            source_text: cut(&template.source),
            problem: engine::tell(&error),
        };
        match self.evaluate(template)? {
            Outcome::Text(text) => Ok(Value::String(text)),
            Outcome::Value(value, mut meter) => data::to_json(&value, &mut meter).map_err(fail),
        }
    }

    /// Evaluates a template to a text; a number shows all its digits.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn text(&self, template: &Template) -> Result<String, EvalError> {
        let fail = |error: minijinja::Error| EvalError {
            source_text: cut(&template.source),
            problem: engine::tell(&error),
        };
        match self.evaluate(template)? {
            Outcome::Text(text) => Ok(text),
            Outcome::Value(value, mut meter)
                if number::Num::of(&value).is_some_and(|_| value.as_object().is_some()) =>
            {
                data::printed(&value, &mut meter).map_err(fail)
            }
            Outcome::Value(value, mut meter) => match data::to_json(&value, &mut meter).map_err(fail)? {
                Value::String(text) => Ok(text),
                other => Ok(other.to_string()),
            },
        }
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// As [`Scope::render`].
    pub fn holds(&self, template: &Template) -> Result<bool, EvalError> {
        Ok(match self.evaluate(template)? {
            Outcome::Text(text) => !text.is_empty(),
            Outcome::Value(value, _) => value.is_true(),
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

impl Reads<'_> {
    fn names(self) -> BTreeMap<String, Jinja> {
        let Self { run, def } = self;
        BTreeMap::from([
            ("input".to_owned(), given(input(run))),
            ("steps".to_owned(), given(steps(run))),
            ("event".to_owned(), from_json(&run.trigger)),
            ("run".to_owned(), from_json(&identity(run))),
            ("company".to_owned(), def.company()),
        ])
    }
}

/// The names that a template begins with.
#[derive(Debug)]
struct Root(BTreeMap<String, Jinja>);

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Jinja> {
        self.0.get(key).cloned()
    }
}

fn input(run: &Run) -> BTreeMap<Jinja, Jinja> {
    run.input.iter().map(|(name, labelled)| (Jinja::from(name), from_json(&labelled.value))).collect()
}

fn identity(run: &Run) -> Value {
    json!({ "id": run.id, "key": run.key, "playbook": run.playbook })
}

/// The results of all steps that were reached; one without a result is an empty table, so that `default()` and
/// `is defined` can guard its fields.
fn steps(run: &Run) -> BTreeMap<Jinja, Jinja> {
    let result = |(id, step): (&StepId, &Part<StepState>)| (Jinja::from(id), result(run, id, step));
    run.steps.iter().map(result).collect()
}

fn result(run: &Run, id: &str, step: &StepState) -> Jinja {
    let Some(labelled) = &step.value else { return from_json(&Value::Object(Map::new())) };
    let prefix = format!("steps.{id}.");
    let edits: Vec<_> = run.edits.iter().filter(|(path, _)| path.starts_with(&prefix)).collect();
    if edits.is_empty() {
        return from_json(&labelled.value);
    }
    let mut value = labelled.value.clone();
    if let Value::Object(fields) = &mut value {
        let mut original = Value::Object(Map::new());
        for (path, edit) in edits {
            put(&mut original, &path[prefix.len()..], edit.original.clone());
        }
        fields.insert("original".to_owned(), original);
    }
    from_json(&value)
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

fn cut(text: &str) -> String {
    text.chars().take(120).collect()
}
