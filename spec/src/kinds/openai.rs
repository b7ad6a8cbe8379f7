//! `openai`: an endpoint that speaks the OpenAI chat completions API. It has no verbs: agents ask it.

use std::collections::BTreeMap;

use super::{
    kind::{ConnectorKind, Place, Role},
    parts::HTTP_URL,
};
use crate::fields::{Field, Table, Ty, Word};

pub(super) static KIND: ConnectorKind = ConnectorKind {
    word: Word::new("openai", "An endpoint that speaks the OpenAI chat completions API, for agents."),
    table: &TABLE,
    settings: &["model", "headers", "response_format", "seed", "parameters", "private", "fixture"],
    role: Role::AnswersAgents,
    place: Place::Host,
    verbs: |_| BTreeMap::new(),
    events: |_| BTreeMap::new(),
};

/// Another name, or `false`.
const RENAMED: Ty = Ty::Either(&[Ty::Boolean, Ty::Text]);

static PARAMETERS: Table = Table::new(
    "parameters",
    "How the parameters of a question are called.",
    &[
        // Without a limit of tokens nobody could say what a question costs at most: it has a name, always.
        Field::opt("max_tokens", Ty::Text, "\"max_completion_tokens\"", "The most tokens of the answer."),
        Field::opt("temperature", RENAMED, "false", "The temperature, which is 0."),
        Field::opt("seed", RENAMED, "false", "The seed."),
        Field::opt("stream", RENAMED, "false", "That the answer comes whole."),
        Field::opt("response_format", RENAMED, "false", "The form of the answer."),
    ],
);

static TABLE: Table = Table::new(
    "openai",
    "An endpoint that speaks the OpenAI chat completions API. The secret is its key.",
    &[
        Field::req("endpoint", HTTP_URL, "\"https://api.openai.com/v1\"", "The base URL, with the version."),
        Field::opt(
            "model",
            Ty::Text,
            "\"gpt-4.1-mini-2025-04-14\"",
            "The model of agents that name none; it needs a price.",
        ),
        Field::opt("headers", Ty::Map(&Ty::Text), "{}", "Headers of every request."),
        Field::opt(
            "response_format",
            Ty::Words(&[
                Word::new("json_schema", "The answer's schema is sent."),
                Word::new("json_object", "Only JSON is asked for; the schema goes into the prompt."),
                Word::new("none", "Nothing is asked for; the schema goes into the prompt."),
            ]),
            "\"json_schema\"",
            "How the endpoint is asked for an answer that fits; `json_schema` when absent.",
        ),
        Field::opt("seed", Ty::Integer(0, i64::MAX), "7", "The seed that is sent."),
        Field::opt(
            "parameters",
            Ty::Table(&PARAMETERS),
            "{ max_tokens = \"max_completion_tokens\", temperature = false }",
            "For endpoints that refuse a parameter: its other name, or `false` to leave it out.",
        ),
        Field::opt("private", Ty::Boolean, "false", "Whether names may lead to private addresses."),
    ],
);
