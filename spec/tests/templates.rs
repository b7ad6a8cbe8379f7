//! Whoever makes templates ready walks all of them: held against what a bundle looks like when it is stored.

use std::collections::BTreeSet;

use adjutant_company::{company, example};
use adjutant_spec::plan::Bundle;
use serde_json::Value;

/// Finds templates by their form, whatever they lie in: a new place for one is found here, and must be walked there.
fn by_form(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let is_template = fields.get("source").is_some_and(Value::is_string)
                && fields.keys().all(|key| ["source", "expression", "reads"].contains(&key.as_str()));
            if is_template {
                found.insert(fields["source"].as_str().unwrap_or_default().to_owned());
            }
            fields.values().for_each(|field| by_form(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| by_form(item, found)),
        _ => {}
    }
}

/// A playbook with a template in each place that the examples have none in.
const EVERYWHERE: &str = r#"schema = "adjutant/v1"
title = "Everywhere"
deadline = "90d"
about = { kind = "client", key = "{{ input.key }}-about" }
[trigger]
kind = "schedule"
cron = "0 0 9 * * *"
key = "{{ event.slot }}-slot"
[input.key]
type = "string"
default = "k"
from = "{{ event.slot }}-from"
[[step]]
id = "one"
record = { read = "one", kind = "client", key = "{{ input.key }}-one" }
[[step]]
id = "list"
record = { read = "list", kind = "client", where = { name = "{{ input.key }}-filter" } }
[[step]]
id = "write"
when = "input.key == 'k'"
record = { kind = "client", key = "{{ input.key }}-write", write = { name = "{{ input.key }}-value" }, expect = "{{ steps.one.version }}" }
[[step]]
id = "until"
wait = { until = "{{ input.key }}-until" }
[[step]]
id = "child"
run = "leaf"
with = { list = ["{{ input.key }}-nested"] }
[[step]]
id = "pick"
choose = [{ when = "input.key == 'x'", to = "done" }]
else = "done"
[[step]]
id = "done"
end = "done"
"#;

const LEAF: &str = "schema = \"adjutant/v1\"\ntitle = \"Leaf\"\n[input.list]\ntype = \"list\"\n[[step]]\nid = \"done\"\nend = \"done\"\n";
const CLIENT: &str = r#"{ "type": "object", "properties": { "name": { "type": "string" } } }"#;
const GRANT: &str = "schema = \"adjutant/v1\"\ntitle = \"G\"\n[[autonomy]]\nsubject = \"playbook:everywhere\"\nverb = \"record.write\"\nlevel = \"act\"\n";

#[test]
fn every_template_is_walked() {
    let everywhere = company(&[
        ("playbooks/everywhere.toml", EVERYWHERE),
        ("playbooks/leaf.toml", LEAF),
        ("records/client.json", CLIENT),
        ("policies/grant.toml", GRANT),
    ]);
    let mut seen = 0;
    for (name, files) in [("agency", example("agency")), ("everywhere", everywhere)] {
        let loaded = adjutant_spec::load(&files);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{}", loaded.report.render()));
        for bundle in plan.bundles.values() {
            let walked: BTreeSet<String> =
                bundle.templates().into_iter().map(|template| template.source.clone()).collect();
            // The conditions of a route's rules are evaluated by who classifies.
            let bundle = Bundle { routes: Default::default(), ..(**bundle).clone() };
            let mut found = BTreeSet::new();
            by_form(&serde_json::to_value(&bundle).expect("a bundle has a JSON form"), &mut found);
            assert_eq!(found.difference(&walked).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
            seen += found.len();
        }
    }
    assert!(seen > 30, "the examples have templates: {seen}");
}
