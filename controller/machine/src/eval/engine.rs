//! The engine: minijinja walks the rewritten tree, everything that calculates is ours.

use std::sync::LazyLock;

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior,
    machinery::{eval, make_string_output},
    value::{Rest, Value, ValueOrKwargs},
};

use super::{
    asks, data, lists,
    meter::{Meter, refuse},
    numbers, operators,
    program::{Code, Program},
    texts,
};

/// How many instructions one evaluation may take; a template of a hundred kilobytes needs a few thousand.
const FUEL: u64 = 200_000;
/// How deep blocks and macros may call each other.
const DEEPEST: usize = 50;

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    // Empty: what minijinja brings along grows without a bound and calculates with binary numbers.
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(DEEPEST);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_formatter(write);
    for (name, function) in operators::ALL.iter().chain(texts::ALL).chain(lists::ALL).chain(numbers::ALL) {
        engine.add_filter(*name, bounded(*function));
    }
    for (name, function) in lists::FUNCTIONS {
        engine.add_function(*name, bounded(*function));
    }
    for (name, ask) in asks::ALL {
        engine.add_test(*name, bounded(*ask));
    }
    engine
});

/// A filter, function or test.
pub(super) type Function = fn(&mut Call<'_, '_, '_>) -> Result<Value, Error>;

/// One call of a function of ours.
pub(super) struct Call<'c, 't, 'e> {
    /// The state of the template engine that is evaluated in.
    pub(super) state: &'c mut State<'t, 'e>,
    /// What stands before the bar, then what stands in the brackets.
    pub(super) args: Vec<Value>,
    named: Option<Value>,
}

impl<'t, 'e> Call<'_, 't, 'e> {
    /// Returns the account of the evaluation.
    pub(super) fn meter(&mut self) -> &mut Meter {
        Meter::of(self.state)
    }

    /// Returns what a filter is applied to, or an operator's left operand; it is not missing.
    pub(super) fn subject(&self) -> Result<Value, Error> {
        self.needed(0)
    }

    /// Returns an argument that is needed.
    pub(super) fn needed(&self, place: usize) -> Result<Value, Error> {
        let value = self.args.get(place).ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
        data::present(value).cloned()
    }

    /// Returns an argument by its place in the brackets or its name; `none` counts as left out.
    pub(super) fn option(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
        let given = match self.args.get(place) {
            Some(value) => Some(value.clone()),
            None => self.named(name),
        };
        given.as_ref().map(data::present).transpose()?;
        Ok(given.filter(|value| !value.is_none()))
    }

    /// Returns an argument that is given by its name.
    pub(super) fn named(&self, name: &str) -> Option<Value> {
        self.named.as_ref().and_then(|named| named.get_attr(name).ok()).filter(|value| !value.is_undefined())
    }

    /// Returns all arguments that are given by name.
    pub(super) fn all_named(&self) -> Vec<(Value, Value)> {
        let Some(named) = &self.named else { return Vec::new() };
        let keys = named.try_iter().into_iter().flatten();
        keys.map(|key| {
            let value = named.get_item(&key).unwrap_or_default();
            (key, value)
        })
        .collect()
    }

    /// Returns an option that is on or off.
    pub(super) fn switch(&self, place: usize, name: &str) -> Result<bool, Error> {
        Ok(self.option(place, name)?.is_some_and(|value| value.is_true()))
    }

    /// Returns a value as a text.
    pub(super) fn text(&mut self, value: &Value) -> Result<String, Error> {
        data::printed(data::present(value)?, self.meter())
    }

    /// Returns an option that is a text.
    pub(super) fn word(&mut self, place: usize, name: &str) -> Result<Option<String>, Error> {
        let value = self.option(place, name)?;
        value.map(|value| self.text(&value)).transpose()
    }

    /// Returns a text that was made.
    pub(super) fn made(&mut self, text: String) -> Result<Value, Error> {
        self.meter().make(text.len() as u64)?;
        Ok(Value::from(text))
    }

    /// Returns a list that was made.
    pub(super) fn list(&mut self, items: Vec<Value>) -> Result<Value, Error> {
        data::list(items, self.meter())
    }

    /// Calls a filter by its name.
    pub(super) fn filter(&mut self, name: &str, args: &[Value]) -> Result<Value, Error> {
        self.meter().enter()?;
        let value = self.state.apply_filter(name, args);
        self.meter().leave();
        value
    }

    /// Asks a test by its name.
    pub(super) fn ask(&mut self, name: &str, args: &[Value]) -> Result<bool, Error> {
        self.meter().enter()?;
        let answer = self.state.perform_test(name, args);
        self.meter().leave();
        answer
    }
}

/// Wraps a function: its arguments are weighed before it looks at them.
fn bounded(
    function: Function,
) -> impl Fn(&mut State<'_, '_>, Rest<ValueOrKwargs>) -> Result<Value, Error> + Send + Sync + 'static {
    move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
        let mut args = args.into_values();
        let named = args.pop_if(|last| last.is_kwargs());
        let weight: u64 =
            args.iter().map(|arg| data::size(arg).map_or(data::ENTRY, |size| size.weight)).sum();
        Meter::of(state).touch(weight)?;
        function(&mut Call { state, args, named })
    }
}

/// Everything that is written passes here: the output, and what `set`, `macro`, `call` and `filter` blocks collect.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    data::print(value, Meter::of(state), out)
}

/// What an evaluation came to.
pub(super) enum Outcome {
    /// A text with holes, filled.
    Text(String),
    /// The value of an expression, not missing, and the account that is left.
    Value(Value, Meter),
}

/// Evaluates a text with holes over the names that it may read.
pub(super) fn fill(program: &Program, root: Value) -> Result<Outcome, String> {
    let Code { instructions, blocks } = program.code();
    let mut text = String::new();
    let mut out = make_string_output(&mut text);
    eval(&ENGINE, instructions, root, blocks, &mut out, AutoEscape::None).map_err(|error| tell(&error))?;
    drop(out);
    Ok(Outcome::Text(text))
}

/// Evaluates an expression over the names that it may read.
pub(super) fn value(program: &Program, root: Value) -> Result<Outcome, String> {
    let Code { instructions, blocks } = program.code();
    let mut nowhere = String::new();
    let mut out = make_string_output(&mut nowhere);
    let (value, mut state) = eval(&ENGINE, instructions, root, blocks, &mut out, AutoEscape::None)
        .map_err(|error| tell(&error))?;
    let value = value.unwrap_or_default();
    if data::is_missing(&value) {
        return Err("it is undefined".to_owned());
    }
    Ok(Outcome::Value(value, std::mem::take(Meter::of(&mut state))))
}

/// Says what went wrong.
pub(super) fn tell(error: &Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return "it takes too many steps".to_owned();
    }
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

/// Refuses a value of the wrong kind.
pub(super) fn wrong(what: &str, value: &Value) -> Error {
    refuse(format!("{what}, and this is a {}", data::kind(value)))
}

#[cfg(test)]
mod tests {
    use adjutant_spec::value::vocabulary;

    use super::*;

    #[test]
    fn what_the_language_names_is_what_the_engine_has() {
        let mut filters: Vec<&str> =
            texts::ALL.iter().chain(lists::ALL).chain(numbers::ALL).map(|(name, _)| *name).collect();
        let mut tests: Vec<&str> = asks::ALL.iter().map(|(name, _)| *name).collect();
        filters.sort_unstable();
        tests.sort_unstable();
        assert_eq!(filters, vocabulary::FILTERS);
        assert_eq!(tests, vocabulary::TESTS);
    }
}
