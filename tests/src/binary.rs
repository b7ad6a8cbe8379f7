//! Where the binaries under test are.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

static BUILT: OnceLock<PathBuf> = OnceLock::new();

/// Returns the path of a binary of the workspace, built as it is now.
///
/// Tests of this package do not make cargo build the binaries of another one, so cargo is asked once for each test
/// program; where everything is fresh that is a look at time stamps. `ADJUTANT_BIN_DIR` names a folder of finished
/// binaries in its place.
///
/// # Panics
/// Where the build fails.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let folder = BUILT.get_or_init(|| match std::env::var_os("ADJUTANT_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => build(),
    });
    folder.join(name)
}

/// Returns the path of the one binary.
#[must_use]
pub fn adjutant() -> PathBuf {
    binary("adjutant")
}

/// Returns whether a variable says which package and test this is; settings such as `CARGO_TARGET_DIR` do not.
fn is_about_this_package(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
        .iter()
        .any(|begin| name.starts_with(begin))
        || ["CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"].contains(&name.as_ref())
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace");
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--offline", "--workspace", "--bins"]).current_dir(root);
    // Cargo tells a test what package it belongs to. A build script that reads the same variables (that of `ring` does) takes
    // this for a change, and half of the workspace is compiled again: now, and once more by whoever builds after the test.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_about_this_package(name)) {
        build.env_remove(name);
    }
    let status = build.status().expect("cargo runs: it runs this test");
    assert!(status.success(), "the binaries do not build");
    // target/<profile>/deps/<test>
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(2).expect("tests lie two folders below the profile").to_owned()
}
