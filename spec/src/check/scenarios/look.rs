//! One scenario under check: what is asked of it as a whole, and where things stand in its file.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    check::{
        Children,
        cx::{Out, Say},
        names::{self, Found, hint},
        shape, times,
    },
    diag::{Code, Diagnostic, Spot},
    draft::{At, Draft, Kind},
    files::slice_of,
    kinds::Role,
    plan::{Playbook, Step, Trigger},
    scenario::{Begin, Scenario, told},
    schema,
    value::civil,
};

/// One scenario under check.
pub(super) struct Look<'a> {
    pub(super) draft: &'a Draft,
    /// As written, with its place.
    pub(super) at: &'a At<Scenario>,
    /// With its names resolved.
    pub(super) scenario: &'a Scenario,
    pub(super) children: &'a Children<'a>,
}

impl<'a> Look<'a> {
    pub(super) fn spot(&self, key: &str) -> Spot {
        self.draft.spot(self.at, key)
    }

    /// Returns whether the file sets a key.
    pub(super) fn sets(&self, key: &str) -> bool {
        let tree = self.draft.places.tree(&self.at.file);
        let steps = key.split('.').map(|part| part.split_once('[').unwrap_or((part, "")));
        let found = steps.fold(tree, |node, (name, index)| {
            let node = node?.get(name)?;
            match index.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()) {
                Some(index) => node.items().get(index),
                None => Some(node),
            }
        });
        found.is_some()
    }

    /// Reports keys of one table of which only one may be there.
    pub(super) fn one_of(&self, table: &str, keys: &[&str], out: &mut Out) {
        let full = |key: &&&str| if table.is_empty() { (**key).to_owned() } else { format!("{table}.{key}") };
        let there: Vec<&&str> = keys.iter().filter(|key| self.sets(&full(key))).collect();
        if let [first, second, ..] = there.as_slice() {
            out.say(
                Code::E0120,
                self.spot(&full(second)),
                Say {
                    message: format!("`{first}` and `{second}` do not go together"),
                    label: "one too many",
                    help: format!("keep `{first}` or `{second}`"),
                },
            );
        }
    }

    pub(super) fn together(&self, out: &mut Out) {
        self.one_of("", &["input", "event", "slot"], out);
        self.one_of("", &["end", "until"], out);
        self.one_of("", &["slot", "starts"], out);
    }

    /// Returns a playbook by the name at a key, or reports that there is none.
    pub(super) fn playbook(&self, key: &str, written: &str, out: &mut Out) -> Option<&'a Playbook> {
        match names::find(self.draft, Kind::Playbook, slice_of(&self.at.file), written) {
            Found::Id(id) => self.children.get(&id),
            Found::Broken(_) => None,
            Found::Missing(help) => {
                let message = format!("the scenario plays playbook \"{written}\", which does not exist");
                let found = Diagnostic::new(Code::E0205, self.spot(key), message);
                out.push(found.label("no such playbook").help_if(help));
                None
            }
        }
    }

    /// Returns a step of a playbook, or reports that there is none.
    pub(super) fn step<'p>(
        &self,
        playbook: &'p Playbook,
        id: &str,
        key: &str,
        out: &mut Out,
    ) -> Option<&'p Step> {
        let found = playbook.step(id);
        if found.is_none() {
            let steps = playbook.every_step();
            let help = hint(id, steps.iter().map(|step| step.id.as_str()));
            let message = format!("playbook \"{}\" has no step \"{id}\"", playbook.id);
            out.push(
                Diagnostic::new(Code::E0212, self.spot(key), message).label("no such step").help_if(help),
            );
        }
        found
    }

    /// Reports what is wrong with a value that has to fit a schema.
    pub(super) fn fits(&self, key: &str, value: &Value, wanted: &Wanted<'_>, out: &mut Out) {
        let Some(found) = schema::mismatches(wanted.schema, value).into_iter().next() else { return };
        let below: String = found.path.replace('/', ".");
        out.say(
            Code::E0702,
            self.spot(&format!("{key}{below}")),
            Say {
                message: format!("{} does not fit: {}", wanted.what, found.problem),
                label: "does not fit",
                help: format!("it has {}", outline(wanted.schema)),
            },
        );
    }

    pub(super) fn begin(&self, playbook: &Playbook, out: &mut Out) {
        match (&self.scenario.begin, &playbook.trigger) {
            (Begin::Input(values), _) => self.input(playbook, values, out),
            (Begin::Event(event), Trigger::Event { connector, event: name, .. }) => {
                let known = self.draft.connectors.get(connector).map(|at| &at.value);
                let Some(schema) = known.and_then(|known| known.events.get(name)) else { return };
                if known.is_some_and(|known| known.is_for(Role::TakesMails)) {
                    self.of_mail(event, schema, out);
                }
                let event = told(known, name, event);
                let what = format!("event \"{name}\" of connector \"{connector}\"");
                self.fits("event", &event, &Wanted { what, schema }, out);
            }
            (Begin::Slot(slot), Trigger::Schedule { cron, zone, .. }) => {
                self.slot(*slot, Slots { cron, zone }, out);
            }
            (Begin::Event(_), _) => self.no_such_begin(playbook, "event", out),
            (Begin::Slot(_), _) => self.no_such_begin(playbook, "slot", out),
        }
    }

    /// What a mail is not said to have is filled in, so a word that no mail has would go unseen.
    fn of_mail(&self, event: &Value, schema: &Value, out: &mut Out) {
        let Some(fields) = schema["properties"].as_object() else { return };
        let given = event.as_object().into_iter().flat_map(|given| given.keys());
        for name in given.filter(|name| !fields.contains_key(*name)) {
            let found = Diagnostic::new(
                Code::E0702,
                self.spot(&format!("event.{name}")),
                format!("a mail has no field \"{name}\""),
            );
            out.push(found.label("does not fit").help_if(hint(name, fields.keys().map(String::as_str))));
        }
    }

    /// A slot is a moment at which the schedule fires.
    fn slot(&self, slot: i64, slots: Slots<'_>, out: &mut Out) {
        let Slots { cron, zone } = slots;
        let Some(next) = times::slot_from(cron, zone, slot).filter(|next| *next != slot) else { return };
        out.say(
            Code::E0704,
            self.spot("slot"),
            Say {
                message: format!("the schedule `{cron}` has no slot at this moment"),
                label: "starts nothing",
                help: format!("the next one is {}", civil(next, zone).unwrap_or_default()),
            },
        );
    }

    pub(super) fn no_such_begin(&self, playbook: &Playbook, key: &str, out: &mut Out) {
        let starts = match &playbook.trigger {
            Trigger::Manual => "is started by hand: give an `input`",
            Trigger::Event { .. } => "is started by an event: give an `event`, or an `input`",
            Trigger::Signal { .. } => "is started by a signal: give an `input`",
            Trigger::Record { .. } => "is started by a write of a record: give an `input`",
            Trigger::Schedule { .. } => "is started by its schedule: give a `slot`, or an `input`",
        };
        out.say(
            Code::E0704,
            self.spot(key),
            Say {
                message: format!("no {key} starts playbook \"{}\"", playbook.id),
                label: "starts nothing",
                help: format!("it {starts}"),
            },
        );
    }

    pub(super) fn input(&self, playbook: &Playbook, values: &BTreeMap<String, Value>, out: &mut Out) {
        for name in values.keys().filter(|name| !playbook.inputs.contains_key(*name)) {
            let message = format!("playbook \"{}\" has no input \"{name}\"", playbook.id);
            let help = hint(name, playbook.inputs.keys().map(String::as_str));
            let found = Diagnostic::new(Code::E0215, self.spot(&format!("input.{name}")), message);
            out.push(found.label("no such input").help_if(help));
        }
        let currency = self.draft.company.as_ref().map(|company| company.currency);
        for (name, input) in &playbook.inputs {
            let Err(problem) = input.settle(values.get(name).cloned(), currency) else { continue };
            let key = if values.contains_key(name) { format!("input.{name}") } else { "playbook".to_owned() };
            out.say(
                Code::E0702,
                self.spot(&key),
                Say {
                    message: format!("input \"{name}\" {problem}"),
                    label: "does not fit",
                    help: format!("give it under `input`: {}", input.type_.noun()),
                },
            );
        }
    }

    /// Returns the schema of a kind of record, or reports that there is none.
    pub(super) fn record(&self, key: &str, kind: &str, out: &mut Out) -> Option<&'a Value> {
        match names::find(self.draft, Kind::Record, slice_of(&self.at.file), kind) {
            Found::Id(id) => self.draft.records.get(&id).map(|at| &at.value),
            Found::Broken(_) => None,
            Found::Missing(help) => {
                let message = format!("there is no kind of record \"{kind}\"");
                let found = Diagnostic::new(Code::E0208, self.spot(key), message);
                out.push(found.label("no such record").help_if(help));
                None
            }
        }
    }

    pub(super) fn given(&self, out: &mut Out) {
        for (place, given) in self.at.given.iter().enumerate() {
            let Some(schema) = self.record(&format!("given[{place}].kind"), &given.kind, out) else {
                continue;
            };
            let what = format!("record {} \"{}\"", given.kind, given.key);
            // What comes later is merged into what is there, and is judged then.
            if given.after.is_none() {
                self.fits(&format!("given[{place}].value"), &given.value, &Wanted { what, schema }, out);
            }
        }
    }

    pub(super) fn records(&self, out: &mut Out) {
        for (place, wanted) in self.at.records.iter().enumerate() {
            self.one_of(&format!("records[{place}]"), &["missing", "value"], out);
            self.one_of(&format!("records[{place}]"), &["missing", "version"], out);
            let Some(schema) = self.record(&format!("records[{place}].kind"), &wanted.kind, out) else {
                continue;
            };
            for name in wanted.value.keys() {
                let Err(missing) = shape::walk(schema, &[name]) else { continue };
                let message = format!("a {} has no field \"{name}\"", wanted.kind);
                let help = hint(name, missing.known.iter().map(String::as_str));
                let spot = self.spot(&format!("records[{place}].value.{name}"));
                out.push(Diagnostic::new(Code::E0213, spot, message).label("no such field").help_if(help));
            }
        }
    }

    pub(super) fn never(&self, out: &mut Out) {
        for (place, verb) in self.at.never.iter().enumerate() {
            let Found::Missing(help) = names::find_verb(self.draft, slice_of(&self.at.file), verb) else {
                continue;
            };
            let message = format!("the scenario forbids \"{verb}\", which does not exist");
            let found = Diagnostic::new(Code::E0206, self.spot(&format!("never[{place}]")), message);
            out.push(found.label("no such verb").help_if(help));
        }
    }
}

/// When a schedule fires.
struct Slots<'a> {
    cron: &'a str,
    zone: &'a str,
}

/// What a value has to fit.
pub(super) struct Wanted<'a> {
    /// What it is, for people.
    pub(super) what: String,
    pub(super) schema: &'a Value,
}

/// Returns what a schema wants, in a few words.
fn outline(schema: &Value) -> String {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
        return format!("the type {}", shape::type_words(schema));
    };
    let needed = shape::required(schema);
    let field = |(name, field): (&String, &Value)| {
        let mark = if needed.contains(&name.as_str()) { "" } else { "?" };
        let word = match field.get("enum").and_then(Value::as_array) {
            Some(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
            None => shape::type_words(field),
        };
        format!("{name}{mark}: {word}")
    };
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}
