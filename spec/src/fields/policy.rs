//! `policies/*.toml`.

use super::{Field, SCHEMA_FIELD, TITLE, Table, Ty, Word, gate::RISK};

/// `policies/*.toml`.
pub static POLICY: Table = Table::new(
    "policy",
    "Quantities and permissions: read live at each step, never pinned.",
    &[
        SCHEMA_FIELD,
        TITLE,
        Field::opt("budget", Ty::List(&Ty::Table(&BUDGET)), "[]", "Caps on money."),
        Field::opt(
            "autonomy",
            Ty::List(&Ty::Table(&AUTONOMY)),
            "[]",
            "Who may do what without asking. Writes are denied unless granted.",
        ),
        Field::opt("notify", Ty::List(&Ty::Table(&NOTIFY)), "[]", "Who is told of what."),
        Field::opt("limit", Ty::List(&Ty::Table(&LIMIT)), "[]", "Caps on counts."),
        Field::opt("freeze", Ty::List(&Ty::Table(&FREEZE)), "[]", "When nothing acts."),
        Field::opt(
            "retention",
            Ty::List(&Ty::Table(&RETENTION)),
            "[]",
            "How long what is over is kept; for good where nothing is said.",
        ),
        Field::opt("privacy", Ty::List(&Ty::Map(&Ty::Any)), "[]", "Which privacy class may go where.")
            .later(),
        Field::opt(
            "slo",
            Ty::List(&Ty::Map(&Ty::Any)),
            "[]",
            "What is promised, and what happens when it is missed.",
        )
        .later(),
    ],
);

static BUDGET: Table = Table::new(
    "budget",
    "A cap on money.",
    &[
        Field::req(
            "scope",
            Ty::Text,
            "\"company\"",
            "`company`, `slice:<id>`, `playbook:<id>` or `agent:<id>`.",
        ),
        Field::req("limit", Ty::Money, "\"20.00 EUR\"", "The most."),
        Field::req(
            "window",
            Ty::Words(&[
                Word::new("run", "Each run."),
                Word::new("day", "Each day."),
                Word::new("week", "Each week, from Monday."),
                Word::new("month", "Each month."),
            ]),
            "\"month\"",
            "In which civil window of the company's zone.",
        ),
        Field::opt(
            "on_exceed",
            Ty::Words(&[
                Word::new("refuse", "The step's outcome is `over_budget`."),
                Word::new("wait", "It waits for the next window."),
            ]),
            "\"refuse\"",
            "What happens to what would pass it.",
        ),
    ],
);

static AUTONOMY: Table = Table::new(
    "autonomy",
    "A grant.",
    &[
        Field::req("subject", Ty::Text, "\"playbook:inbound\"", "`playbook:<id>`; not yet: `agent:<id>`."),
        Field::req(
            "verb",
            Ty::Text,
            "\"record.write\"",
            "A verb's full name, `<connector>.*`, or `record.write`.",
        ),
        Field::req(
            "level",
            Ty::Words(&[
                Word::new("advise", "Only a proposal in the inbox."),
                Word::new("ask", "A gate each time."),
                Word::new("notify", "Acts and tells."),
                Word::new("act", "Acts."),
            ]),
            "\"act\"",
            "How freely.",
        ),
        Field::opt("floor", Ty::Text, "\"ask\"", "The tightest level that the ratchet may fall to.").later(),
    ],
);

static NOTIFY: Table = Table::new(
    "notify",
    "Who is told of what.",
    &[
        Field::req(
            "on",
            Ty::Words(&[
                Word::new("gate", "A gate waits."),
                Word::new("dead", "Something failed for good."),
                Word::new(
                    "act",
                    "Something was done under a grant of level `notify`; rules on `gate` carry it where none is on this.",
                ),
                Word::later("budget", "A budget is used up."),
                Word::later("hold", "A revision is held."),
            ]),
            "\"gate\"",
            "Of what.",
        ),
        Field::req("via", Ty::Verb, "\"mail.send\"", "The send verb that carries it."),
        Field::opt("to", Ty::Email, "\"me@example.com\"", "The address; the owner persona's when absent."),
        Field::opt("min_risk", RISK, "\"medium\"", "The least risk of a gate that is told."),
        Field::opt("per_day", Ty::Integer(1, 10_000), "20", "The most a day."),
    ],
);

static LIMIT: Table = Table::new(
    "limit",
    "A cap on a count.",
    &[
        Field::req(
            "name",
            Ty::Words(&[
                Word::new("active_agents", "Agent steps at once."),
                Word::new("deletes_per_commit", "Objects that one commit may remove."),
                Word::new("affected_runs", "Live runs that one commit may touch."),
            ]),
            "\"affected_runs\"",
            "What is counted.",
        ),
        Field::req("max", Ty::Integer(0, i64::MAX), "50", "The most."),
    ],
);

static FREEZE: Table = Table::new(
    "freeze",
    "A span of time in which nothing acts.",
    &[
        Field::req("from", Ty::Moment, "\"2026-12-24T00:00:00+01:00\"", "When it begins."),
        Field::req("until", Ty::Moment, "\"2027-01-02T00:00:00+01:00\"", "When it ends."),
        Field::req("reason", Ty::Text, "\"holidays\"", "Why."),
        Field::opt("scope", Ty::Text, "\"company\"", "As in a budget; the company when absent."),
    ],
);

static RETENTION: Table = Table::new(
    "retention",
    "How long a class is kept. What goes is gone from the disk; that it was there stays known, so the same event still starts \
     nothing twice. Read live, like every policy.",
    &[
        Field::req(
            "class",
            Ty::Words(&[
                Word::new(
                    "runs",
                    "Runs that have ended, each with all that it began; none of which anything is open: a gate, a call \
                     that nobody knows of, a dead letter.",
                ),
                Word::new("deliveries", "What came in and waited, once it was started or dropped."),
                Word::later("payloads", "What steps were given and gave."),
                Word::later("dedupe", "The keys of events."),
            ]),
            "\"runs\"",
            "Which class.",
        ),
        Field::req(
            "keep",
            Ty::Period,
            "\"400d\"",
            "How long, counted from the end; of several rules for a class the longest counts.",
        ),
    ],
);
