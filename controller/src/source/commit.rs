//! New commits in the company's repository that no pusher made: a revert, a patch, a branch brought from a folder; and the
//! objects of a push that is still in quarantine.

use std::{borrow::Cow, collections::BTreeSet, path::Path};

use adjutant_spec::files::FileSet;
use git2::{ApplyOptions, Diff, FileMode, Oid, Repository, Signature, build::TreeUpdateBuilder};

use super::{
    checkout::Checkout,
    company::Company,
    error::{Error, store},
    history, merge,
    tree::{self, Cache},
    walk::Budget,
};

/// Who makes a commit, and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Note<'a> {
    /// Who made the change, as `Name <mail>`.
    pub author: &'a str,
    /// The message of the commit.
    pub message: &'a str,
}

impl Company {
    /// Returns the same repository with the objects of a push in quarantine readable.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the folder does not lie among the objects of this repository.
    pub fn within(&self, quarantine: &Path) -> Result<Self, Error> {
        let wrong = || Error::Malformed {
            expected: "the quarantine of a push to this repository",
            text: quarantine.display().to_string(),
        };
        let real = quarantine.canonicalize().map_err(|_| wrong())?;
        let objects = self.path().join("objects").canonicalize().map_err(|_| wrong())?;
        if real == objects || !real.starts_with(&objects) {
            return Err(wrong());
        }
        Ok(self.with_objects(real))
    }

    /// Returns the commit that a name or an id means here, or `None` if it means none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn resolve(&self, name: &str) -> Result<Option<String>, Error> {
        if !is_plain_name(name) {
            return Ok(None);
        }
        let repository = self.repository()?;
        let found = repository.revparse_single(name).and_then(|object| object.peel_to_commit());
        Ok(found.ok().map(|commit| commit.id().to_string()))
    }

    /// Brings a branch or commit of a folder's repository here and returns it, or `None` if the folder has none of that name.
    ///
    /// # Errors
    /// [`Error::Git`].
    pub fn bring_from(&self, folder: &Path, name: &str) -> Result<Option<String>, Error> {
        if !is_plain_name(name) {
            return Ok(None);
        }
        let Some(checkout) = Checkout::discover(self.git(), folder)? else { return Ok(None) };
        let Some(commit) = checkout.commit(self.git(), name)? else { return Ok(None) };
        self.bring(&checkout.git_dir, &commit)?;
        Ok(Some(commit))
    }

    /// Commits these files of the language on a commit; its other files stay as they are.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::OverLimit`].
    pub fn commit_on(&self, parent: &str, files: &FileSet, note: Note<'_>) -> Result<String, Error> {
        let repository = self.repository()?;
        let failed = || store("write a commit", self.path());
        let base = repository.find_commit(history::oid(parent)?).map_err(failed())?;
        let present = tree::read(&repository, base.tree_id(), self.limits(), &Cache::default())?;
        let mut update = TreeUpdateBuilder::new();
        for (path, bytes) in files.iter().filter(|(path, bytes)| present.get(path) != Some(bytes)) {
            update.upsert(path, repository.blob(bytes).map_err(failed())?, FileMode::Blob);
        }
        for (path, _) in present.iter().filter(|(path, _)| files.get(path).is_none()) {
            update.remove(path);
        }
        let root = base.tree().map_err(failed())?;
        let tree = update.create_updated(&repository, &root).map_err(failed())?;
        self.write_commit(&repository, &Content { parent: base.id(), tree }, note)
    }

    /// Commits a unified diff on a commit; where a file is changed more than once, as in a series of mails, one after the other.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no patch or does not apply; [`Error::OverLimit`].
    pub fn commit_patch(&self, parent: &str, patch: &str, note: Note<'_>) -> Result<String, Error> {
        let repository = self.repository()?;
        let failed = || store("apply a patch", self.path());
        let base = repository.find_commit(history::oid(parent)?).map_err(failed())?;
        let mut tree = base.tree_id();
        for part in parts(&with_headers(patch)) {
            tree = self.apply(&repository, tree, part)?;
        }
        if tree == base.tree_id() {
            return Err(unfit("it changes nothing"));
        }
        tree::measure(&repository, tree, self.limits())?;
        self.write_commit(&repository, &Content { parent: base.id(), tree }, note)
    }

    fn apply(&self, repository: &Repository, tree: Oid, patch: &str) -> Result<Oid, Error> {
        let failed = || store("apply a patch", self.path());
        let diff = Diff::from_buffer(patch.as_bytes()).map_err(|error| unfit(error.message()))?;
        // Writing a tree goes as deep as its paths do: they are looked at first.
        let mut budget = Budget::new(self.limits());
        for file in diff.deltas().flat_map(|delta| [delta.old_file(), delta.new_file()]) {
            budget.name()?;
            budget
                .depth(file.path_bytes().map_or(0, |path| path.split(|byte| *byte == b'/').count()) as u64)?;
        }
        let root = repository.find_tree(tree).map_err(failed())?;
        let applied = repository.apply_to_tree(&root, &diff, Some(&mut ApplyOptions::new()));
        applied.map_err(|error| unfit(error.message()))?.write_tree_to(repository).map_err(failed())
    }

    fn write_commit(
        &self,
        repository: &Repository,
        content: &Content,
        note: Note<'_>,
    ) -> Result<String, Error> {
        let failed = || store("write a commit", self.path());
        let parent = repository.find_commit(content.parent).map_err(failed())?;
        let tree = repository.find_tree(content.tree).map_err(failed())?;
        let author: Signature<'_> = merge::signature(note.author).map_err(failed())?;
        let commit =
            repository.commit(None, &author, &author, note.message, &tree, &[&parent]).map_err(failed())?;
        Ok(commit.to_string())
    }
}

/// What a commit holds, and what it follows.
struct Content {
    parent: Oid,
    tree: Oid,
}

fn unfit(why: &str) -> Error {
    Error::Malformed { expected: "a patch that applies to `main`", text: why.to_owned() }
}

/// Returns whether a name is an id or a branch, with `~2` or `^` behind it at most. Git understands much more, such as
/// searches through all of history, which is nothing to do for whoever asks.
fn is_plain_name(name: &str) -> bool {
    const LONGEST: usize = 255;
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./~^+#".contains(letter);
    !name.is_empty() && name.len() <= LONGEST && !name.starts_with('-') && name.chars().all(is_plain)
}

/// Splits a patch where a file comes for the second time: what follows is meant for the result of what was before.
fn parts(patch: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut seen) = (0, BTreeSet::new());
    let mut place = 0;
    for line in patch.split_inclusive('\n') {
        // A line of content begins with a blank, a sign or a backslash.
        if line.starts_with("diff --git ") && !seen.insert(line.trim_end()) {
            parts.push(&patch[begin..place]);
            (begin, seen) = (place, BTreeSet::from([line.trim_end()]));
        }
        place += line.len();
    }
    parts.push(&patch[begin..]);
    parts
}

/// Gives a plain unified diff, as `diff -u` writes it, the headers that libgit2 asks for.
fn with_headers(patch: &str) -> Cow<'_, str> {
    if patch.contains("diff --git ") {
        return Cow::Borrowed(patch);
    }
    let mut text = String::with_capacity(patch.len());
    // A carriage return at the end of a line is content of the file: lines are taken as they are.
    let mut lines = patch.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let new = lines.peek().and_then(|next| next.strip_prefix("+++ "));
        if let (Some(old), Some(new)) = (line.strip_prefix("--- "), new) {
            text.push_str(&header(named(old), named(new)));
        }
        text.push_str(line);
    }
    Cow::Owned(text)
}

/// Returns the path of a `---` or `+++` line without its time stamp and first folder; `None` for a file that is not there.
fn named(side: &str) -> Option<&str> {
    let path = side.split('\t').next().unwrap_or(side).trim_end();
    let inside = path.strip_prefix("a/").or_else(|| path.strip_prefix("b/")).unwrap_or(path);
    (path != "/dev/null").then_some(inside)
}

fn header(old: Option<&str>, new: Option<&str>) -> String {
    let path = new.or(old).unwrap_or_default();
    let mode = match (old, new) {
        (None, _) => "new file mode 100644\n",
        (_, None) => "deleted file mode 100644\n",
        _ => "",
    };
    format!("diff --git a/{path} b/{path}\n{mode}")
}
