//! The engine: minijinja walks the rewritten tree, everything that calculates is ours.

use std::sync::LazyLock;

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior,
    machinery::{eval, make_string_output},
    value::Value,
};

use super::{
    asks,
    call::bounded,
    data, lists,
    meter::Meter,
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
