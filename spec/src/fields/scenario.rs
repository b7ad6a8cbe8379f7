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
        Field::opt(
            "starts",
            Ty::Moment,
            "\"2026-01-05T09:00:00Z\"",
            "The moment at which it begins; time passes by itself, and costs none.",
        ),
        Field::opt("input", Ty::Map(&Ty::Any), "{ message = \"…\" }", "The run's input."),
        Field::opt(
            "event",
            Ty::Map(&Ty::Any),
            "{ text = \"…\" }",
            "The event that starts it, through the playbook's trigger, in place of an input; of a mail the fields that matter.",
        ),
        Field::opt(
            "slot",
            Ty::Moment,
            "\"2026-01-05T08:00:00Z\"",
            "The slot of its schedule that starts it, in place of an input.",
        ),
        Field::opt(
            "given",
            Ty::List(&Ty::Table(&GIVEN)),
            "[]",
            "The business records that are there when it begins, or come later.",
        ),
        Field::opt(
            "answer",
            Ty::List(&Ty::Table(&ANSWER)),
            "[]",
            "What agents, verbs and people answer, by step. What is asked and not answered fails the test.",
        ),
        Field::opt("cancel", Ty::Period, "\"2d\"", "How long after its begin the operator cancels the run."),
        Field::opt(
            "expect",
            Ty::List(&Ty::Table(&EXPECT)),
            "[]",
            "What must happen, in order; more may happen in between.",
        ),
        Field::opt("never", Ty::List(&Ty::Verb), "[\"mail.send\"]", "Verbs that are never called."),
        Field::opt(
            "records",
            Ty::List(&Ty::Table(&RECORDS)),
            "[]",
            "What business records must be at the end.",
        ),
        Field::opt(
            "until",
            Ty::Step,
            "\"approve\"",
            "The step at which the play stops, once the run stands there; else it goes on to the run's end.",
        ),
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

static GIVEN: Table = Table::new(
    "given record",
    "A business record that is there.",
    &[
        Field::req("kind", Ty::Name("record"), "\"customer\"", "The kind of record."),
        Field::req("key", Ty::Text, "\"ada@example.com\"", "Its key."),
        Field::req("value", Ty::Map(&Ty::Any), "{ name = \"Ada\" }", "Its fields."),
        Field::opt(
            "version",
            Ty::Integer(1, 1_000_000),
            "1",
            "Its version; 1 when absent. One that comes later has the next.",
        ),
        Field::opt(
            "after",
            Ty::Period,
            "\"1d\"",
            "How long after the run's begin somebody else writes it; it is there from the first otherwise.",
        ),
    ],
);

static ANSWER: Table = Table::new(
    "answer",
    "What a step is answered. The answers of a step are used in the order of the file, one for each time that it asks.",
    &[
        Field::req(
            "step",
            Ty::Text,
            "\"qualify\"",
            "The step; in one branch alone as `dig[3].ask`, counted from 0, else in any.",
        ),
        Field::opt(
            "playbook",
            Ty::Name("playbook"),
            "\"support\"",
            "The playbook whose step it is, where a child run asks; the one that is played when absent.",
        ),
        Field::opt(
            "visit",
            Ty::Integer(1, 1_000),
            "2",
            "Which visit of the step it is for, where a run comes there again; any when absent.",
        ),
        Field::opt("times", Ty::Integer(1, 1_000), "1", "How many times in a row it is given."),
        Field::opt(
            "outcome",
            Ty::Id,
            "\"ok\"",
            "The outcome: of a gate `approved`, `edited`, `denied` or `expired`, of a route its class; `ok` when absent.",
        ),
        Field::opt(
            "with",
            Ty::Map(&Ty::Any),
            "{}",
            "The result; of a gate what is filled into its form, of a wait for a signal what is sent with it.",
        ),
        Field::opt(
            "edit",
            Ty::Map(&Ty::Any),
            "{ \"steps.quote.text\" = \"…\" }",
            "What the person changes at a gate, by the paths that it shows.",
        ),
        Field::opt(
            "error",
            Ty::Words(&[
                Word::new("transient", "It may work the next time."),
                Word::new("rate_limited", "There were too many calls."),
                Word::new("auth", "The secret is wrong."),
                Word::new("invalid", "The other side refuses the arguments."),
                Word::new("conflict", "Something moved in between."),
                Word::new("gone", "The thing is no longer there."),
                Word::new("unavailable", "Nothing is configured for it, or no model answers."),
                Word::new("refused", "A model declines."),
                Word::new("unknown", "Nobody knows whether it happened."),
            ]),
            "\"transient\"",
            "How an attempt fails, in place of an outcome; a retry asks again.",
        ),
        Field::opt("after", Ty::Period, "\"2h\"", "How long the answer takes; none when absent."),
        Field::opt(
            "undo",
            Ty::Boolean,
            "true",
            "Whether it answers what takes the step back, not the step itself.",
        ),
        Field::opt("probe", Ty::Words(PROBE), "\"happened\"", "What the probe of a call in doubt finds."),
        Field::opt(
            "settle",
            Ty::Words(SETTLE),
            "\"happened\"",
            "How the operator settles a call in doubt that nothing else can settle.",
        ),
    ],
);

static PROBE: &[Word] = &[
    Word::new("happened", "It happened; `with` is its result."),
    Word::new("did_not_happen", "It did not happen."),
    Word::new("unclear", "The probe cannot tell."),
];

static SETTLE: &[Word] = &[
    Word::new("happened", "It happened; `with` is its result."),
    Word::new("did_not_happen", "It did not happen: it is tried again."),
    Word::new("undo", "It is taken back, and its run with it."),
    Word::new("drop", "It is left as it is."),
];

static EXPECT: Table = Table::new(
    "expect",
    "What must happen.",
    &[
        Field::req("step", Ty::Step, "\"send\"", "The step that is reached."),
        Field::opt(
            "playbook",
            Ty::Name("playbook"),
            "\"support\"",
            "The playbook whose step it is, where it is a child run's.",
        ),
        Field::opt("visit", Ty::Integer(1, 1_000), "2", "Which visit of the step; any when absent."),
        Field::opt("outcome", Ty::Id, "\"ok\"", "Its outcome; `skipped` where its condition does not hold."),
        Field::opt(
            "with",
            Ty::Map(&Ty::Any),
            "{ to = \"ada@example.com\" }",
            "Its arguments: those of a gate are what it shows, by path. What is not named does not matter.",
        ),
        Field::opt(
            "contains",
            Ty::Map(&Ty::Text),
            "{ body = \"4000\" }",
            "A part of the text of an argument.",
        ),
        Field::opt(
            "at",
            Ty::Moment,
            "\"2026-01-08T09:00:00Z\"",
            "The moment at which it begins, to the minute.",
        ),
        Field::opt(
            "after",
            Ty::Period,
            "\"3d\"",
            "How long after the run's begin it begins at the earliest.",
        ),
        Field::opt("before", Ty::Period, "\"4d\"", "How long after the run's begin it begins at the latest."),
    ],
);

static RECORDS: Table = Table::new(
    "record",
    "What a business record must be at the end.",
    &[
        Field::req("kind", Ty::Name("record"), "\"customer\"", "The kind of record."),
        Field::req("key", Ty::Text, "\"ada@example.com\"", "Its key."),
        Field::opt(
            "value",
            Ty::Map(&Ty::Any),
            "{ status = \"quoted\" }",
            "Its fields; those that are not named do not matter.",
        ),
        Field::opt("version", Ty::Integer(1, 1_000_000), "2", "Its version."),
        Field::opt("missing", Ty::Boolean, "true", "Whether there must be none."),
    ],
);
