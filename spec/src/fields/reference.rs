//! The reference page: every table, key and word of the language, from the field tables.

use std::fmt::Write as _;

use super::{FILE_KINDS, Field, Support, Table, Ty, Word};

/// Returns the reference page as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = Reference { out: HEAD.to_owned(), done: Vec::new() };
    for kind in FILE_KINDS {
        page.line(format_args!("\n## {}: `{}`\n", kind.name, kind.path));
        page.table(kind.table);
    }
    page.out
}

const HEAD: &str = "# The keys of a company repository\n\nThis page is made from the field tables that the reader uses. \
Keys that begin with `x-` are yours. What is marked *not yet* is understood and refused with E0900.\n";

struct Reference {
    out: String,
    /// The tables that have a section.
    done: Vec<&'static str>,
}

impl Reference {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.out, "{text}").expect("a String takes every text");
    }

    fn table(&mut self, table: &'static Table) {
        self.line(format_args!("{}", table.doc));
        self.fields(table);
        for case in table.case_tables() {
            self.line(format_args!("\n### {}: `{}`\n\n{}", table.name, case.name, case.doc));
            self.fields(case);
        }
        for inner in tables_in(table) {
            self.inner(inner);
        }
    }

    fn inner(&mut self, table: &'static Table) {
        let key = table.doc;
        if self.done.contains(&key) {
            return;
        }
        self.done.push(key);
        self.line(format_args!("\n### {}\n", table.name));
        self.table(table);
    }

    fn fields(&mut self, table: &'static Table) {
        if table.fields.is_empty() {
            return;
        }
        self.line(format_args!("\n| key | type | meaning |\n|---|---|---|"));
        for field in table.fields {
            self.field(field);
        }
    }

    fn field(&mut self, field: &Field) {
        let required = if field.required { ", required" } else { "" };
        let not_yet = if field.support == Support::Later { "*not yet.* " } else { "" };
        let words = words_of(&field.ty).iter().map(word).collect::<Vec<_>>().join("; ");
        let words = if words.is_empty() { words } else { format!(" {words}.") };
        let meaning = format!("{not_yet}{}{words}", field.doc).replace('|', "\\|");
        self.line(format_args!("| `{}` | {}{required} | {meaning} |", field.name, type_word(&field.ty)));
    }
}

fn word(word: &Word) -> String {
    let not_yet = if word.support == Support::Later { " (*not yet*)" } else { "" };
    format!("`{}`{not_yet}: {}", word.word, word.doc.trim_end_matches('.'))
}

fn words_of(ty: &Ty) -> &'static [Word] {
    match ty {
        Ty::Words(words) => words,
        _ => &[],
    }
}

fn tables_in(table: &'static Table) -> Vec<&'static Table> {
    let all = std::iter::once(table).chain(table.case_tables().iter().copied());
    all.flat_map(|table| table.fields).flat_map(|field| tables_of(&field.ty)).collect()
}

fn tables_of(ty: &'static Ty) -> Vec<&'static Table> {
    match ty {
        Ty::Table(table) => vec![table],
        Ty::List(item) | Ty::Map(item) => tables_of(item),
        Ty::Either(types) => types.iter().flat_map(tables_of).collect(),
        _ => Vec::new(),
    }
}

fn type_word(ty: &Ty) -> String {
    match ty {
        Ty::Text => "text".to_owned(),
        Ty::Template(roots) => format!("template over {}", roots.join(", ")),
        Ty::Expression(roots) => format!("expression over {}", roots.join(", ")),
        Ty::Read(roots) => format!("path over {}", roots.join(", ")),
        Ty::Id => "id".to_owned(),
        Ty::Name(kind) => format!("name of a {kind}"),
        Ty::Step => "step".to_owned(),
        Ty::Verb => "verb".to_owned(),
        Ty::Signal => "signal".to_owned(),
        Ty::Path(_) => "path".to_owned(),
        Ty::Money | Ty::MoneyPer => "money".to_owned(),
        Ty::Period => "period".to_owned(),
        Ty::Backoff => "backoff".to_owned(),
        Ty::Boolean => "true or false".to_owned(),
        Ty::Integer(..) => "whole number".to_owned(),
        Ty::Number(low, high) => format!("number from {low} to {high}"),
        Ty::Decimal => "decimal".to_owned(),
        Ty::Words(_) => "word".to_owned(),
        Ty::Cron => "cron line".to_owned(),
        Ty::Zone => "time zone".to_owned(),
        Ty::Currency => "currency".to_owned(),
        Ty::Moment => "moment".to_owned(),
        Ty::Url(_) => "URL".to_owned(),
        Ty::Email => "mail address".to_owned(),
        Ty::Regex => "regular expression".to_owned(),
        Ty::Schema => "schema".to_owned(),
        Ty::Sha256 => "SHA-256".to_owned(),
        Ty::Any => "anything".to_owned(),
        Ty::Args(_) => "value with templates".to_owned(),
        Ty::List(item) => format!("list of {}", type_word(item)),
        Ty::Map(item) => format!("table of {}", type_word(item)),
        Ty::Table(table) => format!("*{}*", table.name),
        Ty::Either(types) => types.iter().map(type_word).collect::<Vec<_>>().join(" or "),
    }
}
