//! Words that the tests of the language share.

#![expect(clippy::disallowed_methods, reason = "the example companies are files")]
#![allow(dead_code, reason = "each test binary uses some of the words")]

use std::{fs, path::Path};

use adjutant_spec::files::FileSet;

/// The company file that tests stand on.
pub(crate) const COMPANY: &str =
    "schema = \"adjutant/v1\"\nname = \"Example\"\nowner = \"founder\"\nzone = \"Europe/Berlin\"\n";

/// Returns a company with these files.
pub(crate) fn company(files: &[(&str, &str)]) -> FileSet {
    let mut set = FileSet::new();
    set.insert("adjutant.toml", COMPANY.as_bytes());
    for (path, text) in files {
        set.insert(*path, text.as_bytes());
    }
    set
}

/// Returns an example company.
pub(crate) fn example(name: &str) -> FileSet {
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
