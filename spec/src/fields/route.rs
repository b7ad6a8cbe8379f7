//! `routes/<id>.toml`.

use super::{Field, OWNER, RULE_ROOTS, SCHEMA_FIELD, TITLE, Table, Ty, WAS};

/// `routes/<id>.toml`.
pub static ROUTE: Table = Table::new(
    "route",
    "Local classification with abstention: rules first, then examples; `unsure` when nothing is clear enough.",
    &[
        SCHEMA_FIELD,
        TITLE,
        OWNER,
        WAS,
        Field::opt(
            "rule",
            Ty::List(&Ty::Table(&RULE)),
            "[]",
            "Rules in order; the first that matches decides.",
        ),
        Field::req("class", Ty::List(&Ty::Table(&CLASS)), "[]", "What a text can be."),
        Field::opt(
            "strangers",
            Ty::List(&Ty::Text),
            "[\"Win a cruise!\"]",
            "Texts that belong to no class; `adjutant models refit` proposes them from your corrections.",
        ),
        Field::opt("threshold", Ty::Table(&THRESHOLD), "{ precision = 0.98 }", "How sure it must be."),
        Field::opt(
            "calibration",
            Ty::Table(&CALIBRATION),
            "{ slope = 0.9, offset = -0.2, outcomes = 40, model = \"sha256:…\" }",
            "What your corrections say about its probabilities; `adjutant models refit` proposes it.",
        ),
        Field::opt("escalate", Ty::List(&Ty::Text), "[\"agent:sorter\"]", "Hops after abstention."),
    ],
);

static RULE: Table = Table::new(
    "rule",
    "A rule. All conditions that it has must hold.",
    &[
        Field::req("class", Ty::Id, "\"lead\"", "The class that it gives."),
        Field::opt(
            "exact",
            Ty::List(&Ty::Text),
            "[\"stop\"]",
            "The whole text equals one of these, without regard to case.",
        ),
        Field::opt(
            "contains",
            Ty::List(&Ty::Text),
            "[\"quote\"]",
            "The text contains one of these, without regard to case.",
        ),
        Field::opt("regex", Ty::List(&Ty::Regex), "[\"order \\\\d+\"]", "The text matches one of these."),
        Field::opt(
            "when",
            Ty::Expression(RULE_ROOTS),
            "\"text | length < 10\"",
            "A condition over `input`, `steps` and `text`.",
        ),
    ],
);

static CLASS: Table = Table::new(
    "class",
    "One class.",
    &[
        Field::req("id", Ty::Id, "\"lead\"", "Its name, the outcome in `on`."),
        Field::req("description", Ty::Text, "\"Somebody wants to buy.\"", "What belongs to it."),
        Field::opt(
            "examples",
            Ty::List(&Ty::Text),
            "[\"Could you send a quote?\"]",
            "Texts that belong to it.",
        ),
    ],
);

static THRESHOLD: Table = Table::new(
    "threshold",
    "How sure a route must be.",
    &[Field::req("precision", Ty::Number(0.5, 1.0), "0.98", "The share of its answers that must be right.")],
);

static CALIBRATION: Table = Table::new(
    "calibration",
    "A line through the log-odds of what a route says, and the threshold that the log proves.",
    &[
        Field::req("slope", Ty::Number(0.0, 100.0), "0.9", "What log-odds are multiplied with."),
        Field::req("offset", Ty::Number(-100.0, 100.0), "-0.2", "What is added then."),
        Field::req("outcomes", Ty::Integer(1, 1_000_000), "40", "How many outcomes it was fitted to."),
        Field::opt("threshold", Ty::Number(0.5, 1.0), "0.93", "The threshold that the outcomes prove."),
        Field::req(
            "model",
            Ty::Sha256,
            "\"sha256:…\"",
            "The model whose vectors were judged; no other is calibrated.",
        ),
    ],
);
