//! The companies that tests of every room stand on: the smallest one that has no mistakes, and the examples.
//!
//! A test writes down what it is about and takes the rest from here. Only the language is known here: no room, no store,
//! no network, so that the tests of the pure crates can use it too.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "test helpers: a panic is their answer")]

use std::{fs, path::Path, sync::Arc};

use adjutant_spec::{Loaded, files::FileSet, load, plan::Plan};

/// The company's own file: all that a company must have.
pub const COMPANY: &str = "schema = \"adjutant/v1\"\nname = \"Example\"\nowner = \"founder\"\nzone = \"Europe/Berlin\"\ncurrency = \"EUR\"\n";

/// A connector that sends mails, to nobody.
pub const MAIL: &str = "schema = \"adjutant/v1\"\nkind = \"mail\"\nendpoint = \"smtp://127.0.0.1:2525\"\nfrom = \"me@example.com\"\n";

/// A connector that keeps notes, and takes them back.
pub const CRM: &str = r#"schema = "adjutant/v1"
kind = "http"
endpoint = "https://crm.example.com"

[verbs.add]
method = "POST"
path = "/notes"
effect = "write"
undo = "remove"
input = { note = "string" }
output = { id = "string" }

[verbs.remove]
method = "POST"
path = "/remove"
effect = "write"
input = { id = "string" }
"#;

/// Lets the playbook "hello" keep notes without asking.
pub const CRM_GRANT: &str = "schema = \"adjutant/v1\"\n\n[[autonomy]]\nsubject = \"playbook:hello\"\nverb = \"crm.*\"\nlevel = \"act\"\n";

/// A playbook that ends where it begins.
pub const DONE: &str = "schema = \"adjutant/v1\"\n\n[[step]]\nid = \"done\"\nend = \"done\"\n";

/// Returns the smallest company with these files, by path and text; one of them may take the place of the company's own.
#[must_use]
pub fn company(files: &[(&str, &str)]) -> FileSet {
    let mut set = FileSet::new();
    set.insert("adjutant.toml", COMPANY.as_bytes());
    files.iter().for_each(|(path, text)| set.insert(*path, text.as_bytes()));
    set
}

/// Returns the names of the example companies, in order.
///
/// # Panics
/// Where their folder cannot be read.
#[must_use]
pub fn examples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries = fs::read_dir(folder).expect("the folder of the examples can be read");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("it can be read").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).into_string().expect("its name is UTF-8")).collect();
    names.sort();
    names
}

/// Returns the files of an example company.
///
/// # Panics
/// Where there is no such example.
#[must_use]
pub fn example(name: &str) -> FileSet {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    let mut files = FileSet::new();
    collect(&root, &root, &mut files);
    files
}

/// Returns what files amount to, with the draft that their scenarios are read off.
///
/// # Panics
/// Where they have mistakes: with the report.
#[must_use]
pub fn loaded(files: &FileSet) -> Loaded {
    let loaded = load(files);
    assert!(!loaded.report.has_errors(), "the company has mistakes:\n{}", loaded.report.render());
    loaded
}

/// Returns the plan that files amount to.
///
/// # Panics
/// As [`loaded`].
#[must_use]
pub fn plan(files: &FileSet) -> Plan {
    let plan = loaded(files).plan.expect("what has no mistakes has a plan");
    Arc::unwrap_or_clone(plan)
}

/// Returns the plan of the example agency.
#[must_use]
pub fn agency() -> Plan {
    plan(&example("agency"))
}

fn collect(root: &Path, folder: &Path, files: &mut FileSet) {
    for entry in fs::read_dir(folder).expect("the folder of an example can be read") {
        let path = entry.expect("the folder of an example can be read").path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let name =
            path.strip_prefix(root).expect("it lies below the root").to_str().expect("its name is UTF-8");
        files.insert(name.replace('\\', "/"), fs::read(&path).expect("the file of an example can be read"));
    }
}
