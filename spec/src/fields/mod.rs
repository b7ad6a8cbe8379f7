//! The field tables: name, type, sample and meaning of every key of the language.
//!
//! One table per kind of file feeds the reader, the JSON Schemas, the templates of `new` and the reference page, so that the four
//! cannot drift apart. What this version understands but cannot do is marked `later` and refused with E0900 at its place.

mod agent;
mod company;
mod connector;
mod gate;
mod playbook;
mod policy;
mod reference;
mod route;
mod scenario;
mod schema;
mod step;
mod table;

pub use agent::AGENT;
pub use company::{COMPANY, LOCK, MODELS, PRICES, SLICE};
pub use connector::CONNECTOR;
pub use playbook::PLAYBOOK;
pub use policy::POLICY;
pub use reference::reference;
pub use route::ROUTE;
pub use scenario::SCENARIO;
pub use step::{STEP, STEP_KINDS};
pub use table::{
    AGENT_ROOTS, Cases, EVENT_ROOTS, Field, GIVEN_ROOTS, RULE_ROOTS, Roots, SCHEMA, STEP_ROOTS, Support,
    Table, Ty, UNDO_ROOTS, VERB_ROOTS, Word,
};
pub(crate) use table::{OWNER, SCHEMA_FIELD, TITLE, WAS, may_read_items};

/// A kind of file, as `schema KIND` and `new KIND ID` name it.
#[derive(Debug)]
pub struct FileKind {
    /// The word that commands name it by.
    pub name: &'static str,
    /// Where its files are.
    pub path: &'static str,
    /// The keys that its files may have.
    pub table: &'static Table,
}

/// Every kind of TOML file, in the order of the reference page.
pub static FILE_KINDS: &[FileKind] = &[
    FileKind { name: "company", path: "adjutant.toml", table: &COMPANY },
    FileKind { name: "slice", path: "slices/<slice>/slice.toml", table: &SLICE },
    FileKind { name: "playbook", path: "playbooks/<id>.toml", table: &PLAYBOOK },
    FileKind { name: "agent", path: "agents/<id>.toml", table: &AGENT },
    FileKind { name: "connector", path: "connectors/<id>.toml", table: &CONNECTOR },
    FileKind { name: "route", path: "routes/<id>.toml", table: &ROUTE },
    FileKind { name: "policy", path: "policies/<id>.toml", table: &POLICY },
    FileKind { name: "prices", path: "prices.toml", table: &PRICES },
    FileKind { name: "models", path: "models.toml", table: &MODELS },
    FileKind { name: "test", path: "tests/<id>.toml", table: &SCENARIO },
    FileKind { name: "lock", path: "adjutant.lock", table: &LOCK },
];

/// Returns the kind of file with this name.
#[must_use]
pub fn file_kind(name: &str) -> Option<&'static FileKind> {
    FILE_KINDS.iter().find(|kind| kind.name == name)
}
