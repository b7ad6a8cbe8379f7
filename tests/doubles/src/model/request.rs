//! A chat request, read as the provider reads it: what it would refuse, the double refuses.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::strict;

/// A request that can be answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chat {
    pub(super) model: String,
    /// System and developer messages.
    pub(super) system: String,
    /// User messages, oldest first.
    pub(super) user: Vec<String>,
    /// All text, for counting tokens.
    pub(super) characters: usize,
    pub(super) format: Format,
    pub(super) delivery: Delivery,
    pub(super) max_tokens: Option<u64>,
}

/// What the answer must look like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Format {
    Text,
    Object,
    Schema { name: String, schema: Value, is_strict: bool },
}

/// How the answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Stream { with_usage: bool },
}

/// Arguments that the provider knows; the double ignores those that only change how a real model thinks.
const KNOWN: [&str; 27] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "n",
    "user",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "metadata",
    "store",
    "service_tier",
    "reasoning_effort",
    "verbosity",
    "prompt_cache_key",
    "safety_identifier",
    "tools",
    "tool_choice",
];

impl Chat {
    pub(super) fn read(body: &Bytes) -> Result<Self, Refusal> {
        let body: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
            let message = format!("We could not parse the JSON body of your request: {error}");
            Refusal { param: None, ..Refusal::invalid("body", message) }
        })?;
        check_arguments(&body)?;
        let model = body.get("model").and_then(Value::as_str).filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| Refusal::invalid("model", "you must provide a model parameter"))?;
        let mut chat = Self {
            model: model.to_owned(),
            system: String::new(),
            user: Vec::new(),
            characters: 0,
            format: format(body.get("response_format"))?,
            delivery: delivery(&body)?,
            max_tokens: max_tokens(&body)?,
        };
        chat.read_messages(body.get("messages"))?;
        chat.check_object_format()?;
        Ok(chat)
    }

    /// Returns the last user message.
    pub(super) fn last_user(&self) -> &str {
        self.user.last().map(String::as_str).unwrap_or_default()
    }

    /// Returns the name of the schema asked for.
    pub(super) fn schema_name(&self) -> Option<&str> {
        match &self.format {
            Format::Schema { name, .. } => Some(name),
            Format::Text | Format::Object => None,
        }
    }

    fn read_messages(&mut self, messages: Option<&Value>) -> Result<(), Refusal> {
        let messages = messages.and_then(Value::as_array).filter(|messages| !messages.is_empty());
        let messages =
            messages.ok_or_else(|| Refusal::invalid("messages", "`messages` must not be empty"))?;
        for message in messages {
            let text = text(message)?;
            self.characters += text.chars().count();
            match message["role"].as_str() {
                Some("user") => self.user.push(text),
                Some("system" | "developer") if self.system.is_empty() => self.system = text,
                Some("system" | "developer") => self.system.push_str(&text),
                Some("assistant") => {}
                role => {
                    let role = role.unwrap_or("none");
                    return Err(Refusal::invalid("messages", format!("the double knows no role `{role}`")));
                }
            }
        }
        Ok(())
    }

    /// The provider refuses JSON mode when nobody told the model about JSON.
    fn check_object_format(&self) -> Result<(), Refusal> {
        let is_told = || {
            let texts = self.user.iter().chain([&self.system]);
            texts.map(|text| text.to_lowercase()).any(|text| text.contains("json"))
        };
        if self.format != Format::Object || is_told() {
            return Ok(());
        }
        let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
        Err(Refusal::invalid("messages", message))
    }
}

fn check_arguments(body: &Map<String, Value>) -> Result<(), Refusal> {
    if let Some(name) = body.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        let message = format!("Unrecognized request argument supplied: {name}");
        return Err(Refusal { param: None, ..Refusal::invalid("", message) });
    }
    if body.get("tools").is_some_and(|tools| tools.as_array().is_none_or(|tools| !tools.is_empty())) {
        return Err(Refusal::invalid("tools", "the double does not speak tools"));
    }
    if body.get("n").is_some_and(|n| n.as_u64() != Some(1)) {
        return Err(Refusal::invalid("n", "the double gives one choice"));
    }
    Ok(())
}

fn text(message: &Value) -> Result<String, Refusal> {
    match &message["content"] {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => parts.iter().map(part).collect(),
        Value::Null if message["role"] == "assistant" => Ok(String::new()),
        _ => Err(Refusal::invalid("messages", "`content` must be a string or an array of parts")),
    }
}

fn part(part: &Value) -> Result<&str, Refusal> {
    let text = part["text"].as_str().filter(|_| part["type"] == "text");
    text.ok_or_else(|| Refusal::invalid("messages", "the double reads parts of type `text` only"))
}

fn format(format: Option<&Value>) -> Result<Format, Refusal> {
    let Some(format) = format else { return Ok(Format::Text) };
    match format["type"].as_str() {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::Object),
        Some("json_schema") => schema_format(&format["json_schema"]),
        _ => Err(Refusal::invalid("response_format", "`type` is text, json_object or json_schema")),
    }
}

fn schema_format(spec: &Value) -> Result<Format, Refusal> {
    let refuse = |message: String| Refusal::invalid("response_format", message);
    let name = spec["name"].as_str().unwrap_or_default();
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_name_byte) {
        return Err(refuse("`json_schema.name` must match ^[a-zA-Z0-9_-]{1,64}$".to_owned()));
    }
    let schema = &spec["schema"];
    if !schema.is_object() {
        return Err(refuse("`json_schema.schema` must be an object".to_owned()));
    }
    let is_strict = spec["strict"].as_bool().unwrap_or(false);
    if is_strict {
        strict::check(schema).map_err(|fault| refuse(fault.message(name)))?;
    }
    if let Err(error) = jsonschema::validator_for(schema) {
        return Err(refuse(format!("Invalid schema for response_format '{name}': {error}")));
    }
    Ok(Format::Schema { name: name.to_owned(), schema: schema.clone(), is_strict })
}

fn delivery(body: &Map<String, Value>) -> Result<Delivery, Refusal> {
    let is_stream = match body.get("stream") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is_stream)) => *is_stream,
        Some(_) => return Err(Refusal::invalid("stream", "`stream` must be true or false")),
    };
    let options = body.get("stream_options").filter(|options| !options.is_null());
    if options.is_some() && !is_stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::invalid("stream_options", message));
    }
    let with_usage = options.is_some_and(|options| options["include_usage"] == true);
    Ok(if is_stream { Delivery::Stream { with_usage } } else { Delivery::Whole })
}

fn max_tokens(body: &Map<String, Value>) -> Result<Option<u64>, Refusal> {
    let given = body.get("max_completion_tokens").or_else(|| body.get("max_tokens"));
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(None) };
    let max = given.as_u64().filter(|max| *max > 0);
    max.map(Some).ok_or_else(|| Refusal::invalid("max_completion_tokens", "must be a whole number above 0"))
}
