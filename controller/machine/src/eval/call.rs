//! One call of a function of ours: what a filter, a function or a test is given, and the account that it is weighed by.

use minijinja::{
    Error, ErrorKind, State,
    value::{Rest, Value, ValueOrKwargs},
};

use super::{
    data::{self, ENTRY, List, Table},
    meter::{Meter, refuse},
};

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
pub(super) fn bounded(
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

/// Returns what a value holds, one after the other.
pub(super) fn items(call: &mut Call<'_, '_, '_>, value: &Value) -> Result<Vec<Value>, Error> {
    if let Some(list) = value.downcast_object_ref::<List>() {
        call.meter().make(ENTRY * list.items.len() as u64)?;
        return Ok(list.items.clone());
    }
    if let Some(table) = value.downcast_object_ref::<Table>() {
        call.meter().make(ENTRY * table.fields.len() as u64)?;
        return Ok(table.fields.keys().cloned().collect());
    }
    if let Some(text) = value.as_str() {
        call.meter().make(ENTRY * text.len() as u64)?;
        return Ok(text.chars().map(Value::from).collect());
    }
    if value.is_none() { Ok(Vec::new()) } else { Err(wrong("a list is needed here", value)) }
}

/// Refuses a value of the wrong kind.
pub(super) fn wrong(what: &str, value: &Value) -> Error {
    refuse(format!("{what}, and this is a {}", data::kind(value)))
}
