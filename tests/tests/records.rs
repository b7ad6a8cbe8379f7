//! Stored records and a schema that changes: the real binary, its journal, and what the plan says before anything is in force.

#![expect(clippy::unwrap_used, reason = "a story that breaks off has failed")]

use adjutant_tests::{Daemon, Office, World};
use serde_json::{Value, json};

const KEEP: &str = r#"schema = "adjutant/v1"
title = "Keeps a customer"
[trigger]
kind = "manual"
[input.name]
type = "string"
[input.status]
type = "string"
[input.budget]
type = "number"
[[step]]
id = "keep"
record = { kind = "customer", key = "{{ input.name }}", write = { name = "{{ input.name }}", status = "{{ input.status }}", budget = "{{ input.budget }}" } }
next = "done"
[[step]]
id = "done"
end = "done"
"#;

const GRANT: &str = "schema = \"adjutant/v1\"\ntitle = \"Keeps\"\n[[autonomy]]\nsubject = \"playbook:keep\"\n\
                     verb = \"record.write\"\nlevel = \"act\"\n";

/// What is stored: name, status, budget.
const STORED: [(&str, &str, u32); 5] = [
    ("ada", "client", 10),
    ("bob", "former", 20),
    ("eve", "client", 900),
    ("ida", "former", 40),
    ("josephine", "lead", 50),
];

fn schema(required: &[&str], properties: &Value) -> String {
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
        .to_string()
}

fn as_stored() -> Value {
    json!({ "name": { "type": "string" }, "status": { "enum": ["lead", "client", "former"] }, "budget": { "type": "number" } })
}

/// A schema with one property said otherwise, or more.
fn with(property: &str, is: Value) -> Value {
    let mut properties = as_stored();
    properties[property] = is;
    properties
}

fn without(property: &str) -> Value {
    let mut properties = as_stored();
    properties.as_object_mut().unwrap().remove(property);
    properties
}

/// A daemon with these records, which puts no other revision in force by itself.
async fn holding() -> Office {
    let world = World::new();
    let _ = world.adjutant(&["init", "co"]).ok();
    world.write("co/playbooks/keep.toml", KEEP);
    world.write("co/policies/keep.toml", GRANT);
    world.write("co/records/customer.json", &schema(&["name"], &as_stored()));
    let daemon = Daemon::start(&world, "co", &[]);
    drop(daemon.api.until("status", |status| status["ready"] == true).await);
    for (name, status, budget) in STORED {
        let input = json!({ "name": name, "status": status, "budget": budget });
        let run = daemon.api.post("runs", &json!({ "playbook": "keep", "input": input })).await;
        let path = format!("runs/{}", run["run"].as_str().unwrap());
        let run = daemon.api.until(&path, |run| !run["ended"].is_null()).await;
        assert_eq!(run["status"], "done", "{run:#}");
    }
    drop(daemon.api.post("hold", &json!({ "reason": "another schema is tried" })).await);
    // The playbook would be refused with most of them: what is asked here is what is stored.
    wish(&daemon, || {
        for file in ["co/playbooks/keep.toml", "co/policies/keep.toml"] {
            std::fs::remove_file(world.path(file)).unwrap();
        }
    })
    .await;
    Office { world, daemon }
}

/// Changes files, and waits until the daemon has seen that.
async fn wish(daemon: &Daemon, change: impl FnOnce()) {
    let before = daemon.api.get("status").await["revision"]["desired"].clone();
    change();
    drop(daemon.api.until("status", |status| status["revision"]["desired"] != before).await);
}

/// Wishes another schema of the records; returns what its plan says.
async fn plan(world: &World, daemon: &Daemon, schema: &str) -> Value {
    wish(daemon, || world.write("co/records/customer.json", schema)).await;
    daemon.api.post("plan", &json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_the_stored_records_that_would_no_longer_fit() {
    let Office { world, daemon } = holding().await;
    let all = ["ada", "bob", "eve", "ida", "josephine"];
    let cases: [(&str, String, &[&str]); 6] = [
        ("a field that is gone", schema(&["name"], &without("budget")), &all),
        ("a field of another type", schema(&["name"], &with("budget", json!({ "type": "string" }))), &all),
        (
            "a field that must be there",
            schema(&["name", "mail"], &with("mail", json!({ "type": "string" }))),
            &all,
        ),
        (
            "a word that is no more",
            schema(&["name"], &with("status", json!({ "enum": ["lead", "client"] }))),
            &["bob", "ida"],
        ),
        (
            "a number that is too large",
            schema(&["name"], &with("budget", json!({ "type": "number", "maximum": 100 }))),
            &["eve"],
        ),
        (
            "a text that is too long",
            schema(&["name"], &with("name", json!({ "type": "string", "maxLength": 4 }))),
            &["josephine"],
        ),
    ];
    for (what, schema, unfit) in cases {
        let answer = plan(&world, &daemon, &schema).await;
        let told = &answer["records"][0];
        assert_eq!(
            (&told["kind"], &told["looked"]),
            (&json!("customer"), &json!(STORED.len())),
            "{what}: {answer:#}"
        );
        assert_eq!(told["unfit"], json!(unfit.len()), "{what}: {told:#}");
        let named: Vec<&str> =
            told["examples"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(named.len(), unfit.len().min(3), "{what}: {told:#}");
        for (one, name) in named.iter().zip(unfit) {
            assert!(one.starts_with(&format!("\"{name}\": ")), "{what}: {told:#}");
        }
        let line = format!("{} of {} \"customer\" would no longer fit", unfit.len(), STORED.len());
        let printed = world.asked(&["plan"]).await;
        assert!(printed.stdout.contains(&line), "{what}: {}", printed.all());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_silent_about_stored_records_that_fit() {
    let Office { world, daemon } = holding().await;
    let wider = [
        schema(&["name"], &with("note", json!({ "type": "string" }))),
        schema(&[], &with("budget", json!({ "type": ["number", "string"] }))),
        schema(&["name", "status", "budget"], &as_stored()),
    ];
    for schema in wider {
        let answer = plan(&world, &daemon, &schema).await;
        assert!(answer["ok"] == true, "{answer:#}");
        let records = answer["records"].as_array().map_or(0, Vec::len);
        assert_eq!(records, 0, "{answer:#}");
        assert!(!world.asked(&["plan"]).await.stdout.contains("no longer fit"));
    }
}
