//! Filters of lists and tables, and the functions that make them.

use std::{cmp::Ordering, collections::BTreeMap};

use minijinja::{
    Error,
    value::{Value, ValueKind, ValueOrKwargs},
};

use super::{
    call::{Call, Function, items, wrong},
    data::{self, ENTRY, Table},
    meter::refuse,
    number::Num,
    operators::{effort, plus, total},
};

pub(super) const ALL: &[(&str, Function)] = &[
    ("attr", |call| super::operators::item(call)),
    ("batch", batch),
    ("chain", chain),
    ("count", length),
    ("d", default),
    ("default", default),
    ("dictsort", dictsort),
    ("first", |call| end(call, false)),
    ("groupby", groupby),
    ("items", pairs),
    ("last", |call| end(call, true)),
    ("length", length),
    ("list", |call| {
        let items = subject(call)?;
        call.list(items)
    }),
    ("map", map),
    ("max", |call| extreme(call, |order| order != Ordering::Less)),
    ("min", |call| extreme(call, |order| order == Ordering::Less)),
    ("reject", |call| select(call, false, false)),
    ("rejectattr", |call| select(call, true, false)),
    ("reverse", reverse),
    ("select", |call| select(call, false, true)),
    ("selectattr", |call| select(call, true, true)),
    ("slice", slice),
    ("sort", sort),
    ("sum", sum),
    ("unique", unique),
    ("zip", zip),
];

/// The functions that a template may call.
pub(super) const FUNCTIONS: &[(&str, Function)] =
    &[("dict", dict), ("namespace", namespace), ("range", range)];

/// The most entries of a `range`, columns of `slice` and places of `batch`.
const LONGEST: i128 = 100_000;

fn subject(call: &mut Call<'_, '_, '_>) -> Result<Vec<Value>, Error> {
    let value = call.subject()?;
    items(call, &value)
}

/// Returns what stands at a dotted path in a value, undefined where nothing does.
pub(super) fn attribute(value: &Value, path: &str) -> Value {
    path.split('.').fold(value.clone(), |value, part| {
        let key = part.parse::<i64>().map_or_else(|_| Value::from(part), Value::from);
        if value.is_undefined() { value } else { value.get_item(&key).unwrap_or_default() }
    })
}

fn by(item: &Value, path: Option<&String>) -> Value {
    path.map_or_else(|| item.clone(), |path| attribute(item, path))
}

/// What texts are compared by: capitals count only where that is asked for.
fn folded(value: Value, is_exact: bool) -> Value {
    match value.as_str() {
        Some(text) if !is_exact => Value::from(text.to_ascii_lowercase()),
        _ => value,
    }
}

fn whole(value: &Value, what: &str) -> Result<usize, Error> {
    let number = Num::of(value).and_then(Num::whole).filter(|number| (1..=LONGEST).contains(number));
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| refuse(format!("`{what}` takes a whole number from 1 to {LONGEST}")))
}

fn default(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let value = call.args.first().cloned().unwrap_or_default();
    let is_lax = call.switch(2, "boolean")?;
    if data::is_missing(&value) || (is_lax && !value.is_true()) {
        let other = call.args.get(1).cloned().or_else(|| call.named("default_value"));
        return Ok(other.unwrap_or_else(|| Value::from("")));
    }
    Ok(value)
}

fn length(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let value = call.subject()?;
    let length = value.len().ok_or_else(|| wrong("a text, list or table has a length", &value))?;
    Ok(Value::from(length))
}

fn end(call: &mut Call<'_, '_, '_>, is_last: bool) -> Result<Value, Error> {
    let value = call.subject()?;
    if let Some(text) = value.as_str() {
        let letter = if is_last { text.chars().next_back() } else { text.chars().next() };
        return Ok(letter.map_or(Value::UNDEFINED, Value::from));
    }
    let items = items(call, &value)?;
    let item = if is_last { items.last() } else { items.first() };
    Ok(item.cloned().unwrap_or_default())
}

fn reverse(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let value = call.subject()?;
    if let Some(text) = value.as_str() {
        return call.made(text.chars().rev().collect());
    }
    let mut items = items(call, &value)?;
    items.reverse();
    call.list(items)
}

fn pairs(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let value = call.subject()?;
    let pairs = pairs_of(&value)?;
    pair_list(call, pairs)
}

fn pairs_of(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    let table = value.downcast_object_ref::<Table>().ok_or_else(|| wrong("only a table has pairs", value))?;
    Ok(table.fields.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn pair_list(call: &mut Call<'_, '_, '_>, pairs: Vec<(Value, Value)>) -> Result<Value, Error> {
    let pairs: Vec<Value> =
        pairs.into_iter().map(|(key, value)| call.list(vec![key, value])).collect::<Result<_, _>>()?;
    call.list(pairs)
}

fn dictsort(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let value = call.subject()?;
    let is_exact = call.switch(1, "case_sensitive")?;
    let is_by_value = call.word(2, "by")?.as_deref() == Some("value");
    let is_reverse = call.switch(3, "reverse")?;
    let keyed = pairs_of(&value)?.into_iter().map(|(key, value)| {
        let by = if is_by_value { value.clone() } else { key.clone() };
        (folded(by, is_exact), (key, value))
    });
    let sorted = sorted(call, keyed.collect(), is_reverse)?;
    pair_list(call, sorted)
}

/// Sorts by keys that were worked out before; equal ones keep their order.
fn sorted<T>(
    call: &mut Call<'_, '_, '_>,
    mut keyed: Vec<(Value, T)>,
    is_reverse: bool,
) -> Result<Vec<T>, Error> {
    let keys: Vec<Value> = keyed.iter().map(|(key, _)| key.clone()).collect();
    call.meter().make(ENTRY * keys.len() as u64)?;
    call.meter().touch(effort(&keys))?;
    keyed.sort_by(|(left, _), (right, _)| {
        let order = total(left, right);
        if is_reverse { order.reverse() } else { order }
    });
    Ok(keyed.into_iter().map(|(_, value)| value).collect())
}

fn sort(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let items = subject(call)?;
    let (is_reverse, is_exact) = (call.switch(1, "reverse")?, call.switch(2, "case_sensitive")?);
    let paths = call.word(3, "attribute")?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let keys = paths
            .iter()
            .flat_map(|paths| paths.split(','))
            .map(|path| folded(attribute(&item, path.trim()), is_exact));
        let keys: Vec<Value> = keys.collect();
        let key = if paths.is_some() { call.list(keys)? } else { folded(item.clone(), is_exact) };
        keyed.push((key, item));
    }
    let items = sorted(call, keyed, is_reverse)?;
    call.list(items)
}

fn groupby(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let items = subject(call)?;
    let path = call.word(1, "attribute")?;
    let (default, is_exact) = (call.named("default"), call.switch(3, "case_sensitive")?);
    let key = |item: &Value| match by(item, path.as_ref()) {
        missing if missing.is_undefined() => default.clone().unwrap_or_default(),
        key => key,
    };
    let keyed = items.into_iter().map(|item| (folded(key(&item), is_exact), (key(&item), item))).collect();
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in sorted(call, keyed, false)? {
        let is_same =
            |known: &Value| total(&folded(known.clone(), is_exact), &folded(key.clone(), is_exact)).is_eq();
        match groups.last_mut() {
            Some((known, group)) if is_same(known) => group.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut found = Vec::new();
    for (key, group) in groups {
        let group = call.list(group)?;
        found.push((key, group));
    }
    pair_list(call, found)
}

fn unique(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let items = subject(call)?;
    let is_exact = call.switch(1, "case_sensitive")?;
    let path = call.word(2, "attribute")?;
    let keyed = items.iter().enumerate().map(|(place, item)| {
        (folded(by(item, path.as_ref()), is_exact), (folded(by(item, path.as_ref()), is_exact), place))
    });
    let mut kept: Vec<(Value, usize)> = sorted(call, keyed.collect(), false)?;
    // The sort keeps the order of equal ones: the first of them stays.
    kept.dedup_by(|(later, _), (first, _)| total(later, first).is_eq());
    let mut places: Vec<usize> = kept.into_iter().map(|(_, place)| place).collect();
    places.sort_unstable();
    let unique = places.into_iter().filter_map(|place| items.get(place)).cloned().collect();
    call.list(unique)
}

fn extreme(call: &mut Call<'_, '_, '_>, replaces: fn(Ordering) -> bool) -> Result<Value, Error> {
    let items = subject(call)?;
    let (is_exact, path) = (call.switch(1, "case_sensitive")?, call.word(2, "attribute")?);
    call.meter().touch(effort(&items))?;
    let mut best: Option<(Value, Value)> = None;
    for item in items {
        let key = folded(by(&item, path.as_ref()), is_exact);
        if best.as_ref().is_none_or(|(known, _)| replaces(total(&key, known))) {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}

fn sum(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let items = subject(call)?;
    let path = call.word(1, "attribute")?;
    let mut all = call.option(2, "start")?.unwrap_or_else(|| Value::from(0));
    for item in items {
        let item = by(&item, path.as_ref());
        if item.is_undefined() {
            continue;
        }
        all = plus(call, &all, &item)?;
    }
    Ok(all)
}

fn map(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let items = subject(call)?;
    let mut mapped = Vec::new();
    if let Some(path) = call.named("attribute") {
        let (path, default) = (call.text(&path)?, call.named("default"));
        for item in items {
            let value = attribute(&item, &path);
            mapped.push(if value.is_undefined() { default.clone().unwrap_or_default() } else { value });
        }
        return call.list(mapped);
    }
    let name = call.word(1, "filter")?.ok_or_else(|| refuse("`map` names a filter or an attribute"))?;
    let rest: Vec<Value> = call.args.iter().skip(2).cloned().collect();
    for item in items {
        let args: Vec<Value> = std::iter::once(item).chain(rest.iter().cloned()).collect();
        mapped.push(call.filter(&name, &args)?);
    }
    call.list(mapped)
}

/// `select`, `reject` and their relatives that look at an attribute.
fn select(call: &mut Call<'_, '_, '_>, has_attribute: bool, keeps: bool) -> Result<Value, Error> {
    let items = subject(call)?;
    let first = 1 + usize::from(has_attribute);
    let path = if has_attribute { call.word(1, "attribute")? } else { None };
    let test = call.word(first, "test")?;
    let rest: Vec<Value> = call.args.iter().skip(first + 1).cloned().collect();
    let mut kept = Vec::new();
    for item in items {
        let value = by(&item, path.as_ref());
        let holds = match &test {
            Some(test) => {
                let args: Vec<Value> = std::iter::once(value).chain(rest.iter().cloned()).collect();
                call.ask(test, &args)?
            }
            None => value.is_true(),
        };
        if holds == keeps {
            kept.push(item);
        }
    }
    call.list(kept)
}

fn batch(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let items = subject(call)?;
    let (count, fill) = (whole(&call.needed(1)?, "batch")?, call.option(2, "fill_with")?);
    let mut rows = Vec::new();
    for chunk in items.chunks(count) {
        let mut row = chunk.to_vec();
        if let Some(fill) = &fill {
            call.meter().make(ENTRY * (count - row.len()) as u64)?;
            row.resize(count, fill.clone());
        }
        rows.push(call.list(row)?);
    }
    call.list(rows)
}

fn slice(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let items = subject(call)?;
    let (count, fill) = (whole(&call.needed(1)?, "slice")?, call.option(2, "fill_with")?);
    let (each, longer) = (items.len() / count, items.len() % count);
    let mut rest = items.as_slice();
    let mut columns = Vec::new();
    for place in 0..count {
        let (column, after) = rest.split_at(each + usize::from(place < longer));
        rest = after;
        let mut column = column.to_vec();
        if place >= longer && longer > 0 {
            column.extend(fill.clone());
        }
        columns.push(call.list(column)?);
    }
    call.list(columns)
}

fn chain(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let (first, args) = (call.subject()?, call.args.clone());
    if first.downcast_object_ref::<Table>().is_some() {
        let mut fields = BTreeMap::new();
        for arg in &args {
            fields.extend(pairs_of(arg)?);
        }
        return data::table(fields, call.meter());
    }
    let mut all = Vec::new();
    for arg in &args {
        all.extend(items(call, data::present(arg)?)?);
    }
    call.list(all)
}

fn zip(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let args = call.args.clone();
    let mut columns = Vec::new();
    for arg in &args {
        columns.push(items(call, data::present(arg)?)?);
    }
    let shortest = columns.iter().map(Vec::len).min().unwrap_or_default();
    let mut rows = Vec::new();
    for place in 0..shortest {
        let row = columns.iter().filter_map(|column| column.get(place)).cloned().collect();
        rows.push(call.list(row)?);
    }
    call.list(rows)
}

fn range(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let mut bounds = Vec::new();
    for arg in &call.args {
        let number = Num::of(data::present(arg)?).and_then(Num::whole);
        bounds.push(number.ok_or_else(|| wrong("`range` takes whole numbers", arg))?);
    }
    let (from, to, step) = match bounds[..] {
        [to] => (0, to, 1),
        [from, to] => (from, to, 1),
        [from, to, step] if step != 0 => (from, to, step),
        _ => return Err(refuse("`range` takes an end, or a start and an end, and perhaps a step")),
    };
    let distance = if step > 0 { to.saturating_sub(from) } else { from.saturating_sub(to) };
    let count = if distance <= 0 { 0 } else { (distance - 1) / step.saturating_abs() + 1 };
    if count > LONGEST {
        return Err(refuse(format!("a range has at most {LONGEST} numbers")));
    }
    let numbers = (0..count).map(|place| Num::Whole(from.saturating_add(place.saturating_mul(step))).value());
    let numbers = numbers.collect();
    call.list(numbers)
}

fn dict(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let mut fields: BTreeMap<Value, Value> = match call.option(0, "")? {
        Some(table) => pairs_of(&table)?.into_iter().collect(),
        None => BTreeMap::new(),
    };
    fields.extend(call.all_named());
    data::table(fields, call.meter())
}

/// What `set` can change from inside of a loop.
fn namespace(call: &mut Call<'_, '_, '_>) -> Result<Value, Error> {
    let fields = dict(call)?;
    minijinja::functions::namespace(Some(ValueOrKwargs::from(fields)))
}

/// Returns whether a value can be gone through.
pub(super) fn is_iterable(value: &Value) -> bool {
    matches!(
        value.kind(),
        ValueKind::Seq | ValueKind::Map | ValueKind::String | ValueKind::Iterable | ValueKind::None
    )
}
