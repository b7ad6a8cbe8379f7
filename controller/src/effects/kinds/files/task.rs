//! The verbs of a folder: write, read, list and delete inside one folder, and nowhere else.
//!
//! Every component of a path is opened relative to the folder before it, without following links: there is no moment
//! at which a path that was checked can come to mean another place. A file appears by a rename after its bytes are
//! synced, so a reader sees the old content or the new one. The same write again changes nothing.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::PathBuf,
};

use adjutant_machine::event::ErrorClass;
use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat},
    io::Errno,
};
use serde_json::{Value, json};

use crate::effects::{
    doors::Passage,
    job::VerbJob,
    outcome::{Done, Ending, Fault},
};

/// The largest file that is read or written.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// The most entries of a listing.
const MAX_ENTRIES: usize = 1_000;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Calls a verb once.
pub(super) async fn call(job: &VerbJob<'_>, _open: Passage) -> Ending {
    job.endpoint()?;
    let (connector, folders) = (job.connector.clone(), job.folders.clone());
    let verb = job.name().to_owned();
    let (path, content) = (text(&job.call.args, "path"), text(&job.call.args, "content"));
    let key = job.call.key.clone();
    let done = tokio::task::spawn_blocking(move || {
        // Judged at each call: what a path leads to may have changed since the last one.
        let root = folders.of(&connector)?;
        Task { root, verb, path: path.unwrap_or_default(), content, key }.run()
    })
    .await;
    done.map_err(|_| Fault::Unknown("the file was not finished".to_owned()))?
}

fn text(args: &Value, name: &str) -> Option<String> {
    args.get(name).and_then(Value::as_str).map(str::to_owned)
}

struct Task {
    root: PathBuf,
    verb: String,
    path: String,
    content: Option<String>,
    key: String,
}

/// Where a path leads: an open folder, and the name of its last component in it.
struct Parent<'a> {
    folder: OwnedFd,
    name: &'a str,
}

impl Task {
    fn run(self) -> Ending {
        match self.verb.as_str() {
            "write" => self.write(),
            "read" => self.read(),
            "list" => self.list(),
            "delete" => self.delete(),
            other => Err(Fault::unavailable(format!("a files connector has no verb \"{other}\""))),
        }
    }

    fn write(&self) -> Ending {
        let content =
            self.content.as_deref().ok_or_else(|| Fault::invalid("`content` is missing"))?.as_bytes();
        if content.len() as u64 > MAX_BYTES {
            return Err(Fault::invalid(format!("`content` is larger than {MAX_BYTES} bytes")));
        }
        std::fs::create_dir_all(&self.root).map_err(|error| self.io("folder", &error))?;
        let Parent { folder, name } = self.parent(true)?;
        if matches!(self.content_of(&folder, name), Ok(Some(before)) if before == content) {
            return Ok(Done::free(self.written(content), json!({ "unchanged": true })));
        }
        self.refuse_other_than_file(&folder, name)?;
        let temporary = format!(".{}.part", blake3::hash(self.key.as_bytes()).to_hex());
        self.replace(&folder, &temporary, content)?;
        // The content is on disk before it gets the name: whoever reads the path, also after a crash, finds all of the old
        // file or all of the new one. The folder is synced last, or the name could be the old one again after a crash.
        renameat(&folder, &temporary, &folder, name).map_err(|error| self.errno(error))?;
        sync(folder).map_err(|error| Fault::Unknown(format!("the folder cannot be synced: {error}")))?;
        Ok(Done::free(self.written(content), json!({ "unchanged": false })))
    }

    /// Writes the temporary file anew; one of an attempt that died is taken over.
    fn replace(&self, folder: &OwnedFd, temporary: &str, content: &[u8]) -> Result<(), Fault> {
        match unlinkat(folder, temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(self.errno(error)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, temporary, flags, Mode::from_raw_mode(0o644))
            .map_err(|error| self.errno(error))?;
        let mut file = File::from(file);
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|error| self.io("file", &error))
    }

    fn read(&self) -> Ending {
        let Parent { folder, name } = self.parent(false)?;
        let bytes = self.content_of(&folder, name)?.ok_or_else(|| self.missing())?;
        let content = String::from_utf8(bytes)
            .map_err(|_| Fault::invalid(format!("\"{}\" is no UTF-8 text", self.path)))?;
        let mut value = self.written(content.as_bytes());
        value["content"] = content.into();
        Ok(Done::free(value, json!({})))
    }

    fn list(&self) -> Ending {
        let folder = self.folder(&components(&self.path, true)?, false)?;
        let entries = Dir::read_from(&folder).map_err(|error| self.errno(error))?;
        let mut items = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.errno(error))?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with('.') {
                continue;
            }
            let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| self.errno(error))?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                items.push(json!({ "path": joined(&self.path, name), "bytes": stat.st_size }));
            }
            if items.len() > MAX_ENTRIES {
                return Err(Fault::invalid(format!("\"{}\" holds more than {MAX_ENTRIES} files", self.path)));
            }
        }
        items.sort_by(|left, right| left["path"].as_str().cmp(&right["path"].as_str()));
        Ok(Done::free(json!({ "items": items }), json!({})))
    }

    /// A file that is gone already counts as deleted: the call may be a repetition.
    fn delete(&self) -> Ending {
        let Parent { folder, name } = match self.parent(false) {
            Ok(found) => found,
            Err(Fault::Definite(failure)) if failure.class == ErrorClass::Gone => {
                return Ok(self.deleted(false));
            }
            Err(fault) => return Err(fault),
        };
        self.refuse_other_than_file(&folder, name)?;
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) => {
                sync(folder)
                    .map_err(|error| Fault::Unknown(format!("the folder cannot be synced: {error}")))?;
                Ok(self.deleted(true))
            }
            Err(Errno::NOENT) => Ok(self.deleted(false)),
            Err(error) => Err(self.errno(error)),
        }
    }

    fn deleted(&self, deleted: bool) -> Done {
        Done::free(json!({ "path": self.path, "deleted": deleted }), json!({}))
    }

    fn written(&self, content: &[u8]) -> Value {
        let digest = blake3::hash(content).to_hex().to_string();
        json!({ "path": self.path, "bytes": content.len(), "digest": digest })
    }

    /// Opens the folder that holds the path's last component.
    fn parent(&self, create: bool) -> Result<Parent<'_>, Fault> {
        let components = components(&self.path, false)?;
        let (name, folders) = components.split_last().ok_or_else(|| Fault::invalid("`path` is empty"))?;
        Ok(Parent { folder: self.folder(folders, create)?, name })
    }

    fn folder(&self, folders: &[&str], create: bool) -> Result<OwnedFd, Fault> {
        // Links on the way to the folder were followed and judged; none is followed from here on.
        let mut open = openat(CWD, &self.root, FOLDER, Mode::empty()).map_err(|error| self.errno(error))?;
        for name in folders {
            if create {
                match mkdirat(&open, *name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(self.errno(error)),
                }
            }
            open = openat(&open, *name, FOLDER, Mode::empty()).map_err(|error| self.errno(error))?;
        }
        Ok(open)
    }

    fn content_of(&self, folder: &OwnedFd, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(folder, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.errno(error)),
        };
        let metadata = file.metadata().map_err(|error| self.io("file", &error))?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(Fault::invalid(format!("\"{}\" is no file of at most {MAX_BYTES} bytes", self.path)));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| self.io("file", &error))?;
        Ok(Some(bytes))
    }

    fn refuse_other_than_file(&self, folder: &OwnedFd, name: &str) -> Result<(), Fault> {
        match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(()),
            Err(Errno::NOENT) => Ok(()),
            Ok(_) => Err(Fault::invalid(format!("\"{}\" is there and no file", self.path))),
            Err(error) => Err(self.errno(error)),
        }
    }

    fn missing(&self) -> Fault {
        Fault::new(ErrorClass::Gone, format!("there is no file \"{}\"", self.path))
    }

    fn errno(&self, error: Errno) -> Fault {
        match error {
            Errno::NOENT => self.missing(),
            Errno::LOOP | Errno::NOTDIR => {
                Fault::invalid(format!("\"{}\" leads through a link or a file", self.path))
            }
            other => self.io("path", &other.into()),
        }
    }

    fn io(&self, what: &str, error: &std::io::Error) -> Fault {
        let message = format!("the {what} of \"{}\" cannot be used: {error}", self.path);
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => Fault::new(ErrorClass::Auth, message),
            _ => Fault::transient(message),
        }
    }
}

/// Splits a path; only plain names are taken. Names that begin with a dot are ours, for files that are being written.
fn components(path: &str, may_be_empty: bool) -> Result<Vec<&str>, Fault> {
    let path = path.strip_suffix('/').filter(|_| may_be_empty).unwrap_or(path);
    if path.is_empty() && may_be_empty {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = path.split('/').collect();
    let is_plain = |part: &&str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\0', '\\']);
    if parts.iter().all(is_plain) {
        return Ok(parts);
    }
    Err(Fault::invalid(format!(
        "\"{path}\" is no path inside the folder: plain names and `/`, none that begins with a dot"
    )))
}

fn joined(folder: &str, name: &str) -> String {
    let folder = folder.trim_end_matches('/');
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Makes what changed in a folder outlive a power cut: a file's own sync does not cover its name.
fn sync(folder: OwnedFd) -> std::io::Result<()> {
    File::from(folder).sync_all()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn task(root: &Path, verb: &str, path: &str, content: Option<&str>) -> Ending {
        let content = content.map(str::to_owned);
        Task {
            root: root.into(),
            verb: verb.into(),
            path: path.into(),
            content,
            key: "adjutant-r.1.0".into(),
        }
        .run()
    }

    #[test]
    fn a_file_comes_back_as_it_was_written() {
        let root = tempfile::tempdir().unwrap();
        let first = task(root.path(), "write", "quotes/2026/ana.md", Some("Grüße")).unwrap();
        assert_eq!(first.provenance, json!({ "unchanged": false }));
        let again = task(root.path(), "write", "quotes/2026/ana.md", Some("Grüße")).unwrap();
        assert_eq!((again.value, again.provenance), (first.value, json!({ "unchanged": true })));
        assert_eq!(task(root.path(), "read", "quotes/2026/ana.md", None).unwrap().value["content"], "Grüße");
        let listed = task(root.path(), "list", "quotes/2026/", None).unwrap().value;
        assert_eq!(listed, json!({ "items": [{ "path": "quotes/2026/ana.md", "bytes": 7 }] }));
        assert_eq!(task(root.path(), "delete", "quotes/2026/ana.md", None).unwrap().value["deleted"], true);
        assert_eq!(task(root.path(), "delete", "quotes/2026/ana.md", None).unwrap().value["deleted"], false);
    }

    #[test]
    fn no_path_leaves_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("target"), "theirs").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("target"), root.path().join("file")).unwrap();
        let paths = [
            "../x",
            "/etc/passwd",
            "a/../../x",
            "link/target",
            "link/new",
            "file",
            "",
            "a//b",
            ".x",
            "a\0b",
            "a\\b",
        ];
        for path in paths {
            for verb in ["write", "read", "delete"] {
                assert!(task(root.path(), verb, path, Some("ours")).is_err(), "{verb} {path}");
            }
        }
        assert!(task(root.path(), "list", "link", None).is_err());
        assert_eq!(std::fs::read_to_string(outside.path().join("target")).unwrap(), "theirs");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_attempt_that_died_leaves_nothing_in_the_way() {
        let root = tempfile::tempdir().unwrap();
        let temporary = format!(".{}.part", blake3::hash(b"adjutant-r.1.0").to_hex());
        std::fs::write(root.path().join(&temporary), "half").unwrap();
        task(root.path(), "write", "a.txt", Some("whole")).unwrap();
        assert_eq!(std::fs::read_to_string(root.path().join("a.txt")).unwrap(), "whole");
        assert!(!root.path().join(&temporary).exists());
    }
}
