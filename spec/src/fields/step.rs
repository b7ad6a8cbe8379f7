//! The steps of a playbook: the common keys, and one table per kind.

use super::{Cases, Field, STEP_ROOTS, TITLE, Table, Ty, UNDO_ROOTS, Word, gate::GATE};

/// A step: the common keys, and exactly one kind.
pub static STEP: Table = Table {
    name: "step",
    doc: "One step. Exactly one of the kind keys says what it does.",
    fields: &[
        Field::req("id", Ty::Step, "\"read\"", "Its id, unique in the playbook."),
        TITLE,
        Field::opt(
            "when",
            Ty::Expression(STEP_ROOTS),
            "\"input.amount > 20\"",
            "The step is skipped unless this holds.",
        ),
        Field::opt(
            "undo",
            Ty::Table(&UNDO),
            "{ call = \"mail.send\", with = {} }",
            "What takes it back when the run unwinds.",
        ),
        Field::opt("tier", TIER, "\"standard\"", "How urgent it is."),
        Field::opt("visits", Ty::Integer(1, 1000), "3", "How often a run may come here: bounds a cycle."),
        Field::opt(
            "next",
            Ty::Step,
            "\"done\"",
            "The step after it; the one that follows in the file when absent.",
        ),
        Field::opt("on", Ty::Map(&Ty::Step), "{ error = \"close\" }", "The step after each outcome."),
        Field::opt(
            "in",
            Ty::Text,
            "\"dig\"",
            "The `each` that it belongs to, or the lane of a `parallel`, `\"fan.web\"`: it runs in a branch of its own there. Or the `scope`: it \
             stays in its run there.",
        ),
    ],
    cases: Cases::ByKey(STEP_KINDS),
};

/// The kinds of steps; the first key of each table is the kind's own.
pub static STEP_KINDS: &[&Table] = &[
    &AGENT, &CALL, &ROUTE, &RENDER, &GATE, &WAIT, &CHOOSE, &RECORD, &RUN, &END, &EACH, &PARALLEL, &SCOPE,
    &RECALL, &REMEMBER, &RECONCILE, &SIGNAL, &EMIT,
];

const TIER: Ty = Ty::Words(&[
    Word::new("standard", "At once."),
    Word::later("realtime", "Ahead of everything else."),
    Word::later("batch", "Whenever it is cheapest."),
]);

static RETRY: Table = Table::new(
    "retry",
    "How often and how soon a step is tried again.",
    &[
        Field::req("attempts", Ty::Integer(1, 100), "5", "How many attempts in all."),
        Field::opt(
            "backoff",
            Ty::Backoff,
            "\"1s..10m\"",
            "The pause before the second attempt, and the longest one.",
        ),
    ],
);

static UNDO: Table = Table::new(
    "undo",
    "What takes a step back. It may read the step's own result and `effect.key`.",
    &[
        Field::req("call", Ty::Verb, "\"mail.send\"", "The verb."),
        Field::opt("with", Ty::Map(&Ty::Args(UNDO_ROOTS)), "{}", "Its arguments."),
    ],
);

const WITH: Field = Field::opt(
    "with",
    Ty::Map(&Ty::Args(STEP_ROOTS)),
    "{ message = \"{{ input.message }}\" }",
    "The arguments.",
);

/// How long one attempt may take, for the kinds that have attempts.
const TIMEOUT: Field = Field::opt("timeout", Ty::Period, "\"60s\"", "How long one attempt may take.");

const AGAIN: Field = Field::opt(
    "retry",
    Ty::Table(&RETRY),
    "{ attempts = 5, backoff = \"1s..10m\" }",
    "How often and how soon it is tried again.",
);

const MAX_COST: Field = Field::opt("max_cost", Ty::Money, "\"0.05 EUR\"", "The most that it may cost.");

static AGENT: Table = Table::new(
    "agent",
    "Asks an agent; the answer is checked against its contract.",
    &[
        Field::req("agent", Ty::Name("agent"), "\"qualifier\"", "The agent that is asked."),
        WITH,
        TIMEOUT,
        AGAIN,
        MAX_COST,
    ],
);

static CALL: Table = Table::new(
    "call",
    "Calls a verb of a connector.",
    &[Field::req("call", Ty::Verb, "\"mail.send\"", "The verb."), WITH, TIMEOUT, AGAIN],
);

static ROUTE: Table = Table::new(
    "route",
    "Classifies a text; `unsure` when nothing is clear enough.",
    &[
        Field::req("route", Ty::Name("route"), "\"inbound\"", "The route."),
        Field::req("text", Ty::Template(STEP_ROOTS), "\"{{ input.message }}\"", "The text."),
        TIMEOUT,
        AGAIN,
    ],
);

static RENDER: Table = Table::new(
    "render",
    "Renders a template to `.text`.",
    &[Field::req("render", Ty::Path(&["md", "txt"]), "\"templates/quote.md\"", "The template.")],
);

static WAIT: Table = Table::new(
    "wait",
    "Waits; waiting costs nothing.",
    &[
        Field::req(
            "wait",
            Ty::Either(&[Ty::Period, Ty::Table(&WAIT_FOR)]),
            "\"3d\"",
            "A period, `{ until = … }`, or `{ signal = \"signed\", expires = \"7d\" }`.",
        ),
        Field::opt("timeout", Ty::Period, "\"60s\"", "How long the wait may take."),
    ],
);

static WAIT_FOR: Table = Table {
    name: "wait for",
    doc: "A moment, or a signal.",
    fields: &[],
    cases: Cases::ByKey(&[&WAIT_UNTIL, &WAIT_SIGNAL]),
};

static WAIT_UNTIL: Table = Table::new(
    "until",
    "Waits for a moment.",
    &[Field::req(
        "until",
        Ty::Template(STEP_ROOTS),
        "\"2026-01-01T08:00:00+01:00\"",
        "RFC 3339 with an offset.",
    )],
);

static WAIT_SIGNAL: Table = Table::new(
    "signal",
    "Waits for a signal. The result has `by`, `at` and `data`: what was sent with it.",
    &[
        Field::req(
            "signal",
            Ty::Signal,
            "\"signed\"",
            "The signal's name: a word of yours, `reply` (a mail that answers one of ours), or an event, `billing.paid`.",
        ),
        Field::opt(
            "key",
            Ty::Template(STEP_ROOTS),
            "\"{{ steps.invoice.id }}\"",
            "What tells it from others of its name; without a key it is sent to this very run.",
        ),
        Field::req("expires", Ty::Period, "\"7d\"", "When the wait ends without it."),
    ],
);

static CHOOSE: Table = Table::new(
    "choose",
    "Takes the first arm that holds.",
    &[
        Field::req(
            "choose",
            Ty::List(&Ty::Table(&ARM)),
            "[{ when = \"input.amount < 20\", to = \"small\" }]",
            "The arms in order.",
        ),
        Field::opt("else", Ty::Step, "\"ask\"", "Where to go when none holds; `next` when absent."),
    ],
);

static ARM: Table = Table::new(
    "arm",
    "An arm of a `choose`.",
    &[
        Field::req("when", Ty::Expression(STEP_ROOTS), "\"input.amount < 20\"", "The condition."),
        Field::req("to", Ty::Step, "\"small\"", "Where to go."),
    ],
);

static RECORD: Table = Table::new(
    "record",
    "Reads or writes a business record.",
    &[
        Field::req(
            "record",
            Ty::Table(&RECORD_OP),
            "{ kind = \"customer\", read = \"one\", key = \"…\" }",
            "What is read or written.",
        ),
        TIMEOUT,
        AGAIN,
    ],
);

static RECORD_OP: Table = Table {
    name: "record operation",
    doc: "A read of one record, of a list, or a write.",
    fields: &[Field::req("kind", Ty::Name("record"), "\"customer\"", "The kind of record.")],
    cases: Cases::ByKey(&[&RECORD_READ, &RECORD_WRITE]),
};

static RECORD_READ: Table = Table::new(
    "read",
    "Reads: `one` by `key`, or a `list` by `where`.",
    &[
        Field::req(
            "read",
            Ty::Words(&[
                Word::new("one", "By key: `value` and `version`."),
                Word::new("list", "By fields: `items`."),
            ]),
            "\"one\"",
            "How many are read.",
        ),
        Field::opt("key", Ty::Template(STEP_ROOTS), "\"{{ input.email }}\"", "The key of the one record."),
        Field::opt(
            "where",
            Ty::Map(&Ty::Args(STEP_ROOTS)),
            "{ status = \"open\" }",
            "The fields that listed records have.",
        ),
    ],
);

static RECORD_WRITE: Table = Table::new(
    "write",
    "Writes fields into one record.",
    &[
        Field::req(
            "write",
            Ty::Map(&Ty::Args(STEP_ROOTS)),
            "{ status = \"open\" }",
            "The fields; merged into what is there.",
        ),
        Field::req("key", Ty::Template(STEP_ROOTS), "\"{{ input.email }}\"", "The key of the record."),
        Field::opt(
            "expect",
            Ty::Either(&[Ty::Integer(0, i64::MAX), Ty::Template(STEP_ROOTS)]),
            "0",
            "The version that must be there: 0 for a new record, any when absent.",
        ),
    ],
);

static RUN: Table = Table::new(
    "run",
    "Runs another playbook and waits for it.",
    &[
        Field::req("run", Ty::Name("playbook"), "\"support\"", "The playbook."),
        WITH,
        Field::opt(
            "parent_close",
            Ty::Words(&[
                Word::new("cancel", "It is cancelled."),
                Word::new("detach", "It goes on alone."),
                Word::new("wait", "This run waits for it."),
            ]),
            "\"cancel\"",
            "What happens to the child when this run ends.",
        ),
        AGAIN,
    ],
);

static END: Table = Table::new(
    "end",
    "Ends the run, or the branch that it stands in.",
    &[Field::req(
        "end",
        Ty::Words(&[
            Word::new("done", "All is well; nothing is undone."),
            Word::new(
                "failed",
                "The run unwinds; in a scope with an `error` edge, the scope does, and takes that edge.",
            ),
            Word::new("cancelled", "The run unwinds."),
        ]),
        "\"done\"",
        "How it ends.",
    )],
);

static EACH: Table = Table::new(
    "each",
    "Does the steps with `in = \"<its id>\"` for every item of a list, each in a branch. Its result: `items`, in the order of the \
     list, each with `ok`, `status`, `value` (by step) and `error`; how many are `ok`, how many `failed`.",
    &[
        Field::req("each", Ty::Template(STEP_ROOTS), "\"{{ steps.read.items }}\"", "The list."),
        Field::req(
            "as",
            Ty::Id,
            "\"topic\"",
            "The name of the item in the steps inside, letters, digits and `_`; its place, from 0, is called so with `_index` \
             behind it: `topic_index`.",
        ),
        Field::req(
            "max_items",
            Ty::Integer(1, 10_000),
            "20",
            "The most items; a longer list is the outcome `error`.",
        ),
        Field::opt("max_parallel", Ty::Integer(1, 1000), "4", "The most at once; 4 when absent."),
        Field::opt(
            "min_ok",
            Ty::Integer(0, 10_000),
            "5",
            "How many must end well, all when absent; else the outcome is `some_failed`. As soon as so many cannot be reached any more, \
             the items that are under way are cancelled; with 0 every item goes on by itself, and the outcome is `ok`.",
        ),
        Field::opt("budget", Ty::Money, "\"1.00 EUR\"", "The most that all items may cost each time."),
    ],
);

static PARALLEL: Table = Table::new(
    "parallel",
    "Does several things side by side: a lane is made of the steps with `in = \"<its id>.<lane>\"`, in a branch of its own. Its \
     result: `lanes.<lane>`, each with `ok`, `status`, `value` (by step) and `error`; how many are `ok`, how many `failed`.",
    &[
        Field::req("parallel", Ty::List(&Ty::Id), "[\"web\", \"mail\"]", "The lanes."),
        Field::opt(
            "join",
            Ty::Either(&[
                Ty::Integer(1, 1000),
                Ty::Words(&[Word::new("all", "All lanes."), Word::new("any", "The first lane.")]),
            ]),
            "\"all\"",
            "How many lanes must end well, all when absent; those that are not needed any more take back what they did.",
        ),
    ],
);

static SCOPE: Table = Table::new(
    "scope",
    "Groups the steps with `in = \"<its id>\"`: they stay in the run, the first of them begins, and `next` is taken where nothing \
     follows one of them. What goes wrong inside and has no edge there takes the `error` edge of the group, after what the group did \
     was taken back, the last first. Its result: `status` (`ok`, `error` or `expired`) and `error`.",
    &[
        Field::req("scope", Ty::Text, "\"research\"", "What the group is for."),
        Field::opt(
            "deadline",
            Ty::Period,
            "\"2h\"",
            "When the group ends at the latest: what it did is taken back, and the outcome is `expired`.",
        ),
        Field::opt(
            "budget",
            Ty::Money,
            "\"1.00 EUR\"",
            "The most that the group may cost each time, its branches among it.",
        ),
    ],
);

static RECALL: Table = Table::new(
    "recall",
    "Reads memory by contract.",
    &[
        Field::req("recall", Ty::Template(STEP_ROOTS), "\"{{ input.message }}\"", "What is looked for.")
            .later(),
        Field::opt("kind", Ty::Id, "\"fact\"", "The kind of memory."),
        Field::opt("limit", Ty::Integer(1, 100), "5", "The most entries."),
    ],
);

static REMEMBER: Table = Table::new(
    "remember",
    "Writes memory by contract.",
    &[
        Field::req("remember", Ty::Template(STEP_ROOTS), "\"{{ steps.read.text }}\"", "What is kept.")
            .later(),
        Field::opt("kind", Ty::Id, "\"fact\"", "The kind of memory."),
    ],
);

static RECONCILE: Table = Table::new(
    "reconcile",
    "Compares expected with observed and waits for a decision.",
    &[Field::req(
        "reconcile",
        Ty::Table(&RECONCILE_OP),
        "{ expected = \"…\", observed = \"…\" }",
        "What is compared.",
    )
    .later()],
);

static RECONCILE_OP: Table = Table::new(
    "reconcile operation",
    "The two sides.",
    &[
        Field::req("expected", Ty::Args(STEP_ROOTS), "\"{{ steps.plan.items }}\"", "What should be."),
        Field::req("observed", Ty::Args(STEP_ROOTS), "\"{{ steps.read.items }}\"", "What is."),
        Field::opt("key", Ty::Text, "\"id\"", "The field that tells items apart."),
    ],
);

static SIGNAL: Table = Table::new(
    "signal",
    "Tells another run something.",
    &[
        Field::req("signal", Ty::Id, "\"signed\"", "The signal's name."),
        Field::req("to", Ty::Template(STEP_ROOTS), "\"{{ input.run }}\"", "The id of the run that is told."),
        WITH,
    ],
);

static EMIT: Table = Table::new(
    "emit",
    "Tells whoever waits for it, and starts the playbooks that it triggers.",
    &[
        Field::req("emit", Ty::Id, "\"signed\"", "The signal's name."),
        Field::opt(
            "key",
            Ty::Template(STEP_ROOTS),
            "\"{{ steps.invoice.id }}\"",
            "What those who wait know it by; without a key it is for triggers alone.",
        ),
        WITH,
    ],
);
