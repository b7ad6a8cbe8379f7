//! Git for reconcile: the company's own repository, the mirror of the source, and the folder that is followed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use adjutant_spec::files::FileSet;

use crate::{
    reconcile::{Commit, Extent, Landing, Merged, Repository, RepositoryError, Review, Trouble},
    source::{self, Company, Error, Merge, Mirror, Note, Unreadable},
};

/// Who merges and reverts.
const OPERATOR: &str = "operator <operator@localhost>";

/// The repositories that reconcile asks.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    company: Company,
    mirror: Mirror,
    folder: Option<PathBuf>,
}

type Asked<T> = Result<T, RepositoryError>;

impl Git {
    /// Returns the repositories; `folder` is the one that is followed, where one is.
    #[must_use]
    pub(crate) fn new(company: Company, mirror: Mirror, folder: Option<PathBuf>) -> Self {
        Self { company, mirror, folder }
    }

    /// Returns the same with the objects of a push in quarantine.
    pub(super) fn within(&self, quarantine: Option<&Path>) -> Asked<Self> {
        let company = match quarantine {
            Some(folder) => self.company.within(folder).map_err(trouble)?,
            None => self.company.clone(),
        };
        Ok(Self { company, ..self.clone() })
    }
}

impl Repository for Git {
    fn keep_tree(&self, files: &FileSet) -> Asked<String> {
        self.mirror.repaired(|mirror| mirror.keep_tree(files)).map_err(trouble)
    }

    fn main(&self) -> Asked<Option<String>> {
        self.company.main().map_err(trouble)
    }

    fn resolve(&self, name: &str) -> Asked<Option<String>> {
        // `HEAD` of a folder that is followed is the operator's, not ours.
        if let Some(folder) = &self.folder
            && let Some(commit) = self.company.bring_from(folder, name).map_err(trouble)?
        {
            return Ok(Some(commit));
        }
        self.company.resolve(name).map_err(trouble)
    }

    fn commit(&self, id: &str) -> Asked<Commit> {
        let read = or_else(self.company.read_commit(id), || self.mirror.read_commit(id, ""));
        let source::Committed { revision, files } = read.map_err(trouble)?;
        let source::Revision { id, tree, author, title, .. } = revision;
        Ok(Commit { id, tree, author, title, files })
    }

    fn tree(&self, id: &str) -> Asked<Arc<FileSet>> {
        or_else(self.company.read_tree(id), || self.mirror.read_tree(id)).map_err(trouble)
    }

    fn merge(&self, base: &str, head: &str) -> Asked<Merged> {
        let merge = self.company.merge(base, head).map_err(trouble)?;
        let tree = merge.tree().map(str::to_owned);
        let conflicts = match merge {
            Merge::Conflicts(files) => files,
            Merge::UpToDate { .. } | Merge::FastForward { .. } | Merge::Merged { .. } => Vec::new(),
        };
        Ok(Merged { tree, conflicts })
    }

    fn contains(&self, commit: &str, ancestor: &str) -> Asked<bool> {
        self.company.contains(commit, ancestor).map_err(trouble)
    }

    fn review(&self, old: &str, new: &str, extent: Extent) -> Asked<Review> {
        let extent = match extent {
            Extent::Glance => source::Extent::Glance,
            Extent::All => source::Extent::All,
        };
        let source::Review { text, hidden, protected } =
            self.company.review(old, new, extent).map_err(trouble)?;
        let hidden = hidden.into_iter().map(|one| format!("{}: {}", one.path, one.why)).collect();
        Ok(Review { text, hidden, protected })
    }

    fn changed(&self, old: &str, new: &str) -> Asked<Vec<String>> {
        let changes = self.company.changes(Some(old), Some(new)).map_err(trouble)?;
        Ok(changes.into_iter().flat_map(|change| [Some(change.path), change.was]).flatten().collect())
    }

    fn commit_files(&self, parent: &str, files: &FileSet, message: &str) -> Asked<String> {
        self.company.commit_on(parent, files, Note { author: OPERATOR, message }).map_err(trouble)
    }

    fn commit_patch(&self, parent: &str, patch: &str, message: &str) -> Asked<String> {
        self.company.commit_patch(parent, patch, Note { author: OPERATOR, message }).map_err(trouble)
    }

    fn land(&self, landing: &Landing) -> Asked<String> {
        self.company.land(&as_source(landing)).map_err(trouble)
    }

    fn publish(&self, id: &str, landing: &Landing) -> Asked<String> {
        let merge = self.company.merge(&landing.main, &landing.head).map_err(trouble)?;
        let commit = match merge {
            Merge::FastForward { .. } | Merge::UpToDate { .. } => landing.head.clone(),
            Merge::Merged { .. } | Merge::Conflicts(_) => {
                self.company.merge_commit(&as_source(landing)).map_err(trouble)?
            }
        };
        self.company.publish_approved(id, &commit).map_err(trouble)?;
        Ok(commit)
    }

    fn keep_head(&self, id: &str, head: &str) -> Asked<Option<String>> {
        let name = format!("refs/adjutant/proposals/{id}");
        let old = self.company.reference(&name).map_err(trouble)?;
        self.company.move_reference(&name, old.as_deref(), Some(head)).map_err(trouble)?;
        Ok(old)
    }

    fn follow(&self, commit: &str) -> Asked<()> {
        self.company.follow(&self.mirror, commit).map_err(trouble)
    }
}

/// Looks elsewhere for what is not here; what is here and refused stays refused, with its reason.
fn or_else<T>(here: Result<T, Error>, elsewhere: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    match here {
        Err(error) if is_missing(&error) => {
            elsewhere().map_err(|other| if is_missing(&other) { error } else { other })
        }
        other => other,
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Store { source, .. } if source.code() == git2::ErrorCode::NotFound)
}

fn as_source(landing: &Landing) -> source::Landing<'_> {
    let Landing { main, head, tree, message } = landing;
    source::Landing { main, head, tree, author: OPERATOR, message }
}

fn trouble(error: Error) -> RepositoryError {
    let kind = match &error {
        Error::Moved { .. } | Error::OtherResult { .. } => Trouble::Moved,
        Error::Malformed { .. } | Error::OverLimit { .. } | Error::TooSlow { .. } => Trouble::Wrong,
        error if is_missing(error) => Trouble::Missing,
        _ => Trouble::Failed,
    };
    let Unreadable { message, hint, .. } = Unreadable::from(&error);
    RepositoryError { trouble: kind, message, hint: hint.map(str::to_owned) }
}
