//! What field tables are made of: keys, their types, and what several tables share.

/// The only schema that this version reads.
pub const SCHEMA: &str = "adjutant/v1";

/// The names that a template may begin a path with.
pub type Roots = &'static [&'static str];

/// What a step may read; the steps inside an `each` read its item too, by the name that it has there.
pub const STEP_ROOTS: Roots = &["input", "steps", "run", "company"];
/// What an undo may read.
pub const UNDO_ROOTS: Roots = &["input", "steps", "run", "company", "effect"];
/// What a trigger's key and an input's `from` may read.
pub const EVENT_ROOTS: Roots = &["event", "company"];
/// What the name of whom a run is about may read.
pub const GIVEN_ROOTS: Roots = &["input"];
/// What an agent's precondition and prompt may read.
pub const AGENT_ROOTS: Roots = &["input", "run", "company"];
/// What the settings of a verb may read: its arguments, and the key of the effect.
pub const VERB_ROOTS: Roots = &["args", "effect"];
/// What a rule of a route may read.
pub const RULE_ROOTS: Roots = &["input", "steps", "text"];

/// Returns whether what may be read is a step's, which may stand inside an `each` and read its item.
pub(crate) fn may_read_items(roots: Roots) -> bool {
    [STEP_ROOTS, UNDO_ROOTS].contains(&roots)
}

/// The keys of a table.
#[derive(Debug)]
pub struct Table {
    /// What it is called, such as `playbook`.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// The keys that it always may have.
    pub fields: &'static [Field],
    /// Further keys that depend on what it is.
    pub cases: Cases,
}

/// Further keys that depend on what a table is.
#[derive(Debug)]
pub enum Cases {
    /// There are none.
    None,
    /// Exactly one of these tables applies: the one whose first key is there.
    ByKey(&'static [&'static Table]),
    /// The text at a key chooses the table of that name.
    ByWord(&'static str, &'static [&'static Table]),
}

/// A key that a table may have.
#[derive(Debug)]
pub struct Field {
    /// The key as it is written.
    pub name: &'static str,
    /// The type of its value.
    pub ty: Ty,
    /// Whether the table is refused without it.
    pub required: bool,
    /// A value, as TOML, that a template shows.
    pub sample: &'static str,
    /// What it means, in one sentence.
    pub doc: &'static str,
    /// The schema that brought it.
    pub since: &'static str,
    /// Whether this version can do it.
    pub support: Support,
}

/// Whether this version can do what a key or word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It can.
    Full,
    /// It understands, and refuses with E0900.
    Later,
}

/// A word of a closed list.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// The word as it is written.
    pub word: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Whether this version can do it.
    pub support: Support,
}

/// The type of a value.
#[derive(Debug)]
pub enum Ty {
    /// Any text.
    Text,
    /// A text with `{{ … }}` holes.
    Template(Roots),
    /// A bare expression.
    Expression(Roots),
    /// The path of a value, without braces.
    Read(Roots),
    /// An id: lower case letters, digits and dashes.
    Id,
    /// The name of another object of this kind: `id` or `slice/id`.
    Name(&'static str),
    /// The id of a step.
    Step,
    /// A verb's full name, such as `mail.send`.
    Verb,
    /// A signal's name: an id, or an event's full name such as `billing.paid`.
    Signal,
    /// A path of the repository with one of these endings.
    Path(&'static [&'static str]),
    /// Money, such as `"20.00 EUR"`.
    Money,
    /// Money in a window, such as `"100.00 EUR/month"`.
    MoneyPer,
    /// A period, such as `"72h"`.
    Period,
    /// Two periods, such as `"1s..10m"`.
    Backoff,
    /// True or false.
    Boolean,
    /// A whole number between two bounds.
    Integer(i64, i64),
    /// A number between two bounds.
    Number(f64, f64),
    /// An exact decimal, as a number or a text.
    Decimal,
    /// One of these words.
    Words(&'static [Word]),
    /// A cron line with seconds.
    Cron,
    /// An IANA time zone.
    Zone,
    /// Three capital letters.
    Currency,
    /// RFC 3339 with an offset.
    Moment,
    /// A URL with one of these schemes.
    Url(&'static [&'static str]),
    /// A mail address.
    Email,
    /// A regular expression.
    Regex,
    /// `sha256:` and 64 hexadecimal digits.
    Sha256,
    /// A JSON Schema: a path to a JSON file, a table that is one, or the short form `{ name = "string", age = "integer?" }`.
    Schema,
    /// Any value.
    Any,
    /// Any value; each text in it may have holes.
    Args(Roots),
    /// A list of values of one type.
    List(&'static Ty),
    /// A table with any keys.
    Map(&'static Ty),
    /// A table with these keys.
    Table(&'static Table),
    /// A value of one of these types, told apart by its shape.
    Either(&'static [Ty]),
}

impl Field {
    /// Returns a key that must be there.
    pub(crate) const fn req(name: &'static str, ty: Ty, sample: &'static str, doc: &'static str) -> Self {
        Self { name, ty, required: true, sample, doc, since: SCHEMA, support: Support::Full }
    }

    /// Returns a key that may be there.
    pub(crate) const fn opt(name: &'static str, ty: Ty, sample: &'static str, doc: &'static str) -> Self {
        Self { name, ty, required: false, sample, doc, since: SCHEMA, support: Support::Full }
    }

    /// Returns the key as one that this version refuses.
    pub(crate) const fn later(self) -> Self {
        Self { name: self.name, ty: self.ty, support: Support::Later, ..self }
    }
}

impl Word {
    pub(crate) const fn new(word: &'static str, doc: &'static str) -> Self {
        Self { word, doc, support: Support::Full }
    }

    pub(crate) const fn later(word: &'static str, doc: &'static str) -> Self {
        Self { word, doc, support: Support::Later }
    }
}

impl Table {
    pub(crate) const fn new(name: &'static str, doc: &'static str, fields: &'static [Field]) -> Self {
        Self { name, doc, fields, cases: Cases::None }
    }

    /// Returns the tables that may apply further.
    #[must_use]
    pub fn case_tables(&self) -> &'static [&'static Self] {
        match self.cases {
            Cases::None => &[],
            Cases::ByKey(tables) | Cases::ByWord(_, tables) => tables,
        }
    }
}

pub(crate) const SCHEMA_FIELD: Field = Field::req(
    "schema",
    Ty::Words(&[Word::new(SCHEMA, "The only one so far.")]),
    "\"adjutant/v1\"",
    "The version of the language; the first line of every file.",
);
pub(crate) const TITLE: Field =
    Field::opt("title", Ty::Text, "\"…\"", "What it is for, in a few words for people.");
pub(crate) const OWNER: Field = Field::opt(
    "owner",
    Ty::Id,
    "\"founder\"",
    "The persona that answers for it; the owner of its slice otherwise.",
);
pub(crate) const WAS: Field = Field::opt(
    "was",
    Ty::List(&Ty::Id),
    "[\"old-id\"]",
    "Its former ids, the oldest last: a rename, not a new object.",
);
