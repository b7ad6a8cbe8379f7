//! `connectors/<id>.toml`.

use super::{Cases, Field, OWNER, Roots, SCHEMA_FIELD, TITLE, Table, Ty, VERB_ROOTS, WAS, Word};

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
        Field::opt(
            "total_rate",
            Ty::Table(&RATE),
            "{ calls = 100, per = \"1h\" }",
            "The most calls of all its verbs together in a window, with the agents that ask it, hops of routes, second questions, notices and looks.",
        ),
        Field::opt(
            "fixture",
            Ty::Map(&Ty::Any),
            "{ send = { message_id = \"1\" } }",
            "The answer of each built-in verb in `fixture` mode; of each agent, by its id, for kind `openai`.",
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

/// What the result of a verb is made from.
const ANSWER_ROOTS: Roots = &["status", "headers", "body"];
/// What the arguments of a probe may read.
const PROBE_ROOTS: Roots = &["effect", "call"];
/// What tells whether a probe found the call.
const FOUND_ROOTS: Roots = &["result", "effect", "call"];

const HTTP_URL: Ty = Ty::Url(&["http", "https"]);

static HTTP: Table = Table::new(
    "http",
    "Any REST API.",
    &[
        Field::req("endpoint", HTTP_URL, "\"https://api.example.com\"", "The base URL."),
        Field::opt(
            "auth",
            Ty::Words(&[
                Word::new("bearer", "`Authorization: Bearer <secret>`."),
                Word::new("basic", "The secret is `user:password`."),
                Word::new("header", "The secret alone, in the header `auth_header`."),
                Word::new("none", "The secret is not sent."),
            ]),
            "\"bearer\"",
            "How the secret is sent; `bearer` when absent.",
        ),
        Field::opt(
            "auth_header",
            Ty::Text,
            "\"X-Api-Key\"",
            "The header of the secret, for `auth = \"header\"`.",
        ),
        Field::opt(
            "headers",
            Ty::Map(&Ty::Text),
            "{ Accept = \"application/json\" }",
            "Headers of every request.",
        ),
        Field::opt("key_header", Ty::Text, "\"Idempotency-Key\"", "The header of the key, for `native_key`."),
        Field::opt("max_response", Ty::Integer(1, 67_108_864), "1048576", "The most bytes of an answer."),
        Field::opt("health", Ty::Text, "\"/\"", "The path that `connectors probe` asks."),
        Field::opt("private", Ty::Boolean, "false", "Whether names may lead to private addresses."),
        Field::req(
            "verbs",
            Ty::Map(&Ty::Table(&VERB)),
            "{ list = { path = \"/v1/items\", effect = \"read\" } }",
            "What it can do, by name.",
        ),
    ],
);

static VERB: Table = Table::new(
    "verb",
    "One verb of an http connector.",
    &[
        Field::opt(
            "method",
            Ty::Words(&[
                Word::new("GET", "Reads."),
                Word::new("POST", "Creates."),
                Word::new("PUT", "Replaces."),
                Word::new("PATCH", "Changes."),
                Word::new("DELETE", "Removes."),
            ]),
            "\"POST\"",
            "The method; GET for read, else POST when absent.",
        ),
        Field::req(
            "path",
            Ty::Text,
            "\"/v1/invoices/{id}\"",
            "The path below the endpoint; `{name}` is an argument, percent-encoded.",
        ),
        Field::opt(
            "query",
            Ty::Either(&[Ty::List(&Ty::Text), Ty::Map(&Ty::Args(VERB_ROOTS))]),
            "[\"number\"]",
            "The query: names of arguments, or a table of templates.",
        ),
        Field::opt("headers", Ty::Map(&Ty::Template(VERB_ROOTS)), "{}", "Further headers."),
        Field::opt(
            "body",
            Ty::Args(VERB_ROOTS),
            "{ amount = \"{{ args.amount }}\" }",
            "The body, or `\"none\"`; for POST, PUT and PATCH the arguments that are not in path and query when absent.",
        ),
        Field::opt(
            "encoding",
            Ty::Words(&[Word::new("json", "JSON."), Word::new("form", "A form, URL-encoded.")]),
            "\"json\"",
            "How the body is written; `json` when absent.",
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
            "read_by",
            Ty::Words(&[
                Word::new("POST", "A search or a query that has to be posted."),
                Word::new("PUT", "The same, by PUT."),
                Word::new("PATCH", "The same, by PATCH."),
            ]),
            "\"POST\"",
            "Confirms that a verb of effect `read` only looks although its method could change something: its method once more. DELETE never reads.",
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
        Field::opt(
            "key_header",
            Ty::Text,
            "\"Idempotency-Key\"",
            "The header of the key; the connector's when absent.",
        ),
        Field::opt(
            "key_valid",
            Ty::Period,
            "\"24h\"",
            "How long the other side keeps a key, for `native_key`; 24h when absent. An older key is never sent again: the probe is asked, else you are.",
        ),
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
        Field::opt(
            "result",
            Ty::Args(ANSWER_ROOTS),
            "{ id = \"{{ body.id }}\" }",
            "The result, made from `status`, `headers` and `body`; the body when absent.",
        ),
        Field::opt(
            "with",
            Ty::Map(&Ty::Args(PROBE_ROOTS)),
            "{ key = \"{{ effect.key }}\" }",
            "The arguments of a verb that is a probe.",
        ),
        Field::opt(
            "found",
            Ty::Expression(FOUND_ROOTS),
            "\"result.data | length > 0\"",
            "Whether a probe found the call; when absent: it succeeded, and 404 is no.",
        ),
        Field::opt(
            "value",
            Ty::Expression(FOUND_ROOTS),
            "\"result.data[0]\"",
            "The result of the call that a probe found.",
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
        Field::opt("hello", Ty::Text, "\"example.com\"", "The name that is said to the server."),
        Field::opt(
            "tls",
            Ty::Words(&[
                Word::new("required", "STARTTLS, or TLS from the start for smtps."),
                Word::new("opportunistic", "STARTTLS where the server has it."),
                Word::new("none", "In the clear: for a server on this machine."),
            ]),
            "\"required\"",
            "How the connection is protected; `required` when absent and the server is not on this machine.",
        ),
        Field::opt(
            "per_address",
            Ty::Integer(1, 10_000),
            "10",
            "The most mails to one address a day that no person approved, 10 when absent: what is beyond asks you first.",
        ),
    ],
);

static FILES: Table = Table::new(
    "files",
    "A folder. Paths in it cannot leave it.",
    &[Field::req(
        "endpoint",
        Ty::Text,
        "\"out\"",
        "The folder: absolute, or below `files/` of the data directory.",
    )],
);

const MAX_BODY: Field =
    Field::opt("max_body", Ty::Integer(1, 67_108_864), "262144", "The most bytes of a delivery.");

static WEBHOOK: Table = Table::new(
    "webhook",
    "Signed POST requests at `/hooks/<connector>`. The secret is the key of the HMAC over the raw body.",
    &[
        Field::req(
            "events",
            Ty::Map(&Ty::Schema),
            "{ lead = { email = \"email\", text = \"string\" } }",
            "What it can tell: the schema of each event's fields. `message_id`, the id of the delivery, is always there.",
        ),
        Field::opt(
            "signature",
            Ty::Words(&[
                Word::new(
                    "standard",
                    "Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature; svix-id and so on too.",
                ),
                Word::new(
                    "sha256",
                    "One header with the HMAC of the body: see `header`, `encoding`, `prefix`.",
                ),
                Word::new("stripe", "Stripe-Signature. The id is `id`, the event `type`."),
                Word::new("slack", "X-Slack-Signature. The id is `event_id`, the event `event.type`."),
                Word::new(
                    "github",
                    "X-Hub-Signature-256. The id is X-GitHub-Delivery, the event X-GitHub-Event.",
                ),
                Word::new(
                    "shopify",
                    "X-Shopify-Hmac-Sha256. The id is X-Shopify-Webhook-Id, the event X-Shopify-Topic.",
                ),
            ]),
            "\"standard\"",
            "How deliveries are signed; `standard` when absent.",
        ),
        Field::opt(
            "secrets",
            Ty::List(&Ty::Id),
            "[\"website-new\", \"website-old\"]",
            "Several secrets in place of `secret`, while one takes the place of another: each may have signed.",
        ),
        Field::opt("header", Ty::Text, "\"X-Signature\"", "The header of the signature, for `sha256`."),
        Field::opt(
            "encoding",
            Ty::Words(&[Word::new("hex", "Hexadecimal."), Word::new("base64", "Base 64.")]),
            "\"base64\"",
            "How the signature is written, for `sha256`; `hex` when absent.",
        ),
        Field::opt(
            "prefix",
            Ty::Text,
            "\"sha256=\"",
            "What stands before the signature, for `sha256`; when absent, `sha256=` may.",
        ),
        Field::opt(
            "tolerance",
            Ty::Period,
            "\"5m\"",
            "How far the time of a delivery may be off, for `standard`, `stripe` and `slack`; 5m when absent.",
        ),
        Field::opt(
            "event_field",
            Ty::Text,
            "\"type\"",
            "The dotted path of the event's name in the body; when absent the scheme's own place, else the only event.",
        ),
        Field::opt(
            "event_header",
            Ty::Text,
            "\"X-Event\"",
            "The header of the event's name. A delivery of an event that is not declared is answered, counted, and starts nothing.",
        ),
        Field::opt(
            "data_field",
            Ty::Text,
            "\"data\"",
            "The dotted path of the fields in the body; all of it when absent.",
        ),
        Field::opt(
            "id_field",
            Ty::Text,
            "\"id\"",
            "The dotted path of the delivery's id in the body, for `sha256`.",
        ),
        Field::opt(
            "id_header",
            Ty::Text,
            "\"X-Delivery-Id\"",
            "The header of the delivery's id, for `sha256`.",
        ),
        Field::opt(
            "dedupe",
            Ty::Period,
            "\"10m\"",
            "For `sha256` without an id: for how long the same content counts as the same delivery. The answer says so.",
        ),
        MAX_BODY,
    ],
);

static MAIL_DROP: Table = Table::new(
    "mail_drop",
    "A folder that mails are dropped into: files that end in `.eml`, and all of a Maildir's `new/`. Its event `message` has the texts \
     `message_id`, `from`, `from_name`, `reply_to` (`from` where the mail names no other), `to`, `cc`, `subject`, `text`, `date`, \
     `in_reply_to`; the lists `references` and `attachments` (`name`, `type`, `bytes`, `digest`; the bytes stay in the mail, in `done/`); \
     `auto`, `list` and `bounce` (with `bounce_of`), empty for a mail that a person wrote; and `doubt`, which says what could not be read.",
    &[
        Field::req(
            "endpoint",
            Ty::Text,
            "\"intake\"",
            "The folder: absolute, or below `files/` of the data directory, where it is made.",
        ),
        MAX_BODY,
    ],
);

/// Another name, or `false`.
const RENAMED: Ty = Ty::Either(&[Ty::Boolean, Ty::Text]);

static PARAMETERS: Table = Table::new(
    "parameters",
    "How the parameters of a question are called.",
    &[
        // Without a limit of tokens nobody could say what a question costs at most: it has a name, always.
        Field::opt("max_tokens", Ty::Text, "\"max_completion_tokens\"", "The most tokens of the answer."),
        Field::opt("temperature", RENAMED, "false", "The temperature, which is 0."),
        Field::opt("seed", RENAMED, "false", "The seed."),
        Field::opt("stream", RENAMED, "false", "That the answer comes whole."),
        Field::opt("response_format", RENAMED, "false", "The form of the answer."),
    ],
);

static OPENAI: Table = Table::new(
    "openai",
    "An endpoint that speaks the OpenAI chat completions API. The secret is its key.",
    &[
        Field::req("endpoint", HTTP_URL, "\"https://api.openai.com/v1\"", "The base URL, with the version."),
        Field::opt(
            "model",
            Ty::Text,
            "\"gpt-4.1-mini-2025-04-14\"",
            "The model of agents that name none; it needs a price.",
        ),
        Field::opt("headers", Ty::Map(&Ty::Text), "{}", "Headers of every request."),
        Field::opt(
            "response_format",
            Ty::Words(&[
                Word::new("json_schema", "The answer's schema is sent."),
                Word::new("json_object", "Only JSON is asked for; the schema goes into the prompt."),
                Word::new("none", "Nothing is asked for; the schema goes into the prompt."),
            ]),
            "\"json_schema\"",
            "How the endpoint is asked for an answer that fits; `json_schema` when absent.",
        ),
        Field::opt("seed", Ty::Integer(0, i64::MAX), "7", "The seed that is sent."),
        Field::opt(
            "parameters",
            Ty::Table(&PARAMETERS),
            "{ max_tokens = \"max_completion_tokens\", temperature = false }",
            "For endpoints that refuse a parameter: its other name, or `false` to leave it out.",
        ),
        Field::opt("private", Ty::Boolean, "false", "Whether names may lead to private addresses."),
    ],
);
