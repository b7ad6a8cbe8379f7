//! `tests/*.toml`: scenarios.

use super::{Field, SCHEMA_FIELD, TITLE, Table, Ty, Word};

/// `tests/*.toml`.
pub static SCENARIO: Table = Table::new(
    "test",
    "A scenario: what comes in, what the outside answers, what must happen.",
    &[
        SCHEMA_FIELD,
        TITLE,
        Field::req("playbook", Ty::Name("playbook"), "\"inbound\"", "The playbook that is played."),
        Field::opt("input", Ty::Map(&Ty::Any), "{ message = \"…\" }", "The run's input."),
        Field::opt(
            "event",
            Ty::Map(&Ty::Any),
            "{ text = \"…\" }",
            "The event that starts it, in place of an input.",
        ),
        Field::opt(
            "answer",
            Ty::List(&Ty::Table(&ANSWER)),
            "[]",
            "What agents, verbs and people answer, by step.",
        ),
        Field::opt("expect", Ty::List(&Ty::Table(&EXPECT)), "[]", "What must happen, in order."),
        Field::opt(
            "end",
            Ty::Words(&[
                Word::new("done", "The run ends well."),
                Word::new("failed", "The run fails."),
                Word::new("cancelled", "The run is cancelled."),
            ]),
            "\"done\"",
            "How the run must end.",
        ),
    ],
);

static ANSWER: Table = Table::new(
    "answer",
    "What a step is answered.",
    &[
        Field::req("step", Ty::Step, "\"qualify\"", "The step."),
        Field::opt("outcome", Ty::Id, "\"ok\"", "The outcome; `ok` when absent."),
        Field::opt("with", Ty::Map(&Ty::Any), "{}", "The result."),
    ],
);

static EXPECT: Table = Table::new(
    "expect",
    "What must happen.",
    &[
        Field::req("step", Ty::Step, "\"send\"", "The step that is reached."),
        Field::opt("outcome", Ty::Id, "\"ok\"", "Its outcome."),
        Field::opt("with", Ty::Map(&Ty::Any), "{}", "Its arguments; those that are not named do not matter."),
    ],
);
