//! What a change shows to whoever has to approve it.
//!
//! ```text
//!  what of the company differs (by what is read of it, through links too): protected files first, each whole, never cut
//!  everything else that differs: modes, links, submodules, other files; as far as there is room
//! ```
//! Two rules make it fit to decide on: what is not shown is named, and a text shows every byte that counts. Git's own way
//! of writing differences is not used, because the tree that is looked at could tell it what to leave out
//! (`.gitattributes`), and because it follows renames instead of showing what is there afterwards.

mod text;

use std::{fmt::Write as _, sync::Arc};

use adjutant_spec::files::FileSet;
use git2::{Delta, DiffFile, Oid, Repository};

use super::{
    error::{Error, store},
    layout::protection,
};
use text::{Sides, name, write_lines};

/// The most text of changes to the company: more is a change that nobody can read, and is refused.
const COMPANY_BYTES: usize = 8 * 1024 * 1024;
/// How much of other files is shown, at first and where all of it is asked for.
const OTHER_BYTES: [usize; 2] = [256 * 1024, 32 * 1024 * 1024];
/// How much of other files is compared at all: comparing costs, and what is compared was sent by somebody.
const LOOKED_BYTES: [usize; 2] = [8 * 1024 * 1024, 64 * 1024 * 1024];
/// The largest other file that is shown as text.
const OTHER_FILE_BYTES: usize = 4 * 1024 * 1024;
/// So much of a file is looked at to find out whether it is text.
const SNIFFED: usize = 8000;

const EXECUTABLE: u32 = 0o100_755;
const PLAIN: u32 = 0o100_644;
const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

/// How much is shown of what does not belong to the company's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// As much as one reads at a glance; the rest is named.
    Glance,
    /// All text; what is no text is named with its size and id.
    All,
}

/// A change as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// The change as people read it.
    pub text: String,
    /// What the text does not show, with the reason.
    pub hidden: Vec<Hidden>,
    /// The changed files that say who may do what.
    pub protected: Vec<String>,
}

/// Something that differs and is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The path of the file.
    pub path: String,
    /// Why it is not shown.
    pub why: String,
}

/// One side of a change: the tree, and what is read of it.
pub(super) struct Side {
    pub(super) tree: Oid,
    pub(super) files: Arc<FileSet>,
}

/// Shows what differs between two trees.
///
/// # Errors
/// [`Error::OverLimit`] for a change to the company that nobody can read; [`Error::Store`].
pub(super) fn review(repository: &Repository, sides: [&Side; 2], extent: Extent) -> Result<Review, Error> {
    let mut writing = Writing { repository, sides, extent, review: Review::default(), files: 0 };
    let company = writing.company()?;
    let rest = writing.rest()?;
    let Writing { mut review, files, .. } = writing;
    review.text = format!("{}{company}{rest}", summary(&review, files));
    Ok(review)
}

fn summary(review: &Review, files: usize) -> String {
    let mut text = String::new();
    let counted = if files == 1 { "file differs" } else { "files differ" };
    let mut line = |line: String| writeln!(text, "{line}").unwrap_or_default();
    line(format!("{files} {counted}"));
    review.protected.iter().for_each(|path| {
        line(format!("protected: {}: {}", name(path.as_bytes()), protection(path).unwrap_or_default()));
    });
    review.hidden.iter().for_each(|hidden| line(format!("not shown: {}: {}", hidden.path, hidden.why)));
    text
}

struct Writing<'a> {
    repository: &'a Repository,
    sides: [&'a Side; 2],
    extent: Extent,
    review: Review,
    files: usize,
}

/// An entry of a tree on one side.
#[derive(Clone, Copy)]
struct Entry {
    mode: u32,
    id: Oid,
}

/// A path of the tree that differs.
struct Differing {
    path: Vec<u8>,
    sides: [Option<Entry>; 2],
    bytes: usize,
}

impl Writing<'_> {
    /// Writes what of the company differs: by the files that are read, so that what comes through a link is seen too.
    fn company(&mut self) -> Result<String, Error> {
        let [old, new] = self.sides.map(|side| &side.files);
        let mut paths: Vec<&str> = old.iter().chain(new.iter()).map(|(path, _)| path).collect();
        paths.retain(|path| old.get(path) != new.get(path));
        paths.sort_by_key(|path| (protection(path).is_none(), *path));
        paths.dedup();
        let mut text = String::new();
        for path in paths {
            self.files += 1;
            if protection(path).is_some() {
                self.review.protected.push(path.to_owned());
            }
            let sides = [old.get(path), new.get(path)].map(|bytes| bytes.map(|bytes| &**bytes));
            let is_there = sides.map(|side| side.map(|_| PLAIN));
            write_file(&mut text, path.as_bytes(), is_there, &sides)?;
            if text.len() > COMPANY_BYTES {
                let (limit, found) = (COMPANY_BYTES as u64, text.len() as u64);
                return Err(Error::OverLimit { unit: "bytes of change to the company", limit, found });
            }
        }
        Ok(text)
    }

    /// Writes what else differs in the trees, small files first: a large one must not push the others out.
    fn rest(&mut self) -> Result<String, Error> {
        let mut differing = self.differing()?;
        differing.sort_by(|one, other| {
            let rank = |found: &Differing| (!is_gits_own(&found.path), found.bytes);
            rank(one).cmp(&rank(other)).then_with(|| one.path.cmp(&other.path))
        });
        let (mut text, mut looked) = (String::new(), 0);
        for found in differing {
            self.files += 1;
            looked += found.bytes;
            let shown = if looked > LOOKED_BYTES[self.extent as usize] {
                Err("too much to show".to_owned())
            } else {
                self.write(&found)?
            };
            match shown {
                Ok(own) if text.len() + own.len() <= OTHER_BYTES[self.extent as usize] => text.push_str(&own),
                Ok(own) => self.leave_out(&mut text, &found, &format!("{} bytes of change", own.len())),
                Err(why) => self.leave_out(&mut text, &found, &why),
            }
        }
        Ok(text)
    }

    /// Names what is not shown. Where all of it was asked for, that is all that can be said of it: where it is, how large,
    /// and by which content.
    fn leave_out(&mut self, text: &mut String, found: &Differing, why: &str) {
        let why = format!("{why}, {} bytes, {}", found.bytes, found.contents());
        match self.extent {
            Extent::Glance => self.review.hidden.push(Hidden { path: name(&found.path), why }),
            Extent::All => {
                writeln!(text, "{}{}: {why}", header(&found.path, found.modes()), name(&found.path))
                    .unwrap_or_default();
            }
        }
    }

    /// Writes one path; returns why it cannot be shown as text, where it cannot.
    fn write(&self, found: &Differing) -> Result<Result<String, String>, Error> {
        let mut contents: [Option<Vec<u8>>; 2] = [None, None];
        for (content, side) in contents.iter_mut().zip(found.sides) {
            let Some(entry) = side else { continue };
            if entry.mode == SUBMODULE {
                *content = Some(format!("submodule at commit {}\n", entry.id).into_bytes());
                continue;
            }
            if self.size(entry.id)? > OTHER_FILE_BYTES {
                return Ok(Err("too large to show".to_owned()));
            }
            let bytes = self.content(entry.id)?;
            if entry.mode != LINK && bytes.iter().take(SNIFFED).any(|byte| *byte == 0) {
                return Ok(Err("no text".to_owned()));
            }
            *content = Some(bytes);
        }
        let mut text = String::new();
        write_file(&mut text, &found.path, found.modes(), &[contents[0].as_deref(), contents[1].as_deref()])?;
        Ok(Ok(text))
    }

    /// Lists the paths that differ and are not shown with the company already.
    fn differing(&self) -> Result<Vec<Differing>, Error> {
        let failed = || store("compare two trees", self.repository.path());
        let [old, new] = self.sides.map(|side| self.repository.find_tree(side.tree));
        let (old, new) = (old.map_err(failed())?, new.map_err(failed())?);
        let diff = self.repository.diff_tree_to_tree(Some(&old), Some(&new), None).map_err(failed())?;
        let mut found = Vec::new();
        for delta in diff.deltas() {
            let is_there = [delta.status() != Delta::Added, delta.status() != Delta::Deleted];
            let files = [delta.old_file(), delta.new_file()];
            let path = files[1].path_bytes().or(files[0].path_bytes()).unwrap_or_default().to_vec();
            let mut sides = [None, None];
            for place in [0, 1] {
                sides[place] = is_there[place].then(|| entry(&files[place]));
            }
            let mut differing = Differing { path, sides, bytes: 0 };
            if self.is_shown(&differing) {
                continue;
            }
            for entry in differing.sides.into_iter().flatten().filter(|entry| entry.mode != SUBMODULE) {
                differing.bytes += self.size(entry.id)?;
            }
            found.push(differing);
        }
        Ok(found)
    }

    /// Returns whether the company's part shows all that differs here: a plain file whose content is what is read.
    fn is_shown(&self, found: &Differing) -> bool {
        let Ok(path) = std::str::from_utf8(&found.path) else { return false };
        let [old, new] = self.sides.map(|side| side.files.get(path));
        let is_read = |side: Option<Entry>, file: Option<&Arc<[u8]>>| match (side, file) {
            (None, None) => true,
            (Some(entry), Some(_)) => entry.mode == PLAIN,
            _ => false,
        };
        old != new && is_read(found.sides[0], old) && is_read(found.sides[1], new)
    }

    fn size(&self, blob: Oid) -> Result<usize, Error> {
        let failed = || store("read a file of a tree", self.repository.path());
        Ok(self.repository.odb().and_then(|objects| objects.read_header(blob)).map_err(failed())?.0)
    }

    fn content(&self, blob: Oid) -> Result<Vec<u8>, Error> {
        let found = self.repository.find_blob(blob);
        Ok(found.map_err(store("read a file of a tree", self.repository.path()))?.content().to_vec())
    }
}

impl Differing {
    /// Returns what is there by its name in Git, before and after.
    fn contents(&self) -> String {
        let ids: Vec<String> = self.sides.iter().flatten().map(|entry| entry.id.to_string()).collect();
        format!("content {}", ids.join(" -> "))
    }

    fn modes(&self) -> [Option<u32>; 2] {
        self.sides.map(|side| side.map(|entry| entry.mode))
    }
}

fn entry(file: &DiffFile<'_>) -> Entry {
    Entry { mode: u32::from(file.mode()), id: file.id() }
}

/// What changes how Git itself treats the tree.
fn is_gits_own(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    name.starts_with(b".git")
}

fn write_file(
    text: &mut String,
    path: &[u8],
    modes: [Option<u32>; 2],
    sides: &Sides<'_>,
) -> Result<(), Error> {
    text.push_str(&header(path, modes));
    let shown = name(path);
    let side = |prefix: &str, is_there: bool| {
        if is_there { format!("{prefix}/{shown}") } else { "/dev/null".to_owned() }
    };
    if sides[0] != sides[1] {
        let (old, new) = (side("a", sides[0].is_some()), side("b", sides[1].is_some()));
        writeln!(text, "--- {old}\n+++ {new}").unwrap_or_default();
        write_lines(text, sides)?;
    }
    Ok(())
}

/// Writes which file it is and what it is: an ordinary file needs no word.
fn header(path: &[u8], modes: [Option<u32>; 2]) -> String {
    let path = name(path);
    let protected = protection(&path).map_or_else(String::new, |why| format!("protected: {why}\n"));
    let kind = match modes {
        [None, Some(mode)] => format!("new file mode {mode:o}{}\n", kind(mode)),
        [Some(mode), None] => format!("deleted file mode {mode:o}{}\n", kind(mode)),
        [Some(old), Some(new)] if old != new => {
            format!("old mode {old:o}{}\nnew mode {new:o}{}\n", kind(old), kind(new))
        }
        [Some(mode), Some(_)] if mode != PLAIN => format!("mode {mode:o}{}\n", kind(mode)),
        _ => String::new(),
    };
    format!("{protected}diff --git a/{path} b/{path}\n{kind}")
}

fn kind(mode: u32) -> &'static str {
    match mode {
        EXECUTABLE => " (a program)",
        LINK => " (a link; its text is where it leads)",
        SUBMODULE => " (a submodule; its content is in another repository)",
        _ => "",
    }
}
