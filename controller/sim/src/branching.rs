//! Companies whose runs have branches: an `each` with failing and nested items, and `parallel`s that join in every way.
//!
//! What stands in a branch here does what no check lets pass without a gate, and lists grow past what a file may ask for. So a company
//! is written with flat steps, and what stands inside is moved there: a step whose id begins with `<holder>-` is part of the
//! holder's body.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_spec::{
    plan::{Fragment, Join, Lane, Playbook, Step, StepKind},
    value::{Arg, Template},
};
use serde_json::{Value, json};

use crate::companies::{Company, small};

/// How an `each` is to be.
#[derive(Debug, Clone, Copy)]
pub struct Many {
    /// The most that go on at once.
    pub max_parallel: u32,
    /// How many must end well.
    pub min_ok: Option<u32>,
}

impl Company {
    /// Returns a company that digs in many places: every item acts twice and can be taken back, a bad one fails by itself.
    #[must_use]
    pub fn digs(places: &[Value], many: Many) -> Self {
        let mut company = Self::of("dig", DIG, places);
        company.change(|playbook| {
            let body = body(playbook, "dig", "dig-", &[("note", "{{ input.note }}")]);
            hold(playbook, "dig", each("{{ input.places }}", many, body), "after");
        });
        company
    }

    /// Returns a company whose items have items themselves, with a person who is asked for each of the inner ones.
    #[must_use]
    pub fn digs_deep(places: &[Value]) -> Self {
        let mut company = Self::of("deep", DEEP, places);
        company.change(|playbook| {
            let inner = body(playbook, "dig-in", "dig-in-", &[("note", "{{ input.note }}")]);
            let many = Many { max_parallel: 2, min_ok: Some(1) };
            hold(playbook, "dig-in", each("{{ input.item.parts }}", many, inner), "dig-seal");
            let outer = body(playbook, "dig", "dig-", &[("note", "{{ input.note }}")]);
            hold(playbook, "dig", each("{{ input.places }}", many, outer), "after");
        });
        company
    }

    /// Returns a company that does three things side by side: one asks a person, one waits, one acts at once.
    #[must_use]
    pub fn splits(join: Join) -> Self {
        let mut company = Self::of("split", SPLIT, &[]);
        company.change(|playbook| {
            let lanes = ["ask", "wait", "act"].map(|lane| Lane {
                id: lane.to_owned(),
                body: body(playbook, "split", &format!("split-{lane}-"), &[("note", "{{ input.note }}")]),
            });
            let kind = StepKind::Parallel { lanes: lanes.into(), join };
            hold(playbook, "split", kind, "after");
        });
        company
    }

    /// Returns a company whose playbook is written as it stands, with a `note` and `places` as inputs.
    #[must_use]
    pub fn of(playbook: &'static str, text: &str, places: &[Value]) -> Self {
        let policies = GRANT.replace("PLAYBOOK", playbook);
        let plan = small(&[
            (&format!("playbooks/{playbook}.toml"), text),
            ("connectors/desk.toml", DESK),
            ("policies/grants.toml", &policies),
        ]);
        let inputs = vec![("note", json!("a well")), ("places", json!(places))];
        Self { plan, playbook, inputs, answers: BTreeMap::new(), queues: false }
    }

    /// Changes the playbook that is run, in the plan and in its bundle alike.
    pub fn change(&mut self, change: impl FnOnce(&mut Playbook)) {
        let id = self.playbook;
        let mut bundle = (*self.plan.bundles[id]).clone();
        change(&mut bundle.playbook);
        // What a branch is given is no input of the run.
        bundle.playbook.inputs.remove("item");
        self.plan.playbooks.insert(id.to_owned(), Arc::new(bundle.playbook.clone()));
        self.plan.bundles.insert(id.to_owned(), Arc::new(bundle));
    }
}

fn each(items: &str, many: Many, body: Fragment) -> StepKind {
    let Many { max_parallel, min_ok } = many;
    let (items, item) = (template(items), "item".to_owned());
    StepKind::Each { items, item, max_items: 20_000, max_parallel, min_ok, budget: None, body }
}

fn template(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Takes the steps whose ids begin so out of a playbook.
fn body(playbook: &mut Playbook, holder: &str, prefix: &str, inputs: &[(&str, &str)]) -> Fragment {
    let is_inside = |step: &Step| step.id.starts_with(prefix) && step.id != holder;
    let (steps, rest) = std::mem::take(&mut playbook.steps).into_iter().partition(is_inside);
    playbook.steps = rest;
    let inputs = inputs.iter().map(|(name, text)| ((*name).to_owned(), Arg::Template(template(text))));
    Fragment { inputs: inputs.collect(), steps }
}

/// Gives a step that stood for its branches their kind, and lets it go on at another step.
fn hold(playbook: &mut Playbook, holder: &str, kind: StepKind, next: &str) {
    let step = playbook.steps.iter_mut().find(|step| step.id == holder);
    let step = step.unwrap_or_else(|| panic!("there is no step {holder}"));
    step.kind = kind;
    step.next = Some(next.to_owned());
}

const GRANT: &str = r#"schema = "adjutant/v1"
title = "What may be done without asking"

[[autonomy]]
subject = "playbook:PLAYBOOK"
verb = "desk.*"
level = "act"
"#;

const DIG: &str = r#"schema = "adjutant/v1"
title = "Digs in many places"

[input.note]
type = "string"
trust = "operator"

[input.places]
type = "list"
trust = "operator"

[input.item]
type = "table"
trust = "operator"

[[step]]
id = "first"
call = "desk.note"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "dig"
choose = [{ when = "input.note == ''", to = "dig-look" }]
else = "after"

[[step]]
id = "dig-look"
choose = [{ when = "input.item.bad", to = "dig-bad" }]
else = "dig-mark"

[[step]]
id = "dig-mark"
call = "desk.mark"
with = { note = "{{ input.item.name }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "dig-keep"
call = "desk.note"
with = { note = "{{ input.note }} {{ input.item.name }}" }
retry = { attempts = 3, backoff = "1s..5s" }
next = "dig-done"

[[step]]
id = "dig-bad"
end = "failed"

[[step]]
id = "dig-done"
end = "done"

[[step]]
id = "after"
call = "desk.note"
with = { note = "after" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;

const DEEP: &str = r#"schema = "adjutant/v1"
title = "Digs in many places, deep"
deadline = "30d"

[input.note]
type = "string"
trust = "operator"

[input.places]
type = "list"
trust = "operator"

[input.item]
type = "table"
trust = "operator"

[[step]]
id = "first"
call = "desk.mark"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "dig"
choose = [{ when = "input.note == ''", to = "dig-mark" }]
else = "after"

[[step]]
id = "dig-mark"
call = "desk.mark"
with = { note = "{{ input.item.name }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "dig-in"
choose = [{ when = "input.note == ''", to = "dig-in-ask" }]
else = "dig-seal"

[[step]]
id = "dig-in-ask"
gate = "Book {{ input.item.name }}?"
risk = "low"
expires = "7d"
on = { denied = "dig-in-no", expired = "dig-in-no" }

[[step]]
id = "dig-in-book"
call = "desk.book"
with = { note = "{{ input.note }} {{ input.item.name }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.unbook", with = { id = "{{ steps['dig-in-book'].id }}" } }
next = "dig-in-done"

[[step]]
id = "dig-in-no"
end = "cancelled"

[[step]]
id = "dig-in-done"
end = "done"

[[step]]
id = "dig-seal"
call = "desk.note"
with = { note = "{{ input.item.name }}" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "dig-done"
end = "done"

[[step]]
id = "after"
call = "desk.note"
with = { note = "after" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;

const SPLIT: &str = r#"schema = "adjutant/v1"
title = "Does three things side by side"

[input.note]
type = "string"
trust = "operator"

[input.places]
type = "list"
trust = "operator"

[[step]]
id = "first"
call = "desk.note"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "split"
choose = [
    { when = "input.note == 'a'", to = "split-ask-gate" },
    { when = "input.note == 'b'", to = "split-wait-mark" },
    { when = "input.note == 'c'", to = "split-act-mark" },
]
else = "after"

[[step]]
id = "split-ask-gate"
gate = "Book {{ input.note }}?"
show = ["input.note"]
risk = "low"
expires = "7d"
on = { denied = "split-ask-no", expired = "split-ask-no" }

[[step]]
id = "split-ask-book"
call = "desk.book"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.unbook", with = { id = "{{ steps['split-ask-book'].id }}" } }
next = "split-ask-done"

[[step]]
id = "split-ask-no"
end = "failed"

[[step]]
id = "split-ask-done"
end = "done"

[[step]]
id = "split-wait-mark"
call = "desk.mark"
with = { note = "wait" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "split-wait-rest"
wait = "1h"

[[step]]
id = "split-wait-note"
call = "desk.note"
with = { note = "waited" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "split-wait-done"
end = "done"

[[step]]
id = "split-act-mark"
call = "desk.mark"
with = { note = "act" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "split-act-note"
call = "desk.note"
with = { note = "acted" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "split-act-done"
end = "done"

[[step]]
id = "after"
call = "desk.note"
with = { note = "after" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;

const DESK: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://desk.example.com"

[verbs.note]
method = "POST"
path = "/note"
effect = "write"
idempotency = "native_key"
key_valid = "30d"
undo = "erase"
input = { note = "string" }
output = { id = "string" }

[verbs.erase]
method = "POST"
path = "/erase"
effect = "write"
idempotency = "native_key"
key_valid = "30d"
input = { id = "string" }

[verbs.mark]
method = "POST"
path = "/mark"
effect = "write"
idempotency = "probe"
probe = "look"
undo = "unmark"
input = { note = "string" }
output = { id = "string" }

[verbs.look]
method = "GET"
path = "/mark"
effect = "read"
idempotency = "pure"
input = { key = "string" }
with = { key = "{{ effect.key }}" }
found = "result.data | length > 0"
value = "result.data[0]"

[verbs.unmark]
method = "POST"
path = "/unmark"
effect = "write"
idempotency = "at_most_once"
input = { id = "string" }

[verbs.book]
method = "POST"
path = "/book"
effect = "spend"
idempotency = "probe"
probe = "look"
undo = "unbook"
input = { note = "string" }
output = { id = "string" }

[verbs.unbook]
method = "POST"
path = "/unbook"
effect = "write"
idempotency = "native_key"
key_valid = "30d"
input = { id = "string" }
"#;
