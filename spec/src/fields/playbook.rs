//! `playbooks/<id>.toml` without its steps.

use super::{Cases, EVENT_ROOTS, Field, GIVEN_ROOTS, OWNER, SCHEMA_FIELD, STEP, TITLE, Table, Ty, WAS, Word};

/// `playbooks/<id>.toml`.
pub static PLAYBOOK: Table = Table::new(
    "playbook",
    "A flow of steps that begins at a trigger and ends in every case.",
    &[
        SCHEMA_FIELD,
        TITLE,
        OWNER,
        WAS,
        Field::opt(
            "on_update",
            Ty::Words(&[
                Word::new("pin", "They stay on the bundle they began with."),
                Word::later("upgrade", "They move, between steps, where their log folds on the new one."),
                Word::later("ask", "You are asked."),
            ]),
            "\"pin\"",
            "What happens to live runs when this file changes.",
        ),
        Field::opt("deadline", Ty::Period, "\"14d\"", "When every run ends at the latest."),
        Field::opt("outcome", Ty::Text, "\"revenue\"", "The business metric that it is judged by."),
        Field::opt(
            "about",
            Ty::Table(&ABOUT),
            "{ kind = \"customer\", key = \"{{ input.sender }}\" }",
            "Whom or what its runs are about: lists show it, and find by it.",
        ),
        Field::opt(
            "trigger",
            Ty::Table(&TRIGGER),
            "{ kind = \"manual\" }",
            "What starts it; `manual` when absent.",
        ),
        Field::opt(
            "input",
            Ty::Map(&Ty::Table(&INPUT)),
            "{ message = { type = \"string\" } }",
            "The values that a run is given, by name.",
        ),
        Field::req(
            "step",
            Ty::List(&Ty::Table(&STEP)),
            "[{ id = \"done\", end = \"done\" }]",
            "The steps; a run begins at the first.",
        ),
    ],
);

static ABOUT: Table = Table::new(
    "about",
    "Whom or what a run is about.",
    &[
        Field::req("kind", Ty::Id, "\"customer\"", "What it is: a kind of record, or a word of yours."),
        Field::req(
            "key",
            Ty::Template(GIVEN_ROOTS),
            "\"{{ input.sender }}\"",
            "Which one; it reads inputs only, and a run where it comes out empty is about nobody.",
        ),
    ],
);

static TRIGGER: Table = Table {
    name: "trigger",
    doc: "What starts a playbook.",
    fields: &[Field::req("kind", TRIGGERS, "\"manual\"", "What kind of start it is.")],
    cases: Cases::ByWord("kind", &[&MANUAL, &EVENT, &SCHEDULE, &RECORD, &SIGNAL]),
};

const TRIGGERS: Ty = Ty::Words(&[
    Word::new("manual", "`adjutant run`, or a `run` step."),
    Word::new("event", "An event of a connector."),
    Word::new("schedule", "Slots of civil time."),
    Word::new("record", "A business record that a run writes."),
    Word::new("signal", "An emitted signal."),
]);

const OVERLAP: Field = Field::opt(
    "overlap",
    Ty::Words(&[
        Word::new("allow", "Start another run."),
        Word::new("skip", "Record the event and start nothing."),
        Word::new(
            "queue",
            "Start a run that stands until those before it have ended, in the order in which they came; one that `adjutant run` starts stands, too. 1,000 may stand, each for 30 days; `deadline` counts from its turn.",
        ),
        Word::new("replace", "Cancel the other run: it takes back what it did, and this one starts at once."),
    ]),
    "\"allow\"",
    "What happens while another run of the playbook is live.",
);

static MANUAL: Table = Table::new("manual", "Started by hand, or by another playbook.", &[]);

static EVENT: Table = Table::new(
    "event",
    "Started by an event of a connector.",
    &[
        Field::req(
            "connector",
            Ty::Name("connector"),
            "\"website\"",
            "The connector that tells of the event.",
        ),
        Field::req("event", Ty::Text, "\"lead\"", "The event's name."),
        Field::opt(
            "key",
            Ty::Template(EVENT_ROOTS),
            "\"{{ event.message_id }}\"",
            "The run's idempotency key: a second event with it starts nothing; the event's `message_id` when absent.",
        ),
        OVERLAP,
        Field::opt(
            "accept",
            Ty::List(&AUTOMATIC),
            "[\"bounce\"]",
            "Which mails of a `mail_drop` it takes that no person wrote; when absent none: they are set aside and counted.",
        ),
    ],
);

const AUTOMATIC: Ty = Ty::Words(&[
    Word::new("auto", "What a machine wrote by itself, such as a notice of absence or a receipt."),
    Word::new("bounce", "The report that a mail did not arrive."),
    Word::new("list", "What came through a list, such as a newsletter."),
]);

static SCHEDULE: Table = Table::new(
    "schedule",
    "Started at slots of civil time.",
    &[
        Field::req(
            "cron",
            Ty::Cron,
            "\"0 0 8 * * MON\"",
            "Second, minute, hour, day of month, month, day of week.",
        ),
        Field::opt("zone", Ty::Zone, "\"Europe/Berlin\"", "The IANA time zone; the company's when absent."),
        Field::opt(
            "catch_up",
            Ty::Words(&[
                Word::new("skip", "Slots that passed while nothing ran are recorded only."),
                Word::new("once", "One run for all of them."),
                Word::new("all", "One run for each."),
            ]),
            "\"once\"",
            "What happens with slots that passed while nothing ran.",
        ),
        Field::opt(
            "key",
            Ty::Template(EVENT_ROOTS),
            "\"{{ event.slot }}\"",
            "The run's idempotency key; the slot when absent.",
        ),
        OVERLAP,
    ],
);

static RECORD: Table = Table::new(
    "record",
    "Started when a run writes a business record. `event` has `record`, `key`, `change`, `version`, `value`, and `before`, the value that it had.",
    &[
        Field::req("record", Ty::Name("record"), "\"customer\"", "The kind of record."),
        Field::opt(
            "on",
            Ty::Words(&[
                Word::new("created", "The first write under a key; `event` has no `before`."),
                Word::new("changed", "Every later write; `event.before` is what was there."),
                Word::new("any", "Both; `event.before` is there where something was."),
            ]),
            "\"changed\"",
            "Which writes; `any` when absent.",
        ),
        Field::opt(
            "when",
            Ty::Expression(EVENT_ROOTS),
            "\"event.value.stage != event.before.stage\"",
            "Only writes for which this holds.",
        ),
        Field::opt(
            "key",
            Ty::Template(EVENT_ROOTS),
            "\"{{ event.key }}\"",
            "The run's idempotency key; kind, key and version of the record when absent, so that each write starts one run.",
        ),
        OVERLAP,
    ],
);

static SIGNAL: Table = Table::new(
    "signal",
    "Started by a signal that another playbook, or `adjutant signal`, emits. `event` has `id`, `key`, `by` and `data`.",
    &[
        Field::req("signal", Ty::Id, "\"signed\"", "The signal's name."),
        Field::opt(
            "key",
            Ty::Template(EVENT_ROOTS),
            "\"{{ event.id }}\"",
            "The run's idempotency key; the signal's id when absent.",
        ),
        OVERLAP,
    ],
);

static INPUT: Table = Table::new(
    "input",
    "One value that a run is given.",
    &[
        Field::opt(
            "from",
            Ty::Template(EVENT_ROOTS),
            "\"{{ event.text }}\"",
            "Where the trigger's event has it; `run --input` gives it directly.",
        ),
        Field::req(
            "type",
            Ty::Words(&[
                Word::new("string", "A text."),
                Word::new("number", "Any number."),
                Word::new("integer", "A whole number."),
                Word::new("boolean", "True or false."),
                Word::new("list", "A list."),
                Word::new("table", "A table."),
                Word::new("money", "A decimal with a currency, as text."),
            ]),
            "\"string\"",
            "Its type.",
        ),
        Field::opt("default", Ty::Any, "\"\"", "What it is when nobody gives it."),
        Field::opt(
            "trust",
            Ty::Words(&[
                Word::new("operator", "You wrote it."),
                Word::new("verified", "A system of record, or a deterministic check, vouches for it."),
                Word::new("external", "Somebody outside wrote it."),
            ]),
            "\"external\"",
            "How far it is trusted; `external` when absent.",
        ),
        Field::opt(
            "privacy",
            Ty::Words(&[
                Word::new("public", "Anybody may see it."),
                Word::new("internal", "The company may see it."),
                Word::new("client", "The client that it belongs to, and the company."),
                Word::new("secret", "Nobody but the connector that needs it."),
            ]),
            "\"client\"",
            "Who may see it; `internal` when absent.",
        ),
    ],
);
