//! A completion in the provider's two forms: one object, or a stream of chunks.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::{Value, json};

use super::request::{Chat, Delivery};
use crate::entry::now_ms;
use crate::fixtures::{Script, Usage};

/// The characters in one chunk of a stream: few, so that clients meet JSON cut in the middle of words.
const CHUNK: usize = 12;

/// What the model says.
#[derive(Debug, Clone)]
pub(super) struct Completion {
    id: String,
    created: u64,
    model: String,
    content: Option<String>,
    refusal: Option<String>,
    finish_reason: String,
    usage: Usage,
    delivery: Delivery,
}

impl Completion {
    /// Returns the completion of a rule; its text is `content`, cut where the client's limit cuts it.
    pub(super) fn new(asked: &Chat, script: &Script, content: Option<String>) -> Self {
        let spoken = content.as_deref().or(script.refusal.as_deref()).unwrap_or_default();
        let estimate = Usage {
            prompt_tokens: tokens(asked.characters),
            completion_tokens: tokens(spoken.chars().count()),
            cached_tokens: 0,
        };
        let mut completion = Self {
            id: String::new(),
            created: now_ms() / 1000,
            model: asked.model.clone(),
            refusal: script.refusal.clone(),
            finish_reason: script.finish_reason.clone().unwrap_or_else(|| "stop".to_owned()),
            usage: script.usage.unwrap_or(estimate),
            delivery: asked.delivery,
            content,
        };
        if let Some(max) = asked.max_tokens {
            completion.limit(max);
        }
        completion
    }

    pub(super) fn number(&mut self, number: u64) {
        self.id = format!("chatcmpl-double-{number:06}");
    }

    pub(super) fn is_stream(&self) -> bool {
        self.delivery != Delivery::Whole
    }

    /// Returns the whole answer.
    pub(super) fn object(&self) -> Value {
        let message = json!({ "role": "assistant", "content": self.content, "refusal": self.refusal, "annotations": [] });
        let choice =
            json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason });
        let mut object = self.frame("chat.completion", json!([choice]));
        object["usage"] = self.usage();
        object
    }

    /// Returns the answer as server-sent events; the usage, where asked for, is in the last chunk before the end.
    pub(super) fn events(&self) -> VecDeque<Bytes> {
        let with_usage = self.delivery == Delivery::Stream { with_usage: true };
        let mut chunks =
            vec![self.chunk(json!({ "role": "assistant", "content": "", "refusal": null }), None)];
        chunks.extend(self.deltas().into_iter().map(|delta| self.chunk(delta, None)));
        chunks.push(self.chunk(json!({}), Some(&self.finish_reason)));
        if with_usage {
            chunks.iter_mut().for_each(|chunk| chunk["usage"] = Value::Null);
            let mut last = self.frame("chat.completion.chunk", json!([]));
            last["usage"] = self.usage();
            chunks.push(last);
        }
        let events = chunks.iter().map(|chunk| Bytes::from(format!("data: {chunk}\n\n")));
        events.chain([Bytes::from_static(b"data: [DONE]\n\n")]).collect()
    }

    fn deltas(&self) -> Vec<Value> {
        let content = pieces(self.content.as_deref()).into_iter().map(|piece| json!({ "content": piece }));
        let refusal = pieces(self.refusal.as_deref()).into_iter().map(|piece| json!({ "refusal": piece }));
        content.chain(refusal).collect()
    }

    fn chunk(&self, delta: Value, finish_reason: Option<&str>) -> Value {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
        self.frame("chat.completion.chunk", json!([choice]))
    }

    fn frame(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": self.id, "object": object, "created": self.created, "model": self.model,
            "service_tier": "default", "system_fingerprint": "fp_adjutant_double", "choices": choices,
        })
    }

    fn usage(&self) -> Value {
        let Usage { prompt_tokens, completion_tokens, cached_tokens } = self.usage;
        json!({
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": { "cached_tokens": cached_tokens, "audio_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
    }

    /// Stops the answer at the client's limit, as a model does: in the middle, with the reason `length`.
    fn limit(&mut self, max: u64) {
        let used = self.usage.completion_tokens;
        if used <= max {
            return;
        }
        self.usage.completion_tokens = max;
        self.finish_reason = "length".to_owned();
        for text in [&mut self.content, &mut self.refusal].into_iter().flatten() {
            let kept = text.chars().count() as u64 * max / used;
            *text = text.chars().take(usize::try_from(kept).unwrap_or(usize::MAX)).collect();
        }
    }
}

/// Four characters a token: the usual estimate, and the same every time.
fn tokens(characters: usize) -> u64 {
    (characters as u64).div_ceil(4)
}

fn pieces(text: Option<&str>) -> Vec<String> {
    let characters: Vec<char> = text.unwrap_or_default().chars().collect();
    characters.chunks(CHUNK).map(|chunk| chunk.iter().collect()).collect()
}
