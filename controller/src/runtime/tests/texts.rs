//! The company that these tests run, as files.

use std::{collections::BTreeMap, sync::Arc};

use adjutant_spec::{files::FileSet, plan::Plan};

pub(super) const COMPANY: &str = r#"schema = "adjutant/v1"
name = "Test"
owner = "founder"
zone = "Europe/Berlin"
currency = "EUR"

[[persona]]
id = "founder"
email = "founder@test.example"
"#;

pub(super) const DESK: &str = r#"schema = "adjutant/v1"
title = "The desk"
kind = "http"
endpoint = "http://127.0.0.1:9"

[verbs.put]
method = "PUT"
path = "/put"
effect = "write"
idempotency = "native_key"
input = { text = "string" }
output = { id = "string" }

[verbs.post]
method = "POST"
path = "/post"
effect = "write"
idempotency = "at_most_once"
input = { text = "string" }
output = { id = "string" }

[verbs.book]
method = "POST"
path = "/book"
effect = "write"
idempotency = "probe"
probe = "find"
input = { text = "string" }
output = { id = "string" }

[verbs.find]
method = "GET"
path = "/find"
effect = "read"
idempotency = "pure"
input = { key = "string" }
with = { key = "{{ effect.key }}" }
found = "result.data | length > 0"
value = "result.data[0]"

[verbs.cancel]
method = "POST"
path = "/cancel"
effect = "write"
idempotency = "native_key"
input = { id = "string" }

[verbs.slow]
method = "PUT"
path = "/slow"
effect = "write"
idempotency = "native_key"
rate = { calls = 2, per = "2s" }
input = { text = "string" }
output = { id = "string" }
"#;

pub(super) const MODEL: &str = r#"schema = "adjutant/v1"
title = "The model"
kind = "openai"
endpoint = "http://127.0.0.1:9/v1"
"#;

pub(super) const THINKER: &str = r#"schema = "adjutant/v1"
title = "Thinks"
prompt = "prompts/thinker.md"
input = { text = "string" }
[model]
connector = "llm"
name = "m"
fallback = "error"
max_tokens = 100
[output]
answer = "string"
"#;

pub(super) const PRICES: &str = r#"schema = "adjutant/v1"
currency = "EUR"
default_cap = "1.00 EUR"
[models.m]
input = "1"
output = "1"
"#;

pub(super) const CUSTOMER: &str = r#"{ "type": "object", "required": ["name"], "additionalProperties": false,
 "properties": { "name": { "type": "string" }, "note": { "type": "string" } } }"#;

/// A playbook of one call of a verb, started by hand.
pub(super) fn calls(verb: &str) -> String {
    format!(
        "schema = \"adjutant/v1\"\ntitle = \"Calls\"\ndeadline = \"30d\"\n\
         [input.text]\ntype = \"string\"\ndefault = \"hi\"\ntrust = \"operator\"\n\
         [[step]]\nid = \"act\"\ncall = \"desk.{verb}\"\nwith = {{ text = \"{{{{ input.text }}}}\" }}\n\
         retry = {{ attempts = 3, backoff = \"1s..4s\" }}\n\
         undo = {{ call = \"desk.cancel\", with = {{ id = \"{{{{ steps.act.id }}}}\" }} }}\nnext = \"done\"\n\
         [[step]]\nid = \"done\"\nend = \"done\"\n"
    )
}

pub(super) fn grants(playbook: &str, verbs: &[&str]) -> String {
    let grant = |verb: &&str| {
        format!("[[autonomy]]\nsubject = \"playbook:{playbook}\"\nverb = \"{verb}\"\nlevel = \"act\"\n")
    };
    verbs.iter().map(grant).collect()
}

/// A policy that grants each verb to the playbook of its name.
pub(super) fn granted(verbs: &[&str]) -> String {
    let all: String = verbs.iter().map(|verb| grants(verb, &[&format!("desk.{verb}")])).collect();
    format!("schema = \"adjutant/v1\"\ntitle = \"Grants\"\n{all}")
}

/// The files that every company here has, with some more.
pub(super) fn files(more: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut put = |path: &str, text: &str| files.insert(path.to_owned(), text.as_bytes().to_vec());
    put("adjutant.toml", COMPANY);
    put("connectors/desk.toml", DESK);
    put("connectors/llm.toml", MODEL);
    put("agents/thinker.toml", THINKER);
    put("prompts/thinker.md", "Think about {{ input.text }}.");
    put("prices.toml", PRICES);
    put("records/customer.json", CUSTOMER);
    let verbs = ["put", "post", "book", "slow"];
    for verb in verbs {
        put(&format!("playbooks/{verb}.toml"), &calls(verb));
    }
    put("policies/grants.toml", &granted(&verbs));
    for (path, text) in more {
        put(path, text);
    }
    files
}

/// The plan of these files.
pub(super) fn plan(files: &BTreeMap<String, Vec<u8>>) -> Arc<Plan> {
    let mut set = FileSet::new();
    for (path, bytes) in files {
        set.insert(path.as_str(), bytes.clone());
    }
    let loaded = adjutant_spec::load(&set);
    loaded.plan.unwrap_or_else(|| panic!("the test company is wrong:\n{}", loaded.report.render()))
}

pub(super) fn company(more: &[(&str, &str)]) -> Arc<Plan> {
    plan(&files(more))
}
