//! A question as the body of a request.

use adjutant_spec::plan::Connector;
use serde_json::{Value, json};

use crate::effects::llm::{AgentJob, Conversation, Lowered};

/// The same question asked again shall be answered the same, where the provider can.
const SEED: u64 = 7;

/// Returns the exact bytes of the next request.
pub(super) fn body(job: &AgentJob<'_>, conversation: &Conversation) -> Vec<u8> {
    let seed = job.connector.settings.get("seed").and_then(Value::as_u64).unwrap_or(SEED);
    let mut body = json!({ "model": job.model, "messages": conversation.messages() });
    let parameters = [
        ("max_tokens", job.call.max_tokens.into()),
        ("temperature", 0.into()),
        ("seed", seed.into()),
        ("stream", false.into()),
        ("response_format", format(job, conversation.lowered())),
    ];
    for (name, value) in parameters {
        if let Some(name) = sent_as(job.connector, name).filter(|_| !value.is_null()) {
            body[name] = value;
        }
    }
    body.to_string().into_bytes()
}

fn format(job: &AgentJob<'_>, lowered: &Lowered) -> Value {
    match response_format(job.connector) {
        "json_object" => return json!({ "type": "json_object" }),
        "none" => return Value::Null,
        _ => {}
    }
    json!({ "type": "json_schema", "json_schema": {
        "name": name(&job.call.agent),
        "strict": lowered.is_strict,
        "schema": lowered.schema,
    } })
}

/// Returns whether a request carries the schema of its answer.
pub(super) fn sends_schema(connector: &Connector) -> bool {
    response_format(connector) == "json_schema"
}

/// Returns the name under which the endpoint takes a parameter; `None` where its connector leaves the parameter out.
fn sent_as<'a>(connector: &'a Connector, name: &'a str) -> Option<&'a str> {
    match connector.settings.get("parameters").and_then(|all| all.get(name)) {
        Some(Value::Bool(false)) => None,
        Some(Value::String(other)) => Some(other),
        _ => Some(name),
    }
}

fn response_format(connector: &Connector) -> &str {
    if sent_as(connector, "response_format").is_none() {
        return "none";
    }
    connector.settings.get("response_format").and_then(Value::as_str).unwrap_or("json_schema")
}

/// Providers take letters, digits, `-` and `_`, 64 at most.
fn name(agent: &str) -> String {
    let plain = |one: char| if one.is_ascii_alphanumeric() || one == '-' || one == '_' { one } else { '_' };
    agent.chars().map(plain).take(64).collect()
}
