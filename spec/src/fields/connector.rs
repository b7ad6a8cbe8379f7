//! `connectors/<id>.toml`.

use super::{Cases, Field, OWNER, SCHEMA_FIELD, TITLE, Table, Ty, VERB_ROOTS, WAS, Word};

/// `connectors/<id>.toml`.
pub static CONNECTOR: Table = Table {
    name: "connector",
    doc: "The edge of the company: what it can do in the world, and what it can be told.",
    fields: &[
        SCHEMA_FIELD,
        TITLE,
        OWNER,
        WAS,
        Field::req("kind", KINDS, "\"http\"", "What is at the other end."),
        Field::opt("secret", Ty::Id, "\"billing\"", "The name of its secret, `secrets/<name>.age`."),
        Field::opt(
            "hosts",
            Ty::List(&Ty::Text),
            "[\"api.example.com\"]",
            "The hosts that it may talk to; the endpoint's own when absent.",
        ),
        Field::opt(
            "mode",
            Ty::Words(&[
                Word::new("live", "The world is touched."),
                Word::new("dry", "Reads are real, everything else is logged and answered as done."),
                Word::new("fixture", "Answers come from the verb's fixture."),
            ]),
            "\"live\"",
            "How real its calls are.",
        ),
        Field::opt(
            "rate",
            Ty::Map(&Ty::Table(&RATE)),
            "{ send = { calls = 60, per = \"1h\" } }",
            "The most calls of a verb in a window.",
        ),
    ],
    cases: Cases::ByWord("kind", &[&HTTP, &MAIL, &FILES, &WEBHOOK, &MAIL_DROP, &OPENAI]),
};

const KINDS: Ty = Ty::Words(&[
    Word::new("http", "Any REST API; its verbs are declared here."),
    Word::new("mail", "Mail out over SMTP: the verb `send`."),
    Word::new("files", "A folder: the verbs `read`, `write` and `delete`."),
    Word::new("webhook", "Signed POST requests in; its events are declared here."),
    Word::new("mail_drop", "A folder that mails are dropped into: the event `message`."),
    Word::new("openai", "An endpoint that speaks the OpenAI chat completions API, for agents."),
    Word::later("imap", "Mail in from a mailbox."),
    Word::later("feed", "RSS and Atom."),
    Word::later("calendar", "iCalendar."),
    Word::later("mcp", "A server of tools."),
    Word::later("exec", "A program."),
    Word::later("anthropic", "An endpoint that speaks the Anthropic messages API."),
]);

const HTTP_URL: Ty = Ty::Url(&["http", "https"]);

static HTTP: Table = Table::new(
    "http",
    "Any REST API.",
    &[
        Field::req("endpoint", HTTP_URL, "\"https://api.example.com\"", "The base URL."),
        Field::opt(
            "auth",
            Ty::Table(&AUTH),
            "{ header = \"Authorization\", prefix = \"Bearer \" }",
            "How the secret is sent.",
        ),
        Field::opt(
            "headers",
            Ty::Map(&Ty::Text),
            "{ Accept = \"application/json\" }",
            "Headers of every request.",
        ),
        Field::req("verbs", Ty::Map(&Ty::Table(&VERB)), "{}", "What it can do, by name."),
    ],
);

static AUTH: Table = Table::new(
    "auth",
    "How the secret is sent.",
    &[
        Field::opt("header", Ty::Text, "\"Authorization\"", "The header; `Authorization` when absent."),
        Field::opt(
            "prefix",
            Ty::Text,
            "\"Bearer \"",
            "What stands before the secret; `Bearer ` when absent.",
        ),
    ],
);

static VERB: Table = Table::new(
    "verb",
    "One verb of an http connector.",
    &[
        Field::req(
            "method",
            Ty::Words(&[
                Word::new("GET", "Reads."),
                Word::new("POST", "Creates."),
                Word::new("PUT", "Replaces."),
                Word::new("PATCH", "Changes."),
                Word::new("DELETE", "Removes."),
            ]),
            "\"POST\"",
            "The method.",
        ),
        Field::req(
            "path",
            Ty::Template(VERB_ROOTS),
            "\"/v1/invoices/{{ args.id }}\"",
            "The path below the endpoint; arguments are encoded.",
        ),
        Field::opt(
            "query",
            Ty::Map(&Ty::Args(VERB_ROOTS)),
            "{ number = \"{{ args.number }}\" }",
            "The query.",
        ),
        Field::opt("headers", Ty::Map(&Ty::Template(VERB_ROOTS)), "{}", "Further headers."),
        Field::opt(
            "body",
            Ty::Args(VERB_ROOTS),
            "{ amount = \"{{ args.amount }}\" }",
            "The JSON body; all arguments when absent, none for GET and DELETE.",
        ),
        Field::req(
            "effect",
            Ty::Words(&[
                Word::new("read", "Looks."),
                Word::new("write", "Changes what can be changed back."),
                Word::new("send", "Tells somebody outside."),
                Word::new("spend", "Moves money."),
                Word::new("delete", "Removes."),
                Word::new("publish", "Tells everybody."),
            ]),
            "\"spend\"",
            "What it does to the world.",
        ),
        Field::opt(
            "idempotency",
            Ty::Words(&[
                Word::new("native_key", "The key is sent again and the other side knows it."),
                Word::new("probe", "Look first, then act."),
                Word::new("at_most_once", "Never sent twice; an unknown outcome goes to you."),
                Word::new("pure", "Nothing changes however often it is called."),
            ]),
            "\"native_key\"",
            "What makes a repetition safe; `pure` for read, else `at_most_once` when absent.",
        ),
        Field::opt("key_header", Ty::Text, "\"Idempotency-Key\"", "The header of the key, for `native_key`."),
        Field::opt(
            "probe",
            Ty::Id,
            "\"find\"",
            "The verb of this connector that finds out whether a call happened.",
        ),
        Field::opt("undo", Ty::Id, "\"void\"", "The verb of this connector that takes it back."),
        Field::opt(
            "input",
            Ty::Schema,
            "{ amount = \"money\" }",
            "The schema of its arguments; any when absent.",
        ),
        Field::opt("output", Ty::Schema, "{ id = \"string\" }", "The schema of its answer; any when absent."),
        Field::opt(
            "expect",
            Ty::List(&Ty::Integer(100, 599)),
            "[200, 201]",
            "The status codes that mean success; 2xx when absent.",
        ),
        Field::opt("timeout", Ty::Period, "\"20s\"", "How long one attempt may take; 30s when absent."),
        Field::opt("rate", Ty::Table(&RATE), "{ calls = 60, per = \"1m\" }", "The most calls in a window."),
        Field::opt("fixture", Ty::Any, "{ id = \"inv_1\" }", "The answer in `fixture` mode."),
    ],
);

static RATE: Table = Table::new(
    "rate",
    "The most calls in a window.",
    &[
        Field::req("calls", Ty::Integer(1, 1_000_000), "60", "How many."),
        Field::req("per", Ty::Period, "\"1m\"", "In how long."),
    ],
);

static MAIL: Table = Table::new(
    "mail",
    "Mail out over SMTP. The secret is `user:password`.",
    &[
        Field::req("endpoint", Ty::Url(&["smtp", "smtps"]), "\"smtp://mail.example.com:587\"", "The server."),
        Field::req("from", Ty::Text, "\"Ada <ada@example.com>\"", "The sender."),
        Field::opt("reply_to", Ty::Email, "\"ada@example.com\"", "Where answers go."),
        Field::opt(
            "tls",
            Ty::Words(&[
                Word::new("required", "STARTTLS, or TLS from the start for smtps."),
                Word::new("none", "In the clear: for a server on this machine."),
            ]),
            "\"required\"",
            "How the connection is protected; `required` when absent.",
        ),
    ],
);

static FILES: Table = Table::new(
    "files",
    "A folder. Paths in it cannot leave it.",
    &[Field::req("endpoint", Ty::Text, "\"out\"", "The folder: absolute, or below the data directory.")],
);

static WEBHOOK: Table = Table::new(
    "webhook",
    "Signed POST requests at `/hooks/<connector>`. The secret signs the raw body with HMAC-SHA-256.",
    &[
        Field::opt(
            "signature",
            Ty::Text,
            "\"X-Signature-256\"",
            "The header of the signature; `X-Signature-256` when absent.",
        ),
        Field::opt(
            "prefix",
            Ty::Text,
            "\"sha256=\"",
            "What stands before the hex digits; `sha256=` when absent.",
        ),
        Field::opt(
            "id",
            Ty::Text,
            "\"id\"",
            "The field of the body that tells deliveries apart; `id` when absent, and the digest of the body where it has none.",
        ),
        Field::req("events", Ty::Map(&Ty::Table(&HOOK)), "{}", "What it can tell, by name."),
    ],
);

static HOOK: Table = Table::new(
    "event",
    "One event. Its fields come from the JSON body; `message_id` and `received_at` are always there.",
    &[
        Field::opt(
            "fields",
            Ty::Schema,
            "{ email = \"string\", text = \"string\" }",
            "The schema of the body; any table when absent.",
        ),
        Field::opt(
            "when",
            Ty::Expression(&["body"]),
            "\"body.type == 'lead'\"",
            "The body that is this event; any when absent.",
        ),
    ],
);

static MAIL_DROP: Table = Table::new(
    "mail_drop",
    "A folder that mails (`.eml`) are dropped into.",
    &[Field::req("endpoint", Ty::Text, "\"intake\"", "The folder: absolute, or below the data directory.")],
);

static OPENAI: Table = Table::new(
    "openai",
    "An endpoint that speaks the OpenAI chat completions API.",
    &[
        Field::req("endpoint", HTTP_URL, "\"https://api.openai.com/v1\"", "The base URL, with the version."),
        Field::opt(
            "structured",
            Ty::Words(&[
                Word::new("json_schema", "The answer's schema is sent."),
                Word::new("json_object", "Only JSON is asked for; the schema goes into the prompt."),
            ]),
            "\"json_schema\"",
            "How the endpoint is asked for an answer that fits; `json_schema` when absent.",
        ),
    ],
);
