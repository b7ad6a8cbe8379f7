//! Checks of what a trigger's event gives: the fields are there, they cannot be missing, and they have the inputs' types.
//!
//! The run time judges the same way: what the event does not have is not given, so the default counts; what has another type
//! starts nothing. Whatever could start nothing is refused here, before a stranger finds out.

use serde_json::Value;

use super::{
    cx::{Cx, Out},
    names::hint,
    shape,
};
use crate::{
    diag::{Code, Diagnostic},
    plan::{Input, RecordChange, Trigger, ValueType},
    value::Template,
};

/// Checks the key and the inputs of a playbook against the event that starts it.
pub(crate) fn check(cx: &Cx<'_>, out: &mut Out) {
    cx.playbook.inputs.keys().for_each(|name| default(cx, out, name));
    let Some(schema) = schema_of(cx) else { return };
    let event = Event { cx, schema: &schema };
    if let Some(key) = cx.playbook.trigger.key() {
        event.fields(out, "trigger.key", key);
        event.key(out, key);
    }
    if let Trigger::Record { when: Some(when), .. } = &cx.playbook.trigger {
        event.fields(out, "trigger.when", when);
        event.condition(out, when);
    }
    for (name, input) in &cx.playbook.inputs {
        let Some(from) = &input.from else { continue };
        let is_there = event.fields(out, &format!("input.{name}.from"), from);
        let made = Made { name, input, from };
        event.given(out, &made);
        if is_there {
            event.typed(out, &made);
        }
    }
}

fn schema_of(cx: &Cx<'_>) -> Option<Value> {
    match &cx.playbook.trigger {
        Trigger::Manual => None,
        Trigger::Event { connector, event, .. } => {
            cx.draft.connectors.get(connector)?.events.get(event).cloned()
        }
        Trigger::Signal { .. } => Some(serde_json::json!({
            "type": "object",
            "properties": {
                "id": {"type": "string"}, "key": {"type": "string"}, "by": {"type": "string"},
                "data": {"type": "object", "additionalProperties": {}}
            },
            "required": ["id", "key", "by", "data"]
        })),
        Trigger::Record { record, on, .. } => Some(record_event(&cx.draft.records.get(record)?.value, *on)),
        Trigger::Schedule { .. } => Some(serde_json::json!({
            "type": "object",
            "properties": {"slot": {"type": "string"}, "late_by": {"type": "integer"}},
            "required": ["slot", "late_by"]
        })),
    }
}

/// Returns the schema of what a write of a record tells: what was there before is told where something was.
fn record_event(record: &Value, on: RecordChange) -> Value {
    let mut properties = serde_json::json!({
        "record": {"type": "string"}, "key": {"type": "string"}, "version": {"type": "integer"},
        "change": {"enum": ["created", "changed"], "type": "string"}, "value": record
    });
    let mut required = vec!["record", "key", "version", "change", "value"];
    if on != RecordChange::Created {
        properties["before"] = record.clone();
    }
    if on == RecordChange::Changed {
        required.push("before");
    }
    let closed = serde_json::json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false
    });
    // References of the record's own schema count from its own top.
    ["$defs", "definitions"].into_iter().fold(closed, |mut event, name| {
        if let Some(definitions) = record.get(name) {
            event[name] = definitions.clone();
        }
        event
    })
}

/// A default stands in for what nobody gives, so it has the type too.
fn default(cx: &Cx<'_>, out: &mut Out, name: &str) {
    let Some(input) = cx.playbook.inputs.get(name) else { return };
    let currency = cx.draft.company.as_ref().map(|company| company.currency);
    let (Some(_), Err(problem)) = (&input.default, input.settle(None, currency)) else { return };
    out.push(
        Diagnostic::new(
            Code::E0224,
            cx.draft.spot(cx.at, &format!("input.{name}.default")),
            format!("the default of input \"{name}\" {problem}"),
        )
        .label("another type")
        .help("write a default of the type, or change the type"),
    );
}

/// An input that is made from the event.
struct Made<'a> {
    name: &'a str,
    input: &'a Input,
    from: &'a Template,
}

/// The event that starts a playbook.
struct Event<'a, 'b> {
    cx: &'a Cx<'b>,
    schema: &'a Value,
}

impl Event<'_, '_> {
    /// Checks that what a template reads is a field of the event, and returns whether all of it is.
    fn fields(&self, out: &mut Out, below: &str, template: &Template) -> bool {
        let mut all = true;
        for read in &template.reads {
            let Some(fields) = of_event(read) else { continue };
            let Err(missing) = shape::walk(self.schema, &fields) else { continue };
            all = false;
            let help = hint(&missing.field, missing.known.iter().map(String::as_str));
            out.push(
                Diagnostic::new(
                    Code::E0216,
                    self.cx.draft.spot(self.cx.at, below),
                    format!("the event has no field \"{}\"", fields.join(".")),
                )
                .label("no such field")
                .help_if(help),
            );
        }
        all
    }

    /// Returns the first field that a template needs and the event may not have.
    fn may_lack(&self, template: &Template) -> Option<String> {
        let reads = template.certain_reads();
        let optional = |read: &&String| {
            of_event(read).is_some_and(|fields| {
                // The id of a delivery is added where it has none of its own.
                fields != ["message_id"] && shape::may_be_missing(self.schema, &fields)
            })
        };
        reads.iter().find(optional).cloned()
    }

    fn key(&self, out: &mut Out, key: &Template) {
        let Some(read) = self.may_lack(key) else { return };
        out.push(
            Diagnostic::new(
                Code::E0223,
                self.cx.draft.spot(self.cx.at, "trigger.key"),
                format!(
                    "the key reads `{read}`, which the event may not have: such an event would start nothing"
                ),
            )
            .label("may be missing")
            .help("make the key of fields that are always there, such as `{{ event.message_id }}`"),
        );
    }

    fn condition(&self, out: &mut Out, when: &Template) {
        let Some(read) = self.may_lack(when) else { return };
        out.push(
            Diagnostic::new(
                Code::E0223,
                self.cx.draft.spot(self.cx.at, "trigger.when"),
                format!(
                    "`when` reads `{read}`, which the event may not have: such an event would start nothing"
                ),
            )
            .label("may be missing")
            .help(format!("guard it: `{read} is defined and …`, or let `on` say \"changed\"")),
        );
    }

    fn given(&self, out: &mut Out, made: &Made<'_>) {
        let Made { name, input, from } = made;
        let Some(read) = self.may_lack(from).filter(|_| input.default.is_none()) else { return };
        out.push(
            Diagnostic::new(
                Code::E0223,
                self.cx.draft.spot(self.cx.at, &format!("input.{name}.from")),
                format!("input \"{name}\" reads `{read}`, which the event may not have: such an event would start nothing"),
            )
            .label("may be missing")
            .help(format!("add `default = …` to the input, or guard it: `{{{{ {read} | default(\"\") }}}}`")),
        );
    }

    fn typed(&self, out: &mut Out, made: &Made<'_>) {
        let Made { name, input, from } = made;
        let Some(found) = self.other_type(input.type_, from) else { return };
        out.push(
            Diagnostic::new(
                Code::E0224,
                self.cx.draft.spot(self.cx.at, &format!("input.{name}.from")),
                format!("input \"{name}\" is {}, and it is made from {found}", input.type_.noun()),
            )
            .label("another type")
            .help(
                "let the input have the type of the field, or declare the field of the event as the input is",
            ),
        );
    }

    /// Returns what a template gives where that can be of another type than the input.
    fn other_type(&self, type_: ValueType, from: &Template) -> Option<String> {
        let Some(expression) = &from.expression else {
            return (type_ != ValueType::String).then(|| "a text with holes".to_owned());
        };
        // Of an expression that is more than a path nothing is known.
        let path = from.reads.get(expression.trim())?;
        let fields = of_event(path)?;
        let schema = shape::lookup(self.schema, &fields)?;
        let fits = shape::is_within(self.schema, schema, &type_.schema());
        (!fits).then(|| format!("`{}`, a field of type {}", expression.trim(), shape::type_words(schema)))
    }
}

/// Returns the fields of a path that begins with `event`.
fn of_event(read: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = read.split('.').collect();
    match parts.as_slice() {
        ["event", fields @ ..] if !fields.is_empty() => Some(fields.to_vec()),
        _ => None,
    }
}
