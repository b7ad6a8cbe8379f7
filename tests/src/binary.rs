//! Where the binaries under test are.

use std::{
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

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace");
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--offline", "--workspace", "--bins"])
        .current_dir(root)
        .status()
        .expect("cargo runs: it runs this test");
    assert!(status.success(), "the binaries do not build");
    // target/<profile>/deps/<test>
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(2).expect("tests lie two folders below the profile").to_owned()
}
