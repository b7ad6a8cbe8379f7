//! Where a daemon keeps its things, and where its control socket is.

use std::path::{Path, PathBuf};

use super::{
    args::Global,
    failure::{Exit, Failure},
};

/// Returns the data folder that the command line means, as an absolute path.
///
/// # Errors
/// Where the environment names no folder at all.
pub(super) fn data(global: &Global) -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = || set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    let folder = global.data.clone().or_else(|| state().map(|state| state.join("adjutant")));
    let folder = folder.ok_or_else(|| {
        Failure::new(Exit::Usage, "no place for the data").hint("give `--data DIR`, or set `ADJUTANT_DATA`")
    })?;
    std::path::absolute(&folder).map_err(Failure::file("find", &folder))
}

/// Returns the control socket of a data folder: a long path is named in `<data>/control`.
#[must_use]
pub(super) fn socket(data: &Path) -> PathBuf {
    crate::http::find_control(data)
}
