//! The values of templates: texts, whole numbers and booleans are minijinja's, decimals, lists and tables are ours.
//!
//! A list or table knows how deep it is and how much it weighs when it is written out, which is more than what it holds where
//! a part stands in it twice. So whatever walks over a value knows beforehand what that costs, and no value is too deep to be
//! printed, compared or dropped.

use std::{collections::BTreeMap, fmt, sync::Arc};

use minijinja::{
    Error, ErrorKind,
    value::{Enumerator, Object, ObjectRepr, Value},
};
use serde_json::{Map, Value as Json};

use super::{
    meter::{MADE, Meter, refuse},
    number::{self, Exact},
};

/// JSON from outside nests at most 128 deep; what a template makes of it may be a little deeper.
const DEEPEST: u32 = 160;
/// What an entry of a list costs beside what it holds.
pub(super) const ENTRY: u64 = 32;

/// How large a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// About how many bytes it has when it is written out.
    pub(super) weight: u64,
    depth: u32,
}

impl Size {
    const ATOM: Self = Self { weight: ENTRY, depth: 0 };

    fn around(parts: impl Iterator<Item = Self>) -> Self {
        let all = parts.fold(Self::ATOM, |all, part| Self {
            weight: all.weight.saturating_add(part.weight),
            depth: all.depth.max(part.depth),
        });
        Self { depth: all.depth.saturating_add(1), ..all }
    }

    /// Refuses what could not be walked over.
    fn check(self) -> Result<Self, Error> {
        if self.depth > DEEPEST {
            return Err(refuse(format!("lists and tables nest more than {DEEPEST} deep")));
        }
        if self.weight > MADE {
            return Err(refuse(format!("a list or table has more than {} MB", MADE >> 20)));
        }
        Ok(self)
    }
}

/// A list that came in or that an expression made, with the size that bounds it.
#[derive(Debug)]
pub(super) struct List {
    pub(super) items: Vec<Value>,
    size: Size,
}

/// A table that came in or that an expression made, with the size that bounds it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) fields: BTreeMap<Value, Value>,
    size: Size,
}

/// What `a if b` is when `b` does not hold: written as nothing, and no value.
#[derive(Debug)]
pub(super) struct Nothing;

/// A value that is known only after its step: prints as its path in brackets.
#[derive(Debug)]
pub(super) struct Hole {
    path: String,
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = i64::try_from(key.clone()).ok()?;
        let place = if index < 0 {
            self.items.len().checked_add_signed(isize::try_from(index).ok()?)?
        } else {
            usize::try_from(index).ok()?
        };
        self.items.get(place).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }
}

impl Object for Table {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.fields.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.fields.keys().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.fields.len())
    }
}

impl Object for Nothing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Hole {
    /// Returns the hole at a path.
    pub(super) fn at(path: String) -> Value {
        Value::from_object(Self { path })
    }
}

impl Object for Hole {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Self::at(format!("{}.{key}", self.path)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "⟨{}⟩", self.path)
    }
}

/// Returns whether there is no value.
pub(super) fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.downcast_object_ref::<Nothing>().is_some()
}

/// Refuses a missing value.
pub(super) fn present(value: &Value) -> Result<&Value, Error> {
    if is_missing(value) { Err(Error::from(ErrorKind::UndefinedError)) } else { Ok(value) }
}

/// Returns how large a plain value is; what is none (a macro, a namespace, a loop) can be kept nowhere.
pub(super) fn size(value: &Value) -> Result<Size, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Size { weight: ENTRY + text.len() as u64, depth: 0 });
    }
    let Some(object) = value.as_object() else { return Ok(Size::ATOM) };
    if let Some(list) = object.downcast_ref::<List>() {
        return Ok(list.size);
    }
    if let Some(table) = object.downcast_ref::<Table>() {
        return Ok(table.size);
    }
    if let Some(hole) = object.downcast_ref::<Hole>() {
        return Ok(Size { weight: ENTRY + hole.path.len() as u64, depth: 0 });
    }
    let is_plain = object.downcast_ref::<Exact>().is_some() || object.downcast_ref::<Nothing>().is_some();
    if is_plain { Ok(Size::ATOM) } else { Err(refuse("only values are kept: no macro, namespace or loop")) }
}

/// Makes a list.
pub(super) fn list(items: Vec<Value>, meter: &mut Meter) -> Result<Value, Error> {
    meter.make(ENTRY * (items.len() as u64 + 1))?;
    let parts: Vec<Size> = items.iter().map(size).collect::<Result<_, _>>()?;
    let size = Size::around(parts.into_iter()).check()?;
    Ok(Value::from_object(List { items, size }))
}

/// Makes a table.
pub(super) fn table(fields: BTreeMap<Value, Value>, meter: &mut Meter) -> Result<Value, Error> {
    meter.make(2 * ENTRY * (fields.len() as u64 + 1))?;
    if let Some(key) = fields.keys().find(|key| {
        key.as_str().is_none()
            && !key.is_integer()
            && !matches!(key.kind(), minijinja::value::ValueKind::Bool)
    }) {
        return Err(refuse(format!("a {} is no key of a table", kind(key))));
    }
    let parts: Vec<Size> =
        fields.iter().flat_map(|(key, value)| [size(key), size(value)]).collect::<Result<_, _>>()?;
    let size = Size::around(parts.into_iter()).check()?;
    Ok(Value::from_object(Table { fields, size }))
}

/// Returns the table of what a scope offers; it is not made by a template, so nothing is asked.
pub(super) fn given(fields: BTreeMap<Value, Value>) -> Value {
    let weigh = |value: &Value| size(value).unwrap_or(Size::ATOM);
    let size = Size::around(fields.iter().flat_map(|(key, value)| [weigh(key), weigh(value)]));
    Value::from_object(Table { fields, size })
}

/// Returns the value of JSON.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::Number(number) => number::from_json(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => {
            let items: Vec<Value> = items.iter().map(from_json).collect();
            let size = Size::around(items.iter().map(|item| size(item).unwrap_or(Size::ATOM)));
            Value::from_object(List { items, size })
        }
        Json::Object(fields) => {
            given(fields.iter().map(|(name, value)| (Value::from(name.as_str()), from_json(value))).collect())
        }
    }
}

/// Returns the JSON of a value.
pub(super) fn to_json(value: &Value, meter: &mut Meter) -> Result<Json, Error> {
    meter.make(ENTRY)?;
    present(value)?;
    if let Some(text) = value.as_str() {
        meter.make(text.len() as u64)?;
        return Ok(Json::String(text.to_owned()));
    }
    if let Some(list) = value.downcast_object_ref::<List>() {
        return list.items.iter().map(|item| to_json(item, meter)).collect();
    }
    if let Some(table) = value.downcast_object_ref::<Table>() {
        let field = |(key, value): (&Value, &Value)| {
            let name = printed(key, meter)?;
            Ok((name, to_json(value, meter)?))
        };
        return table.fields.iter().map(field).collect::<Result<Map<_, _>, Error>>().map(Json::Object);
    }
    if let Some(number) = number::to_json(value)? {
        return Ok(Json::Number(number));
    }
    if value.is_none() {
        return Ok(Json::Null);
    }
    match bool::try_from(value.clone()) {
        Ok(truth) => Ok(Json::Bool(truth)),
        // A hole is shown as it prints.
        Err(_) if value.downcast_object_ref::<Hole>().is_some() => printed(value, meter).map(Json::String),
        Err(_) => Err(refuse(format!("a {} is no value that can be passed on", kind(value)))),
    }
}

/// Returns a value as a text.
pub(super) fn printed(value: &Value, meter: &mut Meter) -> Result<String, Error> {
    let mut out = String::new();
    print(value, meter, &mut out)?;
    Ok(out)
}

/// Writes a value as a text: what it makes is asked for piece by piece.
pub(super) fn print(value: &Value, meter: &mut Meter, out: &mut dyn fmt::Write) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => write(text, meter, out),
        None => print_inside(value, meter, out),
    }
}

fn write(text: &str, meter: &mut Meter, out: &mut dyn fmt::Write) -> Result<(), Error> {
    meter.make(text.len() as u64)?;
    out.write_str(text).map_err(Error::from)
}

/// Inside of a list a text has quotes.
fn print_inside(value: &Value, meter: &mut Meter, out: &mut dyn fmt::Write) -> Result<(), Error> {
    if let Some(list) = value.downcast_object_ref::<List>() {
        write("[", meter, out)?;
        for (place, item) in list.items.iter().enumerate() {
            write(if place == 0 { "" } else { ", " }, meter, out)?;
            print_inside(item, meter, out)?;
        }
        return write("]", meter, out);
    }
    if let Some(table) = value.downcast_object_ref::<Table>() {
        write("{", meter, out)?;
        for (place, (key, value)) in table.fields.iter().enumerate() {
            write(if place == 0 { "" } else { ", " }, meter, out)?;
            print_inside(key, meter, out)?;
            write(": ", meter, out)?;
            print_inside(value, meter, out)?;
        }
        return write("}", meter, out);
    }
    if value.as_str().is_some() {
        return write(&format!("{value:?}"), meter, out);
    }
    // What is left prints in a few bytes: numbers, truth values, holes; a namespace would print what it holds.
    match value.as_object() {
        Some(object) if matches!(object.repr(), ObjectRepr::Map) => {
            Err(refuse("a namespace is not written: write what it holds"))
        }
        _ => write(&value.to_string(), meter, out),
    }
}

/// Says what a value is, for errors.
pub(super) fn kind(value: &Value) -> &'static str {
    use minijinja::value::ValueKind;
    if value.downcast_object_ref::<Exact>().is_some() {
        return "number";
    }
    match value.kind() {
        ValueKind::Undefined => "missing value",
        ValueKind::None => "null",
        ValueKind::Bool => "truth value",
        ValueKind::Number => "number",
        ValueKind::String => "text",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "table",
        _ => "value of this kind",
    }
}
