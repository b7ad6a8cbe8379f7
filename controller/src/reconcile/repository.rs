//! What the room asks of Git: a trait that the composition root implements over the source room.
//!
//! *Flow*: every call blocks, so the room makes them on the blocking pool. *Guarantees*: a reference moves only from where the caller
//! believes it to be; nothing of the operator's own repository is written. *Errors*: [`RepositoryError`] with what to do about it.

use std::sync::Arc;

use adjutant_spec::files::FileSet;

/// What sort of trouble Git is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is no such commit, tree or branch.
    Missing,
    /// A reference moved, or a merge gives another result than before: look again.
    Moved,
    /// What was given is wrong, such as a patch that does not apply.
    Wrong,
    /// Git failed for another reason.
    Failed,
}

/// Why Git refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RepositoryError {
    /// What sort of trouble.
    pub trouble: Trouble,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A commit with what it says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The id of the commit.
    pub id: String,
    /// The id of its tree.
    pub tree: String,
    /// Who wrote it, as `Name <mail>`.
    pub author: String,
    /// The first line of its message.
    pub title: String,
    /// Its files of the language.
    pub files: Arc<FileSet>,
}

/// What merging two commits gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The tree of the result; absent if files are in conflict.
    pub tree: Option<String>,
    /// The paths that both sides changed in ways that do not fit together.
    pub conflicts: Vec<String>,
}

/// How much of a change is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The company whole, the rest as far as one reads it at a glance.
    Glance,
    /// All of it; what is no text by its size and id.
    All,
}

/// A change as it is shown to whoever decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// The change as people read it.
    pub text: String,
    /// What the text does not show, one line each.
    pub hidden: Vec<String>,
    /// The changed files that say who may do what.
    pub protected: Vec<String>,
}

/// A merge that was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The commit of `main` that was shown.
    pub main: String,
    /// The head of the proposal.
    pub head: String,
    /// The tree that was approved.
    pub tree: String,
    /// The message of a merge commit, if one is needed.
    pub message: String,
}

type Asked<T> = Result<T, RepositoryError>;

/// Git, as far as the room needs it.
pub trait Repository: Send + Sync + 'static {
    /// Writes files as a tree, keeps it, and returns its id.
    fn keep_tree(&self, files: &FileSet) -> Asked<String>;

    /// Returns the commit of `main`, or `None` before the first one.
    fn main(&self) -> Asked<Option<String>>;

    /// Returns the commit that a name means, in the repository or in the folder that is followed.
    fn resolve(&self, name: &str) -> Asked<Option<String>>;

    /// Returns what a commit says of itself, with its files of the language.
    fn commit(&self, id: &str) -> Asked<Commit>;

    /// Reads the files of a tree.
    fn tree(&self, id: &str) -> Asked<Arc<FileSet>>;

    /// Merges a head into a base without moving anything.
    fn merge(&self, base: &str, head: &str) -> Asked<Merged>;

    /// Returns whether a commit contains another one; an unknown one is not contained.
    fn contains(&self, commit: &str, ancestor: &str) -> Asked<bool>;

    /// Shows what differs between two commits or trees.
    fn review(&self, old: &str, new: &str, extent: Extent) -> Asked<Review>;

    /// Returns the paths that differ between two commits or trees.
    fn changed(&self, old: &str, new: &str) -> Asked<Vec<String>>;

    /// Commits files of the language on a commit.
    fn commit_files(&self, parent: &str, files: &FileSet, message: &str) -> Asked<String>;

    /// Commits a unified diff on a commit.
    fn commit_patch(&self, parent: &str, patch: &str, message: &str) -> Asked<String>;

    /// Merges into `main` and returns its new commit.
    fn land(&self, landing: &Landing) -> Asked<String>;

    /// Publishes the merge as `approved/<id>` and returns its commit.
    fn publish(&self, id: &str, landing: &Landing) -> Asked<String>;

    /// Keeps the head of a proposal reachable under `refs/adjutant/proposals/<id>`; returns where that pointed before.
    fn keep_head(&self, id: &str, head: &str) -> Asked<Option<String>>;

    /// Makes `main` mirror a commit of the source.
    fn follow(&self, commit: &str) -> Asked<()>;
}
