//! Calls of verbs: what is the same for connectors of all kinds, which is schemas, modes and doors.

use adjutant_spec::plan::{Connector, Effect, Mode, Plan, Verb};
use serde_json::{Value, json};

use super::{
    doors::Door,
    expression,
    job::VerbJob,
    kinds,
    outcome::{Done, Ending, Fault},
    schema,
};

/// A verb of the plan with the connector that has it.
pub(super) struct Resolved<'a> {
    pub(super) connector: &'a Connector,
    pub(super) verb: &'a Verb,
}

/// Returns the verb that a call names, as the plan in force has it.
pub(super) fn resolve<'a>(plan: &'a Plan, name: &str) -> Result<Resolved<'a>, Fault> {
    plan.verb(name)
        .map(|(connector, verb)| Resolved { connector, verb })
        .ok_or_else(|| Fault::unavailable(format!("verb \"{name}\" is not in the company any more")))
}

/// Performs a call once, or answers it without touching the world where the job or the connector says so.
pub(super) async fn perform(verb: &VerbJob<'_>, is_dry: bool) -> Ending {
    schema::check(&verb.verb.input, &verb.call.args).map_err(|complaints| {
        Fault::invalid(format!(
            "the arguments of \"{}\" break its schema: {}",
            verb.call.verb,
            complaints.join("; ")
        ))
    })?;
    if verb.connector.mode == Mode::Fixture {
        return fixture(verb);
    }
    if (is_dry || verb.connector.mode == Mode::Dry) && verb.call.effect != Effect::Read {
        return dry(verb);
    }
    if !verb.is_counted {
        Door::to(verb.doors, verb.connector).take(Some(&verb.call.verb)).await?;
    }
    kinds::of(verb.connector)?.call(verb).await
}

/// The verb's own fixture, rendered with the arguments.
fn fixture(verb: &VerbJob<'_>) -> Ending {
    let setting = verb.verb.settings.get("fixture").ok_or_else(|| {
        Fault::unavailable(format!(
            "\"{}\" has no `fixture`, and its connector's mode asks for one",
            verb.call.verb
        ))
    })?;
    let value = render_fixture(verb, setting)?;
    schema::check(&verb.verb.output, &value).map_err(|complaints| {
        Fault::invalid(format!(
            "the fixture of \"{}\" breaks its schema: {}",
            verb.call.verb,
            complaints.join("; ")
        ))
    })?;
    Ok(Done::free(value, json!({ "mode": "fixture" })))
}

/// Nothing is sent. The fixture's fields, where there is one, let later steps read what a real answer would have.
fn dry(verb: &VerbJob<'_>) -> Ending {
    let fixture =
        verb.verb.settings.get("fixture").map(|setting| render_fixture(verb, setting)).transpose()?;
    let mut value = fixture.filter(Value::is_object).unwrap_or_else(|| json!({}));
    value["dry"] = true.into();
    value["would"] = json!({ "call": verb.call.verb, "args": verb.call.args, "key": verb.call.key });
    Ok(Done::free(value, json!({ "mode": "dry" })))
}

fn render_fixture(verb: &VerbJob<'_>, setting: &Value) -> Result<Value, Fault> {
    let context = json!({ "args": verb.call.args, "effect": { "key": verb.call.key } });
    expression::render(setting, &context)
}
