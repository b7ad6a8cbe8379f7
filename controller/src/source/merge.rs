//! Merging in memory, and landing exactly what was approved.
//!
//! A plan is made for the merge result, never for the branch. [`Company::land`] merges again and refuses if the result is
//! not the approved tree, then moves `main` only from the commit that was shown.

use git2::{Commit, Index, IndexConflict, Repository, Signature, Tree};

use super::{
    company::{Company, MAIN},
    error::{Error, store},
    history, tree,
};

/// What merging a head into a base gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The base contains the head already.
    UpToDate {
        /// The tree of the base.
        tree: String,
    },
    /// The head contains the base.
    FastForward {
        /// The tree of the head.
        tree: String,
    },
    /// A merge commit is needed.
    Merged {
        /// The tree of the result.
        tree: String,
    },
    /// These files need a human.
    Conflicts(Vec<String>),
}

impl Merge {
    /// Returns the tree of the result, if there is one.
    #[must_use]
    pub fn tree(&self) -> Option<&str> {
        match self {
            Self::UpToDate { tree } | Self::FastForward { tree } | Self::Merged { tree } => Some(tree),
            Self::Conflicts(_) => None,
        }
    }
}

/// An approved merge into `main`.
#[derive(Debug, Clone)]
pub struct Landing<'a> {
    /// The commit of `main` that the approval was shown.
    pub main: &'a str,
    /// The head of the proposal.
    pub head: &'a str,
    /// The tree of the merge result that was approved.
    pub tree: &'a str,
    /// `Name <mail>` of whoever merges.
    pub author: &'a str,
    /// The message of a merge commit, if one is needed.
    pub message: &'a str,
}

impl Company {
    /// Merges two commits without touching any reference.
    ///
    /// # Errors
    /// [`Error::Store`]. Conflicts are an answer, not an error.
    pub fn merge(&self, base: &str, head: &str) -> Result<Merge, Error> {
        let repository = self.repository()?;
        let failed = || store("merge two commits", self.path());
        let base = repository.find_commit(history::oid(base)?).map_err(failed())?;
        let head = repository.find_commit(history::oid(head)?).map_err(failed())?;
        // Merging walks all of both trees, and the head is of somebody else's making.
        tree::measure(&repository, head.tree_id(), self.limits())?;
        merge(&repository, &base, &head).map_err(failed())
    }

    /// Merges an approved head into `main` and returns the new commit of `main`.
    ///
    /// # Errors
    /// [`Error::OtherResult`] if merging now gives another tree, [`Error::Moved`] if `main` is another commit.
    pub fn land(&self, landing: &Landing<'_>) -> Result<String, Error> {
        let merge = self.merge(landing.main, landing.head)?;
        if merge.tree() != Some(landing.tree) {
            let found = match merge {
                Merge::Conflicts(files) => format!("a conflict in {}", files.join(", ")),
                other => other.tree().unwrap_or_default().to_owned(),
            };
            return Err(Error::OtherResult { expected: landing.tree.to_owned(), found });
        }
        let commit = match merge {
            Merge::FastForward { .. } => landing.head.to_owned(),
            Merge::Merged { .. } => self.merge_commit(landing)?,
            Merge::UpToDate { .. } | Merge::Conflicts(_) => landing.main.to_owned(),
        };
        self.move_reference(MAIN, Some(landing.main), Some(&commit))?;
        Ok(commit)
    }

    /// Writes the merge commit of a landing without moving `main`, for example to publish it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn merge_commit(&self, landing: &Landing<'_>) -> Result<String, Error> {
        let repository = self.repository()?;
        let failed = || store("write a merge commit", self.path());
        let find =
            |id| -> Result<Commit<'_>, Error> { repository.find_commit(history::oid(id)?).map_err(failed()) };
        let parents = [find(landing.main)?, find(landing.head)?];
        let tree: Tree<'_> = repository.find_tree(history::oid(landing.tree)?).map_err(failed())?;
        let author = signature(landing.author).map_err(failed())?;
        let commit = repository
            .commit(None, &author, &author, landing.message, &tree, &[&parents[0], &parents[1]])
            .map_err(failed())?;
        Ok(commit.to_string())
    }
}

fn merge(repository: &Repository, base: &Commit<'_>, head: &Commit<'_>) -> Result<Merge, git2::Error> {
    let (ours, theirs) = (base.id(), head.id());
    if ours == theirs || repository.graph_descendant_of(ours, theirs)? {
        return Ok(Merge::UpToDate { tree: base.tree_id().to_string() });
    }
    if repository.graph_descendant_of(theirs, ours)? {
        return Ok(Merge::FastForward { tree: head.tree_id().to_string() });
    }
    let mut index = repository.merge_commits(base, head, None)?;
    if index.has_conflicts() {
        return Ok(Merge::Conflicts(conflicts(&index)?));
    }
    Ok(Merge::Merged { tree: index.write_tree_to(repository)?.to_string() })
}

fn conflicts(index: &Index) -> Result<Vec<String>, git2::Error> {
    let path = |conflict: IndexConflict| {
        let side = conflict.our.or(conflict.their).or(conflict.ancestor);
        side.map(|entry| String::from_utf8_lossy(&entry.path).into_owned()).unwrap_or_default()
    };
    let mut paths = index.conflicts()?.map(|conflict| conflict.map(path)).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Reads `Name <mail>`; a text without a mail address gets one that leads nowhere.
pub(super) fn signature(author: &str) -> Result<Signature<'static>, git2::Error> {
    let parts = author.split_once('<').map(|(name, mail)| (name.trim(), mail.trim_end_matches('>').trim()));
    let (name, mail) = parts
        .filter(|(name, mail)| !name.is_empty() && !mail.is_empty())
        .unwrap_or((author, "nobody@localhost"));
    Signature::now(name, mail)
}
