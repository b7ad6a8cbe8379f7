//! Companies whose runs simulations drive: the example agency, and a workshop with every class of idempotency.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_machine::{
    eval,
    event::{Labelled, RunStarted},
    id::Stamp,
};
use adjutant_spec::{
    files::FileSet,
    load,
    plan::{Bundle, Plan, Stage},
    value::{Labels, Privacy, Trust},
};
use include_dir::{Dir, include_dir};
use serde_json::{Value, json};

static AGENCY: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../examples/agency");

/// What a lead writes.
pub const LEAD: &str = "We need a website for our bakery, our budget is 4000 EUR.";

/// A company, with the playbook that is run, what its runs are given, and what its agents and routes answer.
#[derive(Debug, Clone)]
pub struct Company {
    /// What is in force.
    pub plan: Plan,
    /// The id of the playbook that it is about.
    pub playbook: &'static str,
    /// What its runs are given.
    pub inputs: Vec<(&'static str, Value)>,
    /// What agents and routes answer, by name.
    pub answers: BTreeMap<String, Value>,
    /// Whether one of its runs works at a time, and the others stand.
    pub queues: bool,
}

impl Company {
    /// Returns the agency, where a lead writes through the website.
    #[must_use]
    pub fn agency() -> Self {
        let classes = json!(["lead", "lead", "lead", "support", "unsure"]);
        let answers = [("qualifier".to_owned(), qualified()), ("inbound".to_owned(), classes)].into();
        Self { plan: agency(), playbook: "inbound", inputs: lead(), answers, queues: false }
    }

    /// Returns the agency, where a lead writes a mail: the run that takes it starts a child.
    #[must_use]
    pub fn agency_with_child() -> Self {
        Self { playbook: "inbound-mail", ..Self::agency() }
    }

    /// Returns a workshop whose one playbook asks a person, calls verbs of every class of idempotency, and can take back most.
    #[must_use]
    pub fn workshop() -> Self {
        let plan = small(&[("playbooks/workshop.toml", WORKSHOP), ("connectors/desk.toml", DESK)]);
        let inputs = vec![("note", json!("a table"))];
        Self { plan, playbook: "workshop", inputs, answers: BTreeMap::new(), queues: false }
    }

    /// Returns a workshop with a foreman, who charges, lets the workshop work in a run of its own, and charges again.
    #[must_use]
    pub fn foreman() -> Self {
        let files = [
            ("playbooks/foreman.toml", FOREMAN),
            ("playbooks/workshop.toml", WORKSHOP),
            ("connectors/desk.toml", DESK),
        ];
        let inputs = vec![("note", json!("a table"))];
        Self { plan: small(&files), playbook: "foreman", inputs, answers: BTreeMap::new(), queues: false }
    }

    /// Returns a meeting: each run says that it is there, waits for another one, says so again, and books once.
    #[must_use]
    pub fn meeting() -> Self {
        let plan = small(&[("playbooks/meeting.toml", MEETING), ("connectors/desk.toml", DESK)]);
        let inputs = vec![("note", json!("a room"))];
        Self { plan, playbook: "meeting", inputs, answers: BTreeMap::new(), queues: false }
    }

    /// Lets one run of it work at a time.
    #[must_use]
    pub fn one_at_a_time(self) -> Self {
        Self { queues: true, ..self }
    }

    /// Returns what its run with this number begins with.
    ///
    /// # Panics
    /// Where the plan has no bundle for the playbook.
    #[must_use]
    pub fn started(&self, number: u32) -> RunStarted {
        let started = started(&self.plan.bundles[self.playbook], Stage::Act, &self.inputs);
        let queue = self.queues.then_some(Stamp(i64::from(number)));
        RunStarted {
            run: format!("{}-{number}", self.playbook),
            key: format!("m-{number}"),
            queue,
            ..started
        }
    }
}

/// Returns the plan of the example agency.
///
/// # Panics
/// Where it has mistakes.
#[must_use]
pub fn agency() -> Plan {
    let mut files = FileSet::new();
    collect(&AGENCY, &mut files);
    plan(&files)
}

/// Returns the plan of a small company with these files.
///
/// # Panics
/// Where they have mistakes.
#[must_use]
pub fn small(files: &[(&str, &str)]) -> Plan {
    let mut set = FileSet::new();
    set.insert("adjutant.toml", COMPANY.as_bytes());
    for (path, text) in files {
        set.insert(*path, text.as_bytes());
    }
    plan(&set)
}

fn plan(files: &FileSet) -> Plan {
    let loaded = load(files);
    let plan = loaded.plan.unwrap_or_else(|| panic!("the company has mistakes:\n{}", loaded.report.render()));
    Arc::unwrap_or_clone(plan)
}

fn collect(folder: &Dir<'_>, files: &mut FileSet) {
    for file in folder.files() {
        files.insert(file.path().to_string_lossy(), file.contents());
    }
    folder.dirs().for_each(|inner| collect(inner, files));
}

/// Returns what a run begins with.
#[must_use]
pub fn started(bundle: &Bundle, stage: Stage, inputs: &[(&str, Value)]) -> RunStarted {
    let playbook = &bundle.playbook.id;
    let labels = Labels { trust: Trust::External, privacy: Privacy::Client };
    let input: BTreeMap<String, Labelled> = inputs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Labelled { value: value.clone(), labels }))
        .collect();
    RunStarted {
        run: format!("{playbook}-1"),
        playbook: playbook.clone(),
        oldest: None,
        bundle: bundle.id(),
        key: "m-1".to_owned(),
        revision: "r1".to_owned(),
        stage,
        trigger: json!({}),
        parent: None,
        about: eval::about(bundle, &input),
        input,
        dry: false,
        speaker: None,
        hearing: None,
        queue: None,
        chain: 0,
        purses: Vec::new(),
    }
}

/// Returns the inputs of the agency's main playbook.
#[must_use]
pub fn lead() -> Vec<(&'static str, Value)> {
    vec![("message", json!(LEAD)), ("sender", json!("mia@bakery.example")), ("name", json!("Mia"))]
}

/// Returns what a good model answers to the lead.
#[must_use]
pub fn qualified() -> Value {
    json!({
        "lead": {"name": "Mia", "email": "mia@bakery.example", "company": "Bakery", "need": "a website"},
        "budget": 4000, "fit": "good", "confidence": 0.9, "reasons": ["names a budget"], "summary": "A bakery."
    })
}

const COMPANY: &str = r#"schema = "adjutant/v1"
name = "Example"
owner = "founder"
zone = "UTC"
currency = "EUR"
"#;

const WORKSHOP: &str = r#"schema = "adjutant/v1"
title = "Books, tells and takes back"
deadline = "30d"

[input.note]
type = "string"
trust = "external"
privacy = "client"

[[step]]
id = "ask"
gate = "Book {{ input.note }}?"
show = ["input.note"]
risk = "low"
expires = "7d"
on = { denied = "close", expired = "close" }

[[step]]
id = "book"
call = "desk.book"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.unbook", with = { id = "{{ steps.book.id }}", key = "{{ effect.key }}" } }

[[step]]
id = "charge"
call = "desk.charge"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.refund", with = { id = "{{ steps.charge.id }}" } }

[[step]]
id = "rest"
wait = "1h"

[[step]]
id = "announce"
call = "desk.announce"
with = { note = "{{ input.note }}" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "done"

[[step]]
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

const FOREMAN: &str = r#"schema = "adjutant/v1"
title = "Charges, and lets others work"

[input.note]
type = "string"
trust = "external"
privacy = "client"

[[step]]
id = "ask"
gate = "Let others work on {{ input.note }}?"
show = ["input.note"]
risk = "low"
expires = "7d"
on = { denied = "close", expired = "close" }

[[step]]
id = "first"
call = "desk.charge"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.refund", with = { id = "{{ steps.first.id }}" } }

[[step]]
id = "hand"
run = "workshop"
with = { note = "{{ input.note }}" }
on = { failed = "alone" }
next = "second"

[[step]]
id = "alone"
wait = "1h"
next = "second"

[[step]]
id = "second"
call = "desk.charge"
with = { note = "{{ input.note }} again" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.refund", with = { id = "{{ steps.second.id }}" } }
next = "done"

[[step]]
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

const MEETING: &str = r#"schema = "adjutant/v1"
title = "Waits for the others"
deadline = "30d"

[input.note]
type = "string"
trust = "external"
privacy = "client"

[[step]]
id = "here"
emit = "here"
key = "{{ input.note }}"
with = { who = "{{ run.id }}" }

[[step]]
id = "other"
wait = { signal = "here", key = "{{ input.note }}", expires = "2d" }
on = { expired = "alone" }

[[step]]
id = "greet"
signal = "greeted"
to = "{{ steps.other.data.who }}"
with = { who = "{{ run.id }}" }

[[step]]
id = "greeted"
wait = { signal = "greeted", expires = "1d" }
on = { expired = "alone" }
next = "ask"

[[step]]
id = "alone"
wait = "1h"
next = "ask"

[[step]]
id = "ask"
gate = "Book {{ input.note }}?"
show = ["input.note"]
risk = "low"
expires = "7d"
on = { denied = "close", expired = "close" }

[[step]]
id = "book"
call = "desk.charge"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.refund", with = { id = "{{ steps.book.id }}" } }
next = "done"

[[step]]
id = "close"
end = "cancelled"

[[step]]
id = "done"
end = "done"
"#;

const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.book]
method = "POST"
path = "/book"
effect = "spend"
idempotency = "probe"
probe = "look"
input = { note = "string" }
output = { id = "string" }

[verbs.look]
method = "GET"
path = "/book"
effect = "read"
idempotency = "pure"
input = { key = "string" }
with = { key = "{{ effect.key }}" }
found = "result.data | length > 0"
value = "result.data[0]"

[verbs.unbook]
method = "POST"
path = "/unbook"
effect = "delete"
idempotency = "at_most_once"
input = { id = "string", key = "string" }

[verbs.charge]
method = "POST"
path = "/charge"
effect = "spend"
idempotency = "native_key"
key_valid = "20s"
input = { note = "string" }
output = { id = "string" }

[verbs.refund]
method = "POST"
path = "/refund"
effect = "spend"
idempotency = "native_key"
input = { id = "string" }

[verbs.announce]
method = "POST"
path = "/announce"
effect = "send"
idempotency = "at_most_once"
input = { note = "string" }
"#;
