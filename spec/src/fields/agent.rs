//! `agents/<id>.toml`.

use super::{AGENT_ROOTS, Field, OWNER, SCHEMA_FIELD, TITLE, Table, Ty, WAS, Word};

/// `agents/<id>.toml`.
pub static AGENT: Table = Table::new(
    "agent",
    "A function from a declared context to an answer that fits a schema. It has no network, no secrets and no write tools.",
    &[
        SCHEMA_FIELD,
        TITLE,
        OWNER,
        WAS,
        Field::req(
            "prompt",
            Ty::Path(&["md", "txt"]),
            "\"prompts/qualifier.md\"",
            "The template of what it is asked.",
        ),
        Field::opt(
            "input",
            Ty::Schema,
            "{ message = \"string\" }",
            "The schema of what it is given; any table when absent.",
        ),
        Field::req(
            "output",
            Ty::Schema,
            "{ summary = \"string\", confidence = \"number\" }",
            "The schema of its answer.",
        ),
        Field::opt(
            "preconditions",
            Ty::List(&Ty::Expression(AGENT_ROOTS)),
            "[\"input.message | length > 0\"]",
            "What must hold before it is asked; else the outcome is `refused`.",
        ),
        Field::opt(
            "model",
            Ty::Table(&MODEL),
            "{ name = \"gpt-4.1-mini-2025-04-14\" }",
            "Which model answers.",
        ),
        Field::opt(
            "confidence",
            Ty::Number(0.0, 1.0),
            "0.6",
            "Below this `confidence` of the answer the outcome is `low_confidence`.",
        ),
        Field::opt(
            "sla",
            Ty::Table(&SLA),
            "{ max_cost = \"0.05 EUR\" }",
            "What it promises; live, never pinned.",
        ),
        Field::opt("tools", Ty::List(&Ty::Verb), "[]", "The read verbs that it may use.").later(),
        Field::opt("memory", Ty::Any, "{}", "The memory that it may read.").later(),
    ],
);

static MODEL: Table = Table::new(
    "model choice",
    "Which model answers, and who answers when none can.",
    &[
        Field::opt(
            "connector",
            Ty::Name("connector"),
            "\"llm\"",
            "The connector of kind `openai`; the only one when absent.",
        ),
        Field::opt(
            "name",
            Ty::Text,
            "\"gpt-4.1-mini-2025-04-14\"",
            "The exact model name; it needs a price.",
        ),
        Field::opt(
            "fallback",
            Ty::Words(&[
                Word::new("operator", "A gate whose form is the output schema."),
                Word::new("error", "The outcome is `error`."),
            ]),
            "\"operator\"",
            "Who answers when no model can.",
        ),
        Field::opt("fallback_expires", Ty::Period, "\"72h\"", "When that gate lapses; by risk when absent."),
        Field::opt("max_tokens", Ty::Integer(1, 1_000_000), "1024", "The most tokens of an answer."),
        Field::opt("tier", Ty::Text, "\"small\"", "A tier of models in place of a name.").later(),
        Field::opt("pins", Ty::List(&Ty::Text), "[]", "The models that a tier may stand for.").later(),
    ],
);

static SLA: Table = Table::new(
    "sla",
    "What an agent promises.",
    &[
        Field::opt("p95", Ty::Period, "\"20s\"", "The 95th percentile of its latency.").later(),
        Field::opt("max_cost", Ty::Money, "\"0.05 EUR\"", "The most that one answer may cost."),
        Field::opt(
            "min_accept",
            Ty::Number(0.0, 1.0),
            "0.9",
            "The least share of answers that are accepted unedited.",
        )
        .later(),
    ],
);
