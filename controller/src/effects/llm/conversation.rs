//! The messages of one question: the first turn, and the repair.

use serde_json::{Value, json};

use super::{
    job::AgentJob,
    prompt::{self, Question},
    strict::{self, Lowered},
};

/// The most characters of complaints that a repair repeats.
const MAX_COMPLAINTS: usize = 2_000;

/// One answer of a model, in the terms of no provider.
pub(in crate::effects) struct Completion {
    pub(in crate::effects) content: String,
    pub(in crate::effects) refusal: Option<String>,
    /// Whether the answer ended at the limit of tokens.
    pub(in crate::effects) is_cut: bool,
    /// What is recorded of the turn.
    pub(in crate::effects) record: Value,
}

/// What has been said to a model and by it, for one question.
pub(in crate::effects) struct Conversation {
    messages: Vec<Value>,
    lowered: Lowered,
    turns: Vec<Value>,
    last: String,
}

impl Conversation {
    /// Writes the first turn. The prompt has no secret of ours in it when it leaves; it has the schema of the answer where the
    /// request does not carry that.
    pub(super) fn begin(job: &AgentJob<'_>, is_schema_sent: bool) -> Self {
        let fence = prompt::fence(&job.key);
        let AgentJob { call, reads_input, labels, .. } = *job;
        let question = Question { prompt: &call.prompt, input: &call.input, reads_input, labels };
        let user = prompt::user(&question, &fence);
        let lowered = strict::lower(&job.call.output);
        let mut system = prompt::system(&job.call.agent, &fence);
        if !lowered.is_strict || !is_schema_sent {
            system.push_str(&format!("\nThe JSON Schema of the answer: {}", job.call.output));
        }
        let messages = vec![
            json!({ "role": "system", "content": system }),
            json!({ "role": "user", "content": job.redactor.text(&user) }),
        ];
        Self { messages, lowered, turns: Vec::new(), last: String::new() }
    }

    /// Returns the messages so far, each with its role.
    pub(in crate::effects) fn messages(&self) -> &[Value] {
        &self.messages
    }

    /// Returns the schema of the answer as providers take it.
    pub(in crate::effects) fn lowered(&self) -> &Lowered {
        &self.lowered
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
