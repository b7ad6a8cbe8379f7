//! What is the operator's alone: the data folder, the folder of the control socket, the key.
//!
//! Whoever can write there is the operator, so before use it is made sure that nobody else can. What is ours and too open is
//! closed, with a word; what belongs to somebody else, or can be replaced by somebody else, is refused.

use std::{
    fs::{self, DirBuilder, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// What others may do: nothing.
const OTHERS: u32 = 0o077;
/// What lets others change something.
const OTHERS_WRITE: u32 = 0o022;
/// Everybody may write here, and only remove what is theirs.
const STICKY: u32 = 0o1000;
/// So many entries of a folder that was open are looked at; a data folder has about ten.
const MOST_ENTRIES: usize = 10_000;

/// Why something is not used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It belongs to another user.
    #[error("\"{}\" belongs to user {owner}, and we are user {us}", path.display())]
    Foreign {
        /// What does.
        path: PathBuf,
        /// The other user's id.
        owner: u32,
        /// Ours.
        us: u32,
    },
    /// Everybody can put something else in its place.
    #[error("everybody may write to \"{}\", and put something else in the place of \"{}\"", parent.display(), path.display())]
    Replaceable {
        /// The folder that everybody may write to.
        parent: PathBuf,
        /// What lies in it.
        path: PathBuf,
    },
    /// Others may read or write it, and it is not ours to close.
    #[error("\"{}\" is open to others (mode {mode:o})", path.display())]
    Open {
        /// What is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is something else than it should be.
    #[error("\"{}\" is no {expected}", path.display())]
    Other {
        /// What is there.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// The system refuses.
    #[error("cannot {doing} \"{}\"", path.display())]
    System {
        /// What was attempted.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Returns what to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => {
                "give a place of your own: `--data DIR` for the data, `XDG_RUNTIME_DIR` for the socket"
            }
            Self::Replaceable { .. } => "`chmod o-w` on that folder, or give another place with `--data DIR`",
            Self::Open { .. } => "`chmod go-rwx` on it, as its owner",
            Self::Other { .. } => "move it away, or give another place",
            Self::System { .. } => "look at the path and its permissions",
        }
    }
}

/// Makes a folder that is ours alone, or makes sure that one is; returns what was repaired or looks odd, in words.
///
/// # Errors
/// [`Error`] where somebody else has a hand in it.
pub fn folder(path: &Path) -> Result<Vec<String>, Error> {
    if let Ok(link) = fs::symlink_metadata(path)
        && link.is_symlink()
    {
        ours_or_roots(path, &link)?;
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Other { path: path.to_owned(), expected: "folder" },
        _ => failed("make", path)(source),
    })?;
    let real = fs::canonicalize(path).map_err(failed("find", path))?;
    let found = fs::metadata(&real).map_err(failed("look at", &real))?;
    ours(&real, &found)?;
    let mut words = closed(&real, &found)?;
    if found.mode() & OTHERS_WRITE != 0 {
        only_ours_inside(&real)?;
    }
    words.extend(above(&real)?);
    Ok(words)
}

/// Makes sure that a file can be read by its owner alone; returns what was repaired, in words.
///
/// # Errors
/// [`Error`]; [`Error::System`] with `NotFound` where there is none.
pub fn file(path: &Path) -> Result<Option<String>, Error> {
    let found = fs::metadata(path).map_err(failed("look at", path))?;
    if !found.is_file() {
        return Err(Error::Other { path: path.to_owned(), expected: "file" });
    }
    ours_or_roots(path, &found)?;
    Ok(closed(path, &found)?.pop())
}

/// Returns our user.
#[must_use]
pub fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Closes what is ours and open to others.
fn closed(path: &Path, found: &Metadata) -> Result<Vec<String>, Error> {
    let mode = found.mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(Vec::new());
    }
    let open = || Error::Open { path: path.to_owned(), mode };
    if found.uid() != us() {
        return Err(open());
    }
    fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS)).map_err(|_| open())?;
    let now = fs::metadata(path).map_err(failed("look at", path))?;
    // Some file systems take a mode and do not keep it.
    if now.mode() & OTHERS != 0 {
        return Err(open());
    }
    Ok(vec![format!(
        "\"{}\" was open to others (mode {mode:o}); it is closed to all but you now",
        path.display()
    )])
}

/// Refuses a folder that was open and holds something of somebody else: it could be a hook, a setting or a link.
fn only_ours_inside(folder: &Path) -> Result<(), Error> {
    let mut pending = vec![(folder.to_owned(), 0)];
    let mut looked = 0;
    while let Some((place, depth)) = pending.pop() {
        for entry in fs::read_dir(&place).map_err(failed("list", &place))? {
            let entry = entry.map_err(failed("list", &place))?;
            let found = entry.metadata().map_err(failed("look at", &entry.path()))?;
            ours_or_roots(&entry.path(), &found)?;
            // Deep enough for the repositories and their hooks; objects and store files have names that say what is in them.
            if found.is_dir() && depth < 2 && looked < MOST_ENTRIES {
                pending.push((entry.path(), depth + 1));
            }
            looked += 1;
        }
    }
    Ok(())
}

/// Looks at the folders above: whoever may write there can put another folder in this one's place.
fn above(path: &Path) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    for parent in path.ancestors().skip(1) {
        let found = fs::metadata(parent).map_err(failed("look at", parent))?;
        let is_shared = found.mode() & STICKY == 0;
        if is_shared && found.mode() & 0o002 != 0 {
            return Err(Error::Replaceable { parent: parent.to_owned(), path: path.to_owned() });
        }
        let is_theirs = found.uid() != 0 && found.uid() != us();
        let is_group =
            is_shared && found.mode() & 0o020 != 0 && found.gid() != rustix::process::getegid().as_raw();
        let who = if is_theirs {
            format!("user {}", found.uid())
        } else if is_group {
            format!("group {}", found.gid())
        } else {
            continue;
        };
        words.push(format!(
            "{who} may write to \"{}\" and could put something else in the place of \"{}\"",
            parent.display(),
            path.display()
        ));
    }
    Ok(words)
}

fn ours(path: &Path, found: &Metadata) -> Result<(), Error> {
    let (owner, us) = (found.uid(), us());
    if owner == us { Ok(()) } else { Err(Error::Foreign { path: path.to_owned(), owner, us }) }
}

fn ours_or_roots(path: &Path, found: &Metadata) -> Result<(), Error> {
    if found.uid() == 0 { Ok(()) } else { ours(path, found) }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::System { doing, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_that_is_open_is_closed_with_a_word() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("new/data");
        assert_eq!((folder(&data).unwrap(), mode(&data)), (Vec::new(), 0o700));
        for open in [0o777, 0o755, 0o770, 0o1777] {
            set(&data, open);
            let words = folder(&data).unwrap();
            assert!(words[0].contains("was open to others"), "{words:?}");
            assert_eq!(mode(&data) & OTHERS, 0, "{open:o}");
        }
        assert_eq!(folder(&data).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_folder_that_everybody_can_replace_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let shared = root.path().join("shared");
        fs::create_dir(&shared).unwrap();
        set(&shared, 0o777);
        let refused = folder(&shared.join("deep/data")).unwrap_err();
        assert!(
            matches!(&refused, Error::Replaceable { parent, .. } if parent.ends_with("shared")),
            "{refused}"
        );
        // As /tmp is: everybody may write, and nobody may replace what is another's.
        set(&shared, 0o1777);
        assert!(folder(&shared.join("deep/data")).is_ok());
    }

    #[test]
    fn what_is_no_folder_is_refused_and_a_link_of_our_own_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let (plain, link, real) =
            (root.path().join("plain"), root.path().join("link"), root.path().join("real"));
        fs::write(&plain, "").unwrap();
        assert!(folder(&plain).is_err());
        fs::create_dir(&real).unwrap();
        set(&real, 0o777);
        symlink(&real, &link).unwrap();
        assert_eq!(folder(&link).unwrap().len(), 1);
        assert_eq!(mode(&real), 0o700);
        symlink(root.path().join("nowhere"), root.path().join("broken")).unwrap();
        assert!(folder(&root.path().join("broken")).is_err());
    }

    #[test]
    fn a_file_that_others_could_read_is_closed_with_a_word() {
        let root = tempfile::tempdir().unwrap();
        let key = root.path().join("key.txt");
        fs::write(&key, "secret").unwrap();
        for open in [0o644, 0o640, 0o666] {
            set(&key, open);
            assert!(file(&key).unwrap().unwrap().contains("was open to others"), "{open:o}");
            assert_eq!(mode(&key), 0o600);
        }
        assert_eq!(file(&key).unwrap(), None);
        assert!(file(root.path()).is_err(), "a folder is no key");
    }

    /// Only the administrator can make something that belongs to somebody else.
    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let (data, inside) =
            (root.path().join("data"), root.path().join("data/company.git/hooks/post-receive"));
        fs::create_dir_all(inside.parent().unwrap()).unwrap();
        fs::write(&inside, "#!/bin/sh\n").unwrap();
        if us() != 0 {
            // What belongs to the administrator stands for it.
            assert!(matches!(folder(Path::new("/")), Err(Error::Foreign { .. })));
            return;
        }
        chown(&inside, Some(65_534), None).unwrap();
        set(&data, 0o777);
        let planted = folder(&data).unwrap_err();
        assert!(matches!(&planted, Error::Foreign { owner: 65_534, .. }), "{planted}");
        chown(&data, Some(65_534), None).unwrap();
        set(&data, 0o700);
        assert!(matches!(folder(&data), Err(Error::Foreign { .. })));
        let link = root.path().join("link");
        symlink(root.path(), &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
        assert!(matches!(folder(&link), Err(Error::Foreign { .. })));
        assert!(matches!(file(&inside), Err(Error::Foreign { .. })));
    }
}
