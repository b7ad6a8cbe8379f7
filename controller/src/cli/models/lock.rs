//! The pin of a model in `adjutant.lock`.

use std::{
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use toml_edit::{DocumentMut, Item, Table, value};

use crate::{
    cli::failure::{Exit, Failure},
    judgement::{catalogue::MINILM, pull::Pulled},
};

const LOCK: &str = "adjutant.lock";

/// Returns the line below `[models]`.
pub(super) fn line(pulled: &Pulled) -> String {
    format!("\"{}\" = \"{}\"", pulled.name, pulled.digest)
}

/// Refuses to pin what nothing would decide with.
pub(super) fn check(name: &str) -> Result<(), Failure> {
    if name == MINILM {
        return Ok(());
    }
    let message = format!("{name} cannot be pinned: routes decide with {MINILM} alone");
    Err(Failure::invalid(message).hint("pull it without `--lock`"))
}

/// Writes the pin into the lock file of a company repository; the rest of the file stays as it is.
pub(super) fn pin(folder: &Path, pulled: &Pulled) -> Result<PathBuf, Failure> {
    if !folder.join("adjutant.toml").is_file() {
        let message = format!("\"{}\" is no company repository", folder.display());
        return Err(Failure::new(Exit::NotFound, message).hint("give its folder: `--lock DIR`"));
    }
    let path = folder.join(LOCK);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => "schema = \"adjutant/v1\"\n".to_owned(),
        Err(error) => return Err(Failure::file("read", &path)(error)),
    };
    let text = pinned(&text, pulled)
        .map_err(|error| Failure::invalid(format!("\"{}\" is no TOML", path.display())).caused_by(&error))?;
    write(&path, &text)?;
    Ok(path)
}

fn pinned(text: &str, pulled: &Pulled) -> Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let models = document.entry("models").or_insert_with(|| Item::Table(Table::new()));
    models[&pulled.name] = value(&pulled.digest);
    Ok(document.to_string())
}

/// A daemon may follow the folder: it never sees half of the file.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    let mut file = tempfile::Builder::new()
        .prefix(".adjutant-lock")
        .tempfile_in(folder)
        .map_err(Failure::file("write", path))?;
    file.write_all(text.as_bytes()).map_err(Failure::file("write", path))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(Failure::file("write", path))?;
    file.persist(path).map_err(|error| Failure::file("write", path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_leaves_the_rest_of_the_file_as_it_was() {
        let pulled = Pulled {
            name: "all-MiniLM-L6-v2".to_owned(),
            digest: "sha256:00".to_owned(),
            folder: PathBuf::new(),
            was_there: false,
        };
        let text = "schema = \"adjutant/v1\"\n\n# mine\nx-note = \"kept\"\n";
        let once = pinned(text, &pulled).unwrap();
        assert_eq!(once, format!("{text}\n[models]\nall-MiniLM-L6-v2 = \"sha256:00\"\n"));
        assert_eq!(pinned(&once, &pulled).unwrap(), once);
    }
}
