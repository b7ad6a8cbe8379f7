//! `connectors/<id>.toml`.

use super::{Cases, Field, OWNER, SCHEMA_FIELD, TITLE, Table, Ty, WAS, Word};
use crate::kinds::{self, parts::RATE};

/// `connectors/<id>.toml`.
pub static CONNECTOR: Table = Table {
    name: "connector",
    doc: "The edge of the company: what it can do in the world, and what it can be told.",
    fields: &[
        SCHEMA_FIELD,
        TITLE,
        OWNER,
        WAS,
        Field::req("kind", Ty::Words(&WORDS), "\"http\"", "What is at the other end."),
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
            "signals",
            Ty::Map(&Ty::Text),
            "{ paid = \"invoice_id\" }",
            "By which field of an event those who wait for it as a signal know it.",
        ),
        Field::opt(
            "fixture",
            Ty::Map(&Ty::Any),
            "{ send = { message_id = \"1\" } }",
            "The answer of each built-in verb in `fixture` mode; of each agent, by its id, for kind `openai`.",
        ),
    ],
    cases: Cases::ByWord("kind", &TABLES),
};

/// The words of kinds that this version understands and does not have.
const LATER: [Word; 6] = [
    Word::later("imap", "Mail in from a mailbox."),
    Word::later("feed", "RSS and Atom."),
    Word::later("calendar", "iCalendar."),
    Word::later("mcp", "A server of tools."),
    Word::later("exec", "A program."),
    Word::later("anthropic", "An endpoint that speaks the Anthropic messages API."),
];

static WORDS: [Word; kinds::ALL.len() + LATER.len()] = words();
static TABLES: [&Table; kinds::ALL.len()] = tables();

const fn words() -> [Word; kinds::ALL.len() + LATER.len()] {
    let mut words = [LATER[0]; kinds::ALL.len() + LATER.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = if at < kinds::ALL.len() { kinds::ALL[at].word } else { LATER[at - kinds::ALL.len()] };
        at += 1;
    }
    words
}

const fn tables() -> [&'static Table; kinds::ALL.len()] {
    let mut tables = [kinds::ALL[0].table; kinds::ALL.len()];
    let mut at = 0;
    while at < tables.len() {
        tables[at] = kinds::ALL[at].table;
        at += 1;
    }
    tables
}
