//! Who answers a question: the connector and the model, and what the prompt tells them.

use adjutant_machine::call::AgentCall;
use adjutant_spec::plan::{Connector, Plan};
use serde_json::Value;

use crate::effects::outcome::Fault;

/// The connector and the model that a question goes to.
pub(in crate::effects) struct Answerer<'a> {
    pub(in crate::effects) connector: &'a Connector,
    pub(in crate::effects) model: String,
}

/// Returns the connector and model that a question goes to.
pub(in crate::effects) fn resolve<'a>(plan: &'a Plan, call: &AgentCall) -> Result<Answerer<'a>, Fault> {
    let connector = plan
        .model_connector(call.connector.as_deref())
        .ok_or_else(|| Fault::unavailable("no model endpoint is configured: a connector of kind `openai`"))?;
    let default = connector.settings.get("model").and_then(Value::as_str);
    let model = call.model.as_deref().or(default).ok_or_else(|| {
        Fault::unavailable(format!(
            "agent \"{}\" names no model, and connector \"{}\" has no default",
            call.agent, connector.id
        ))
    })?;
    Ok(Answerer { connector, model: model.to_owned() })
}

/// Returns whether the prompt of an agent reads its inputs. A prompt that is not found is taken to: its text is fenced.
pub(in crate::effects) fn reads_input(plan: &Plan, agent: &str) -> bool {
    let Some(agent) = plan.agent(agent) else { return true };
    let template = plan.bundles.values().find_map(|bundle| bundle.templates.get(&agent.prompt));
    template.is_none_or(|template| {
        template.reads.iter().any(|path| path == "input" || path.starts_with("input."))
    })
}
