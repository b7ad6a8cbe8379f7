//! What follows from the field tables: schemas, the reference page, new objects.
//!
//! `ADJUTANT_GOLDEN=1 cargo test -p adjutant-spec --test tables` writes the reference page anew.

#![expect(clippy::disallowed_methods, reason = "the page is written anew on request")]

use std::{env, fs, path::Path};

use adjutant_spec::{
    draft::Node,
    fields::{FILE_KINDS, file_kind, reference},
    load,
    read::{PathKind, classify},
    scaffold,
};
use toml::de::DeTable;

fn kind_of(path: &str) -> Option<&'static str> {
    use adjutant_spec::draft::Kind;
    Some(match classify(path) {
        PathKind::Company => "company",
        PathKind::Slice => "slice",
        PathKind::Object(Kind::Record, _) => return None,
        PathKind::Object(kind, _) => kind.word(),
        PathKind::Policy => "policy",
        PathKind::Prices => "prices",
        PathKind::Scenario => "test",
        _ => return None,
    })
}

#[test]
fn the_examples_fit_the_json_schemas() {
    for example in adjutant_company::examples() {
        for (path, bytes) in adjutant_company::example(&example).iter() {
            let Some(kind) = kind_of(path).and_then(file_kind) else { continue };
            let validator = jsonschema::validator_for(&kind.json_schema()).expect("a schema");
            let text = std::str::from_utf8(bytes).expect("UTF-8");
            let value = Node::document(&DeTable::parse(text).expect("TOML")).to_json();
            let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(wrong, Vec::<String>::new(), "{example}/{path}");
        }
    }
}

#[test]
fn a_schema_refuses_what_the_reader_refuses() {
    let kind = file_kind("playbook").expect("there");
    let validator = jsonschema::validator_for(&kind.json_schema()).expect("a schema");
    let step = |step: serde_json::Value| serde_json::json!({ "schema": "adjutant/v1", "step": [step] });
    assert!(validator.is_valid(&step(serde_json::json!({ "id": "a", "end": "done" }))));
    assert!(!validator.is_valid(&step(serde_json::json!({ "id": "a", "end": "finished" }))));
    assert!(!validator.is_valid(&step(serde_json::json!({ "id": "a" }))));
    assert!(!validator.is_valid(&step(serde_json::json!({ "id": "a", "end": "done", "colour": 1 }))));
    assert!(validator.is_valid(&step(serde_json::json!({ "id": "a", "end": "done", "x-colour": 1 }))));
}

#[test]
fn the_reference_page_follows_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let page = reference();
    if env::var_os("ADJUTANT_GOLDEN").is_some() {
        fs::write(&path, &page).expect("writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/reference.md is old: `make golden` writes it");
}

#[test]
fn every_sample_is_toml() {
    for kind in FILE_KINDS {
        let tables = std::iter::once(kind.table).chain(kind.table.case_tables().iter().copied());
        for field in tables.flat_map(|table| table.fields) {
            let line = format!("{} = {}", field.name, field.sample);
            assert!(DeTable::parse(&line).is_ok(), "{}: {line}", kind.name);
        }
    }
}

#[test]
fn a_new_company_is_without_diagnostics() {
    let loaded = load(&scaffold::init("Ada's \"Works\""));
    assert!(loaded.report.is_empty(), "{}", loaded.report.render());
    assert_eq!(loaded.draft.company.as_ref().expect("read").name, "Ada's \"Works\"");
}

#[test]
fn each_new_object_fits_into_a_new_company() {
    for kind in scaffold::KINDS {
        let mut files = scaffold::init("Example");
        for (path, bytes) in scaffold::new_object(kind, "my-thing").expect("a kind").iter() {
            assert!(files.get(path).is_none(), "{path} is there already");
            files.insert(path, bytes.clone());
        }
        let report = load(&files).report;
        assert!(!report.has_errors(), "{kind}\n{}", report.render());
    }
}

#[test]
fn comments_of_new_objects_can_be_switched_on() {
    for kind in ["playbook", "agent", "route", "connector"] {
        let object = scaffold::new_object(kind, "my-thing").expect("a kind");
        let (_, bytes) = object.iter().find(|(path, _)| path.ends_with(".toml")).expect("a file");
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        assert!(text.contains("\n# owner = "), "{text}");
        let switched: String =
            text.lines().take_while(|line| !line.starts_with('[')).map(switch_on).collect();
        assert!(DeTable::parse(&switched).is_ok(), "{kind}\n{switched}");
    }
}

/// Takes the mark off a comment that is a line of TOML.
fn switch_on(line: &str) -> String {
    let bare = line.strip_prefix("# ").unwrap_or(line);
    if DeTable::parse(bare).is_ok() { format!("{bare}\n") } else { format!("{line}\n") }
}

#[test]
fn what_cannot_be_made_is_refused_with_what_can() {
    let error = scaffold::new_object("workflow", "a").expect_err("no such kind");
    assert!(error.to_string().contains("playbook"), "{error}");
    assert!(scaffold::new_object("playbook", "My Flow").is_err());
}
