//! The drop folder on disk, touched through one open descriptor: no link in it is ever followed, whatever its names are.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::Path,
};

use adjutant_spec::shown;
use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat, fstat, mkdirat, openat, renameat_with,
        statat, unlinkat,
    },
    io::Errno,
};

/// Where mails go that were taken, and those that were not.
pub(super) const DONE: &str = "done";
pub(super) const FAILED: &str = "failed";

/// Where a delivery agent puts mails that are whole.
pub(super) const MAILDIR: &str = "new";

/// Names the mail that is being read: where the process died in the middle of it, the next one finds its name here.
const MARK: &str = ".adjutant-reading";

/// The longest name that is kept: room is left for a number before it and `.reason.txt` behind it.
const MOST_OF_NAME: usize = 200;

/// The most names that are looked at in one pass.
const MOST_ENTRIES: usize = 10_000;

const OPEN: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);
const FOLDER: OFlags = OPEN.union(OFlags::RDONLY).union(OFlags::DIRECTORY);

/// Something that lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// Whether it lies in `new/`.
    pub(super) is_maildir: bool,
    pub(super) file: OsString,
}

impl Name {
    /// Returns the name as it can be shown.
    pub(super) fn shown(&self) -> String {
        shown::excerpt(&self.file.to_string_lossy(), 120)
    }

    fn is_plain(&self) -> bool {
        let bytes = self.file.as_bytes();
        !bytes.is_empty() && bytes != b"." && bytes != b".." && !bytes.contains(&b'/') && !bytes.contains(&0)
    }
}

/// By what a file is known to be the same as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    changed_seconds: i64,
    changed_nanos: i64,
    /// Whether somebody may still be writing it: links, folders and pipes are what they are.
    pub(super) is_file: bool,
}

impl Fingerprint {
    #[expect(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        reason = "the types of a stat differ by system"
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            is_file: no_file(stat).is_none(),
            size: stat.st_size as u64,
            changed_seconds: stat.st_mtime as i64,
            changed_nanos: stat.st_mtime_nsec as i64,
        }
    }

    /// Returns when it was changed last, in milliseconds.
    pub(super) fn millis(&self) -> i64 {
        self.changed_seconds.saturating_mul(1_000).saturating_add(self.changed_nanos / 1_000_000)
    }
}

/// A file that was read to its end.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    pub(super) stamp: Fingerprint,
}

/// What was found under a name.
#[derive(Debug)]
pub(super) enum Found {
    /// A file that was the same before and after it was read.
    Whole(Whole),
    /// It changed while it was read, or is gone: it is looked at again.
    Moving,
    /// It is nothing that is ever read.
    Never(String),
}

/// A drop folder that is open; every file is reached through its descriptor.
#[derive(Debug)]
pub(super) struct Folder {
    root: OwnedFd,
    maildir: Option<OwnedFd>,
}

impl Folder {
    /// Opens the folder. One below our own data is made; of one elsewhere only the last part is, so that a disk that is not
    /// there is told instead of an empty folder being watched in its place.
    pub(super) fn open(path: &Path, is_ours: bool) -> io::Result<Self> {
        if is_ours {
            fs::create_dir_all(path)?;
        } else if let Err(error) = fs::create_dir(path)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        // The folder itself may be a link: the operator named it.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, path, flags, Mode::empty())?;
        let maildir = openat(&root, MAILDIR, FOLDER, Mode::empty()).ok();
        Ok(Self { root, maildir })
    }

    fn at(&self, name: &Name) -> &OwnedFd {
        match &self.maildir {
            Some(maildir) if name.is_maildir => maildir,
            _ => &self.root,
        }
    }

    /// Lists what may be a mail, in the order of the names; `skip` says what is known to be in the way.
    pub(super) fn names(&self, skip: impl Fn(&Name) -> bool) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for (folder, is_maildir) in [(Some(&self.root), false), (self.maildir.as_ref(), true)] {
            let Some(folder) = folder else { continue };
            for entry in Dir::read_from(folder)? {
                let entry = entry?;
                let name =
                    Name { is_maildir, file: OsStr::from_bytes(entry.file_name().to_bytes()).to_owned() };
                let is_mail = is_maildir || is_eml(&name.file);
                if is_mail && !name.file.as_bytes().starts_with(b".") && !skip(&name) {
                    names.push(name);
                }
                if names.len() == MOST_ENTRIES {
                    break;
                }
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns by what a file is known now; `None` where it is gone.
    pub(super) fn stamp(&self, name: &Name) -> io::Result<Option<Fingerprint>> {
        match statat(self.at(name), &name.file, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Fingerprint::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a file of at most so many bytes.
    pub(super) fn read(&self, name: &Name, limit: usize) -> Found {
        match self.bytes(name, limit) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Moving,
            Err(error) => Found::Never(format!("it cannot be read: {}", plain(&error))),
        }
    }

    fn bytes(&self, name: &Name, limit: usize) -> io::Result<Found> {
        let stat = statat(self.at(name), &name.file, AtFlags::SYMLINK_NOFOLLOW)?;
        if let Some(what) = no_file(&stat) {
            return Ok(Found::Never(format!("it is {what}, not a mail")));
        }
        // Between the look and this call it may have become a pipe: opening one must not wait.
        let flags = OPEN | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut file = File::from(openat(self.at(name), &name.file, flags, Mode::empty())?);
        let before = fstat(&file)?;
        if no_file(&before).is_some() {
            return Ok(Found::Moving);
        }
        let before = Fingerprint::of(&before);
        if before.size > limit as u64 {
            return Ok(Found::Never(format!(
                "it has {} bytes, more than the {limit} of `max_body`",
                before.size
            )));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or_default());
        io::Read::by_ref(&mut file).take(limit as u64 + 1).read_to_end(&mut bytes)?;
        let is_same = Fingerprint::of(&fstat(&file)?) == before && self.stamp(name)? == Some(before);
        Ok(if is_same && bytes.len() as u64 == before.size {
            Found::Whole(Whole { bytes, stamp: before })
        } else {
            Found::Moving
        })
    }

    /// Moves something out of the way, under a name that nothing has there; returns that name.
    pub(super) fn put_away(&self, name: &Name, to: &str) -> io::Result<String> {
        let target = self.sub_folder(to)?;
        let base = fitting(&name.file);
        for number in 0..MOST_ENTRIES {
            let free = numbered(&base, number);
            if self.rename(name, &target, &free)? {
                // The mail is recorded by now. A move that a power cut undoes repeats a delivery that is known by its id.
                rustix::fs::fsync(&target)?;
                return Ok(free);
            }
        }
        Err(io::Error::other(format!("no name is free in `{to}/`")))
    }

    /// Moves something to `failed/` with the reason beside it.
    pub(super) fn put_aside(&self, name: &Name, reason: &str) -> io::Result<String> {
        let target = self.sub_folder(FAILED)?;
        let base = fitting(&name.file);
        for number in 0..MOST_ENTRIES {
            let free = numbered(&base, number);
            let note = format!("{free}.reason.txt");
            // The reason first, and only as a new file: where a link lies under its name, the next name is taken.
            let flags = OPEN | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            let file = match openat(&target, &note, flags, Mode::from_raw_mode(0o600)) {
                Ok(file) => file,
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(error.into()),
            };
            File::from(file).write_all(format!("This mail was not taken: {reason}.\n").as_bytes())?;
            match self.rename(name, &target, &free) {
                Ok(true) => {
                    rustix::fs::fsync(&target)?;
                    return Ok(free);
                }
                Ok(false) => unlinkat(&target, &note, AtFlags::empty())?,
                Err(error) => {
                    unlinkat(&target, &note, AtFlags::empty())?;
                    return Err(error);
                }
            }
        }
        Err(io::Error::other(format!("no name is free in `{FAILED}/`")))
    }

    /// Renames where nothing has the name; returns whether it did.
    fn rename(&self, name: &Name, target: &OwnedFd, free: &str) -> io::Result<bool> {
        match renameat_with(self.at(name), &name.file, target, free, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => return Ok(false),
            // The file system does not know the flag: looked at first, and nobody else moves things in there.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        if statat(target, free, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Ok(false);
        }
        rustix::fs::renameat(self.at(name), &name.file, target, free)?;
        Ok(true)
    }

    fn sub_folder(&self, name: &str) -> io::Result<OwnedFd> {
        match mkdirat(&self.root, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(named(name, &error)),
        }
        openat(&self.root, name, FOLDER, Mode::empty()).map_err(|error| named(name, &error))
    }

    /// Writes down, for good, which mail is about to be read.
    ///
    /// Both the mark and its name are synced before the first byte is parsed: a mail that kills the process, or the machine, must
    /// be known at the next start, or it would be read, and kill, for ever.
    pub(super) fn mark(&self, name: &Name) -> io::Result<()> {
        self.unmark()?;
        let flags = OPEN | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = File::from(openat(&self.root, MARK, flags, Mode::from_raw_mode(0o600))?);
        let place: &[u8] = if name.is_maildir { b"new/" } else { b"" };
        file.write_all(&[place, name.file.as_bytes()].concat())?;
        file.sync_all()?;
        Ok(rustix::fs::fsync(&self.root)?)
    }

    /// Takes the mark away: the mail was read, whatever came of it.
    pub(super) fn unmark(&self) -> io::Result<()> {
        match unlinkat(&self.root, MARK, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the mail in the middle of which a process died.
    pub(super) fn marked(&self) -> io::Result<Option<Name>> {
        let file = match openat(&self.root, MARK, OPEN | OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        File::from(file).take(1_024).read_to_end(&mut bytes)?;
        let (is_maildir, file) = match bytes.strip_prefix(b"new/") {
            Some(rest) => (true, rest.to_vec()),
            None => (false, bytes),
        };
        let name = Name { is_maildir, file: OsString::from_vec(file) };
        Ok(Some(name).filter(Name::is_plain))
    }

    /// Returns whether mails can be moved out of the folder.
    pub(super) fn is_writable(&self) -> bool {
        rustix::fs::accessat(&self.root, ".", rustix::fs::Access::WRITE_OK, AtFlags::empty()).is_ok()
    }
}

fn named(name: &str, error: &Errno) -> io::Error {
    io::Error::new(
        io::Error::from(*error).kind(),
        format!("`{name}/` is no folder that can be used: {error}"),
    )
}

/// An error without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

fn is_eml(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    bytes.len() > 4 && bytes[bytes.len() - 4..].eq_ignore_ascii_case(b".eml")
}

/// Says what a name leads to where that is no file.
fn no_file(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Directory => Some("a folder"),
        FileType::Symlink => Some("a link"),
        FileType::Fifo => Some("a pipe"),
        FileType::Socket => Some("a socket"),
        _ => Some("a device"),
    }
}

/// A name as it can be written anywhere: readable, without what acts or hides, and not too long.
fn fitting(name: &OsStr) -> String {
    let text: String =
        name.to_string_lossy().chars().map(|one| if shown::is_hidden(one) { '_' } else { one }).collect();
    if text.len() <= MOST_OF_NAME {
        return text;
    }
    let end = (0..=MOST_OF_NAME - 4).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let tail = if is_eml(OsStr::new(&text)) { ".eml" } else { "" };
    format!("{}{tail}", &text[..end])
}

fn numbered(base: &str, number: usize) -> String {
    if number == 0 { base.to_owned() } else { format!("{number}-{base}") }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn name(file: &str) -> Name {
        Name { is_maildir: false, file: file.into() }
    }

    #[test]
    fn what_is_no_file_is_named_and_never_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "From: a@x\n\nsecret").unwrap();
        let dir = tempfile::tempdir().unwrap();
        symlink(outside.path().join("secret"), dir.path().join("link.eml")).unwrap();
        fs::create_dir(dir.path().join("folder.eml")).unwrap();
        let pipe = dir.path().join("pipe.eml");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let folder = Folder::open(dir.path(), true).unwrap();
        for (file, what) in [("link.eml", "a link"), ("folder.eml", "a folder"), ("pipe.eml", "a pipe")] {
            let Found::Never(reason) = folder.read(&name(file), 100) else { panic!("{file} was read") };
            assert_eq!(reason, format!("it is {what}, not a mail"));
            folder.put_aside(&name(file), &reason).unwrap();
        }
        assert_eq!(folder.names(|_| false).unwrap(), []);
        assert!(outside.path().join("secret").exists());
    }

    #[test]
    fn every_name_finds_a_place() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), true).unwrap();
        let long = format!("{}.eml", "x".repeat(251));
        let wide = format!("{}.eml", "ü".repeat(125));
        for (file, count) in
            [(long.as_str(), 3), (wide.as_str(), 2), ("a\u{1b}[2J\n.eml", 2), ("plain.eml", 2)]
        {
            for _ in 0..count {
                for to in [DONE, FAILED] {
                    fs::write(dir.path().join(file), "x").unwrap();
                    let moved = match to {
                        DONE => folder.put_away(&name(file), to).unwrap(),
                        _ => folder.put_aside(&name(file), "x").unwrap(),
                    };
                    assert!(moved.len() < 240 && !moved.chars().any(shown::is_hidden), "{moved:?}");
                    assert!(dir.path().join(to).join(moved).exists());
                }
            }
        }
        let odd = Name { is_maildir: false, file: OsString::from_vec(b"\xff\xfe.eml".to_vec()) };
        fs::write(dir.path().join(&odd.file), "x").unwrap();
        folder.put_away(&odd, DONE).unwrap();
    }

    #[test]
    fn a_reason_is_never_written_through_a_link() {
        let outside = tempfile::tempdir().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), true).unwrap();
        fs::create_dir(dir.path().join(FAILED)).unwrap();
        for link in ["x.eml.reason.txt", "y.eml"] {
            symlink(outside.path().join("target"), dir.path().join(FAILED).join(link)).unwrap();
        }
        for file in ["x.eml", "y.eml"] {
            fs::write(dir.path().join(file), "x").unwrap();
            assert_eq!(folder.put_aside(&name(file), "bad").unwrap(), format!("1-{file}"));
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        fs::remove_dir_all(dir.path().join(FAILED)).unwrap();
        symlink(outside.path(), dir.path().join(FAILED)).unwrap();
        fs::write(dir.path().join("z.eml"), "x").unwrap();
        assert!(folder.put_aside(&name("z.eml"), "bad").unwrap_err().to_string().contains("failed"));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_mark_survives_and_names_one_file_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), true).unwrap();
        for found in [name("a b.eml"), Name { is_maildir: true, file: "1.host".into() }] {
            folder.mark(&found).unwrap();
            assert_eq!(folder.marked().unwrap(), Some(found));
        }
        folder.unmark().unwrap();
        assert_eq!(folder.marked().unwrap(), None);
        for bad in ["../x.eml", "", ".", "new/../../x"] {
            fs::write(dir.path().join(MARK), bad).unwrap();
            assert_eq!(folder.marked().unwrap(), None, "{bad}");
        }
    }

    #[test]
    fn only_what_may_be_a_mail_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(MAILDIR)).unwrap();
        for file in ["b.eml", "a.EML", ".hidden.eml", "notes.txt", ".eml", "new/1.host", "new/.tmp"] {
            fs::write(dir.path().join(file), "x").unwrap();
        }
        let names = Folder::open(dir.path(), true).unwrap().names(|found| found.file == "b.eml").unwrap();
        let files: Vec<_> = names.iter().map(|name| name.file.to_str().unwrap()).collect();
        assert_eq!(files, ["a.EML", "1.host"]);
    }

    #[test]
    fn a_folder_elsewhere_is_made_only_where_it_can_be_meant() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Folder::open(&dir.path().join("a/b"), false).is_err());
        Folder::open(&dir.path().join("a"), false).unwrap();
        Folder::open(&dir.path().join("c/d"), true).unwrap();
    }
}
