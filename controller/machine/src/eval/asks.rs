//! Tests: what stands after `is`.

use minijinja::{
    Error,
    value::{Value, ValueKind},
};

use super::{
    call::{Call, Function},
    data::{self, List},
    lists,
    number::{Exact, Num},
    operators, texts,
};
use adjutant_spec::value::vocabulary;

pub(super) const ALL: &[(&str, Function)] = &[
    ("!=", |call| compared(call, "!=")),
    ("<", |call| compared(call, "<")),
    ("<=", |call| compared(call, "<=")),
    ("==", |call| compared(call, "==")),
    (">", |call| compared(call, ">")),
    (">=", |call| compared(call, ">=")),
    ("boolean", |call| ask(call, |value| value.kind() == ValueKind::Bool)),
    ("defined", |call| ask(call, |value| !data::is_missing(value))),
    ("divisibleby", divisible),
    ("endingwith", |call| both(call, |text, other| text.ends_with(other))),
    ("eq", |call| compared(call, "==")),
    ("equalto", |call| compared(call, "==")),
    ("escaped", |call| ask(call, Value::is_safe)),
    ("even", |call| ask(call, |value| parity(value) == Some(0))),
    ("false", |call| ask(call, |value| value.kind() == ValueKind::Bool && !value.is_true())),
    ("filter", |call| {
        ask(call, |value| value.as_str().is_some_and(|name| vocabulary::FILTERS.contains(&name)))
    }),
    ("float", |call| ask(call, |value| value.downcast_object_ref::<Exact>().is_some())),
    ("ge", |call| compared(call, ">=")),
    ("greaterthan", |call| compared(call, ">")),
    ("gt", |call| compared(call, ">")),
    ("in", |call| compared(call, "in")),
    ("int", |call| ask(call, Value::is_integer)),
    ("integer", |call| ask(call, Value::is_integer)),
    ("iterable", |call| ask(call, lists::is_iterable)),
    ("le", |call| compared(call, "<=")),
    ("lessthan", |call| compared(call, "<")),
    ("lower", |call| ask(call, |value| is_case(value, char::is_lowercase, char::is_uppercase))),
    ("lt", |call| compared(call, "<")),
    ("mapping", |call| ask(call, |value| value.kind() == ValueKind::Map)),
    ("ne", |call| compared(call, "!=")),
    ("none", |call| ask(call, Value::is_none)),
    ("number", |call| ask(call, |value| Num::of(value).is_some() || value.is_number())),
    ("odd", |call| ask(call, |value| parity(value) == Some(1))),
    ("safe", |call| ask(call, Value::is_safe)),
    ("sameas", |call| compared(call, "==")),
    ("sequence", |call| ask(call, |value| value.downcast_object_ref::<List>().is_some())),
    ("startingwith", |call| both(call, |text, other| text.starts_with(other))),
    ("string", |call| ask(call, texts::is_text)),
    ("test", |call| ask(call, |value| value.as_str().is_some_and(|name| vocabulary::TESTS.contains(&name)))),
    ("true", |call| ask(call, |value| value.kind() == ValueKind::Bool && value.is_true())),
    ("undefined", |call| ask(call, data::is_missing)),
    ("upper", |call| ask(call, |value| is_case(value, char::is_uppercase, char::is_lowercase))),
];

/// A question that a missing value may be asked.
fn ask(call: &mut Call<'_, '_, '_>, question: fn(&Value) -> bool) -> Result<Value, Error> {
    Ok(Value::from(question(call.args.first().unwrap_or(&Value::UNDEFINED))))
}

fn compared(call: &mut Call<'_, '_, '_>, sign: &str) -> Result<Value, Error> {
    let (left, right) = (call.subject()?, call.needed(1)?);
    operators::is(call, &left, sign, &right).map(Value::from)
}

fn both(call: &mut Call<'_, '_, '_>, question: fn(&str, &str) -> bool) -> Result<Value, Error> {
    let (left, right) = (call.subject()?, call.needed(1)?);
    let (left, right) = (call.text(&left)?, call.text(&right)?);
    Ok(Value::from(question(&left, &right)))
}

fn divisible(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (left, right) = (call.subject()?, call.needed(1)?);
    let (Some(left), Some(right)) = (Num::of(&left), Num::of(&right)) else { return Ok(Value::from(false)) };
    Ok(Value::from(left.divided(right)?.rest.compare(Num::Whole(0)).is_eq()))
}

fn parity(value: &Value) -> Option<i128> {
    Num::of(value).and_then(Num::whole).map(|whole| whole.rem_euclid(2))
}

fn is_case(value: &Value, is: fn(char) -> bool, is_other: fn(char) -> bool) -> bool {
    value.as_str().is_some_and(|text| text.chars().any(is) && !text.chars().any(is_other))
}
