//! What operators, indexes and literals of a template become.

use std::{cmp::Ordering, collections::BTreeMap};

use adjutant_spec::value::{decimal, rewrite::names};
use minijinja::{
    Error, ErrorKind,
    value::{Value, ValueKind},
};

use super::{
    call::{Call, Function, items, wrong},
    data::{self, ENTRY, List, Nothing, Table, kind},
    meter::refuse,
    number::Num,
};

pub(super) const ALL: &[(&str, Function)] = &[
    (names::DECIMAL, literal),
    (names::LIST, list),
    (names::TABLE, table),
    (names::ITEM, item),
    (names::SLICE, slice),
    (names::NEGATE, negate),
    (names::CONTAINS, contains),
    (names::COMPARE, compare),
    (names::NOTHING, |_| Ok(Value::from_object(Nothing))),
    (names::KEEP, keep),
    (names::HAND, |call| Ok(call.args.first().cloned().unwrap_or_default())),
    ("+", add),
    ("-", |call| numeric(call, "-", Num::minus)),
    ("*", multiply),
    ("/", |call| numeric(call, "/", Num::over)),
    ("//", |call| numeric(call, "//", |left, right| Ok(left.divided(right)?.whole))),
    ("%", |call| numeric(call, "%", |left, right| Ok(left.divided(right)?.rest))),
    ("**", |call| numeric(call, "**", Num::power)),
    ("~", join),
];

fn literal(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let written = call.subject()?;
    let number = written.as_str().and_then(decimal).ok_or_else(|| wrong("a number stands here", &written))?;
    Ok(Num::Point(number).value())
}

fn list(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let items = call.subject()?.try_iter()?.collect();
    call.list(items)
}

fn table(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let written = call.subject()?;
    let fields: BTreeMap<Value, Value> = written
        .try_iter()?
        .map(|key| {
            let value = written.get_item(&key).unwrap_or_default();
            (key, value)
        })
        .collect();
    data::table(fields, call.meter())
}

fn keep(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let value = call.args.first().cloned().unwrap_or_default();
    data::size(&value)?;
    Ok(value)
}

/// `a[b]`: an entry, or undefined.
pub(super) fn item(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (value, key) = (call.subject()?, call.needed(1)?);
    let key = Num::of(&key)
        .filter(|_| !matches!(key.kind(), ValueKind::Bool))
        .and_then(Num::whole)
        .map_or(key, |whole| Num::Whole(whole).value());
    if let Some(text) = value.as_str() {
        let Ok(index) = i64::try_from(key) else { return Ok(Value::UNDEFINED) };
        let letter = match usize::try_from(index) {
            Ok(place) => text.chars().nth(place),
            Err(_) => text.chars().rev().nth(usize::try_from(-(index + 1)).unwrap_or(usize::MAX)),
        };
        return Ok(letter.map_or(Value::UNDEFINED, Value::from));
    }
    Ok(value.get_item(&key).unwrap_or(Value::UNDEFINED))
}

/// `a[b:c:d]`, as in Python.
fn slice(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let value = call.subject()?;
    let bound = |place: usize| match call.needed(place)? {
        none if none.is_none() => Ok(None),
        number => Num::of(&number)
            .and_then(Num::whole)
            .map(Some)
            .ok_or_else(|| wrong("a slice has whole bounds", &number)),
    };
    let bounds = Bounds { start: bound(1)?, stop: bound(2)?, step: bound(3)?.unwrap_or(1) };
    if bounds.step == 0 {
        return Err(refuse("a slice has no step of 0"));
    }
    if let Some(text) = value.as_str() {
        let letters: Vec<char> = text.chars().collect();
        let part: String = places(letters.len(), bounds).filter_map(|place| letters.get(place)).collect();
        return call.made(part);
    }
    let items = if value.is_none() { Vec::new() } else { items(call, &value)? };
    let part = places(items.len(), bounds).filter_map(|place| items.get(place)).cloned().collect();
    call.list(part)
}

/// What a slice takes of a list: from one place to before another, in steps that are not 0.
#[derive(Clone, Copy)]
struct Bounds {
    start: Option<i128>,
    stop: Option<i128>,
    step: i128,
}

/// The places that a slice takes from so many.
fn places(len: usize, bounds: Bounds) -> impl Iterator<Item = usize> {
    let Bounds { start, stop, step } = bounds;
    let len = i128::try_from(len).unwrap_or(i128::MAX);
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let place = |bound: Option<i128>, absent: i128| {
        bound.map_or(absent, |bound| {
            if bound < 0 { bound.saturating_add(len) } else { bound }.clamp(low, high)
        })
    };
    let (first, end) = if step > 0 {
        (place(start, low), place(stop, high))
    } else {
        (place(start, high), place(stop, low))
    };
    std::iter::successors(Some(first), move |at| at.checked_add(step))
        .take_while(move |at| if step > 0 { *at < end } else { *at > end })
        .filter_map(|at| usize::try_from(at).ok())
}

fn negate(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let value = call.subject()?;
    let number = Num::of(&value).ok_or_else(|| wrong("only a number has an opposite", &value))?;
    number.negated().map(Num::value)
}

fn numeric(
    call: &mut Call<'_, '_, '_>,
    sign: &str,
    work: fn(Num, Num) -> Result<Num, Error>,
) -> Result<Value, Error> {
    let (left, right) = (call.subject()?, call.needed(1)?);
    match (Num::of(&left), Num::of(&right)) {
        (Some(left), Some(right)) => work(left, right).map(Num::value),
        _ => Err(impossible(sign, &left, &right)),
    }
}

fn impossible(sign: &str, left: &Value, right: &Value) -> Error {
    if kind(left) == "number" && kind(right) == "number" {
        return refuse("the number is too large to calculate with");
    }
    let is_text = |value: &Value| value.as_str().is_some();
    let hint =
        if is_text(left) != is_text(right) { ": a text becomes a number by `float` or `int`" } else { "" };
    refuse(format!("there is no {} {sign} {}{hint}", kind(left), kind(right)))
}

/// Adds numbers, and puts texts or lists one behind the other.
pub(super) fn add(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (left, right) = (call.subject()?, call.needed(1)?);
    plus(call, &left, &right)
}

pub(super) fn plus(call: &mut Call<'_, '_, '_>, left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        call.meter().make((left.len() + right.len()) as u64)?;
        return Ok(Value::from([left, right].concat()));
    }
    if let (Some(left), Some(right)) =
        (left.downcast_object_ref::<List>(), right.downcast_object_ref::<List>())
    {
        return call.list(left.items.iter().chain(&right.items).cloned().collect());
    }
    match (Num::of(left), Num::of(right)) {
        (Some(left), Some(right)) => left.plus(right).map(Num::value),
        _ => Err(impossible("+", left, right)),
    }
}

/// Multiplies numbers, and repeats texts and lists.
fn multiply(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (left, right) = (call.subject()?, call.needed(1)?);
    let is_repeated =
        |value: &Value| value.as_str().is_some() || value.downcast_object_ref::<List>().is_some();
    let (repeated, count) = match (is_repeated(&left), is_repeated(&right)) {
        (false, false) => return numeric(call, "*", Num::times),
        (true, false) => (left, right),
        // `1200 * 0.3 | money` multiplies by the text "0.30 EUR": nobody wants that text 1200 times.
        (false, true) if right.as_str().is_some() => return Err(impossible("*", &left, &right)),
        (false, true) => (right, left),
        (true, true) => return Err(impossible("*", &left, &right)),
    };
    let count = Num::of(&count).and_then(Num::whole).and_then(|count| u64::try_from(count).ok());
    let count = count.ok_or_else(|| refuse("a text or list is repeated a whole number of times"))?;
    // Asked before anything is made: the factor may be as large as a number can be.
    call.meter().make(data::size(&repeated)?.weight.saturating_mul(count))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match repeated.as_str() {
        Some(text) => Ok(Value::from(text.repeat(count))),
        None => {
            let items = repeated.downcast_object_ref::<List>().map_or(&[][..], |list| list.items.as_slice());
            call.list(std::iter::repeat_n(items, count).flatten().cloned().collect())
        }
    }
}

fn join(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (left, right) = (call.subject()?, call.needed(1)?);
    let mut text = call.text(&left)?;
    data::print(&right, call.meter(), &mut text)?;
    Ok(Value::from(text))
}

fn contains(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (part, whole) = (call.subject()?, call.needed(1)?);
    holds(call, &part, &whole).map(Value::from)
}

pub(super) fn holds(call: &mut Call<'_, '_, '_>, part: &Value, whole: &Value) -> Result<bool, Error> {
    if let Some(text) = whole.as_str() {
        let part = call.text(part)?;
        return Ok(text.contains(&part));
    }
    if let Some(list) = whole.downcast_object_ref::<List>() {
        return Ok(list.items.iter().any(|item| order(item, part) == Some(Ordering::Equal)));
    }
    if let Some(table) = whole.downcast_object_ref::<Table>() {
        return Ok(table.fields.contains_key(part));
    }
    match whole.kind() {
        ValueKind::Map => Ok(!whole.get_item(part)?.is_undefined()),
        _ => Err(wrong("`in` looks into a text, list or table", whole)),
    }
}

fn compare(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let operands = call.args.clone();
    let mut left = call.subject()?;
    for link in operands[1..].chunks_exact(2) {
        let (sign, right) = (link[0].as_str().unwrap_or_default(), data::present(&link[1])?);
        if !is(call, &left, sign, right)? {
            return Ok(Value::from(false));
        }
        left = right.clone();
    }
    Ok(Value::from(true))
}

/// Returns whether two values stand in a relation.
pub(super) fn is(
    call: &mut Call<'_, '_, '_>,
    left: &Value,
    sign: &str,
    right: &Value,
) -> Result<bool, Error> {
    let order = match sign {
        "==" => return Ok(order(left, right) == Some(Ordering::Equal)),
        "!=" => return Ok(order(left, right) != Some(Ordering::Equal)),
        "in" => return holds(call, left, right),
        "not in" => return holds(call, left, right).map(|holds| !holds),
        // A text above every number would let the amount "5000" pass as less than nothing: only alike is compared.
        _ => order(left, right).ok_or_else(|| impossible(sign, left, right))?,
    };
    Ok(match sign {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => return Err(Error::from(ErrorKind::InvalidOperation)),
    })
}

/// Returns the order of two values of one kind; `None` for two kinds. Depth is bounded by what a list may be.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Some(left.cmp(right));
    }
    if let (Some(left), Some(right)) =
        (left.downcast_object_ref::<List>(), right.downcast_object_ref::<List>())
    {
        return all(left.items.iter(), right.items.iter());
    }
    if let (Some(left), Some(right)) =
        (left.downcast_object_ref::<Table>(), right.downcast_object_ref::<Table>())
    {
        return match all(left.fields.keys(), right.fields.keys())? {
            Ordering::Equal => all(left.fields.values(), right.fields.values()),
            other => Some(other),
        };
    }
    if let (Some(left), Some(right)) = (Num::of(left), Num::of(right)) {
        return Some(left.compare(right));
    }
    let is_alike = left.kind() == right.kind()
        && matches!(left.kind(), ValueKind::None | ValueKind::Undefined | ValueKind::Number);
    is_alike.then(|| left.cmp(right))
}

fn all<'v>(
    left: impl ExactSizeIterator<Item = &'v Value>,
    right: impl ExactSizeIterator<Item = &'v Value>,
) -> Option<Ordering> {
    let lengths = left.len().cmp(&right.len());
    for (left, right) in left.zip(right) {
        match order(left, right)? {
            Ordering::Equal => {}
            other => return Some(other),
        }
    }
    Some(lengths)
}

/// Returns the order of any two values, for sorting: kinds one after the other.
pub(super) fn total(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| if Num::of(value).is_some() { ValueKind::Number } else { value.kind() };
    rank(left).cmp(&rank(right)).then_with(|| order(left, right).unwrap_or(Ordering::Equal))
}

/// What sorting so much costs.
pub(super) fn effort(items: &[Value]) -> u64 {
    let weight: u64 = items.iter().map(|item| data::size(item).map_or(ENTRY, |size| size.weight)).sum();
    weight.saturating_mul(u64::from(items.len().max(2).ilog2()) + 1)
}
