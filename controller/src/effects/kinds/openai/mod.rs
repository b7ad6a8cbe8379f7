//! The `openai` connector: an endpoint that speaks the OpenAI chat completions API, for agents.

mod complaint;
mod endpoint;
mod request;

use adjutant_spec::plan::Connector;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::kind::Kind;
use crate::effects::{
    llm::{AgentJob, Bill, Completion, Conversation},
    look::{Look, Seen},
    outcome::Fault,
};

/// The kind `openai`.
pub(super) struct OpenAi;

impl Kind for OpenAi {
    fn word(&self) -> &'static str {
        "openai"
    }

    fn look<'a>(&'a self, look: &'a Look<'_>) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(models(look))
    }

    fn sends_schema(&self, connector: &Connector) -> bool {
        request::sends_schema(connector)
    }

    fn complete<'a>(
        &'a self,
        job: &'a AgentJob<'_>,
        conversation: &'a Conversation,
        bill: &'a mut Bill,
    ) -> BoxFuture<'a, Result<Completion, Fault>> {
        Box::pin(endpoint::complete(job, conversation, bill))
    }
}

/// Asks for the names of its models.
async fn models(look: &Look<'_>) -> Result<Seen, Fault> {
    let connector = look.connector;
    let models = endpoint::models(look).await?;
    let default = connector.settings.get("model").and_then(Value::as_str);
    let is_there = default.map(|name| models.iter().any(|one| one == name));
    let is_encrypted = connector.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("https:"));
    let detail = json!({ "models": models, "default": default, "default_is_there": is_there });
    Ok(Seen { tls: Some(is_encrypted), auth: look.secret.map(|_| true), detail })
}
