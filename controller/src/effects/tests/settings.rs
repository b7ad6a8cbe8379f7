//! No setting is there for nothing: what the reference page promises somebody reads, and what we read the language knows.

use std::{collections::BTreeSet, fs, path::Path};

use adjutant_spec::fields::{Field, Support, Table, Ty, file_kind};
use regex_lite::Regex;

/// The sources of the program, without its tests.
fn sources(below: &str) -> String {
    let mut text = String::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(below)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let source = fs::read_to_string(&path).unwrap();
                text.push_str(source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
            }
        }
    }
    text
}

/// Every key of a table and of the tables in it that this version can do.
fn keys(table: &'static Table, found: &mut BTreeSet<&'static str>) {
    let mut inside = |ty: &'static Ty| match ty {
        Ty::Table(table) | Ty::List(Ty::Table(table)) | Ty::Map(Ty::Table(table)) => keys(table, found),
        _ => {}
    };
    table.fields.iter().filter(|field| field.support == Support::Full).for_each(|field| inside(&field.ty));
    found.extend(table.fields.iter().filter(|field| field.support == Support::Full).map(|field| field.name));
    table.case_tables().iter().for_each(|table| keys(table, found));
}

#[test]
fn every_setting_of_the_reference_is_read_by_somebody() {
    let (program, machine, spec) = (sources("src"), sources("machine/src"), sources("../spec/src/check"));
    let all = format!("{program}{machine}{spec}");
    for kind in ["company", "connector"] {
        let mut wanted = BTreeSet::new();
        keys(file_kind(kind).unwrap().table, &mut wanted);
        // The reader checks it and keeps nothing of it.
        wanted.remove("schema");
        // The plan calls it `rate`, and admission asks it by that name.
        wanted.remove("total_rate");
        let unread: Vec<&str> = wanted
            .into_iter()
            .filter(|key| {
                let read = Regex::new(&format!(r#""{key}"|\.{key}s?_?\b"#)).unwrap();
                !read.is_match(&all)
            })
            .collect();
        assert_eq!(unread, [""; 0], "keys of {kind} that nothing reads");
    }
}

/// The settings of kinds that receive are wired by name, in the room that does what they say.
#[test]
fn every_setting_of_what_receives_is_read_where_it_is_received() {
    let intake = sources("src/effects");
    let connector = file_kind("connector").unwrap().table;
    for kind in ["webhook", "mail_drop"] {
        let table = connector.case_tables().iter().find(|table| table.name == kind).unwrap();
        let is_setting = |field: &&Field| !matches!(field.name, "events" | "endpoint" | "secrets");
        for field in table.fields.iter().filter(is_setting) {
            assert!(
                intake.contains(&format!("\"{}\"", field.name)),
                "`{}` of {kind} is read nowhere",
                field.name
            );
        }
    }
    assert!(intake.contains("secret_names()"));
}

#[test]
fn every_setting_that_is_read_is_one_of_the_language() {
    let mut known = BTreeSet::new();
    keys(file_kind("connector").unwrap().table, &mut known);
    let read = Regex::new(r#"(?:settings\s*\.get\(|setting\([a-z_.&]+, )"([a-z_]+)""#).unwrap();
    let found: BTreeSet<String> =
        read.captures_iter(&sources("src/effects")).map(|one| one[1].to_owned()).collect();
    assert!(found.len() > 10, "the search finds them: {found:?}");
    let strange: Vec<&String> = found.iter().filter(|key| !known.contains(key.as_str())).collect();
    assert!(strange.is_empty(), "read, and refused by the language: {strange:?}");
}
