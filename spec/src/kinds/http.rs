//! `http`: any REST API. Its verbs are declared in its file.
//!
//! The settings of a verb are in [`VERB_SETTINGS`]. Texts in them are templates over `args` (the arguments) and `effect.key`; in
//! `result` over `status`, `headers`, `body`; in a probe's `with` over `effect.key` and `call`; in `found` and `value` over
//! `result` too. They are kept as JSON and rendered at the edge.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    kind::{ConnectorKind, Place, Role},
    parts::{HTTP_URL, RATE, pick, rate, timeout},
};
use crate::{
    fields::{Field, Roots, Table, Ty, VERB_ROOTS, Word},
    plan::{Effect, Idempotency, Verb},
    read::View,
    value::Period,
};

/// How long the other side keeps a key where the file does not say: the least that those who know keys promise.
const KEY_VALID: &str = "24h";

pub(super) static KIND: ConnectorKind = ConnectorKind {
    word: Word::new("http", "Any REST API; its verbs are declared here."),
    table: &TABLE,
    settings: &["auth", "auth_header", "headers", "key_header", "max_response", "health", "private"],
    role: Role::Calls,
    place: Place::Host,
    verbs,
    events: |_| BTreeMap::new(),
};

/// What the result of a verb is made from.
const ANSWER_ROOTS: Roots = &["status", "headers", "body"];
/// What the arguments of a probe may read.
const PROBE_ROOTS: Roots = &["effect", "call"];
/// What tells whether a probe found the call.
const FOUND_ROOTS: Roots = &["result", "effect", "call"];

static TABLE: Table = Table::new(
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
                Word::new("probe", "After a doubt: look first, then act again."),
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

/// The keys of an http verb that are kept as settings.
const VERB_SETTINGS: [&str; 14] = [
    "method",
    "read_by",
    "path",
    "query",
    "headers",
    "body",
    "encoding",
    "key_header",
    "expect",
    "result",
    "with",
    "found",
    "value",
    "fixture",
];

fn verbs(view: &View<'_>) -> BTreeMap<String, Verb> {
    let declared = view.tables("verbs");
    declared.iter().filter_map(|(name, view)| Some((name.clone(), verb(view)?))).collect()
}

fn verb(view: &View<'_>) -> Option<Verb> {
    let effect: Effect = view.word("effect")?;
    let default = if effect == Effect::Read { Idempotency::Pure } else { Idempotency::AtMostOnce };
    let any = || json!({ "type": "object" });
    let mut settings = pick(view, &VERB_SETTINGS);
    settings
        .entry("method".to_owned())
        .or_insert_with(|| json!(if effect == Effect::Read { "GET" } else { "POST" }));
    let idempotency = view.word("idempotency").unwrap_or(default);
    Some(Verb {
        effect,
        idempotency,
        key_valid: view.period("key_valid").or_else(|| (idempotency == Idempotency::NativeKey).then(a_day)),
        probe: view.text("probe"),
        undo: view.text("undo"),
        input: view.schema("input").unwrap_or_else(any),
        output: view.open_schema("output").unwrap_or_else(any),
        rate: view.table("rate").as_ref().and_then(rate),
        timeout: view.period("timeout").unwrap_or_else(timeout),
        settings,
    })
}

fn a_day() -> Period {
    KEY_VALID.parse().expect("the text is a period")
}
