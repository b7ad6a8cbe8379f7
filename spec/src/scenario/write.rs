//! Writes a scenario as the file that it would be read from.

use serde_json::{Map, Value};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use crate::{
    plan::{
        Id, Plan,
        scenario::{Answer, Begin, Expectation, Given, RecordWanted, Reply, Scenario},
    },
    value::{Path, Period},
};

/// A scenario as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text of the file, in canonical form.
    pub text: String,
    /// What TOML cannot say and so is not in it, by its place: a field that is `null`, a number beyond 64 bits.
    pub left_out: Vec<String>,
}

/// Returns a scenario as the file that it would be read from, with lines of comment above it.
///
/// A playbook is named as it is known in the slice that the file is in: `<slice>/<id>` where it is another's. What a gate in a
/// branch has edited is written by the paths of the playbook.
#[must_use]
pub fn write(plan: &Plan, scenario: &Scenario, comments: &[String]) -> Written {
    let mut writer = Writer { plan, scenario, left_out: Vec::new() };
    let document = writer.document().to_string();
    let above: String =
        comments.iter().flat_map(|text| text.lines()).map(|line| format!("# {line}\n")).collect();
    let text = format!("{above}{document}");
    Written { text: crate::fmt::fmt(&text).unwrap_or(text), left_out: writer.left_out }
}

struct Writer<'a> {
    plan: &'a Plan,
    scenario: &'a Scenario,
    left_out: Vec<String>,
}

impl Writer<'_> {
    fn document(&mut self) -> DocumentMut {
        let scenario = self.scenario;
        let mut document = DocumentMut::new();
        document["schema"] = value("adjutant/v1");
        document["title"] = value(&scenario.title);
        document["playbook"] = value(self.playbook(&scenario.playbook));
        let is_slot = matches!(scenario.begin, Begin::Slot(slot) if slot == scenario.starts);
        if !is_slot {
            document["starts"] = value(moment_of(scenario.starts));
        }
        if let Begin::Slot(slot) = scenario.begin {
            document["slot"] = value(moment_of(slot));
        }
        for (key, text) in [("until", &scenario.until), ("end", &scenario.end)] {
            if let Some(text) = text {
                document[key] = value(text);
            }
        }
        period(&mut document, "cancel", scenario.cancel);
        if !scenario.never.is_empty() {
            document["never"] = value(scenario.never.iter().collect::<toml_edit::Array>());
        }
        match &scenario.begin {
            Begin::Event(event) => self.fields(&mut document, "event", event),
            Begin::Input(input) if !input.is_empty() => {
                let input: Map<String, Value> = input.clone().into_iter().collect();
                self.fields(&mut document, "input", &Value::Object(input));
            }
            Begin::Input(_) | Begin::Slot(_) => {}
        }
        self.tables(&mut document);
        document
    }

    fn tables(&mut self, document: &mut DocumentMut) {
        let scenario = self.scenario;
        let given: Vec<Table> = scenario.given.iter().map(|given| self.given(given)).collect();
        let answers: Vec<Table> = scenario.answers.iter().map(|answer| self.answer(answer)).collect();
        let expect: Vec<Table> = scenario.expect.iter().map(|wanted| self.expectation(wanted)).collect();
        let records: Vec<Table> = scenario.records.iter().map(|wanted| self.record(wanted)).collect();
        for (key, tables) in [("given", given), ("answer", answers), ("expect", expect), ("records", records)]
        {
            if !tables.is_empty() {
                document[key] = Item::ArrayOfTables(tables.into_iter().collect::<ArrayOfTables>());
            }
        }
    }

    fn given(&mut self, given: &Given) -> Table {
        let mut table = Table::new();
        table["kind"] = value(&given.kind);
        table["key"] = value(&given.key);
        number(&mut table, "version", given.version);
        period(&mut table, "after", given.after);
        self.fields(&mut table, "value", &given.value);
        table
    }

    fn answer(&mut self, answer: &Answer) -> Table {
        let mut table = Table::new();
        let within: String =
            answer.branches.iter().map(|branch| format!("{}[{}].", branch.step, branch.index)).collect();
        table["step"] = value(format!("{within}{}", answer.step));
        self.of_playbook(&mut table, &answer.playbook);
        number(&mut table, "visit", answer.visit.map(u64::from));
        number(&mut table, "times", Some(u64::from(answer.times)).filter(|times| *times != 1));
        if answer.undo {
            table["undo"] = value(true);
        }
        period(&mut table, "after", answer.after);
        match &answer.reply {
            Reply::Error(class) => table["error"] = value(class),
            Reply::Probe { word, with } => self.found(&mut table, Found { key: "probe", word, with }),
            Reply::Settle { word, with } => self.found(&mut table, Found { key: "settle", word, with }),
            Reply::Outcome { word, with, edit } => {
                let usual = if edit.is_empty() { "ok" } else { "edited" };
                if word != usual {
                    table["outcome"] = value(word);
                }
                if let Some(with) = with {
                    self.fields(&mut table, "with", with);
                }
                if !edit.is_empty() {
                    let inputs = self.plan.playbooks.get(&answer.playbook).map(|playbook| &playbook.inputs);
                    let is_input = |name: &str| inputs.is_some_and(|inputs| inputs.contains_key(name));
                    let is_inside = !answer.branches.is_empty();
                    let path =
                        |path: &Path| if is_inside { of_playbook(path, is_input) } else { path.clone() };
                    let edit: Map<String, Value> =
                        edit.iter().map(|(at, value)| (path(at), value.clone())).collect();
                    self.fields(&mut table, "edit", &Value::Object(edit));
                }
            }
        }
        table
    }

    fn found(&mut self, table: &mut Table, found: Found<'_>) {
        table[found.key] = value(found.word);
        if !found.with.is_null() {
            self.fields(table, "with", found.with);
        }
    }

    fn expectation(&mut self, wanted: &Expectation) -> Table {
        let mut table = Table::new();
        table["step"] = value(&wanted.step);
        self.of_playbook(&mut table, &wanted.playbook);
        number(&mut table, "visit", wanted.visit.map(u64::from));
        if let Some(outcome) = &wanted.outcome {
            table["outcome"] = value(outcome);
        }
        if let Some(at) = wanted.at {
            table["at"] = value(moment_of(at));
        }
        period(&mut table, "after", wanted.after);
        period(&mut table, "before", wanted.before);
        if !wanted.with.is_empty() {
            self.fields(&mut table, "with", &Value::Object(wanted.with.clone()));
        }
        if !wanted.contains.is_empty() {
            let parts = wanted.contains.iter().map(|(name, part)| (name.clone(), Value::from(part.clone())));
            self.fields(&mut table, "contains", &Value::Object(parts.collect()));
        }
        table
    }

    fn record(&mut self, wanted: &RecordWanted) -> Table {
        let mut table = Table::new();
        table["kind"] = value(&wanted.kind);
        table["key"] = value(&wanted.key);
        number(&mut table, "version", wanted.version);
        if wanted.missing {
            table["missing"] = value(true);
        }
        if !wanted.value.is_empty() {
            self.fields(&mut table, "value", &Value::Object(wanted.value.clone()));
        }
        table
    }

    /// Puts an object in as a table of its own.
    fn fields(&mut self, table: &mut Table, key: &str, fields: &Value) {
        let Value::Object(fields) = fields else {
            self.left_out.push(format!("{key}: only a table can stand there"));
            return;
        };
        let mut inner = Table::new();
        for (name, field) in fields {
            if let Some(field) = self.value(&format!("{key}.{name}"), field) {
                inner.insert(name, Item::Value(field));
            }
        }
        table.insert(key, Item::Table(inner));
    }

    fn value(&mut self, at: &str, json: &Value) -> Option<toml_edit::Value> {
        match json {
            Value::Null => self.cannot(format!("{at} is null")),
            Value::Bool(is) => Some((*is).into()),
            Value::String(text) => Some(text.as_str().into()),
            Value::Number(number) => {
                let whole = number.as_i64().map(toml_edit::Value::from);
                let found = whole
                    .or_else(|| number.as_f64().filter(|_| !number.is_u64()).map(toml_edit::Value::from));
                found.or_else(|| self.cannot(format!("{at} is {number}")))
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let items = items.filter_map(|(place, item)| self.value(&format!("{at}[{place}]"), item));
                Some(toml_edit::Value::Array(items.collect()))
            }
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields = fields.filter_map(|(name, field)| {
                    Some((name.as_str(), self.value(&format!("{at}.{name}"), field)?))
                });
                Some(toml_edit::Value::InlineTable(fields.collect::<InlineTable>()))
            }
        }
    }

    fn cannot(&mut self, what: String) -> Option<toml_edit::Value> {
        self.left_out.push(what);
        None
    }

    fn of_playbook(&self, table: &mut Table, playbook: &Id) {
        if *playbook != self.scenario.playbook {
            table["playbook"] = value(self.playbook(playbook));
        }
    }

    fn playbook(&self, id: &Id) -> String {
        let own = crate::files::slice_of(&self.scenario.file);
        let slice = self.plan.playbooks.get(id).map(|playbook| playbook.slice.as_str());
        match slice.filter(|slice| *slice != own && *slice != "company") {
            Some(slice) => format!("{slice}/{id}"),
            None => id.clone(),
        }
    }
}

/// What a probe or the operator found.
struct Found<'a> {
    key: &'a str,
    word: &'a str,
    with: &'a Value,
}

/// Returns a path that a gate in a branch shows as the playbook has it: the other way of what [`super::resolve`] does.
fn of_playbook(path: &str, is_input: impl Fn(&str) -> bool) -> String {
    match path.strip_prefix("input.") {
        // An input of the playbook is one of the branch, under the same name.
        Some(own) if !is_input(own.split('.').next().unwrap_or(own)) => own.replace(':', "."),
        _ => path.to_owned(),
    }
}

fn number(table: &mut Table, key: &str, number: Option<u64>) {
    if let Some(number) = number.and_then(|number| i64::try_from(number).ok()) {
        table[key] = value(number);
    }
}

fn period(table: &mut Table, key: &str, period: Option<Period>) {
    if let Some(period) = period {
        table[key] = value(period.to_string());
    }
}

fn moment_of(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |at| at.to_string())
}
