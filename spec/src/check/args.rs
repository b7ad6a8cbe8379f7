//! Checks of `with` against what a verb, an agent or a child playbook takes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    children::Children,
    cx::{Cx, Out},
    names::{self, hint, list},
    shape,
};
use crate::{
    diag::{Code, Diagnostic},
    plan::{Playbook, RecordOp, StepKind},
    value::Arg,
};

/// A table of arguments under check.
struct Call<'a> {
    place: usize,
    key: &'static str,
    taker: String,
    schema: Value,
    with: &'a BTreeMap<String, Arg>,
    /// Whether what is needed may be left out: a write to a record is merged into what is there.
    partial: bool,
}

/// Checks the arguments of every step.
pub(crate) fn check(cx: &Cx<'_>, children: &Children<'_>, out: &mut Out) {
    for (place, step) in cx.steps() {
        let (taker, schema, with) = match &step.kind {
            StepKind::Agent { agent, with } => {
                (format!("agent \"{agent}\""), cx.draft.agents.get(agent).map(|at| at.input.clone()), with)
            }
            StepKind::Call { call, with } => {
                (format!("verb \"{call}\""), names::verb(cx.draft, call).map(|verb| verb.input.clone()), with)
            }
            StepKind::Run { run, with, .. } => {
                (format!("playbook \"{run}\""), children.get(run.as_str()).map(inputs), with)
            }
            _ => continue,
        };
        if let Some(schema) = schema {
            check_call(cx, &Call { place, key: "with", taker, schema, with, partial: false }, out);
        }
    }
    cx.steps().for_each(|(place, _)| undo(cx, place, out));
    cx.steps().for_each(|(place, _)| record(cx, place, out));
}

fn undo(cx: &Cx<'_>, place: usize, out: &mut Out) {
    let Some(undo) = &cx.step(place).undo else { return };
    let Some(verb) = names::verb(cx.draft, &undo.call) else { return };
    let taker = format!("verb \"{}\"", undo.call);
    let (key, schema) = ("undo.with", verb.input.clone());
    check_call(cx, &Call { place, key, taker, schema, with: &undo.with, partial: false }, out);
}

fn record(cx: &Cx<'_>, place: usize, out: &mut Out) {
    let (record, key, with) = match &cx.step(place).kind {
        StepKind::Record { op: RecordOp::Write { record, value, .. } } => (record, "record.write", value),
        StepKind::Record { op: RecordOp::ReadList { record, filter } } => (record, "record.where", filter),
        _ => return,
    };
    let Some(at) = cx.draft.records.get(record) else { return };
    let (taker, schema) = (format!("record \"{record}\""), at.value.clone());
    check_call(cx, &Call { place, key, taker, schema, with, partial: true }, out);
}

/// Returns the schema of what a child playbook is given.
fn inputs(child: &Playbook) -> Value {
    let fields: Map<String, Value> =
        child.inputs.iter().map(|(name, input)| (name.clone(), input.type_.schema())).collect();
    let needed = child.inputs.iter().filter(|(_, input)| input.default.is_none());
    let needed: Vec<&String> = needed.map(|(name, _)| name).collect();
    json!({"type": "object", "properties": fields, "required": needed, "additionalProperties": false})
}

fn check_call(cx: &Cx<'_>, call: &Call<'_>, out: &mut Out) {
    let missing: Vec<&str> =
        shape::required(&call.schema).into_iter().filter(|name| !call.with.contains_key(*name)).collect();
    if !missing.is_empty() && !call.partial {
        let typed: Vec<String> = missing.iter().map(|name| format!("{name} = \"…\"")).collect();
        out.push(
            Diagnostic::new(
                Code::E0411,
                cx.spot(call.place, call.key),
                format!("{} needs {}", call.taker, list(&missing)),
            )
            .label("an argument is missing")
            .help(format!("write `with = {{ {} }}`", typed.join(", "))),
        );
    }
    fields(cx, call, &Arguments { key: call.key.to_owned(), schema: &call.schema, fields: call.with }, out);
}

/// A table of arguments, or a table inside one.
struct Arguments<'a> {
    key: String,
    schema: &'a Value,
    fields: &'a BTreeMap<String, Arg>,
}

fn fields(cx: &Cx<'_>, call: &Call<'_>, arguments: &Arguments<'_>, out: &mut Out) {
    for (name, arg) in arguments.fields {
        let key = format!("{}.{name}", arguments.key);
        match shape::field(&call.schema, arguments.schema, name) {
            Ok(Some(schema)) => value(cx, call, &Given { key, schema, arg }, out),
            Ok(None) => {}
            Err(missing) => {
                let known = missing.known.iter().map(String::as_str);
                let help = hint(name, known).unwrap_or_else(|| "remove it: it takes none".to_owned());
                out.push(
                    Diagnostic::new(
                        Code::E0410,
                        cx.key_spot(call.place, &key),
                        format!("{} takes no \"{name}\"", call.taker),
                    )
                    .label("no such argument")
                    .help(help),
                );
            }
        }
    }
}

/// One argument, with the schema that it is to fit.
struct Given<'a> {
    key: String,
    schema: &'a Value,
    arg: &'a Arg,
}

fn value(cx: &Cx<'_>, call: &Call<'_>, given: &Given<'_>, out: &mut Out) {
    let Given { key, schema, arg } = given;
    let problem = match arg {
        Arg::Literal(literal) => literal_problem(&call.schema, schema, literal),
        Arg::Template(text) if text.expression.is_none() && !shape::allows_text(&call.schema, schema) => {
            Some(format!("a text with holes is a text, and {} is wanted", shape::type_words(schema)))
        }
        Arg::Template(_) => None,
        Arg::List(_) => wrong_container(&call.schema, schema, &json!([])),
        Arg::Table(inner) => {
            fields(cx, call, &Arguments { key: key.clone(), schema, fields: inner }, out);
            wrong_container(&call.schema, schema, &json!({}))
        }
    };
    if let Some(problem) = problem {
        let name = key.rsplit('.').next().unwrap_or(key);
        out.push(
            Diagnostic::new(
                Code::E0412,
                cx.spot(call.place, key),
                format!("\"{name}\" of {} is wrong: {problem}", call.taker),
            )
            .label("wrong value")
            .help(format!("give {}", wanted(schema))),
        );
    }
}

fn wanted(schema: &Value) -> String {
    match schema.get("enum").and_then(Value::as_array) {
        Some(words) => words.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
        None => format!(
            "a value of type {}, or exactly one `{{{{ expression }}}}` that has it",
            shape::type_words(schema)
        ),
    }
}

/// Only the type is asked: the elements and fields may be templates.
fn wrong_container(root: &Value, schema: &Value, empty: &Value) -> Option<String> {
    let only_type = json!({"type": schema.get("type")?});
    literal_problem(root, &only_type, empty)
}

fn literal_problem(root: &Value, schema: &Value, literal: &Value) -> Option<String> {
    let mut alone = schema.clone();
    if let (Some(alone), Some(definitions)) = (alone.as_object_mut(), root.get("$defs")) {
        alone.insert("$defs".to_owned(), definitions.clone());
    }
    // A schema that is itself wrong has been reported where it stands.
    let validator = crate::schema::validator(&alone).ok()?;
    validator.iter_errors(literal).next().map(|error| error.to_string())
}
