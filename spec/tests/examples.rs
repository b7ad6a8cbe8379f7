//! The example companies are right.

use std::{fs, path::Path};

use adjutant_spec::{files::FileSet, load};

fn example(name: &str) -> FileSet {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let mut files = FileSet::new();
    collect(&root, &root, &mut files);
    files
}

fn collect(root: &Path, folder: &Path, files: &mut FileSet) {
    for entry in fs::read_dir(folder).expect("the folder of an example is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let name =
            path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8").replace('\\', "/");
        files.insert(name, fs::read(&path).expect("readable"));
    }
}

#[test]
fn the_smallest_company_is_without_diagnostics() {
    let loaded = load(&example("hello"));
    assert!(loaded.report.is_empty(), "{}", loaded.report.render());
    assert_eq!(loaded.draft.playbooks.len(), 1);
}

#[test]
fn the_agency_is_without_diagnostics() {
    let loaded = load(&example("agency"));
    assert!(!loaded.report.has_errors(), "{}", loaded.report.render());
    assert_eq!(loaded.draft.playbooks.len(), 3);
    assert_eq!(loaded.draft.connectors.len(), 5);
}
