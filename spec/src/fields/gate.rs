//! The gate: a step that asks a person.

use super::{Field, STEP_ROOTS, Table, Ty, Word};

/// A `gate` step.
pub(super) static GATE: Table = Table::new(
    "gate",
    "Asks a person. It covers every guarded call that it dominates, up to the next gate.",
    &[
        Field::req("gate", Ty::Template(STEP_ROOTS), "\"Send it?\"", "The question."),
        Field::opt(
            "show",
            Ty::List(&Ty::Read(STEP_ROOTS)),
            "[\"steps.quote.text\"]",
            "The paths of values that are shown and may be edited.",
        ),
        Field::opt("risk", RISK, "\"medium\"", "How much is at stake; `medium` when absent."),
        Field::opt(
            "expires",
            Ty::Period,
            "\"72h\"",
            "When the question lapses; by risk when absent: 7d for low, 72h for medium, 24h for high.",
        ),
        Field::opt(
            "auto",
            Ty::Table(&AUTO),
            "{ when = \"steps.read.amount < 20\" }",
            "When it passes without a person, as a recorded fact.",
        ),
        Field::opt("form", Ty::Schema, "{ note = \"string\" }", "What the person fills in."),
    ],
);

pub(super) const RISK: Ty = Ty::Words(&[
    Word::new("low", "Little."),
    Word::new("medium", "Some."),
    Word::new("high", "Money, contracts, publication."),
]);

static AUTO: Table = Table::new(
    "auto",
    "When a gate passes without a person.",
    &[
        Field::req("when", Ty::Expression(STEP_ROOTS), "\"steps.read.amount < 20\"", "The condition."),
        Field::opt("limit", Ty::MoneyPer, "\"100.00 EUR/month\"", "The most that may pass in a window.")
            .later(),
    ],
);
