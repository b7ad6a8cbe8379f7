//! Commits of a private repository: who made them, what contains what, what changed between two.

use git2::{Delta, Oid, Repository, Tree};

use super::{
    error::{Error, store},
    revision::Revision,
};

/// How a file differs between two trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The file is new.
    Added,
    /// The content differs.
    Changed,
    /// The file is gone.
    Removed,
    /// The file has another path.
    Renamed,
}

/// One file that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path, after the change where the file still exists.
    pub path: String,
    /// The path before, if it was renamed.
    pub was: Option<String>,
    /// How the file differs.
    pub kind: ChangeKind,
}

/// Parses an object id.
pub(super) fn oid(text: &str) -> Result<Oid, Error> {
    let is_full = text.len() == 40;
    let parsed = Oid::from_str(text).ok().filter(|_| is_full);
    parsed
        .ok_or_else(|| Error::Malformed { expected: "an object id of 40 hex digits", text: text.to_owned() })
}

/// Describes a commit as a revision.
pub(super) fn describe(repository: &Repository, commit: Oid) -> Result<Revision, Error> {
    let commit = repository.find_commit(commit).map_err(store("read a commit", repository.path()))?;
    let author = commit.author();
    let name = String::from_utf8_lossy(author.name_bytes()).into_owned();
    let mail = String::from_utf8_lossy(author.email_bytes()).into_owned();
    let title = commit.summary_bytes().map(|text| String::from_utf8_lossy(text).into_owned());
    Ok(Revision {
        id: commit.id().to_string(),
        commit: Some(commit.id().to_string()),
        tree: commit.tree_id().to_string(),
        author: format!("{name} <{mail}>"),
        title: title.unwrap_or_default(),
        time: commit.time().seconds(),
        dirty: false,
    })
}

/// Returns whether `commit` is `ancestor` or contains it; an unknown ancestor is not contained.
pub(super) fn contains(repository: &Repository, commit: Oid, ancestor: Oid) -> Result<bool, Error> {
    if commit == ancestor {
        return Ok(true);
    }
    if repository.find_commit(ancestor).is_err() {
        return Ok(false);
    }
    repository.graph_descendant_of(commit, ancestor).map_err(store("compare two commits", repository.path()))
}

/// Returns the commit or tree that a full id names, as a tree.
pub(super) fn peel(repository: &Repository, id: &str) -> Result<Oid, Error> {
    let failed = || store("find a tree", repository.path());
    let object = repository.find_object(oid(id)?, None).map_err(failed())?;
    Ok(object.peel_to_tree().map_err(failed())?.id())
}

fn trees<'a>(repository: &'a Repository, ids: [Option<&str>; 2]) -> Result<[Option<Tree<'a>>; 2], Error> {
    let find = |id: Option<&str>| -> Result<Option<Tree<'a>>, Error> {
        let Some(id) = id else { return Ok(None) };
        let tree = repository.find_tree(peel(repository, id)?);
        tree.map(Some).map_err(store("find a tree", repository.path()))
    };
    Ok([find(ids[0])?, find(ids[1])?])
}

/// Lists what differs between two commits or trees; `None` stands for the empty tree.
pub(super) fn changes(repository: &Repository, ids: [Option<&str>; 2]) -> Result<Vec<Change>, Error> {
    let [old, new] = trees(repository, ids)?;
    let failed = || store("compare two trees", repository.path());
    let mut diff = repository.diff_tree_to_tree(old.as_ref(), new.as_ref(), None).map_err(failed())?;
    diff.find_similar(None).map_err(failed())?;
    let path = |file: git2::DiffFile<'_>| {
        file.path_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    };
    let change = |delta: git2::DiffDelta<'_>| {
        let (was, kind) = match delta.status() {
            Delta::Added | Delta::Copied => (None, ChangeKind::Added),
            Delta::Deleted => (None, ChangeKind::Removed),
            Delta::Renamed => (Some(path(delta.old_file())), ChangeKind::Renamed),
            _ => (None, ChangeKind::Changed),
        };
        let place = if kind == ChangeKind::Removed { delta.old_file() } else { delta.new_file() };
        Change { path: path(place), was, kind }
    };
    Ok(diff.deltas().map(change).collect())
}
