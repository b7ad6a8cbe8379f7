//! `adjutant.toml`, `slice.toml`, `prices.toml`, `models.toml`, `adjutant.lock`.

use super::{Field, OWNER, SCHEMA_FIELD, TITLE, Table, Ty, Word};

/// `adjutant.toml`.
pub static COMPANY: Table = Table::new(
    "company",
    "The company: who owns it, where its clock stands, what its money is.",
    &[
        SCHEMA_FIELD,
        Field::req("name", Ty::Text, "\"Example\"", "What the company is called."),
        Field::req("owner", Ty::Id, "\"founder\"", "The persona that owns what names no other."),
        Field::req(
            "zone",
            Ty::Zone,
            "\"Europe/Berlin\"",
            "The IANA time zone of schedules, budget windows and freezes.",
        ),
        Field::opt(
            "currency",
            Ty::Currency,
            "\"EUR\"",
            "The currency of amounts that name none; EUR when absent.",
        ),
        Field::opt("stage", STAGE, "\"act\"", "The stage of slices that name none."),
        Field::opt(
            "persona",
            Ty::List(&Ty::Table(&PERSONA)),
            "[{ id = \"founder\" }]",
            "The hats that you wear.",
        ),
    ],
);

static PERSONA: Table = Table::new(
    "persona",
    "A hat that you wear: who owns things, and where it is told of them.",
    &[
        Field::req("id", Ty::Id, "\"founder\"", "Its id."),
        Field::opt("email", Ty::Email, "\"me@example.com\"", "Where notifications for it go."),
        TITLE,
    ],
);

const STAGE: Ty = Ty::Words(&[
    Word::new("observe", "Effects are logged, nothing is done."),
    Word::new("advise", "Every effect is a proposal in the inbox."),
    Word::new("act", "Effects are done under policy."),
]);

/// `slice.toml`.
pub static SLICE: Table = Table::new(
    "slice",
    "A vertical slice of the company that owns its flow and goes live on its own.",
    &[
        SCHEMA_FIELD,
        TITLE,
        OWNER,
        Field::opt(
            "stage",
            STAGE,
            "\"act\"",
            "How far its effects reach the world; the company's when absent.",
        ),
        Field::opt(
            "metrics",
            Ty::List(&Ty::Text),
            "[\"revenue\"]",
            "The business metrics that it is judged by.",
        )
        .later(),
        Field::opt("slo", Ty::Map(&Ty::Any), "{ p95 = \"1h\" }", "What it promises.").later(),
    ],
);

/// `prices.toml`.
pub static PRICES: Table = Table::new(
    "prices",
    "What models cost. A model without a price is refused, and so is a call that could pass the cap.",
    &[
        SCHEMA_FIELD,
        Field::req("currency", Ty::Currency, "\"USD\"", "The currency of the table."),
        Field::req(
            "default_cap",
            Ty::Money,
            "\"5.00 USD\"",
            "The most that is spent a day where no budget says otherwise.",
        ),
        Field::opt(
            "models",
            Ty::Map(&Ty::Table(&PRICE)),
            "{ \"gpt-4.1-mini-2025-04-14\" = { input = \"0.40\", output = \"1.60\" } }",
            "Prices per million tokens by exact model name.",
        ),
    ],
);

static PRICE: Table = Table::new(
    "price",
    "Prices per million tokens.",
    &[
        Field::req("input", Ty::Decimal, "\"0.40\"", "Fresh input."),
        Field::req("output", Ty::Decimal, "\"1.60\"", "Output, reasoning included."),
        Field::opt(
            "cache_read",
            Ty::Decimal,
            "\"0.10\"",
            "Input from the provider's cache; the price of input when absent.",
        ),
        Field::opt(
            "cache_write",
            Ty::Decimal,
            "\"0.40\"",
            "Input into the provider's cache; the price of input when absent.",
        ),
    ],
);

/// `models.toml`.
pub static MODELS: Table = Table::new(
    "models",
    "Local models by their digest.",
    &[
        SCHEMA_FIELD,
        Field::opt("model", Ty::List(&Ty::Table(&MODEL)), "[]", "The local models that this company uses.")
            .later(),
    ],
);

static MODEL: Table = Table::new(
    "model",
    "One local model.",
    &[
        Field::req("id", Ty::Id, "\"small\"", "Its id."),
        Field::req(
            "task",
            Ty::Words(&[
                Word::new("embed", "Texts to vectors."),
                Word::new("rerank", "Pairs of texts to scores."),
                Word::new("generate", "Texts to texts."),
            ]),
            "\"embed\"",
            "What it is used for.",
        ),
        Field::req("source", Ty::Text, "\"owner/name\"", "Where it comes from."),
        Field::opt("digest", Ty::Text, "\"blake3:…\"", "The digest of its weights."),
    ],
);

/// `adjutant.lock`.
pub static LOCK: Table = Table::new(
    "lock",
    "Pins that commands write: the digest of each route's fit, of models, tools and connectors.",
    &[
        SCHEMA_FIELD,
        Field::opt("routes", Ty::Map(&Ty::Text), "{}", "The digest of each route's fit.").later(),
        Field::opt(
            "models",
            Ty::Table(&LOCKED_MODELS),
            "{ \"all-MiniLM-L6-v2\" = \"sha256:…\" }",
            "The digest of each local model, as `adjutant models pull` tells it. Routes decide with no other.",
        ),
        Field::opt("tools", Ty::Map(&Ty::Text), "{}", "The hash of each tool of an MCP server.").later(),
        Field::opt("connectors", Ty::Map(&Ty::Text), "{}", "The fingerprint of each connector.").later(),
    ],
);

static LOCKED_MODELS: Table = Table::new(
    "models",
    "The local models that this version can pin.",
    &[Field::opt(
        "all-MiniLM-L6-v2",
        Ty::Sha256,
        "\"sha256:…\"",
        "The digest of the model that routes read texts with.",
    )],
);
