//! The messages of one question: the first turn, and the repair.

use serde_json::{Value, json};

use super::{
    AgentJob,
    endpoint::Completion,
    prompt::{self, Question},
    strict::{self, Lowered},
};

/// The same question asked again shall be answered the same, where the provider can.
const SEED: u64 = 7;

/// The most characters of complaints that a repair repeats.
const MAX_COMPLAINTS: usize = 2_000;

/// What has been said.
pub(super) struct Conversation {
    messages: Vec<Value>,
    lowered: Lowered,
    turns: Vec<Value>,
    last: String,
}

impl Conversation {
    /// Writes the first turn. The prompt has no secret of ours in it when it leaves.
    pub(super) fn begin(job: &AgentJob<'_>) -> Self {
        let fence = prompt::fence(&job.key);
        let AgentJob { call, reads_input, labels, .. } = *job;
        let question = Question { prompt: &call.prompt, input: &call.input, reads_input, labels };
        let user = prompt::user(&question, &fence);
        let lowered = strict::lower(&job.call.output);
        let mut system = prompt::system(&job.call.agent, &fence);
        if !lowered.is_strict || response_format(job) != "json_schema" {
            system.push_str(&format!("\nThe JSON Schema of the answer: {}", job.call.output));
        }
        let messages = vec![
            json!({ "role": "system", "content": system }),
            json!({ "role": "user", "content": job.redactor.text(&user) }),
        ];
        Self { messages, lowered, turns: Vec::new(), last: String::new() }
    }

    /// Returns the exact bytes of the next request.
    pub(super) fn request(&self, job: &AgentJob<'_>) -> Vec<u8> {
        let seed = job.connector.settings.get("seed").and_then(Value::as_u64).unwrap_or(SEED);
        let mut body = json!({ "model": job.model, "messages": self.messages });
        let parameters = [
            ("max_tokens", job.call.max_tokens.into()),
            ("temperature", 0.into()),
            ("seed", seed.into()),
            ("stream", false.into()),
            ("response_format", self.format(job)),
        ];
        for (name, value) in parameters {
            if let Some(name) = sent_as(job, name).filter(|_| !value.is_null()) {
                body[name] = value;
            }
        }
        body.to_string().into_bytes()
    }

    fn format(&self, job: &AgentJob<'_>) -> Value {
        match response_format(job) {
            "json_object" => return json!({ "type": "json_object" }),
            "none" => return Value::Null,
            _ => {}
        }
        json!({ "type": "json_schema", "json_schema": {
            "name": name(&job.call.agent),
            "strict": self.lowered.is_strict,
            "schema": self.lowered.schema,
        } })
    }

    /// Records an answer.
    pub(super) fn heard(&mut self, completion: &Completion) {
        self.last.clone_from(&completion.content);
        self.turns.push(completion.record.clone());
    }

    /// Writes the repair: the answer as it was, and what is wrong with it.
    pub(super) fn complain(&mut self, job: &AgentJob<'_>, complaints: &[String]) {
        // Masked before it is cut, as everything that leaves.
        let list: String = job.redactor.text(&complaints.join("\n- ")).chars().take(MAX_COMPLAINTS).collect();
        let text = format!(
            "That answer breaks the schema:\n- {list}\nAnswer again with one JSON value that keeps to the schema."
        );
        self.messages.push(json!({ "role": "assistant", "content": job.redactor.text(&self.last) }));
        self.messages.push(json!({ "role": "user", "content": text }));
    }

    /// Returns the bytes that the next request sends at most.
    pub(super) fn bytes(&self) -> usize {
        let said: usize = self.messages.iter().map(|message| message.to_string().len()).sum();
        said + self.last.len() + self.lowered.schema.to_string().len() + MAX_COMPLAINTS + 1_024
    }

    /// Returns what is recorded of each turn.
    pub(super) fn turns(&self) -> &[Value] {
        &self.turns
    }
}

/// Returns the name under which the endpoint takes a parameter; `None` where its connector leaves the parameter out.
fn sent_as<'a>(job: &'a AgentJob<'_>, name: &'a str) -> Option<&'a str> {
    match job.connector.settings.get("parameters").and_then(|all| all.get(name)) {
        Some(Value::Bool(false)) => None,
        Some(Value::String(other)) => Some(other),
        _ => Some(name),
    }
}

fn response_format<'a>(job: &'a AgentJob<'_>) -> &'a str {
    if sent_as(job, "response_format").is_none() {
        return "none";
    }
    job.connector.settings.get("response_format").and_then(Value::as_str).unwrap_or("json_schema")
}

/// Providers take letters, digits, `-` and `_`, 64 at most.
fn name(agent: &str) -> String {
    let plain = |one: char| if one.is_ascii_alphanumeric() || one == '-' || one == '_' { one } else { '_' };
    agent.chars().map(plain).take(64).collect()
}
