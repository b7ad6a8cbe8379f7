//! Checks a tree against the field tables: unknown and missing keys, types, values, words, support.

use std::ops::Range;

use crate::{
    compile::homes::place_of,
    diag::{Code, Diagnostic, Report, Spot},
    draft::{Entry, Node, NodeKind},
    fields::{Cases, Field, SCHEMA, Support, Table, Ty},
};

use super::{
    cx::Cx,
    leaf::{self, Fault},
    nearest::nearest,
};

/// Reports what is wrong with the form of one file.
pub(super) struct Form<'a> {
    cx: &'a Cx<'a>,
    source: &'a str,
    report: &'a mut Report,
    /// What the items of the file's lists are called, and their places. Where each of them is known is told by the flow.
    items: Vec<String>,
}

/// The tables that a table of the file is checked against.
struct Chosen {
    tables: Vec<&'static Table>,
    /// Whether it is known what the table is, so that a key of another kind is unknown.
    is_sure: bool,
}

impl<'a> Form<'a> {
    pub(super) fn new(cx: &'a Cx<'a>, source: &'a str, report: &'a mut Report) -> Self {
        Self { cx, source, report, items: Vec::new() }
    }

    /// Checks a whole file.
    pub(super) fn document(&mut self, node: &Node, table: &'static Table) {
        self.schema_line(node);
        let steps = node.get("step").map_or(&[][..], Node::items);
        let names = steps.iter().filter_map(|step| step.get("as")?.text());
        self.items = names.flat_map(|name| [name.to_owned(), place_of(name)]).collect();
        self.table(node, table);
    }

    fn schema_line(&mut self, node: &Node) {
        match node.get("schema") {
            None => {
                let at = Spot::file(self.cx.file);
                let message = "the file does not say which version of the language it is written in";
                let help = format!("begin it with `schema = \"{SCHEMA}\"`");
                self.report.push(Diagnostic::new(Code::E0011, at, message).help(help));
            }
            Some(value) if value.text() == Some(SCHEMA) => {}
            Some(value) => {
                let message = format!("this version reads schema \"{SCHEMA}\" only");
                self.error(Code::E0012, value.span.clone(), message, "another version");
            }
        }
    }

    fn table(&mut self, node: &Node, table: &'static Table) {
        let chosen = self.choose(node, table);
        for entry in node.entries() {
            self.entry(entry, table, &chosen);
        }
        for field in chosen.tables.iter().flat_map(|table| table.fields) {
            if field.required && field.name != "schema" && node.get(field.name).is_none() {
                self.missing(node, table, field);
            }
        }
        self.together(node, table);
    }

    /// Checks what single keys cannot say.
    fn together(&mut self, node: &Node, table: &Table) {
        let conditions = ["exact", "contains", "regex", "when"];
        if table.name == "rule" && conditions.iter().all(|key| node.get(key).is_none()) {
            let at = Spot::new(self.cx.file, node.span.clone());
            let diagnostic =
                Diagnostic::new(Code::E0122, at, "the rule has no condition, it would match every text");
            self.report.push(
                diagnostic
                    .label("no condition")
                    .help("add `contains = [\"…\"]`, or `exact`, `regex`, `when`"),
            );
        }
        if node.get("read").and_then(Node::text) == Some("one")
            && table.name == "record operation"
            && node.get("key").is_none()
        {
            let at = Spot::new(self.cx.file, node.span.clone());
            let diagnostic = Diagnostic::new(Code::E0102, at, "a read of one record needs `key`");
            self.report.push(diagnostic.label("key is missing").help("add `key = \"…\"`, or read a `list`"));
        }
    }

    fn choose(&mut self, node: &Node, table: &'static Table) -> Chosen {
        match table.cases {
            Cases::None => Chosen { tables: vec![table], is_sure: true },
            Cases::ByWord(key, cases) => {
                let word = node.get(key).and_then(Node::text);
                let case = cases.iter().find(|case| Some(case.name) == word);
                Chosen { tables: [table].into_iter().chain(case.copied()).collect(), is_sure: case.is_some() }
            }
            Cases::ByKey(cases) => {
                let there: Vec<&'static Table> =
                    cases.iter().filter(|case| node.get(case.fields[0].name).is_some()).copied().collect();
                self.exactly_one(node, table, &there);
                let first = there.first().copied();
                Chosen { tables: [table].into_iter().chain(first).collect(), is_sure: there.len() == 1 }
            }
        }
    }

    fn exactly_one(&mut self, node: &Node, table: &'static Table, there: &[&'static Table]) {
        let name = node.get("id").and_then(Node::text).map_or(String::new(), |id| format!(" \"{id}\""));
        let is_step = table.name == "step";
        match there {
            [_] => {}
            [] => {
                let code = if is_step { Code::E0112 } else { Code::E0102 };
                let cases = table.case_tables().iter().map(|case| &case.fields[0]);
                let keys: Vec<&str> =
                    cases.filter(|key| key.support == Support::Full).map(|key| key.name).collect();
                let message = format!("{}{name} does not say what it does", table.name);
                let help = format!("add one of {}", keys.join(", "));
                let at = Spot::new(self.cx.file, node.span.clone());
                self.report.push(Diagnostic::new(code, at, message).label("no kind").help(help));
            }
            [first, second, ..] => {
                let code = if is_step { Code::E0113 } else { Code::E0120 };
                let (one, two) = (first.fields[0].name, second.fields[0].name);
                let message = format!("{}{name} has both `{one}` and `{two}`", table.name);
                let span = key_span(node, two);
                let help = "keep one of the two; two things to do are two steps";
                let at = Spot::new(self.cx.file, span);
                let diagnostic = Diagnostic::new(code, at, message).label("a second kind");
                self.report.push(if is_step { diagnostic.help(help) } else { diagnostic });
            }
        }
    }

    fn entry(&mut self, entry: &Entry, table: &'static Table, chosen: &Chosen) {
        let mut fields = chosen.tables.iter().flat_map(|table| table.fields);
        let Some(field) = fields.find(|field| field.name == entry.key) else {
            return self.unknown(entry, table, chosen);
        };
        if field.support == Support::Later {
            let message =
                format!("`{}` of {} is not supported by this version", field.name, article(table.name));
            self.error(Code::E0900, entry.key_span.clone(), message, "not yet");
        }
        if entry.key != "schema" {
            self.value(&entry.value, &field.ty, &entry.key);
        }
    }

    fn unknown(&mut self, entry: &Entry, table: &'static Table, chosen: &Chosen) {
        let elsewhere =
            table.case_tables().iter().find(|case| case.fields.iter().any(|field| field.name == entry.key));
        if entry.key.starts_with("x-") || (!chosen.is_sure && (elsewhere.is_some() || is_by_word(table))) {
            return;
        }
        let known = chosen.tables.iter().flat_map(|table| table.fields).map(|field| field.name);
        let help = match (elsewhere, nearest(&entry.key, known)) {
            (Some(case), _) => Some(format!("`{}` belongs to `{}`", entry.key, case.name)),
            (None, Some(near)) => Some(format!("did you mean `{near}`?")),
            (None, None) => Some(format!("remove it, or call it `x-{}` if it is a note of yours", entry.key)),
        };
        let message = format!("unknown key \"{}\" in {}", entry.key, chosen_name(table, chosen));
        let at = Spot::new(self.cx.file, entry.key_span.clone());
        self.report.push(Diagnostic::new(Code::E0101, at, message).label("unknown key").help_if(help));
    }

    fn missing(&mut self, node: &Node, table: &Table, field: &Field) {
        let message = format!("{} needs `{}`", article(table.name), field.name);
        let is_root = table.fields.iter().any(|field| field.name == "schema");
        let span = (!is_root).then(|| node.span.clone());
        let at = Spot { file: self.cx.file.to_owned(), span };
        let help = format!("add `{} = {}`", field.name, field.sample);
        self.report.push(Diagnostic::new(Code::E0102, at, message).label("key is missing").help(help));
    }

    fn value(&mut self, node: &Node, ty: &'static Ty, key: &str) {
        match (ty, &node.kind) {
            (Ty::List(item), NodeKind::List(items)) => {
                for node in items {
                    self.value(node, item, key);
                }
                self.unique(node, item);
            }
            (Ty::Map(item), NodeKind::Table(entries)) => {
                for entry in entries {
                    self.value(&entry.value, item, &entry.key);
                }
            }
            (Ty::Table(table), NodeKind::Table(_)) => self.table(node, table),
            (Ty::Either(types), _) => match types.iter().find(|ty| leaf::fits_shape(ty, node)) {
                Some(ty) => self.value(node, ty, key),
                None => self.wrong_type(node, ty, key),
            },
            (Ty::Args(_), NodeKind::List(items)) => items.iter().for_each(|item| self.value(item, ty, key)),
            (Ty::Args(_), NodeKind::Table(entries)) => {
                entries.iter().for_each(|entry| self.value(&entry.value, ty, &entry.key));
            }
            _ if !leaf::fits_shape(ty, node) => self.wrong_type(node, ty, key),
            _ => {
                for fault in leaf::check(ty, node, self.cx, &self.items) {
                    self.fault(node, fault.about(key));
                }
            }
        }
    }

    /// Reports names that a list of tables uses twice; the ids of steps are the flow's business.
    fn unique(&mut self, list: &Node, item: &Ty) {
        let Ty::Table(table) = item else { return };
        if table.name == "step" || !table.fields.iter().any(|field| field.name == "id" && field.required) {
            return;
        }
        let mut seen: Vec<&str> = Vec::new();
        for node in list.items().iter().filter_map(|item| item.get("id")) {
            let Some(id) = node.text() else { continue };
            if seen.contains(&id) {
                let message = format!("{} \"{id}\" is listed twice", table.name);
                self.error(Code::E0119, node.span.clone(), message, "a second time");
            }
            seen.push(id);
        }
    }

    fn wrong_type(&mut self, node: &Node, ty: &Ty, key: &str) {
        let message = format!("`{key}` is {}, found {}", leaf::describe(ty), node.type_word());
        self.error(Code::E0103, node.span.clone(), message, "wrong type");
    }

    fn fault(&mut self, node: &Node, fault: Fault) {
        let span = match fault.part {
            Some(part) => crate::draft::inside(self.source, node, part),
            None => node.span.clone(),
        };
        let at = Spot::new(self.cx.file, span);
        let diagnostic = Diagnostic::new(fault.code, at, fault.message).label(fault.label);
        self.report.push(diagnostic.help_if(fault.help));
    }

    fn error(&mut self, code: Code, span: Range<usize>, message: String, label: &str) {
        self.report.push(Diagnostic::new(code, Spot::new(self.cx.file, span), message).label(label));
    }
}

fn is_by_word(table: &Table) -> bool {
    matches!(table.cases, Cases::ByWord(..))
}

fn key_span(node: &Node, key: &str) -> Range<usize> {
    let entry = node.entries().iter().find(|entry| entry.key == key);
    entry.map_or_else(|| node.span.clone(), |entry| entry.key_span.clone())
}

fn chosen_name(table: &Table, chosen: &Chosen) -> String {
    match chosen.tables.get(1) {
        Some(case) if table.name == "step" => format!("{} `{}` step", article_of(case.name), case.name),
        Some(case) => format!("{} of kind `{}`", article(table.name), case.name),
        None => article(table.name),
    }
}

/// Returns a name with its article.
fn article(name: &str) -> String {
    if name == "prices" { "the price table".to_owned() } else { format!("{} {name}", article_of(name)) }
}

fn article_of(name: &str) -> &'static str {
    if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
